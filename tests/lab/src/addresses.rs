//! Which address a new container gets.

use std::{collections::VecDeque, net::Ipv4Addr, ops::Range};

/// A run of addresses that containers get theirs from.
///
/// An address that was given back is taken again only after all others that are free, as in a real network: a
/// connection to a removed container's address leads nowhere for a while.
#[derive(Clone, Debug)]
pub struct AddressPool {
    all: Range<Ipv4Addr>,
    free: VecDeque<Ipv4Addr>,
}

impl AddressPool {
    /// The `count` addresses from `first` on.
    pub fn new(first: Ipv4Addr, count: u32) -> Self {
        let nth = |n| Ipv4Addr::from_bits(first.to_bits() + n);
        Self { all: first..nth(count), free: (0..count).map(nth).collect() }
    }

    /// Takes a free address.
    ///
    /// # Panics
    ///
    /// When all are taken.
    pub(crate) fn take(&mut self) -> Ipv4Addr {
        self.free.pop_front().unwrap_or_else(|| panic!("all addresses of {:?} are taken", self.all))
    }

    pub(crate) fn give_back(&mut self, address: Ipv4Addr) {
        // Some containers have addresses of their own.
        if self.all.contains(&address) {
            self.free.push_back(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_again_only_after_all_others() {
        let mut pool = AddressPool::new(Ipv4Addr::new(127, 1, 2, 1), 3);
        let first = pool.take();
        pool.give_back(first);
        assert_eq!(pool.take(), Ipv4Addr::new(127, 1, 2, 2));
        assert_eq!(pool.take(), Ipv4Addr::new(127, 1, 2, 3));
        assert_eq!(pool.take(), first);
    }
}
