//! Listening sockets, which HAProxies of several generations may share.

use std::collections::{BTreeMap, BTreeSet};

/// A socket that is bound to a port. A port may have several, of which at most one listens.
#[derive(Clone, Copy, Debug)]
struct Socket {
    port: u16,
    listens: bool,
}

/// All sockets of the pool's ports, and the ports that another program listens on.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    all: BTreeMap<u64, Socket>,
    bound: u64,
    pub(super) taken: BTreeSet<u16>,
}

impl Sockets {
    /// Whether a socket listens on the port, so that no other one can.
    pub(super) fn is_busy(&self, port: u16) -> bool {
        self.taken.contains(&port) || self.all.values().any(|socket| socket.port == port && socket.listens)
    }

    /// Binds a port and listens on it.
    pub(super) fn bind(&mut self, port: u16) -> Option<u64> {
        if self.is_busy(port) {
            return None;
        }
        self.bound += 1;
        self.all.insert(self.bound, Socket { port, listens: true });
        Some(self.bound)
    }

    pub(super) fn listens(&self, socket: u64) -> bool {
        self.all.get(&socket).is_some_and(|socket| socket.listens)
    }

    /// Listens again; false if another socket has taken the port meanwhile.
    pub(super) fn listen(&mut self, socket: u64) -> bool {
        let Some(Socket { port, listens }) = self.all.get(&socket).copied() else { return false };
        let may_listen = listens || !self.is_busy(port);
        self.all.insert(socket, Socket { port, listens: may_listen });
        may_listen
    }

    /// Stops listening, for all processes that share the socket.
    pub(super) fn shut(&mut self, socket: u64) {
        self.all.get_mut(&socket).into_iter().for_each(|socket| socket.listens = false);
    }

    /// Closes the sockets that no process holds any more.
    pub(super) fn keep_only(&mut self, held: &BTreeSet<u64>) {
        self.all.retain(|socket, _| held.contains(socket));
    }
}
