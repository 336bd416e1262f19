//! From reports to the document, and from document to document.

use std::{
    collections::BTreeMap,
    num::{NonZeroU16, NonZeroU64},
    sync::Arc,
    time::Duration,
};

use proptest::prelude::*;
use stalls_actors::{
    allocation::{Hold, MappingPlan, Plan, Unmapped as Why},
    domain::{Assignment, Container, Mapping, Reason, ServiceRef, Snapshot},
    messages::{HaproxyState, Held, Pending, PoolReport, SourceFault},
};
use tokio::time::Instant;

use super::{
    clock::Clock,
    compose::{Inputs, Moment, compose, nothing},
    document::{HaproxyRuns, SourceState},
    *,
};

const BASE: u16 = 5000;
const POOL: u16 = 4;

fn uuid(index: u64) -> Arc<str> {
    format!("uuid-{index}").into()
}

fn container(index: u64) -> Arc<Container> {
    Arc::new(Container {
        uuid: uuid(index),
        name: format!("web-{index}").into(),
        index: NonZeroU64::new(index),
        created: index,
        state: None,
        address: None,
        port: None,
        named_ports: [].into(),
        health: None,
    })
}

/// One pool, with a container in each of these slots.
fn inputs(slots: &[u16]) -> Inputs {
    let service = ServiceRef { stack: None, service: "web".into() };
    let port = |port| NonZeroU16::new(port).unwrap();
    let mapping = Mapping {
        service: service.clone(),
        backend_port: port(8080).into(),
        base_port: port(BASE),
        port_count: NonZeroU16::new(POOL),
    };
    let assignment = |slot: &u16| {
        let index = u64::from(*slot) + 1;
        let backend = ([10, 42, 0, 7], 8080).into();
        (*slot, Assignment { uuid: uuid(index), name: format!("web-{index}").into(), backend })
    };
    let plan = Plan {
        revision: 7,
        mappings: vec![MappingPlan {
            mapping,
            pool_size: POOL,
            yielded: [].into(),
            slots: slots.iter().map(assignment).collect(),
            unmapped: [].into(),
            lingering: [].into(),
            still_running: [].into(),
        }],
    };
    let containers = (1..=u64::from(POOL)).map(container).collect();
    let snapshot = Arc::new(Snapshot { containers, ..Snapshot::default() });
    let pool = PoolReport { service, snapshot: Some(snapshot), nothing_mapped: None, held: [].into() };
    let mut inputs = Inputs::default();
    inputs.source.has_answered = true;
    inputs.allocation.plan = Some(Arc::new(plan));
    inputs.allocation.pools = vec![pool];
    inputs.haproxy.state = HaproxyState::Running { pid: 7, revision: Some(7), pending: None };
    inputs
}

/// Composes one state after the other, a second apart.
struct Story {
    clock: Clock,
    now: Instant,
    status: Status,
    history: History,
}

impl Story {
    fn begin() -> Self {
        let (clock, now) = (Clock::start(), Instant::now());
        Self { clock, now, status: nothing(7, "rancher", clock, now), history: History::default() }
    }

    /// The next state; tells what differs.
    fn then(&mut self, inputs: &Inputs) -> Option<Arc<Difference>> {
        self.now += Duration::from_secs(1);
        let next = compose(inputs, Moment { clock: self.clock, now: self.now, previous: &self.status });
        let id = EventId { number: self.status.id.number + 1, ..next.id };
        let next = Status { id, ..next };
        let difference = Arc::new(Difference::between(&self.status, &next)?);
        self.history.note(&self.status, Arc::clone(&difference));
        self.status = next;
        Some(difference)
    }

    fn states(&self) -> Vec<PortState> {
        self.status.ports.values().map(|port| port.state).collect()
    }

    fn kind(&self, port: u16) -> Option<&'static str> {
        self.status.ports[&port].kind
    }
}

fn held(by: Hold, ago: u64, now: Instant) -> Held {
    Held {
        by,
        since: now.checked_sub(Duration::from_secs(ago)),
        until: now,
        uuid: uuid(1),
        at_most: Duration::from_secs(60),
    }
}

