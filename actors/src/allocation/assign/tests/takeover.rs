//! Rule 4: two claim one slot.

use super::*;

fn not_ready(incumbent: &str) -> Unmapped {
    Unmapped::NotReady { incumbent: incumbent.into() }
}

fn health(health: &str, container: &Container) -> Container {
    Container { health: Some(crate::testing::health(health)), ..container.clone() }
}

#[test]
fn rule_4_a_newer_one_takes_over_once_it_accepts_connections() {
    for (age, takes_over) in [(9, false), (10, true)] {
        let mut web = Followed::with_pool(3);
        let (old, new) = (indexed("z-old", 1, 2), indexed("a-new", age, 2));
        web.sees(&[&old]);
        web.sees(&[&old, &new]);
        let successors: Vec<_> =
            web.assignments.successors.iter().map(|successor| &*successor.uuid).collect();
        if takes_over {
            assert_eq!((web.slots(), successors), (vec![(1, "a-new")], vec![]));
            assert_eq!(web.why_not("z-old"), Unmapped::Superseded { by: "a-new".into() });
        } else {
            assert_eq!((web.slots(), successors), (vec![(1, "z-old")], vec!["a-new"]));
            assert_eq!(web.why_not("a-new"), not_ready("z-old"));
        }
    }
}

#[test]
fn rule_4_a_health_check_decides_alone() {
    let mut web = Followed::with_pool(3);
    let (old, new) = (indexed("old", 1, 2), indexed("new", 10, 2));
    web.sees(&[&old]);
    for state in ["initializing", "unhealthy", "reinitializing", "updating-unhealthy", "odd"] {
        web.sees(&[&old, &health(state, &new)]);
        assert_eq!(web.slots(), [(1, "old")], "{state}");
        assert_eq!((web.why_not("new"), web.assignments.successors.len()), (not_ready("old"), 0));
    }
    let deaf = indexed("deaf", 11, 2);
    for state in ["healthy", "updating-healthy"] {
        web.sees(&[&old, &health(state, &deaf)]);
        assert_eq!(web.slots(), [(1, "deaf")], "{state}");
        web.sees(&[&old]);
    }
}

#[test]
fn rule_4_an_incumbent_that_falls_ill_stays() {
    let mut web = Followed::with_pool(3);
    let (older, new) = (indexed("older", 2, 2), indexed("new", 3, 2));
    web.sees(&[&health("healthy", &new)]);
    web.sees(&[&health("healthy", &older), &health("unhealthy", &new)]);
    assert_eq!(web.slots(), [(1, "new")]);
}

#[test]
fn rule_4_the_newest_of_several_that_are_ready_takes_over() {
    let mut web = Followed::with_pool(3);
    let all = [1, 4, 6, 7].map(|age| indexed(&format!("c{age}"), age, 2));
    web.sees(&[&all[0]]);
    web.sees(&[&all[0], &all[1], &all[2], &all[3]]);
    assert_eq!(web.slots(), [(1, "c6")]);
    assert_eq!(web.why_not("c7"), not_ready("c6"));
    assert_eq!(web.why_not("c4"), Unmapped::Superseded { by: "c6".into() });
}

#[test]
fn rule_4_from_an_incumbent_that_stops_a_newer_one_takes_over_at_once() {
    for state in ["stopping", "stopped"] {
        let mut web = Followed::with_pool(3);
        let (old, deaf) = (indexed("old", 1, 2), indexed("deaf", 9, 2));
        web.sees(&[&old]);
        web.sees(&[&old, &deaf]);
        assert_eq!(web.slots(), [(1, "old")]);
        web.sees(&[&in_state(state, &old), &deaf]);
        assert_eq!(web.slots(), [(1, "deaf")], "{state}");
    }
}

#[test]
fn rule_4_an_incumbent_that_restarts_stays_until_a_newer_one_is_ready() {
    for state in ["restarting", "starting"] {
        let mut web = Followed::with_pool(3);
        let (old, new) = (indexed("old", 1, 2), health("initializing", &indexed("new", 2, 2)));
        web.sees(&[&old]);
        web.sees(&[&in_state(state, &old), &new]);
        assert_eq!(web.slots(), [(1, "old")], "{state}");
        web.sees(&[&in_state(state, &old), &health("healthy", &new)]);
        assert_eq!(web.slots(), [(1, "new")], "{state}");
    }
}

#[test]
fn rule_4_without_an_incumbent_the_oldest_that_runs_is_taken_for_it() {
    let starting = in_state("starting", &indexed("starting", 1, 2));
    let (old, deaf, ready) = (indexed("old", 3, 2), indexed("deaf", 9, 2), indexed("ready", 10, 2));
    for (claimants, slot) in [
        (vec![&starting, &old, &deaf], "old"),
        (vec![&old, &deaf, &ready], "ready"),
        (vec![&starting], "starting"),
    ] {
        let mut web = Followed::with_pool(3);
        web.sees(&claimants);
        assert_eq!(web.slots(), [(1, slot)]);
    }
}

#[test]
fn rule_4_the_uuid_decides_between_two_of_one_age() {
    let mut web = Followed::with_pool(3);
    web.sees(&[&indexed("b", 2, 2), &at("10.42.0.9", &indexed("a", 2, 2))]);
    assert_eq!(web.slots(), [(1, "b")]);
    assert_eq!(web.why_not("a"), Unmapped::Superseded { by: "b".into() });
}

#[test]
fn rule_4_a_newer_one_that_only_starts_stands_back_until_it_runs() {
    let mut web = Followed::with_pool(3);
    let (old, new) = (indexed("old", 1, 2), indexed("new", 10, 2));
    web.sees(&[&old, &in_state("starting", &new)]);
    assert_eq!(web.slots(), [(1, "old")]);
    assert_eq!(web.why_not("new"), Unmapped::Superseded { by: "old".into() });
    web.sees(&[&old, &new]);
    assert_eq!(web.slots(), [(1, "new")]);
    web.sees(&[&in_state("restarting", &new)]);
    assert_eq!(web.slots(), [(1, "new")]);
}

#[test]
fn rule_4_a_newer_one_that_cannot_serve_claims_nothing() {
    let mut web = Followed::with_pool(3);
    let (old, new) = (indexed("old", 1, 2), indexed("new", 10, 2));
    web.sees(&[&old, &in_state("creating", &new)]);
    assert_eq!(web.slots(), [(1, "old")]);
    web.sees(&[&old, &new]);
    web.sees(&[&old, &in_state("stopping", &new)]);
    assert_eq!(web.slots(), [(1, "old")]);
}
