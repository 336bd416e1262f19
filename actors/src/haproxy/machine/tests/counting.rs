//! What is counted, and what is not.

use super::*;
use crate::haproxy::{HaproxyCounters, action::Reason};

/// The machine in this state, after these events, of which each comes a second after the one before.
fn counted(state: &str, events: &[&str]) -> HaproxyCounters {
    let mut now = Instant::now();
    let mut machine = machine(state, now).unwrap();
    for event in events {
        now += ms(1_000);
        machine.on(super::event(event).unwrap_or_else(|| panic!("{event}")), now);
    }
    machine.report().counters
}

/// How many changes took how many seconds in total.
fn in_force(counters: &HaproxyCounters) -> (u64, u64) {
    (counters.in_force.count(), counters.in_force.sum().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_change_takes_from_its_plan_until_haproxy_has_been_told() {
    let counters = counted("Idle", &["plan", "updated"]);
    assert_eq!((in_force(&counters), counters.restarts), ((1, 1), 0));
    // A plan that is told in part is not in force.
    assert_eq!(in_force(&counted("Idle", &["plan", "updated not", "resynced"])), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_needs_a_reload_takes_as_long_as_that() {
    let reload = ["launched", "ready"];
    let counters = counted("Launching", &reload);
    assert_eq!(counters.reloads.iter().find(|(_, count)| *count > 0), Some(("other_frame", 1)));
    // The plan was in force before.
    assert_eq!((in_force(&counters), counters.restarts), ((0, 0), 0));
    let failed = counted("Launching", &["launched not", "resynced"]);
    assert!(failed.reloads.iter().all(|(_, count)| count == 0), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_haproxy_that_died_is_restarted_once_however_often_that_fails() {
    let fails = ["live ended", "due Retry", "launch probed", "launched not", "due Retry", "launch probed"];
    assert_eq!(counted("Idle", &fails).restarts, 0);
    let counters = counted("Idle", &[&fails[..], &["launched again", "ready again"]].concat());
    assert_eq!((counters.restarts, in_force(&counters)), (1, (0, 0)));
}

#[test]
fn each_reason_for_a_reload_is_listed() {
    let all = [
        Reason::MorePorts,
        Reason::FewerPorts,
        Reason::OtherFrame,
        Reason::Unknown,
        Reason::Desync("no answer".into()),
    ];
    assert_eq!(all.map(|reason| reason.kind()), Reason::KINDS);
}
