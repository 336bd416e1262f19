//! A container in a crash loop.

use super::*;

const DAMPED: &str = "containers are flapping, their ports are frozen";

impl Running {
    /// `a` crashes and is started again, twice.
    async fn crash_twice(&self) {
        for state in ["stopped", "starting", "running", "stopped", "starting", "running"] {
            self.hears(&[Container { state: Some(crate::testing::state(state)), ..a() }, b()]).await;
            pass(ms(1_000)).await;
        }
    }
}

#[actix_rt::test]
async fn a_crash_loop_is_said_and_moves_nothing_until_it_is_over() {
    let web = Running::fresh();
    web.hears(&[a(), b()]).await;
    web.crash_twice().await;
    let plans = web.told().len();
    web.crash_twice().await;
    assert_eq!(web.told().len(), plans, "{:?}", web.told());
    assert_eq!(web.told().last().unwrap().1, told(0, &[(5000, "a"), (5001, "b")]).1);
    let held = web.log.saying(DAMPED);
    assert_eq!(held.len(), 1);
    let said =
        ["service", "container", "uuid", "mapped", "until_steady_for_ms"].map(|key| held[0].field(key));
    assert_eq!(said, ["web", "app-a", "a", "true", "30000"]);
    // The penalty is prolonged for the changes during it.
    pass(ms(90_000)).await;
    assert_eq!(web.log.saying(DAMPED).len(), 2);
    assert_eq!(web.log.saying("containers are steady again").len(), 1);
    web.hears(&[Container { state: Some(state("stopped")), ..a() }, b()]).await;
    assert_eq!(web.told().last().unwrap().1, told(0, &[(5001, "b")]).1);
}

#[actix_rt::test]
async fn of_many_that_begin_to_flap_at_once_one_is_named() {
    let web = Running::fresh();
    let all = |state: &str| {
        let in_state = |age| Container {
            state: Some(crate::testing::state(state)),
            ..container(&format!("c{age:02}"), age, Some(age))
        };
        (1..=50).map(in_state).collect::<Vec<_>>()
    };
    for state in ["running", "stopped", "starting", "running", "stopped", "starting", "running"] {
        web.hears(&all(state)).await;
    }
    let said = web.log.saying(DAMPED);
    assert_eq!(said.len(), 1);
    assert_eq!(["containers", "container"].map(|key| said[0].field(key)), ["50", "app-c01"]);
    pass(ms(40_000)).await;
    assert_eq!(web.log.saying("containers are steady again")[0].field("containers"), "50");
}

#[actix_rt::test]
async fn a_container_that_stops_in_the_end_is_released_in_time() {
    let web = Running::fresh();
    web.hears(&[a(), b()]).await;
    web.crash_twice().await;
    web.hears(&[Container { state: Some(state("stopped")), ..a() }, b()]).await;
    assert_eq!(web.told().last().unwrap().1, told(0, &[(5000, "a"), (5001, "b")]).1);
    pass(ms(90_000)).await;
    assert_eq!(web.told().last().unwrap().1, told(0, &[(5001, "b")]).1);
}

#[actix_rt::test]
async fn a_container_that_is_removed_amid_its_crashes_is_gone_at_once() {
    let web = Running::fresh();
    web.hears(&[a(), b()]).await;
    web.crash_twice().await;
    web.hears(&[b()]).await;
    assert_eq!(web.told().last().unwrap().1, told(0, &[(5001, "b")]).1);
}

#[actix_rt::test]
async fn a_frozen_port_leads_only_to_where_its_container_is_listed() {
    let web = Running::fresh();
    let in_state = |state: &str| Container { state: Some(crate::testing::state(state)), ..b() };
    web.hears(&[a(), b()]).await;
    for state in ["stopped", "starting", "running", "stopped", "starting", "running"] {
        web.hears(&[a(), in_state(state)]).await;
        pass(ms(1_000)).await;
    }
    let ports = |web: &Running| web.told().pop().unwrap().1;
    let both = told(0, &[(5000, "a"), (5001, "b")]).1;
    web.hears(&[a(), Container { address: Some("10.42.0.9".into()), ..in_state("starting") }]).await;
    assert_eq!(ports(&web), both);
    let address = web.plans().last().unwrap().mappings[0].slots[&1].backend;
    assert_eq!(address.to_string(), "10.42.0.9:8080", "another container may have the old one by now");
    web.hears(&[a(), Container { address: None, ..in_state("stopped") }]).await;
    assert_eq!(ports(&web), told(0, &[(5000, "a")]).1);
    // An older one that runs has the address under which the newer one is still listed.
    web.hears(&[Container { address: b().address, ..a() }, in_state("stopped")]).await;
    assert_eq!(ports(&web), told(0, &[(5000, "a")]).1);
    web.hears(&[a(), in_state("stopped")]).await;
    assert_eq!(ports(&web), both, "it is steady no sooner");
}

#[actix_rt::test]
async fn where_a_flapping_container_is_by_now_no_older_one_is_reached() {
    let web = Running::fresh();
    web.hears(&[a(), b()]).await;
    for state in ["stopped", "starting", "running", "stopped", "starting", "running"] {
        web.hears(&[a(), Container { state: Some(crate::testing::state(state)), ..b() }]).await;
        pass(ms(1_000)).await;
    }
    web.hears(&[a(), Container { address: a().address, ..b() }]).await;
    assert_eq!(web.told().last().unwrap().1, told(0, &[(5001, "b")]).1, "its port stays as it was");
}