#[test]
fn each_port_is_in_one_state_with_its_reason() {
    use PortState::{Draining, Excluded, Free, Lingering, Reserved, Serving, Waiting};
    let mut story = Story::begin();
    let mut inputs = inputs(&[0, 1, 2]);
    story.then(&inputs);
    assert_eq!(story.states(), [Serving, Serving, Serving, Free]);
    assert_eq!((story.kind(BASE), story.kind(BASE + 3)), (None, Some("no_container")));

    let now = story.now;
    inputs.allocation.pools[0].held = [
        (BASE, held(Hold::Lingering, 5, now)),
        (BASE + 1, held(Hold::Frozen, 0, now)),
        (BASE + 3, held(Hold::Reserved, 9, now)),
    ]
    .into();
    inputs.haproxy.waiting = [BASE + 2].into();
    story.then(&inputs);
    assert_eq!(story.states(), [Lingering, Serving, Waiting, Reserved]);
    assert_eq!(
        [0, 1, 2, 3].map(|slot| story.kind(BASE + slot)),
        [Some("lingering"), Some("flapping"), Some("not_in_force"), Some("reserved")]
    );
    assert_eq!(story.status.ports[&BASE].since, story.clock.at(now - Duration::from_secs(5)));

    inputs.draining = [BASE + 3].into();
    inputs.haproxy.down = [BASE + 1].into();
    inputs.haproxy.excluded = [(BASE + 2, Reason::new("port_taken", "it is taken"))].into();
    story.then(&inputs);
    assert_eq!(story.states(), [Lingering, Serving, Excluded, Draining]);
    assert_eq!(story.kind(BASE + 1), Some("health_check_fails"));
    assert_eq!((story.kind(BASE + 2), story.kind(BASE + 3)), (Some("port_taken"), Some("draining")));
}

#[test]
fn what_has_not_changed_keeps_its_beginning_and_differs_in_nothing() {
    let mut story = Story::begin();
    assert!(story.then(&inputs(&[0, 1])).is_some());
    let first = story.status.clone();
    assert_eq!(story.then(&inputs(&[0, 1])), None);
    let difference = story.then(&inputs(&[0, 2])).unwrap();
    let ports: Vec<_> = difference.ports.iter().map(|port| port.port).collect();
    assert_eq!(ports, [BASE + 1, BASE + 2]);
    assert_eq!((&difference.source, &difference.haproxy, &difference.services), (&None, &None, &None));
    assert!(Arc::ptr_eq(&story.status.ports[&BASE], &first.ports[&BASE]), "it is shared");
    assert!(story.status.ports[&(BASE + 2)].since > first.ports[&BASE].since);
}

#[test]
fn without_a_haproxy_all_its_ports_wait_for_the_same_reason() {
    let mut story = Story::begin();
    let mut inputs = inputs(&[0, 1]);
    inputs.haproxy.state = HaproxyState::Down { failure: Some("haproxy died: signal 9".into()) };
    story.then(&inputs);
    assert_eq!(story.states()[..3], [PortState::Waiting, PortState::Waiting, PortState::Free]);
    let port = &story.status.ports[&BASE];
    assert_eq!((port.kind, port.reason.as_deref()), (Some("haproxy_down"), Some("haproxy died: signal 9")));
    inputs.config_problem = Some("the configuration is not accepted: no".into());
    story.then(&inputs);
    assert_eq!(story.kind(BASE), Some("config_rejected"));
    assert_eq!(story.status.haproxy.state, HaproxyRuns::Down);
}

#[test]
fn a_plan_that_is_not_in_force_has_the_reason_and_says_which_ports_wait() {
    let mut story = Story::begin();
    let mut inputs = inputs(&[0, 1]);
    let failure = Some("haproxy failed to start: no".into());
    let pending = Some(Pending { revision: 7, failure });
    inputs.haproxy.state = HaproxyState::Running { pid: 7, revision: Some(6), pending };
    inputs.haproxy.waiting = [BASE + 1].into();
    story.then(&inputs);
    assert_eq!(story.states()[..2], [PortState::Serving, PortState::Waiting]);
    assert_eq!(story.status.ports[&(BASE + 1)].reason.as_deref(), Some("haproxy failed to start: no"));
    assert_eq!(story.status.haproxy.revision, Some(6));
}

#[test]
fn the_source_is_stale_since_its_fault_began_and_before_it_has_answered() {
    let mut story = Story::begin();
    let mut inputs = inputs(&[0]);
    inputs.source.has_answered = false;
    story.then(&inputs);
    assert_eq!(story.status.source.fault, Some("no_answer_yet"));
    inputs.source.has_answered = true;
    story.then(&inputs);
    assert_eq!((story.status.source.state, story.status.source.fault), (SourceState::Ok, None));
    let since = story.now;
    inputs.source.fault = Some(SourceFault { since, reason: Reason::new("unreachable", "no route") });
    story.then(&inputs);
    let source = &story.status.source;
    assert_eq!(
        (source.state, source.fault, source.since),
        (SourceState::Stale, Some("unreachable"), story.clock.at(since))
    );
    let subjects: Vec<_> = story.history.changes().map(|change| (change.subject, change.kind)).collect();
    assert_eq!(subjects[0], (history::Subject::Source, Some("unreachable")));
}

