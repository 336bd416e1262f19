//! The "containers": TCP servers that say which container they are.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{self, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{
    listening::Listening,
    metadata::{MetadataServer, Service},
    proxied::{Expectation, Told},
};

/// A connection within this machine that has not been made by then finds no room in the queue of the other side.
const FULL: Duration = Duration::from_millis(200);

/// What a backend says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The container's uuid.
    pub uuid: String,
    /// The container's name, which may contain anything.
    pub name: String,
}

/// Listening backends, each on an address of its own.
///
/// To each connection a backend first sends the line `<uuid> <name>`, with the name escaped, and
/// then everything back that it receives.
#[derive(Debug, Default)]
pub struct Backends {
    running: BTreeMap<SocketAddr, (Identity, Listening)>,
    expectation: Expectation,
}

impl Backends {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a backend.
    ///
    /// # Panics
    ///
    /// When it cannot listen there.
    pub async fn start(&mut self, ip: impl Into<IpAddr>, port: u16, identity: Identity) {
        let address = SocketAddr::new(ip.into(), port);
        let listener = TcpListener::bind(address)
            .await
            .unwrap_or_else(|error| panic!("a backend cannot listen on {address}: {error}"));
        self.serve(listener, identity);
    }

    /// Starts a backend that listens already: it also serves clients that have connected in the meantime.
    ///
    /// # Panics
    ///
    /// When the listener has no address.
    pub fn serve(&mut self, listener: TcpListener, identity: Identity) {
        let announcement = format!("{} {}\n", identity.uuid, identity.name.escape_default());
        let expectation = self.expectation.clone();
        let listening = Listening::on(listener, move |mut stream, _| {
            let (announcement, expectation) = (announcement.clone(), expectation.clone());
            async move {
                if expectation.is_met_by(&mut stream).await {
                    // A client may go away at any time.
                    let _ = announce_and_echo(stream, &announcement).await;
                }
            }
        });
        let listening = listening.unwrap_or_else(|error| panic!("a backend has no address: {error}"));
        self.running.insert(listening.address(), (identity, listening));
    }

    /// Lets these backends run, and no others.
    pub async fn sync(&mut self, wanted: BTreeMap<SocketAddr, Identity>) {
        let is_stale = |(address, identity): &(SocketAddr, &Identity)| wanted.get(address) != Some(*identity);
        let stale: Vec<_> = self.running().filter(is_stale).map(|(address, _)| address).collect();
        for address in stale {
            self.stop(address.ip(), address.port()).await;
        }
        self.start_missing(wanted).await;
    }

    /// Lets these backends run; what runs already stays as it is.
    pub async fn start_missing(&mut self, wanted: BTreeMap<SocketAddr, Identity>) {
        for (address, identity) in wanted {
            if !self.running.contains_key(&address) {
                self.start(address.ip(), address.port(), identity).await;
            }
        }
    }

    /// Stops the backend at this address, if there is one: its port refuses, its connections end.
    pub async fn stop(&mut self, ip: impl Into<IpAddr>, port: u16) {
        if let Some((_, listening)) = self.running.remove(&SocketAddr::new(ip.into(), port)) {
            listening.close().await;
        }
    }

    /// Has the backend at this address do nothing any more: its connections stay, new ones are not even begun. Gives the
    /// connections that have taken the last room in its queue.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub async fn freeze(&self, ip: impl Into<IpAddr>, port: u16) -> Vec<TcpStream> {
        let address = SocketAddr::new(ip.into(), port);
        let (_, listening) =
            self.running.get(&address).unwrap_or_else(|| panic!("nothing runs at {address}"));
        listening.freeze().unwrap_or_else(|error| panic!("{address} cannot be frozen: {error}"));
        let mut queued = Vec::new();
        while let Ok(Ok(stream)) = timeout(FULL, TcpStream::connect(address)).await {
            queued.push(stream);
        }
        queued
    }

    /// From now on each connection has to begin with a header of this version of the PROXY protocol, 1 or 2.
    pub fn expect_proxy(&self, version: u8) {
        self.expectation.expect(version);
    }

    /// What connections have begun with since then.
    pub fn told(&self) -> Vec<Told> {
        self.expectation.told()
    }

    /// The running backends and their addresses.
    pub fn running(&self) -> impl Iterator<Item = (SocketAddr, &Identity)> {
        self.running.iter().map(|(address, (identity, _))| (*address, identity))
    }
}

