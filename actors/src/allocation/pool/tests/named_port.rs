//! A mapping whose port has a name.

use super::*;
use crate::domain::BackendPort;

fn http() -> BackendPort {
    BackendPort::Name("http".parse().unwrap())
}

fn named() -> Mapping {
    Mapping { backend_port: http(), ..sized(5000, None) }
}

/// A container of this age and index with these ports.
fn with(ports: &[(&str, u16)], age: u64) -> Container {
    let ports = ports.iter().map(|(name, port)| (name.parse().unwrap(), NonZeroU16::new(*port).unwrap()));
    Container { named_ports: ports.collect(), ..container(&age.to_string(), age, Some(age)) }
}

#[test]
fn each_container_is_reached_at_its_own_port_of_that_name() {
    let own_port = Container { port: NonZeroU16::new(7000), ..with(&[("admin", 1), ("http", 9090)], 2) };
    let plan = planned(named(), &SavedState::default(), &[with(&[("http", 8080)], 1), own_port], &[]);
    let backends: Vec<_> = plan.slots.values().map(|assignment| assignment.backend.to_string()).collect();
    assert_eq!(backends, ["10.42.0.2:8080", "10.42.0.3:9090"]);
}

#[test]
fn a_container_without_a_port_of_that_name_is_not_mapped_and_told_some_names_that_it_has() {
    let many = [("a", 1), ("b", 2), ("c", 3), ("d", 4)];
    let plan = planned(named(), &SavedState::default(), &[with(&many, 1), with(&[], 2)], &[]);
    assert!(plan.slots.is_empty());
    let why = |uuid: &str| plan.unmapped[uuid].to_string();
    assert!(why("1").contains("named \"http\"; among its ports are \"a\", \"b\", \"c\": "), "{}", why("1"));
    assert!(why("2").contains("its ports have no names"), "{}", why("2"));
    assert_eq!(plan.unmapped["1"].kind(), "no_such_port");
}

#[test]
fn what_is_saved_is_where_each_container_was_under_that_name() {
    let settings = settings(named());
    let before = planned(named(), &SavedState::default(), &[with(&[("http", 9090)], 3)], &[]);
    let state =
        to_save(&Plan { revision: 1, mappings: vec![before.clone()] }, &[Leftovers::default()], ms(0));
    assert_eq!(state.mappings[0].backend_port, http());
    assert_eq!(restored(named(), &state).plan(&settings).slots, before.slots);
    assert!(restored(sized(5000, None), &state).is_empty(), "a number is another mapping");
}
