//! Who is concerned; that nobody else is, the pool's tests show.

use super::*;
use crate::{
    metadata::PublishedPorts,
    testing::{container, snapshot},
};

const POOL: u16 = 100;

/// With the index `index`, at the address 10.42.0.`address`.
fn at(uuid: &str, age: u64, index: u64, address: u8) -> Container {
    let primary_ip = Some(format!("10.42.0.{address}").as_str().into());
    Container { primary_ip, ..container(uuid, age, Some(index)) }
}

fn of(containers: &[&Container]) -> Snapshot {
    snapshot(containers.iter().copied().cloned(), PublishedPorts::default())
}

/// The uuids and the slots of those whom the changes concern; `None` if everyone is.
fn concerned(older: &[&Container], newer: &[&Container]) -> Option<(Vec<String>, Vec<u16>)> {
    let (older, newer) = (of(older), of(newer));
    let mut bonds = Bonds::default();
    bonds.follow(&older.changes_since(&Snapshot::default()));
    let changes = newer.changes_since(&older);
    bonds.follow(&changes);
    match Concerned::by_changes(&changes, &newer, &bonds, POOL) {
        Concerned::Everyone(_) => None,
        Concerned::Neighbours(Neighbours { containers, slots, .. }) => {
            let uuids = containers.iter().map(|container| container.uuid.to_string());
            let mut slots: Vec<_> = slots.into_iter().collect();
            slots.sort_unstable();
            Some((uuids.collect(), slots))
        }
    }
}

#[track_caller]
fn assert_concerned(older: &[&Container], newer: &[&Container], uuids: &[&str], slots: &[u16]) {
    let expected = (uuids.iter().map(|uuid| (*uuid).to_owned()).collect(), slots.to_vec());
    assert_eq!(concerned(older, newer), Some(expected));
}

#[test]
fn a_change_concerns_the_one_who_has_changed() {
    let (a, b) = (at("a", 1, 1, 1), at("b", 2, 2, 2));
    let (moved, renumbered) = (at("b", 2, 2, 9), at("b", 2, 3, 2));
    assert_concerned(&[&a, &b], &[&a, &b], &[], &[]);
    assert_concerned(&[&a], &[&a, &b], &["b"], &[1]);
    assert_concerned(&[&a, &b], &[&a], &[], &[1]);
    assert_concerned(&[&a, &b], &[&a, &moved], &["b"], &[1]);
    assert_concerned(&[&a, &b], &[&a, &renumbered], &["b"], &[1, 2]);
}

#[test]
fn whoever_shares_an_index_or_an_address_is_concerned_too_and_so_are_those_who_do_with_them() {
    let (bystander, a, moved) = (at("x", 1, 50, 50), at("a", 2, 1, 1), at("a", 2, 1, 8));
    let (b, c, d) = (at("b", 3, 2, 1), at("c", 4, 2, 3), at("d", 5, 4, 3));
    let (older, newer) = ([&bystander, &a, &b, &c, &d], [&bystander, &moved, &b, &c, &d]);
    assert_concerned(&older, &newer, &["a", "b", "c", "d"], &[0, 1, 3]);
    assert_concerned(&newer, &older, &["a", "b", "c", "d"], &[0, 1, 3]);
}

#[test]
fn everyone_is_concerned_when_somebody_has_no_index() {
    let (a, anyone) = (at("a", 1, 1, 1), container("b", 2, None));
    assert_eq!(concerned(&[&a], &[&a, &anyone]), None);
    assert_eq!(concerned(&[&a, &anyone], &[&a]), None);
    assert_eq!(concerned(&[&anyone], &[&a, &anyone]), None);
}

#[test]
fn everyone_is_concerned_when_the_pool_may_have_to_grow() {
    let (a, beyond) = (at("a", 1, 1, 1), at("b", 2, 101, 2));
    assert_eq!(concerned(&[&a], &[&a, &beyond]), None);
    assert_concerned(&[&beyond], &[&a, &beyond], &["a"], &[0]);
    let newer_at_its_address = at("c", 3, 3, 2);
    assert_eq!(concerned(&[&beyond, &newer_at_its_address], &[&beyond]), None);
}

#[test]
fn everyone_is_concerned_when_somebody_cannot_be_told_from_others() {
    let (a, nobody) = (at("a", 1, 1, 1), at("", 2, 2, 2));
    assert_eq!(concerned(&[&a], &[&a, &nobody]), None);
}
