//! One pool from one snapshot to the next, with containers that are missing.

mod always;
mod how_long;
mod proof;

use super::*;
use crate::{
    allocation::{
        AllocatorSettings, ListenAddresses, MappingPlan, Plan, PoolSettings,
        memory::to_save,
        pool::{Around, Pool},
    },
    domain::{Health, Mapping, PublishedPorts},
    probing::Target,
    state::SavedState,
    testing::{BACKEND_PORT, container, mapping, ms, snapshot, state, web},
};

const LINGER: u64 = 300_000;

/// A pool of so many ports, as stalls follows it.
struct Followed {
    pool: Pool,
    settings: AllocatorSettings,
    now: u64,
}

impl Followed {
    fn of(ports: u16) -> Self {
        Self::restored(ports, &SavedState::default())
    }

    fn restored(ports: u16, saved: &SavedState) -> Self {
        let mapping = Mapping { port_count: ports.try_into().ok(), ..mapping(&web(), 5000) };
        let pool = PoolSettings { mapping, max_ports: ports, room: ports };
        let settings = AllocatorSettings {
            pools: vec![pool],
            listen: ListenAddresses::default(),
            allow_loopback: false,
            port_reuse_delay: ms(60_000),
            linger: ms(LINGER),
        };
        Self { pool: Pool::restore(&settings.pools[0], saved, &settings), settings, now: 0 }
    }

    /// A pool of five that has heard of these containers.
    fn having(containers: &[Container]) -> Self {
        let mut followed = Self::of(5);
        followed.hears(containers);
        followed
    }

    /// A second later these are listed, `ready` have just accepted a connection, and the snapshot before was true a
    /// second ago.
    fn hears(&mut self, containers: &[Container]) -> &mut Self {
        self.hears_after(1_000, containers)
    }

    /// The source has been away for so long.
    fn hears_after(&mut self, away: u64, containers: &[Container]) -> &mut Self {
        self.takes(away, snapshot(containers.to_vec(), PublishedPorts::default()))
    }

    /// A second later these are listed, and what is not is gone for sure.
    fn hears_proof(&mut self, containers: &[Container]) -> &mut Self {
        self.hears_proof_after(1_000, containers)
    }

    fn hears_proof_after(&mut self, away: u64, containers: &[Container]) -> &mut Self {
        let snapshot = snapshot(containers.to_vec(), PublishedPorts::default());
        self.takes(away, Snapshot { absence_is_proof: true, ..snapshot })
    }

    fn takes(&mut self, away: u64, snapshot: Snapshot) -> &mut Self {
        self.now += away;
        self.pool.take(Arc::new(snapshot), ms(away), &self.settings, ms(self.now));
        self.decides(&[])
    }

    fn decides(&mut self, ready: &[&Container]) -> &mut Self {
        let ready = ready.iter().map(|container| target(container)).collect();
        let around = Around { listed: listed(&self.pool), ..Around::default() };
        self.pool.decide(&self.settings, &ready, &around, ms(self.now));
        self
    }

    fn passes(&mut self, time: u64) -> &mut Self {
        self.now += time;
        self.decides(&[])
    }

    fn is_told(&mut self, container: &Container, verdict: Verdict) -> &mut Self {
        self.pool.note_verdict(&target(container), verdict, ms(self.now));
        self.decides(&[])
    }

    fn plan(&self) -> MappingPlan {
        self.pool.plan(&self.settings)
    }

    /// The uuid of each slot; one that lingers has a question mark.
    fn slots(&self) -> String {
        let plan = self.plan();
        let slots = plan.slots.iter().map(|(slot, assignment)| {
            let mark = if plan.lingering.contains(slot) { "?" } else { "" };
            format!("{slot}:{}{mark}", assignment.uuid)
        });
        slots.collect::<Vec<_>>().join(" ")
    }

    fn still_running(&self) -> Vec<String> {
        self.plan().still_running.iter().map(ToString::to_string).collect()
    }

    fn news(&mut self) -> Vec<(LingerNews, usize)> {
        self.pool
            .news(None, Duration::ZERO)
            .lingering
            .into_iter()
            .map(|(news, affected)| (news, affected.len()))
            .collect()
    }

    fn saved(&self) -> SavedState {
        let plan = Plan { revision: 1, mappings: vec![self.plan()] };
        to_save(&plan, &[self.pool.leftovers()], ms(self.now))
    }
}