#[test]
fn a_service_is_stale_for_its_own_fault_or_the_sources_and_not_for_anothers() {
    let mut story = Story::begin();
    let mut inputs = inputs(&[0]);
    inputs.allocation.pools[0].nothing_mapped = Some(Reason::new("no_containers", "scale it up"));
    story.then(&inputs);
    let service = |story: &Story| story.status.services[0].clone();
    let first = service(&story);
    assert_eq!((first.state, first.kind, first.is_unmapped), (SourceState::Ok, Some("no_containers"), true));

    let since = story.now;
    let fault = SourceFault { since, reason: Reason::new("not_found", "check its name") };
    let of = |name: &str| ServiceRef { stack: None, service: name.into() };
    inputs.source.services = [(of("another"), fault.clone())].into();
    story.then(&inputs);
    assert_eq!(service(&story), first);
    assert_eq!(story.status.source.state, SourceState::Stale);

    inputs.source.services = [(of("web"), fault.clone())].into();
    story.then(&inputs);
    let stale = service(&story);
    assert_eq!((stale.state, stale.since), (SourceState::Stale, story.clock.at(since)));
    assert_eq!((stale.kind, stale.reason.as_deref()), (Some("not_found"), Some("check its name")));
    assert!(stale.is_unmapped);

    inputs.source.services.clear();
    story.then(&inputs);
    assert_eq!((service(&story).state, service(&story).since), (SourceState::Ok, story.clock.at(story.now)));
    inputs.source.fault = Some(fault);
    story.then(&inputs);
    assert_eq!((service(&story).state, service(&story).kind), (SourceState::Stale, Some("not_found")));
}

#[test]
fn containers_without_a_port_are_listed_with_name_and_reason() {
    let mut story = Story::begin();
    let mut inputs = inputs(&[0]);
    let plan = Arc::make_mut(inputs.allocation.plan.as_mut().unwrap());
    plan.mappings[0].unmapped = [(uuid(2), Why::NoAddress), ("gone".into(), Why::Flapping)].into();
    story.then(&inputs);
    let listed: Vec<_> = story.status.unmapped.iter().map(|it| (&*it.container.name, it.kind)).collect();
    assert_eq!(listed, [("", "flapping"), ("web-2", "no_address")]);
}

#[test]
fn the_hash_is_of_who_is_on_which_port_alone() {
    let hash_of = |inputs: &Inputs| {
        let mut story = Story::begin();
        story.then(inputs);
        story.status.hash
    };
    let mut behind = inputs(&[0, 1]);
    behind.haproxy.state = HaproxyState::NoPlan;
    assert_eq!(hash_of(&inputs(&[0, 1])), hash_of(&behind));
    assert_ne!(hash_of(&inputs(&[0, 1])), hash_of(&inputs(&[0, 2])));
    // printf '5000 uuid-1\n5001 uuid-2\n' | sha256sum
    assert_eq!(&*hash_of(&behind), "bfab6e665215f06a4dd2ae5b3f6d503e61d734644cb7fe2e34128cefd706de88");
}

#[test]
fn the_history_is_bounded_and_says_when_it_is_too_short() {
    let mut story = Story::begin();
    let first = story.status.id;
    for round in 0..300 {
        story.then(&inputs(if round % 2 == 0 { &[0] } else { &[1] }));
    }
    let Since::TooLong = story.history.since(first, story.status.id) else { panic!("300 are not kept") };
    let lately = EventId { number: story.status.id.number - 10, ..story.status.id };
    let Since::Differences(missed) = story.history.since(lately, story.status.id) else { panic!("10 are") };
    assert_eq!(missed.len(), 10);
    let Since::Differences(none) = story.history.since(story.status.id, story.status.id) else {
        panic!("none are")
    };
    assert_eq!(none.len(), 0);
    for odd in [EventId { instance: 8, ..lately }, EventId { number: u64::MAX, ..lately }] {
        assert!(matches!(story.history.since(odd, story.status.id), Since::TooLong), "{odd}");
    }
    assert_eq!(story.history.changes().count(), 200);
    assert_eq!("00000007-12".parse(), Ok(EventId { instance: 7, number: 12 }));
}

proptest! {
    /// Whoever takes the differences one after the other, from any state on, has what a new client gets.
    #[test]
    fn differences_lead_from_any_state_to_the_last(
        rounds in prop::collection::vec((prop::collection::btree_set(0..POOL, 0..5), prop::collection::btree_set(0..POOL, 0..3)), 1..20),
        from in 0..20_usize,
    ) {
        let mut story = Story::begin();
        let mut known = (story.status.id, BTreeMap::new());
        for (round, (slots, waiting)) in rounds.iter().enumerate() {
            let mut inputs = inputs(&slots.iter().copied().collect::<Vec<_>>());
            inputs.haproxy.waiting = waiting.iter().map(|slot| BASE + slot).collect();
            story.then(&inputs);
            if round == from {
                known = (story.status.id, story.status.ports.clone());
            }
        }
        let (id, mut ports) = known;
        let Since::Differences(missed) = story.history.since(id, story.status.id) else { panic!("it is kept") };
        for difference in missed {
            ports.extend(difference.ports.iter().map(|port| (port.port, Arc::clone(port))));
            difference.removed.iter().for_each(|port| drop(ports.remove(port)));
        }
        prop_assert_eq!(ports, story.status.ports);
    }
}
