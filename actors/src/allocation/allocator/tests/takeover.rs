//! Upgrades in which the new container starts beside the old one.

use super::*;

fn new() -> Container {
    container("new", 9, Some(1))
}

/// Where `new` is to be reached.
fn backend() -> SocketAddr {
    "10.42.0.10:8080".parse().unwrap()
}

impl Running {
    /// The last plan's slots.
    fn now(&self) -> Vec<(u16, String)> {
        self.told().pop().unwrap().1
    }

    fn times_tried(&self) -> usize {
        self.probe.0.borrow().tried.len()
    }
}

#[actix_rt::test]
async fn the_new_container_takes_over_once_it_accepts_connections() {
    let web = Running::fresh();
    web.probe.0.borrow_mut().deaf.insert(backend());
    web.hears(&[a()]).await;
    assert_eq!(web.times_tried(), 0, "it has no successor");
    web.hears(&[a(), new()]).await;
    pass(ms(60_000)).await;
    assert_eq!(web.now(), told(0, &[(5000, "a")]).1);
    let waits = web.log.saying("containers not mapped");
    assert_eq!(waits.len(), 1);
    assert_eq!((waits[0].field("uuid"), waits[0].field("kind")), ("new", "not_ready"));
    assert!(web.times_tried() < 130, "{} times in a minute", web.times_tried());
    web.probe.0.borrow_mut().deaf.clear();
    pass(ms(600)).await;
    assert_eq!(web.now(), told(0, &[(5000, "new")]).1);
    assert_eq!(
        web.plans().last().unwrap().mappings[0].still_running,
        ["10.42.0.2:8080".parse().unwrap()].into()
    );
    let tried = web.times_tried();
    assert!(web.probe.0.borrow().tried.iter().all(|address| *address == backend()));
    pass(ms(60_000)).await;
    assert_eq!(web.times_tried(), tried, "it is reached, and that is that");
}

#[actix_rt::test]
async fn of_many_new_containers_64_are_tried_at_once_and_each_in_its_turn() {
    let web = Running::fresh();
    web.probe.0.borrow_mut().takes = ms(1_000);
    let of_age = |age: u64, index: u64| container(&format!("c{age}"), age, Some(index));
    let old: Vec<_> = (1..=100).map(|index| of_age(index, index)).collect();
    let both: Vec<_> = old.iter().cloned().chain((1..=100).map(|index| of_age(100 + index, index))).collect();
    web.hears(&old).await;
    web.hears(&both).await;
    pass(ms(1_100)).await;
    assert_eq!(web.times_tried(), 100);
    pass(ms(1_000)).await;
    assert_eq!((web.times_tried(), web.probe.0.borrow().max_at_once), (100, 64));
    let expected: Vec<_> = (1..=100).map(|index| (4_999 + index, format!("c{}", 100 + index))).collect();
    assert_eq!(web.now(), expected);
}

#[actix_rt::test]
async fn a_new_container_with_a_health_check_is_not_connected_to() {
    let web = Running::fresh();
    let with = |health: &str| Container { health: Some(crate::testing::health(health)), ..new() };
    web.hears(&[a()]).await;
    web.hears(&[a(), with("initializing")]).await;
    pass(ms(60_000)).await;
    assert_eq!(web.now(), told(0, &[(5000, "a")]).1);
    web.hears(&[a(), with("healthy")]).await;
    assert_eq!(web.now(), told(0, &[(5000, "new")]).1);
    assert_eq!(web.times_tried(), 0);
}

#[actix_rt::test]
async fn the_new_container_is_no_longer_tried_when_the_old_one_stops() {
    let web = Running::fresh();
    web.probe.0.borrow_mut().deaf.insert(backend());
    web.hears(&[a()]).await;
    web.hears(&[a(), new()]).await;
    pass(ms(5_000)).await;
    web.hears(&[Container { state: Some(state("stopping")), ..a() }, new()]).await;
    assert_eq!(web.now(), told(0, &[(5000, "new")]).1);
    let tried = web.times_tried();
    pass(ms(60_000)).await;
    assert_eq!(web.times_tried(), tried);
}

#[actix_rt::test]
async fn a_new_container_that_goes_before_it_is_ready_changes_nothing() {
    let web = Running::fresh();
    web.probe.0.borrow_mut().deaf.insert(backend());
    web.hears(&[a()]).await;
    web.hears(&[a(), new()]).await;
    web.hears(&[a()]).await;
    let tried = web.times_tried();
    pass(ms(60_000)).await;
    assert_eq!((web.now(), web.times_tried()), (told(0, &[(5000, "a")]).1, tried));
}

#[actix_rt::test]
async fn each_mapping_has_its_own_port_to_be_reached_on() {
    let admin = Mapping { backend_port: NonZeroU16::new(9090).unwrap().into(), ..mapping(&web(), 6000) };
    let both = Running::with(vec![mapping(&web(), 5000), admin], FakeStore::default());
    both.probe.0.borrow_mut().deaf.insert(backend());
    both.hears(&[a()]).await;
    both.hears(&[a(), new()]).await;
    pass(ms(5_000)).await;
    assert_eq!(both.now(), told(0, &[(5000, "a"), (6000, "new")]).1);
}