/// Where the containers of this pool are.
fn listed(pool: &Pool) -> Listed {
    pool.listed().map(|(backend, uuid)| (backend, Arc::clone(uuid))).collect()
}

fn target(container: &Container) -> Target {
    let backend = container.backend(&BACKEND_PORT.into()).unwrap();
    Target { uuid: container.uuid.clone(), backend }
}

fn a() -> Container {
    container("a", 1, Some(1))
}

fn b() -> Container {
    container("b", 2, Some(2))
}

/// The successor of `b`.
fn b2() -> Container {
    container("b2", 5, Some(2))
}

fn in_state(text: &str, container: &Container) -> Container {
    Container { state: Some(state(text)), ..container.clone() }
}

fn at(address: &Container, container: Container) -> Container {
    Container { address: address.address.clone(), ..container }
}

// === it keeps its slot ===

#[test]
fn a_container_that_is_missing_keeps_its_slot_while_it_is_there() {
    let mut web = Followed::having(&[a(), b()]);
    assert_eq!(web.hears(&[a()]).slots(), "0:a 1:b?");
    assert_eq!(web.pool.lingering().collect::<Vec<_>>(), [target(&b())]);
    assert_eq!(web.passes(100_000).slots(), "0:a 1:b?");
    assert_eq!(web.is_told(&b(), Verdict::Gone).slots(), "0:a");
    assert_eq!(web.still_running(), [] as [&str; 0], "its connections go as those of any that is gone");
    assert_eq!(web.news(), [(LingerNews::Begun, 1), (LingerNews::Gone, 1)]);
}

#[test]
fn an_empty_answer_and_one_without_addresses_cost_nothing() {
    let mut web = Followed::having(&[a(), b()]);
    assert_eq!(web.hears(&[]).slots(), "0:a? 1:b?");
    let without = |container: Container| Container { address: None, ..container };
    assert_eq!(web.hears(&[without(a()), without(b())]).slots(), "0:a? 1:b?");
    assert_eq!(web.plan().unmapped, [].into());
    assert_eq!(web.hears(&[a(), b()]).slots(), "0:a 1:b");
    assert_eq!(web.news(), [(LingerNews::Begun, 2), (LingerNews::Returned, 2)]);
}

#[test]
fn a_container_that_is_said_to_stop_frees_its_slot_at_once_even_if_it_lingers() {
    for state in ["stopping", "stopped", "removed", "error"] {
        let mut web = Followed::having(&[a(), b()]);
        assert_eq!(web.hears(&[a(), in_state(state, &b())]).slots(), "0:a", "{state}");
        let mut web = Followed::having(&[a(), b()]);
        assert_eq!(web.hears(&[a()]).hears(&[a(), in_state(state, &b())]).slots(), "0:a", "{state}");
        let stopped = Container { address: None, ..in_state(state, &b()) };
        let mut web = Followed::having(&[a(), b()]);
        assert_eq!(web.hears(&[a(), stopped]).slots(), "0:a", "{state}");
    }
}

#[test]
fn a_verdict_on_a_container_that_is_listed_again_changes_nothing() {
    let mut web = Followed::having(&[a(), b()]);
    assert_eq!(web.hears(&[a()]).hears(&[a(), b()]).is_told(&b(), Verdict::Gone).slots(), "0:a 1:b");
    // It lingers again, at another address than the one that was asked.
    let moved = Container { address: Some("10.42.7.7".into()), ..b() };
    assert_eq!(web.hears(&[a(), moved]).hears(&[a()]).is_told(&b(), Verdict::Gone).slots(), "0:a 1:b?");
}

#[test]
fn without_linger_a_missing_container_is_gone() {
    let mut web = Followed::of(5);
    web.settings.linger = Duration::ZERO;
    assert_eq!(web.hears(&[a(), b()]).hears(&[a()]).slots(), "0:a");
    assert_eq!((web.still_running(), web.news()), (vec![], vec![]));
}

// === others ===

