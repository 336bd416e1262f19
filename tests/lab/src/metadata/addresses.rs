//! Which address a new container gets.

use std::{collections::BTreeSet, net::Ipv4Addr};

/// A run of addresses that containers get theirs from.
///
/// An address that was given back is taken again only after the pool has come round, as in a real
/// network: whoever still connects to a removed container's address meets nobody for a while.
#[derive(Clone, Debug)]
pub struct AddressPool {
    first: Ipv4Addr,
    count: u32,
    next: u32,
    in_use: BTreeSet<Ipv4Addr>,
}

impl AddressPool {
    /// The `count` addresses from `first` on.
    pub fn new(first: Ipv4Addr, count: u32) -> Self {
        Self { first, count, next: 0, in_use: BTreeSet::new() }
    }

    /// Takes an address that nobody has.
    ///
    /// # Panics
    ///
    /// When all are taken.
    pub(super) fn take(&mut self) -> Ipv4Addr {
        for _ in 0..self.count {
            let address = Ipv4Addr::from_bits(self.first.to_bits() + self.next);
            self.next = (self.next + 1) % self.count;
            if self.in_use.insert(address) {
                return address;
            }
        }
        panic!("all {} addresses from {} on are taken", self.count, self.first);
    }

    pub(super) fn give_back(&mut self, address: Ipv4Addr) {
        self.in_use.remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_again_only_after_the_pool_has_come_round() {
        let mut pool = AddressPool::new(Ipv4Addr::new(127, 1, 2, 1), 3);
        let first = pool.take();
        pool.give_back(first);
        assert_eq!(pool.take(), Ipv4Addr::new(127, 1, 2, 2));
        assert_eq!(pool.take(), Ipv4Addr::new(127, 1, 2, 3));
        assert_eq!(pool.take(), first);
    }
}
