//! What Cattle, Rancher's orchestrator, does to a service.

use std::{
    net::Ipv4Addr,
    ops::{Deref, DerefMut},
};

use super::{
    container::Container,
    service::{Service, Which},
};
use crate::{addresses::AddressPool, ids::Ids};

/// A service in Cattle's hands: everything that creates or removes a container of it.
///
/// Dereferences to the [`Service`], for looking at it and for editing it.
#[derive(Debug)]
pub struct Cattle<'world> {
    pub(super) service: &'world mut Service,
    pub(super) ids: &'world mut Ids,
    pub(super) addresses: &'world mut AddressPool,
}

impl Deref for Cattle<'_> {
    type Target = Service;

    fn deref(&self) -> &Service {
        self.service
    }
}

impl DerefMut for Cattle<'_> {
    fn deref_mut(&mut self) -> &mut Service {
        self.service
    }
}

impl Cattle<'_> {
    /// Scales the service.
    ///
    /// A new container gets the lowest free index. Scaling down removes the containers with the
    /// highest `create_index`, not those with the highest index: gaps are normal.
    pub fn scale_to(&mut self, scale: usize) {
        while self.service.containers.len() > scale {
            let newest = (0..self.service.containers.len())
                .max_by_key(|&at| self.service.containers[at].create_index)
                .expect("more containers than the scale are at least one");
            self.remove_at(newest);
        }
        while self.service.containers.len() < scale {
            let index = self.lowest_free_index();
            self.create(index);
        }
        self.service.scale = scale;
    }

    /// A container that has started by itself, at this address, gets the lowest free index. Returns its
    /// uuid.
    pub fn join(&mut self, address: Ipv4Addr) -> String {
        let index = self.lowest_free_index();
        self.create_at(index, address)
    }

    /// Removes one container; its index is free for the next new one.
    pub fn remove<'a>(&mut self, which: impl Into<Which<'a>>) {
        let position = self.service.position(which.into());
        self.remove_at(position);
    }

    /// Removes a container and creates its replacement, which has the same index and name, another
    /// uuid and another address. Returns the replacement's uuid.
    pub fn replace(&mut self, index: u32) -> String {
        self.remove(index);
        self.create(index)
    }

    /// Begins an upgrade that starts the new container first: until it is finished, two running
    /// containers have the same index and name. Returns the newer one's uuid.
    pub fn begin_upgrade(&mut self, index: u32) -> String {
        self.service.position(Which::Index(index));
        self.create(index)
    }

    /// Creates the successor of a container that was removed, as in an upgrade that hides the old container: it has
    /// this index. Returns its uuid.
    pub fn create_successor(&mut self, index: u32) -> String {
        self.create(index)
    }

    /// Finishes an upgrade: of the containers with this index only the newest one stays.
    pub fn finish_upgrade(&mut self, index: u32) {
        let newest = self.service.container(index).uuid.clone();
        while let Some(older) = self
            .service
            .containers
            .iter()
            .position(|container| container.index == index && container.uuid != newest)
        {
            self.remove_at(older);
        }
    }

    /// Creates a container with this index at the pool's next address. Returns its uuid.
    pub(super) fn create(&mut self, index: u32) -> String {
        let address = self.addresses.take();
        self.create_at(index, address)
    }

    /// Creates a container with this index at an address that is not the pool's.
    pub(super) fn create_at(&mut self, index: u32, address: Ipv4Addr) -> String {
        self.service.create_index += 1;
        let container = Container::new(self.service, index, self.service.create_index, address, self.ids);
        let uuid = container.uuid.clone();
        self.service.containers.push(container);
        self.service.scale = self.service.containers.len();
        uuid
    }

    fn remove_at(&mut self, position: usize) {
        let removed = self.service.containers.remove(position);
        self.addresses.give_back(removed.address);
        self.service.scale = self.service.containers.len();
    }

    fn lowest_free_index(&self) -> u32 {
        // One look at each container: a service may have thousands.
        let mut taken = vec![false; self.service.containers.len() + 1];
        for container in &self.service.containers {
            if let Some(taken) = taken.get_mut(container.index as usize - 1) {
                *taken = true;
            }
        }
        (1..).zip(taken).find(|(_, taken)| !taken).expect("there are more indices than containers").0
    }
}

#[cfg(test)]
mod tests {
    use super::super::World;

    fn world(scale: usize) -> World {
        World::new(crate::addresses::AddressPool::new([127, 1, 2, 1].into(), 240), scale)
    }

    fn indices(world: &mut World) -> Vec<(u32, u64)> {
        world.web().containers.iter().map(|c| (c.index(), c.create_index)).collect()
    }

    #[test]
    fn scaling_down_removes_the_highest_create_index_and_leaves_gaps() {
        let mut world = world(3);
        world.web().replace(1);
        world.web().scale_to(2);
        assert_eq!(indices(&mut world), [(2, 2), (3, 3)]);
    }

    #[test]
    fn a_new_container_gets_the_lowest_free_index() {
        let mut world = world(3);
        world.web().remove(2);
        world.web().scale_to(4);
        assert_eq!(indices(&mut world), [(1, 1), (3, 3), (2, 4), (4, 5)]);
    }

    #[test]
    fn a_replacement_has_its_predecessors_index_and_name_and_nothing_else_of_it() {
        let mut world = world(2);
        let old = world.web().container(2).clone();
        let uuid = world.web().replace(2);
        let web = world.web();
        let new = web.container(&uuid);
        assert_eq!((new.index(), &new.name), (2, &old.name));
        assert_ne!(new.uuid, old.uuid);
        assert_ne!(new.address(), old.address());
    }

    #[test]
    fn an_upgrade_shows_two_containers_with_one_index_until_it_is_finished() {
        let mut world = world(2);
        let newer = world.web().begin_upgrade(1);
        assert_eq!(indices(&mut world), [(1, 1), (2, 2), (1, 3)]);
        assert_eq!(world.web().container(1).uuid, newer);
        world.web().finish_upgrade(1);
        assert_eq!(indices(&mut world), [(2, 2), (1, 3)]);
    }

    #[test]
    fn an_edited_index_does_not_hide_the_container_from_the_lab() {
        let mut world = world(2);
        world.web().edit(2, |container| container.service_index = serde_json::json!(2));
        world.web().set_state(2, "stopped");
        assert_eq!(world.web().container(2).state, "stopped");
    }
}