#[test]
fn a_successor_takes_over_once_it_is_ready_and_the_connections_of_the_old_one_drain() {
    let mut web = Followed::having(&[a(), b()]);
    web.hears(&[a()]);
    assert_eq!(web.hears(&[a(), in_state("starting", &b2())]).slots(), "0:a 1:b?");
    assert_eq!(web.hears(&[a(), b2()]).slots(), "0:a 1:b?");
    assert_eq!(web.plan().unmapped["b2"].kind(), "not_ready");
    assert_eq!(web.pool.successors().collect::<Vec<_>>(), [&target(&b2())]);
    assert_eq!(web.decides(&[&b2()]).slots(), "0:a 1:b2");
    assert_eq!(web.still_running(), ["10.42.0.3:8080"]);
    assert_eq!(web.news(), [(LingerNews::Begun, 1), (LingerNews::Superseded, 1)]);
}

#[test]
fn an_older_container_does_not_take_over_from_one_that_lingers() {
    // An answer from before the last upgrade.
    let mut web = Followed::having(&[a(), b2()]);
    assert_eq!(web.hears(&[a(), b()]).decides(&[&b()]).slots(), "0:a 1:b2?");
    assert_eq!(web.is_told(&b2(), Verdict::Gone).slots(), "0:a 1:b");
}

#[test]
fn any_successor_is_better_than_one_that_was_unhealthy_when_it_was_listed_last() {
    let with = |health, container: Container| Container { health: Some(health), ..container };
    for (successor, was) in [(b2(), b()), (b(), b2())] {
        let mut web = Followed::having(&[a(), with(Health::NotHealthy, was.clone())]);
        let successor = with(Health::NotHealthy, successor);
        let was = format!("0:a 1:{}?", was.uuid);
        assert_eq!(web.hears(&[a()]).hears(&[a(), successor.clone()]).slots(), was);
        assert_eq!(web.pool.successors().collect::<Vec<_>>(), [&target(&successor)]);
        assert_eq!(web.decides(&[&successor]).slots(), format!("0:a 1:{}", successor.uuid));
    }
    // A healthy one is not given up for that.
    let mut web = Followed::having(&[a(), with(Health::Healthy, b())]);
    let successor = with(Health::NotHealthy, b2());
    assert_eq!(web.hears(&[a()]).hears(&[a(), successor.clone()]).decides(&[&successor]).slots(), "0:a 1:b?");
}

#[test]
fn the_container_that_has_its_address_takes_it_at_once() {
    for taker in [container("c", 9, Some(4)), container("c", 0, Some(4)), container("c", 9, None)] {
        let mut web = Followed::having(&[a(), b()]);
        let taker = at(&b(), taker);
        web.hears(&[a()]).hears(&[a(), taker]);
        assert!(!web.slots().contains('?'), "{}", web.slots());
        assert_eq!(web.still_running(), [] as [&str; 0]);
        assert_eq!(web.news(), [(LingerNews::Begun, 1), (LingerNews::AddressTaken, 1)]);
    }
    // One that is being stopped has it still; one that has stopped has not.
    for (state, is_taken) in [("stopping", true), ("stopped", false)] {
        let mut web = Followed::having(&[a(), b()]);
        web.hears(&[a()]).hears(&[a(), in_state(state, &at(&b(), container("c", 9, Some(4))))]);
        assert_eq!(!web.slots().contains('?'), is_taken, "{state}");
    }
}

#[test]
fn a_container_of_another_mapping_takes_the_address_only_with_the_same_port() {
    for (port, is_taken) in [(8080, true), (8081, false)] {
        let mut web = Followed::having(&[a(), b()]);
        web.hears(&[a()]);
        let theirs = (SocketAddr::from(([10, 42, 0, 3], port)), "x".into());
        let around = Around { listed: [theirs].into_iter().collect(), ..Around::default() };
        web.pool.decide(&web.settings, &[].into(), &around, ms(web.now));
        assert_eq!(web.slots(), if is_taken { "0:a" } else { "0:a 1:b?" });
    }
}

#[test]
fn without_an_index_a_missing_container_keeps_its_slot_and_yields_only_when_none_is_free() {
    let of_age = |age: u64| container(&format!("c{age}"), age, None);
    let mut web = Followed::of(3);
    web.hears(&[of_age(1), of_age(2), of_age(3)]);
    web.hears(&[of_age(1), of_age(3)]);
    assert_eq!(web.hears(&[of_age(3)]).slots(), "0:c1? 1:c2? 2:c3");
    assert_eq!(web.hears(&[of_age(3), of_age(4)]).slots(), "0:c1? 1:c4 2:c3", "c2 has lingered for longest");
    assert_eq!(web.still_running(), ["10.42.0.3:8080"]);
    assert_eq!(web.hears(&[of_age(1), of_age(3), of_age(4)]).slots(), "0:c1 1:c4 2:c3");
    let mut roomy = Followed::of(4);
    roomy.hears(&[of_age(1), of_age(2)]).hears(&[of_age(2)]);
    assert_eq!(roomy.hears(&[of_age(2), of_age(3)]).slots(), "0:c1? 1:c2 2:c3");
}

