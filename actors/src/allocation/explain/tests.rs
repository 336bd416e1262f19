//! Every kind of change, and the reason that is given for it.

use std::{slice::from_ref, time::Duration};

use super::*;
use crate::{
    allocation::{AllocatorSettings, Input, ListenAddresses, PoolSettings},
    domain::{Mapping, PublishedPorts, Snapshot},
    messages::ServiceChanged,
    probing::{Target, Verdict},
    state::SavedState,
    testing::{container, mapping, ms, snapshot, state, web},
};

/// `web` on the ports from 5000, a second after the other.
struct Explaining {
    decider: Decider,
    now: Duration,
}

impl Explaining {
    /// A pool of so many ports.
    fn of(ports: u16) -> Self {
        Self::with(
            Mapping { port_count: ports.try_into().ok(), ..mapping(&web(), 5000) },
            &SavedState::default(),
        )
    }

    fn with(mapping: Mapping, state: &SavedState) -> Self {
        let settings = AllocatorSettings {
            pools: vec![PoolSettings { mapping, max_ports: 200, room: 200 }],
            listen: ListenAddresses::default(),
            allow_loopback: false,
            port_reuse_delay: ms(60_000),
            linger: ms(300_000),
        };
        Self { decider: Decider::new(settings, state), now: Duration::ZERO }
    }

    /// What the input changes: the port, the effect, the container, the rule and the kind of reason.
    fn takes(&mut self, input: &Input) -> Vec<String> {
        self.now += ms(1_000);
        let before = self.decider.clone();
        let decision = self.decider.take(input, |_| false, self.now);
        explain(&before, &self.decider, &decision).iter().map(in_short).collect()
    }

    fn hears(&mut self, containers: &[Container]) -> Vec<String> {
        let snapshot: Snapshot = snapshot(containers.to_vec(), PublishedPorts::default());
        let (service, proof_age) = (web(), ms(1_000));
        self.takes(&Input::ServiceChanged(ServiceChanged {
            service,
            snapshot: Arc::new(snapshot),
            proof_age,
        }))
    }

    /// The only successor, or the only container that lingers.
    fn target(&self) -> Target {
        self.decider.successors().into_iter().chain(self.decider.lingering()).next().unwrap()
    }
}

fn in_short(Explanation { port, effect, container, why }: &Explanation) -> String {
    let port = port.map_or("-".to_owned(), |port| port.to_string());
    let uuid = container.as_ref().map_or("-", |(uuid, _)| uuid);
    let effect = match effect {
        Effect::Leads(_) => "leads",
        Effect::Refuses => "refuses",
        Effect::Stays => "stays",
        Effect::NotMapped => "not mapped",
        Effect::PoolEnds => "pool ends",
        Effect::LeftAlone => "left alone",
    };
    format!("{port} {effect} {uuid}: {} {}", why.rule(), why.kind())
}

fn indexed(uuid: &str, age: u64, index: u64) -> Container {
    container(uuid, age, Some(index))
}

#[test]
fn indexes_lead_to_ports_and_an_upgrade_takes_over() {
    let mut web = Explaining::of(3);
    let (a, b, newer) = (indexed("a", 1, 1), indexed("b", 2, 2), indexed("c", 3, 2));
    assert_eq!(web.hears(&[a.clone(), b.clone()]), ["5000 leads a: 2 index", "5001 leads b: 2 index"]);
    assert_eq!(web.hears(&[a.clone(), b, newer.clone()]), ["5001 not mapped c: 4 not_ready"]);
    let ready = Input::Ready(web.target());
    assert_eq!(web.takes(&ready), ["5001 leads c: 4 takes_over", "5001 not mapped b: 4 superseded"]);
    assert_eq!(web.hears(&[a, newer]), ["5001 not mapped b: 6 not_listed"]);
}

#[test]
fn containers_without_an_index_get_the_lowest_port_or_the_one_that_they_had() {
    let mut web = Explaining::of(2);
    let (a, b, c) = (container("a", 1, None), container("b", 2, None), container("c", 3, None));
    let stopped = Container { state: Some(state("stopped")), ..a.clone() };
    let _ = web.hears(from_ref(&a));
    assert_eq!(web.hears(&[a.clone(), b.clone()]), ["5001 leads b: 3 lowest_free"]);
    assert_eq!(
        web.hears(&[stopped, b.clone(), c.clone()]),
        ["5000 refuses a: 1 not_running", "- not mapped c: 3 no_free_slot",]
    );
    assert_eq!(web.hears(&[a.clone(), b, c.clone()]), ["5000 leads a: 3 reserved"]);
    // `b` lingers, and `c` gets its port.
    assert_eq!(
        web.hears(&[a, c]),
        ["5001 leads c: 6 displaces", "5001 not mapped b: 6 lingers", "5001 not mapped b: 6 port_taken"]
    );
}

