//! What is always true, over random histories: containers that are missing, come back, are given each other's
//! addresses, and are or are not there.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

const PORTS: u16 = 4;

/// What happens at one moment.
#[derive(Clone, Debug)]
enum Moment {
    /// The source lists these containers after so long a time; whether what is not among them is gone for sure.
    Listed(u64, Vec<Container>, bool),
    /// One of those that linger is found to be gone, or cannot be asked.
    Verdict(usize, Verdict),
    /// Time passes.
    Passes(u64),
}

fn listed() -> impl Strategy<Value = Vec<Container>> {
    let any_container = (
        any::<bool>(),
        select(vec!["running", "running", "running", "starting", "stopping", "stopped"]),
        prop_oneof![6 => (0..6_u8).prop_map(Some), 1 => Just(None)],
        select(vec![None, None, Some(Health::Healthy), Some(Health::NotHealthy)]),
    );
    vec(any_container, 6).prop_map(|containers| {
        let containers = containers.into_iter().zip(1_u64..).filter(|((is_listed, ..), _)| *is_listed);
        let containers = containers.map(|((_, text, address, health), age)| Container {
            state: Some(state(text)),
            address: address.map(|last| format!("10.42.0.{}", last + 1).as_str().into()),
            health,
            ..container(&format!("c{age}"), age, (age % 3 > 0).then_some(age.div_ceil(2)))
        });
        containers.collect()
    })
}

fn moment() -> impl Strategy<Value = Moment> {
    let away = prop_oneof![6 => 1..10_000_u64, 1 => 30_001..100_000_u64];
    prop_oneof![
        5 => (away, listed(), any::<bool>()).prop_map(|(away, listed, proof)| Moment::Listed(away, listed, proof)),
        2 => (0..4_usize, select(vec![Verdict::Gone, Verdict::Unknown]))
            .prop_map(|(which, verdict)| Moment::Verdict(which, verdict)),
        1 => (1..200_000_u64).prop_map(Moment::Passes),
    ]
}

fn happens(web: &mut Followed, moment: &Moment) {
    match moment {
        Moment::Listed(away, containers, true) => drop(web.hears_proof_after(*away, containers).news()),
        Moment::Listed(away, containers, false) => drop(web.hears_after(*away, containers).news()),
        Moment::Passes(time) => drop(web.passes(*time).news()),
        Moment::Verdict(which, verdict) => {
            let lingering: Vec<_> = web.pool.lingering().collect();
            if let Some(target) = lingering.get(*which) {
                web.pool.note_verdict(target, *verdict, ms(web.now));
                web.decides(&[]);
            }
        }
    }
}

proptest! {
    #[test]
    fn a_slot_is_never_led_to_where_another_container_is_listed(moments in vec(moment(), 1..40)) {
        let mut web = Followed::of(PORTS);
        let mut since: BTreeMap<Arc<str>, u64> = BTreeMap::new();
        for moment in moments {
            let before = web.plan();
            happens(&mut web, &moment);
            let plan = web.plan();
            let listed = super::listed(&web.pool);
            let lingering: BTreeSet<_> = plan.lingering.iter().map(|slot| plan.slots[slot].uuid.clone()).collect();
            since.retain(|uuid, _| lingering.contains(uuid));
            for slot in &plan.lingering {
                let Assignment { uuid, backend, .. } = &plan.slots[slot];
                prop_assert!(!listed.contains_key(backend), "{plan:?}");
                prop_assert!(!web.pool.listed().any(|(_, by)| by == uuid), "it is listed with an address");
                let since = since.entry(uuid.clone()).or_insert(web.now);
                prop_assert!(web.now - *since < LINGER, "{uuid} lingers for too long");
                let had = before.slots.get(slot);
                prop_assert!(had.is_some_and(|had| had.uuid == *uuid), "slot {slot} is given to one that is missing");
            }
            if let Moment::Listed(_, containers, true) = &moment {
                let is_listed = |uuid: &Arc<str>| containers.iter().any(|container| container.uuid == *uuid);
                prop_assert!(plan.slots.values().all(|assignment| is_listed(&assignment.uuid)), "{plan:?}");
            }
            let backends: BTreeSet<_> = plan.slots.values().map(|assignment| assignment.backend).collect();
            prop_assert_eq!(backends.len(), plan.slots.len());
            prop_assert!(plan.still_running.is_disjoint(&backends));
            let at_once: BTreeSet<_> = web.pool.lingering().map(|target| target.uuid).collect();
            prop_assert_eq!(at_once, lingering, "each of them is asked, and no other");
        }
    }

    /// Hosts that have seen different things come to the same once nothing lingers. A slot whose containers are not
    /// ready yet depends on which one a host saw first; here all are healthy or have stopped.
    #[test]
    fn hosts_agree_on_indexed_containers_as_soon_as_nothing_lingers(
        one in vec(moment(), 0..20), other in vec(moment(), 0..20), last in listed(),
    ) {
        let last: Vec<_> = last
            .into_iter()
            .filter(|container| container.index.is_some() && container.address.is_some())
            .map(|c| Container { state: Some(state("running")), health: Some(Health::Healthy), ..c })
            .collect();
        let slots = [one, other].map(|moments| {
            let mut web = Followed::of(PORTS);
            moments.iter().for_each(|moment| happens(&mut web, moment));
            web.hears(&last);
            // Longer than any container is damped or lingers.
            for _ in 0..4 {
                web.passes(500_000);
            }
            (web.slots(), web.plan().lingering)
        });
        prop_assert_eq!(&slots[0].1, &[].into());
        prop_assert_eq!(&slots[0], &slots[1]);
    }
}
