//! Containers that are processes of their own, as with Docker Compose: no orchestrator tells the metadata server of
//! them, so they sign in.
//!
//! A container connects to the registry, gets its name and uuid, and keeps the connection open for as long as it runs.
//! It is listed as long as the connection is open, whichever way it ends.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpStream, ToSocketAddrs},
};

use crate::{backend::Identity, listening::Listening, metadata::MetadataServer};

/// Where containers of the service `web` sign in; dropping it ends their connections.
#[derive(Debug)]
pub struct Registry {
    listening: Listening,
}

/// The container's end: it is listed as long as this is there.
#[derive(Debug)]
pub struct Entry {
    connection: BufReader<TcpStream>,
}

impl Registry {
    /// Has the server tell of the containers that sign in at `listen`.
    ///
    /// # Errors
    ///
    /// When it cannot listen there.
    pub async fn start(listen: SocketAddr, server: Arc<MetadataServer>) -> io::Result<Self> {
        let listening = Listening::open(listen, move |stream, container| {
            let server = Arc::clone(&server);
            async move {
                if let IpAddr::V4(address) = container.ip() {
                    keep(&server, stream, address).await;
                }
            }
        });
        Ok(Self { listening: listening.await? })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }
}

impl Entry {
    /// Signs in, from the address that the container is to be reached at. Returns its identity.
    ///
    /// # Errors
    ///
    /// When the registry is not there, or says nothing.
    pub async fn sign_in(registry: impl ToSocketAddrs) -> io::Result<(Self, Identity)> {
        let mut connection = BufReader::new(TcpStream::connect(registry).await?);
        let mut line = String::new();
        connection.read_line(&mut line).await?;
        let (uuid, name) = line.trim_end().split_once(' ').ok_or(io::ErrorKind::UnexpectedEof)?;
        let identity = Identity { uuid: uuid.to_owned(), name: name.to_owned() };
        Ok((Self { connection }, identity))
    }

    /// Resolves when the registry has gone.
    pub async fn ended(&mut self) {
        until_closed(&mut self.connection).await;
    }
}

/// Lists the container until its connection ends.
async fn keep(server: &MetadataServer, mut stream: TcpStream, address: Ipv4Addr) {
    let (uuid, name) = server.change(|world| {
        let uuid = world.web().join(address);
        let name = world.web().container(&uuid).name.clone();
        (uuid, name)
    });
    if stream.write_all(format!("{uuid} {name}\n").as_bytes()).await.is_ok() {
        until_closed(&mut stream).await;
    }
    server.change(|world| world.web().remove(&uuid));
}

/// The other side has nothing to say.
async fn until_closed(connection: &mut (impl AsyncReadExt + Unpin)) {
    while let Ok(1..) = connection.read(&mut [0; 64]).await {}
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metadata::{AddressPool, MetadataOptions, World};

    const SOON: Duration = Duration::from_secs(5);

    async fn until(what: impl Fn() -> bool) {
        let wait = async {
            while !what() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(SOON, wait).await.expect("in time");
    }

    #[tokio::test]
    async fn a_container_is_listed_as_long_as_its_connection_stands() {
        let world = World::new(AddressPool::new(Ipv4Addr::UNSPECIFIED, 0), 0);
        let server = Arc::new(MetadataServer::start(MetadataOptions::new(world)).await);
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        let registry = Registry::start(any, Arc::clone(&server)).await.expect("a port");
        let listed = || -> Vec<_> {
            let of = |world: &World| {
                let web = world.service("app", "web");
                web.containers.iter().map(|c| (c.index(), c.uuid.clone(), c.address())).collect()
            };
            server.read(of)
        };

        let (first, one) = Entry::sign_in(registry.address()).await.expect("an entry");
        let (_second, two) = Entry::sign_in(registry.address()).await.expect("an entry");
        assert_eq!((&*one.name, &*two.name), ("app-web-1", "app-web-2"));
        assert_eq!(
            listed(),
            [(1, one.uuid, Ipv4Addr::LOCALHOST), (2, two.uuid.clone(), Ipv4Addr::LOCALHOST)]
        );
        drop(first);
        until(|| listed().len() == 1).await;
        assert_eq!(listed()[0].1, two.uuid);

        let (_third, three) = Entry::sign_in(registry.address()).await.expect("an entry");
        assert_eq!(three.name, "app-web-1");
    }
}
