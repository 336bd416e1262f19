//! Whether a state contradicts itself, as none does that stalls has saved. Pure.

use std::collections::BTreeSet;

use super::{SavedMapping, SavedState};

/// # Errors
/// The contradiction.
pub(super) fn check(state: &SavedState) -> Result<(), String> {
    let mut services = BTreeSet::new();
    for mapping in &state.mappings {
        if !services.insert((&mapping.service, &mapping.backend_port)) {
            return Err(format!(
                "the mapping of {}:{} is listed twice",
                mapping.service, mapping.backend_port
            ));
        }
        check_mapping(mapping)?;
    }
    Ok(())
}

fn check_mapping(mapping: &SavedMapping) -> Result<(), String> {
    let mut uuids = BTreeSet::new();
    let lingering = mapping.lingering.iter().map(|(slot, saved)| (slot, &saved.container));
    for (slot, container) in mapping.slots.iter().chain(lingering) {
        let (uuid, address, size) = (&container.uuid, container.address, mapping.pool_size);
        if *slot >= size {
            return Err(format!("slot {slot} is beyond a pool of {size}"));
        }
        if address.to_canonical().is_unspecified() {
            return Err(format!("the container on slot {slot} is at {address}"));
        }
        if container.port.is_none() && mapping.backend_port.number().is_none() {
            return Err(format!("the container on slot {slot} has no port"));
        }
        if !uuids.insert(uuid) {
            return Err(format!("container {uuid:?} is on two slots"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;
    use crate::{
        domain::{BackendPort, ServiceRef},
        state::SavedContainer,
        testing::BACKEND_PORT,
    };

    /// A pool of five, with a container on each of these slots.
    fn contradiction(slots: &[(u16, &str, &str)]) -> Option<String> {
        check(&SavedState { revision: 1, mappings: vec![mapping(slots)] }).err()
    }

    fn mapping(slots: &[(u16, &str, &str)]) -> SavedMapping {
        let assignment = |(slot, uuid, address): &(u16, &str, &str)| {
            (
                *slot,
                SavedContainer {
                    uuid: (*uuid).into(),
                    name: "".into(),
                    address: address.parse().unwrap(),
                    port: None,
                },
            )
        };
        SavedMapping {
            service: ServiceRef { stack: None, service: "web".into() },
            backend_port: BACKEND_PORT.into(),
            pool_size: 5,
            slots: slots.iter().map(assignment).collect(),
            reservations: [].into(),
            lingering: [].into(),
        }
    }

    #[test]
    fn a_state_that_contradicts_itself_is_refused() {
        assert_eq!(contradiction(&[(0, "a", "10.42.0.1"), (4, "b", "fd00::2")]), None);
        assert_eq!(contradiction(&[(5, "a", "10.42.0.1")]).unwrap(), "slot 5 is beyond a pool of 5");
        let twice = contradiction(&[(0, "a", "10.42.0.1"), (1, "a", "10.42.0.2")]);
        assert_eq!(twice.unwrap(), "container \"a\" is on two slots");
        for unspecified in ["0.0.0.0", "::", "::ffff:0.0.0.0"] {
            assert_eq!(
                contradiction(&[(3, "a", unspecified)]).unwrap(),
                format!("the container on slot 3 is at {unspecified}")
            );
        }
    }

    #[test]
    fn a_mapping_is_listed_once() {
        let other = SavedMapping { backend_port: BackendPort::Name("http".parse().unwrap()), ..mapping(&[]) };
        let mut state = SavedState { revision: 1, mappings: vec![mapping(&[]), other] };
        assert_eq!(check(&state), Ok(()));
        state.mappings.push(mapping(&[]));
        assert_eq!(check(&state).unwrap_err(), "the mapping of web:8080 is listed twice");
    }

    #[test]
    fn where_the_mappings_port_has_a_name_each_container_has_a_number() {
        let named = BackendPort::Name("http".parse().unwrap());
        let mut mapping = SavedMapping { backend_port: named, ..mapping(&[(3, "a", "10.42.0.1")]) };
        let checked =
            |mapping: &SavedMapping| check(&SavedState { revision: 1, mappings: vec![mapping.clone()] });
        assert_eq!(checked(&mapping).unwrap_err(), "the container on slot 3 has no port");
        mapping.slots.get_mut(&3).unwrap().port = Some(NonZeroU16::MIN);
        assert_eq!(checked(&mapping), Ok(()));
    }
}