#[test]
fn a_slot_that_an_index_claims_is_not_given_to_a_newcomer() {
    let mut full = Followed::of(1);
    full.hears(&[a()]).hears(&[]);
    let successor = container("a2", 5, Some(1));
    assert_eq!(full.hears(&[successor.clone(), container("x", 6, None)]).slots(), "0:a?");
    assert_eq!(full.decides(&[&successor]).slots(), "0:a2");
}

#[test]
fn an_index_is_stronger_than_a_container_without_one_that_lingers() {
    let mut web = Followed::having(&[container("x", 1, None)]);
    assert_eq!(web.hears(&[]).slots(), "0:x?");
    assert_eq!(web.hears(&[container("i", 2, Some(1))]).slots(), "0:i");
    assert_eq!(web.still_running(), ["10.42.0.2:8080"]);
}

#[test]
fn lingering_makes_no_pool_grow() {
    let mapping = mapping(&web(), 5000);
    let settings = AllocatorSettings {
        pools: vec![PoolSettings { mapping, max_ports: 500, room: 500 }],
        listen: ListenAddresses::default(),
        allow_loopback: false,
        port_reuse_delay: ms(60_000),
        linger: ms(LINGER),
    };
    let pool = Pool::restore(&settings.pools[0], &SavedState::default(), &settings);
    let mut web = Followed { pool, settings, now: 0 };
    let of_age = |age: u64| container(&format!("c{age}"), age, None);
    let old: Vec<_> = (1..=64).map(of_age).collect();
    let new: Vec<_> = (101..=164).map(of_age).collect();
    assert_eq!(web.hears(&old).plan().pool_size, 64);
    assert_eq!(web.hears(&[]).hears(&new).plan().pool_size, 64);
    assert_eq!((web.plan().slots.len(), web.plan().lingering.len()), (64, 0));
    assert_eq!(web.still_running().len(), 64);
}

// === a restart ===

#[test]
fn what_lingered_before_a_restart_is_not_served_and_drains() {
    let mut before = Followed::having(&[a(), b()]);
    before.hears(&[a()]).passes(100_000);
    let saved = before.saved();
    assert_eq!(saved.mappings[0].slots.len(), 1);
    assert_eq!(saved.mappings[0].lingering[&1].left_ms, LINGER - 100_000);
    let mut after = Followed::restored(5, &saved);
    assert_eq!((after.slots().as_str(), after.still_running()), ("0:a", vec!["10.42.0.3:8080".to_owned()]));
    assert_eq!(after.hears(&[a()]).slots(), "0:a");
    assert_eq!(after.still_running(), ["10.42.0.3:8080"]);
    // It is listed again, and goes again.
    assert_eq!(after.hears(&[a(), b()]).hears(&[a()]).slots(), "0:a 1:b?");
    assert_eq!(after.passes(LINGER - 100_001).slots(), "0:a 1:b?", "{:?}", after.pool.next_change());
    assert_eq!(after.passes(1_001).slots(), "0:a", "what was left of its time");
}

#[test]
fn without_an_index_it_finds_its_slot_after_a_restart() {
    let (x, y) = (container("x", 1, None), container("y", 2, None));
    let mut before = Followed::having(&[x.clone(), y.clone()]);
    before.hears(std::slice::from_ref(&y));
    let mut after = Followed::restored(5, &before.saved());
    assert_eq!(after.hears(&[container("w", 0, None), x, y]).slots(), "0:x 1:y 2:w");
}

#[test]
fn what_is_missing_after_a_restart_drains() {
    let saved = Followed::having(&[a(), b()]).saved();
    let mut after = Followed::restored(5, &saved);
    assert_eq!((after.hears(&[a()]).slots(), after.news()), ("0:a".into(), vec![(LingerNews::Unproven, 1)]));
    assert_eq!(after.still_running(), ["10.42.0.3:8080"]);
}