pub(crate) async fn announce_and_echo(mut stream: TcpStream, announcement: &str) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(announcement.as_bytes()).await?;
    let (mut received, mut sent) = stream.split();
    io::copy(&mut received, &mut sent).await.map(drop)
}

/// The backends of one service of a [`World`](crate::metadata::World).
#[derive(Debug)]
pub struct Fleet {
    stack: String,
    service: String,
    port: u16,
    backends: Backends,
}

impl Fleet {
    /// The fleet of a service whose containers listen on this port; none is running yet.
    pub fn new(stack: &str, service: &str, port: u16) -> Self {
        Self { stack: stack.to_owned(), service: service.to_owned(), port, backends: Backends::new() }
    }

    /// Lets the backend of each container run that is up, and no other.
    pub async fn sync(&mut self, server: &MetadataServer) {
        self.backends.sync(self.wanted(server)).await;
    }

    /// Lets the backend of each container run that is up; those of containers that are gone run on.
    pub async fn start(&mut self, server: &MetadataServer) {
        self.backends.start_missing(self.wanted(server)).await;
    }

    /// The running backends and their addresses.
    pub fn running(&self) -> impl Iterator<Item = (SocketAddr, &Identity)> {
        self.backends.running()
    }

    /// From now on the containers expect this version of the PROXY protocol, 1 or 2.
    pub fn expect_proxy(&self, version: u8) {
        self.backends.expect_proxy(version);
    }

    /// What connections to containers have begun with since then.
    pub fn told(&self) -> Vec<Told> {
        self.backends.told()
    }

    /// Ends the process of the container at this address, whatever the world says.
    pub async fn kill(&mut self, address: Ipv4Addr) {
        self.backends.stop(address, self.port).await;
    }

    /// Stops the process of the container at this address, which is still there.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub async fn freeze(&self, address: Ipv4Addr) -> Vec<TcpStream> {
        self.backends.freeze(address, self.port).await
    }

    fn wanted(&self, server: &MetadataServer) -> BTreeMap<SocketAddr, Identity> {
        server.read(|world| self.of(world.service(&self.stack, &self.service)))
    }

    /// A container is found at the address that it was created with, even if the world tells another.
    fn of(&self, service: &Service) -> BTreeMap<SocketAddr, Identity> {
        let up = service.containers.iter().filter(|container| container.is_up());
        up.map(|container| {
            let identity = Identity { uuid: container.uuid.clone(), name: container.name.clone() };
            ((container.address(), self.port).into(), identity)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        block::Block,
        client::{ConnectError, landing},
        metadata::{MetadataOptions, World},
    };

    #[tokio::test]
    async fn a_fleet_follows_the_world() {
        let block = Block::reserve();
        let server =
            MetadataServer::start(MetadataOptions::new(World::new(block.container_addresses(), 3))).await;
        let mut fleet = Fleet::new("app", "web", 8080);
        fleet.sync(&server).await;
        assert_eq!(fleet.running().count(), 3);

        let before = server.read(|world| world.service("app", "web").container(2).clone());
        let uuid = server.change(|world| world.web().replace(2));
        let after = server.read(|world| world.service("app", "web").container(2).clone());
        server.change(|world| world.web().set_state(3, "stopped"));
        fleet.sync(&server).await;
        assert_eq!(fleet.running().count(), 2);
        let landed = landing((after.address(), 8080).into()).await.expect("a landing");
        assert_eq!(landed.uuid, uuid);
        assert_eq!(landing((before.address(), 8080).into()).await, Err(ConnectError::Refused));
    }
}