#[test]
fn what_becomes_of_a_missing_container_is_told() {
    let mut web = Explaining::of(3);
    let (a, b) = (indexed("a", 1, 1), indexed("b", 2, 2));
    let _ = web.hears(&[a.clone(), b.clone()]);
    assert_eq!(web.hears(from_ref(&a)), ["5001 stays b: 6 lingers"]);
    assert_eq!(web.hears(&[a.clone(), b.clone()]), ["5001 stays b: 6 listed_again"]);
    assert_eq!(web.hears(from_ref(&a)), ["5001 stays b: 6 lingers"]);
    let gone = Input::Verdict(web.target(), Verdict::Gone);
    assert_eq!(web.takes(&gone), ["5001 refuses b: 6 gone"]);
    let _ = web.hears(&[a.clone(), b]);
    let _ = web.hears(&[a]);
    web.now += ms(300_000);
    assert_eq!(web.takes(&Input::TimePassed), ["5001 refuses b: 6 lingered_too_long"]);
}

#[test]
fn other_addresses_and_other_indexes_are_told() {
    let mut web = Explaining::of(3);
    let a = indexed("a", 1, 1);
    let _ = web.hears(from_ref(&a));
    let moved = Container { address: Some("10.42.9.9".into()), ..a };
    assert_eq!(web.hears(from_ref(&moved)), ["5000 leads a: 1 another_address"]);
    let third = Container { index: std::num::NonZeroU64::new(3), ..moved };
    assert_eq!(web.hears(&[third]), ["5000 refuses a: 2 another_port", "5002 leads a: 2 index"]);
    assert_eq!(web.hears(&[indexed("z", 5, 9)])[1..], ["- not mapped z: 5 outside_pool"]);
}

#[test]
fn growth_and_flapping_are_told() {
    let mut web = Explaining::with(mapping(&web(), 5000), &SavedState::default());
    let _ = web.hears(&[]);
    assert_eq!(web.hears(&[indexed("a", 1, 65)]), ["5064 leads a: 2 index", "5079 pool ends -: 5 grown"]);
    let mut changes = Vec::new();
    for text in ["stopped", "running", "stopped", "running", "stopped", "running"] {
        changes = web.hears(&[Container { state: Some(state(text)), ..indexed("a", 1, 65) }]);
    }
    assert_eq!(changes.last().unwrap(), "5064 stays a: 9 flapping");
    web.now += ms(30_000);
    assert_eq!(web.takes(&Input::TimePassed), ["5064 stays a: 9 steady"]);
}

#[test]
fn what_was_saved_serves_when_the_source_does_not_answer() {
    let saved = r#"{"revision":7,"mappings":[{"service":{"stack":null,"service":"web"},"backend_port":8080,
        "pool_size":3,"slots":{"1":{"uuid":"b","name":"b","address":"10.42.0.2"}},"tombstones":{}}]}"#;
    let mut web = Explaining::with(mapping(&web(), 5000), &serde_json::from_str(saved).unwrap());
    assert_eq!(web.takes(&Input::GraceOver), ["5001 leads b: 7 saved"]);
    assert_eq!(web.hears(&[]), ["5001 refuses b: 6 listed_too_long_ago"]);
}

#[test]
fn a_reason_is_a_sentence_with_what_was_and_what_would_do() {
    let why = |why: Why| why.to_string();
    assert_eq!(why(Why::AnotherPort { port: 5002 }), "it has port 5002 now");
    assert_eq!(
        why(Why::Flaps { penalty: ms(30_000) }),
        "it changes its state again and again, so its port is frozen until it has been steady for 30 s"
    );
    assert_eq!(why(Why::Unmapped(Unmapped::NoAddress)), "it has no address");
    assert_eq!(
        why(Why::Missing(Missing(crate::allocation::linger::LingerNews::Gone))),
        "it was missing, and is not there any more"
    );
}
