//! Several mappings, of one service and of several.

use std::{iter::zip, num::NonZeroU16};

use super::*;
use crate::allocation::Unmapped;

#[actix_rt::test]
async fn several_mappings_are_told_together_once_each_is_known() {
    let both = Running::with(vec![mapping(&web(), 5000), mapping(&db(), 6000)], FakeStore::default());
    both.hears_of(&db(), &[container("d", 9, Some(2))]).await;
    assert_eq!(both.told(), []);
    both.hears_of(&web(), &[a()]).await;
    assert_eq!(both.told(), [told(1, &[(5000, "a"), (6001, "d")])]);
}

#[actix_rt::test]
async fn a_service_may_be_mapped_twice() {
    let admin = Mapping { backend_port: NonZeroU16::new(9090).unwrap().into(), ..mapping(&web(), 6000) };
    let web = Running::with(vec![mapping(&web(), 5000), admin], FakeStore::default());
    web.hears(&[a()]).await;
    assert_eq!(web.told(), [told(1, &[(5000, "a"), (6000, "a")])]);
}

#[actix_rt::test]
async fn two_services_at_one_address_and_port_are_mapped_by_neither_and_told_apart_by_their_ports() {
    let both = Running::with(vec![mapping(&web(), 5000), mapping(&db(), 6000)], FakeStore::default());
    both.hears(&[a(), b()]).await;
    // On the host's network, where only one process can listen.
    let same = Container { address: a().address, ..container("d", 9, Some(1)) };
    both.hears_of(&db(), std::slice::from_ref(&same)).await;
    assert_eq!(both.told(), [told(1, &[(5001, "b")])]);
    let plan = both.plans().pop().unwrap();
    let backend = "10.42.0.2:8080".parse().unwrap();
    for (mapping, uuid) in zip(&plan.mappings, ["a", "d"]) {
        assert_eq!(mapping.unmapped[uuid], Unmapped::Shared { backend });
    }
    both.hears_of(&db(), &[Container { port: NonZeroU16::new(9000), ..same }]).await;
    assert_eq!(both.told()[1], told(2, &[(5000, "a"), (5001, "b"), (6000, "d")]));
    let routes: Vec<_> = both.plans()[1].routes().filter_map(|(port, to)| Some((port, to?.port()))).collect();
    assert_eq!(routes, [(5000, 8080), (5001, 8080), (6000, 9000)]);
}
