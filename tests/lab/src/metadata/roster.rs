//! A world in a few words, for a server in a process of its own.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::World;
use crate::addresses::AddressPool;

/// The containers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// Where stalls asks from.
    pub stalls: Ipv4Addr,
    /// The containers of `app/web`, in the order in which they were created.
    pub web: Vec<Listed>,
}

/// One container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The index that Cattle gave it, from 1.
    pub index: u32,
    /// Its uuid.
    pub uuid: String,
    /// Its address.
    pub address: Ipv4Addr,
}

impl Roster {
    /// The world that this is about.
    pub fn world(&self) -> World {
        let mut world = World::new(AddressPool::new(Ipv4Addr::UNSPECIFIED, 0), 0);
        world.cattle("app", "stalls").edit(1, |own| own.primary_ip = Some(self.stalls.to_string()));
        for listed in &self.web {
            let uuid = world.web().create_at(listed.index, listed.address);
            world.web().edit(&uuid, |container| container.uuid.clone_from(&listed.uuid));
        }
        world
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_has_the_listed_containers() {
        let listed = |index, uuid: &str, address: [u8; 4]| Listed {
            index,
            uuid: uuid.to_owned(),
            address: address.into(),
        };
        let web = vec![listed(2, "b", [10, 42, 1, 2]), listed(1, "a", [10, 42, 1, 1])];
        let roster = Roster { stalls: [10, 42, 0, 5].into(), web };
        let world = roster.world();
        let (_, service, _) = world.asker([10, 42, 0, 5].into()).expect("stalls is known");
        assert_eq!(service.name, "stalls");
        let web = world.service("app", "web");
        let found: Vec<_> = web.containers.iter().map(|c| (c.index(), &*c.uuid, c.address())).collect();
        assert_eq!(found, [(2, "b", [10, 42, 1, 2].into()), (1, "a", [10, 42, 1, 1].into())]);
        assert!(web.containers[0].create_index < web.containers[1].create_index);
    }
}
