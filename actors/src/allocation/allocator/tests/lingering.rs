//! Containers that are missing and are asked whether they are there.

use super::*;

const BEGUN: &str = "containers are missing and linger";
const GONE: &str = "lingering containers are gone";

fn of_web() -> Running {
    Running::lingering(vec![mapping(&web(), 5000)], FakeStore::default())
}

fn backend(container: &Container) -> SocketAddr {
    SocketAddr::new(container.address.as_ref().unwrap().ip().unwrap(), 8080)
}

#[actix_rt::test]
async fn missing_containers_are_asked_at_once_over_one_connection_each_and_keep_their_ports() {
    let web = of_web();
    web.hears(&[a(), b()]).await;
    assert_eq!(web.probe.0.borrow().tried, [], "nothing depends on it");
    web.hears(&[]).await;
    assert_eq!(web.probe.0.borrow().tried, [backend(&a()), backend(&b())]);
    pass(ms(200_000)).await;
    assert_eq!(web.probe.0.borrow().tried.len(), 2);
    assert_eq!(web.told().pop().unwrap().1, told(0, &[(5000, "a"), (5001, "b")]).1);
    assert_eq!(web.plans().last().unwrap().mappings[0].lingering, [0, 1].into());
    let begun = web.log.saying(BEGUN);
    assert_eq!(begun.len(), 1, "one line, however many they are");
    assert_eq!(
        ["service", "containers", "uuid", "port"].map(|key| begun[0].field(key)),
        ["web", "2", "a", "5000"]
    );
    let report = web.addr.send(ReportAllocation).await.unwrap();
    let (ports, until): (Vec<_>, Vec<_>) = report.lingering().unzip();
    assert_eq!(ports, [5000, 5001]);
    assert!((until[0] - Instant::now()).abs_diff(ms(100_000)) <= ms(50), "{report:?}");
}

#[actix_rt::test]
async fn a_container_whose_connection_breaks_is_gone_in_the_same_moment() {
    let web = of_web();
    web.hears(&[a(), b()]).await;
    web.hears(&[a()]).await;
    pass(ms(60_000)).await;
    web.probe.break_at(backend(&b()));
    settle().await;
    assert_eq!(web.told().pop().unwrap().1, told(0, &[(5000, "a")]).1);
    assert_eq!(web.log.saying(GONE).len(), 1);
    let report = web.addr.send(ReportAllocation).await.unwrap();
    assert_eq!(report.lingering().count(), 0);
}

#[actix_rt::test]
async fn a_container_that_is_listed_again_is_not_asked_any_more() {
    let web = of_web();
    web.hears(&[a(), b()]).await;
    web.hears(&[a()]).await;
    let plans = web.told().len();
    web.hears(&[a(), b()]).await;
    web.probe.break_at(backend(&b()));
    pass(ms(1_000)).await;
    assert_eq!(web.told().pop().unwrap().1, told(0, &[(5000, "a"), (5001, "b")]).1);
    assert_eq!(web.told().len(), plans + 1);
}

#[actix_rt::test]
async fn a_real_removal_of_all_is_over_as_soon_as_the_connections_are_refused() {
    let web = of_web();
    web.hears(&[a(), b()]).await;
    web.probe.break_at(backend(&a()));
    web.probe.break_at(backend(&b()));
    web.hears(&[]).await;
    assert_eq!(web.told().pop().unwrap().1, told(0, &[]).1);
    assert_eq!(
        web.log.saying(GONE).iter().map(|line| line.field("containers").to_owned()).collect::<Vec<_>>().len(),
        2
    );
}

#[actix_rt::test]
async fn a_thousand_missing_containers_are_asked_at_once() {
    let web = Running::set(
        AllocatorSettings {
            pools: vec![PoolSettings {
                mapping: Mapping { port_count: 1_000.try_into().ok(), ..mapping(&super::web(), 5000) },
                max_ports: 1_000,
                room: 1_000,
            }],
            linger: ms(300_000),
            ..settings(vec![])
        },
        FakeStore::default(),
    );
    let all: Vec<_> = (1..=1_000).map(|age| container(&format!("c{age}"), age, Some(age))).collect();
    web.hears(&all).await;
    web.probe.0.borrow_mut().takes = ms(50);
    web.hears(&[]).await;
    assert_eq!(web.probe.0.borrow().max_at_once, 1_000);
    pass(ms(100)).await;
    assert_eq!(web.plans().last().unwrap().mappings[0].lingering.len(), 1_000);
}

#[actix_rt::test]
async fn a_container_of_another_service_takes_the_address_of_one_that_lingers() {
    let both = Running::lingering(vec![mapping(&web(), 5000), mapping(&db(), 6000)], FakeStore::default());
    both.hears(&[a()]).await;
    both.hears_of(&db(), &[]).await;
    both.hears(&[]).await;
    assert_eq!(both.told().pop().unwrap().1, told(0, &[(5000, "a")]).1);
    let theirs = Container { address: a().address, ..container("d", 1, Some(1)) };
    both.hears_of(&db(), &[theirs]).await;
    assert_eq!(both.told().pop().unwrap().1, told(0, &[(6000, "d")]).1);
}

#[actix_rt::test]
async fn what_lingers_is_saved_with_what_is_left_and_is_not_served_after_a_restart() {
    let web = of_web();
    web.hears(&[a(), b()]).await;
    web.hears(&[a()]).await;
    let state = web.store.0.borrow().saved.last().unwrap().clone();
    assert_eq!(state.mappings[0].slots.keys().copied().collect::<Vec<_>>(), [0]);
    assert!(state.mappings[0].lingering[&1].left_ms > 299_000, "{state:?}");
    tokio::time::resume();
    let web = Running::lingering(vec![mapping(&super::web(), 5000)], FakeStore::holding(state));
    pass(METADATA_GRACE * 2).await;
    assert_eq!(web.told().pop().unwrap().1, told(0, &[(5000, "a")]).1);
}
