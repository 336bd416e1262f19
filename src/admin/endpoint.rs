//! Where the admin server listens.

use std::{
    fmt,
    fs::{self, Metadata, Permissions},
    future::pending,
    io,
    net::{SocketAddr, TcpListener},
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::time::sleep;

/// How many clients may wait for their turn.
const BACKLOG: i32 = 128;
/// How often it is checked whether the socket is still there: rarely enough that an idle process costs nothing.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// An address that other hosts may reach, or a socket for this user alone.
#[derive(Clone, Debug)]
pub(super) enum Endpoint {
    Address(SocketAddr),
    Socket(PathBuf),
}

/// A listener, and the file that it has, if it has one: device and inode.
#[derive(Debug)]
pub(super) enum Listener {
    Address(TcpListener),
    Socket(UnixListener, (u64, u64)),
}

impl Endpoint {
    /// Listens.
    ///
    /// # Errors
    /// The address is taken, or the file system refuses.
    pub(super) fn listen(&self) -> io::Result<Listener> {
        match self {
            Self::Address(address) => TcpListener::bind(address).map(Listener::Address),
            Self::Socket(path) => {
                let listener = listen_on(path)?;
                Ok(Listener::Socket(listener, id(&fs::symlink_metadata(path)?)))
            }
        }
    }

    /// Removes the socket that a predecessor has left. It has ended, since `RUN_DIR` is locked.
    pub(super) fn remove_predecessors(&self) {
        if let Self::Socket(path) = self
            && fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
        {
            let _ = fs::remove_file(path);
        }
    }

    /// Waits until the file `id` of the socket is no longer there. Nobody could connect any more.
    pub(super) async fn removed(&self, file: Option<(u64, u64)>) {
        let (Self::Socket(path), Some(file)) = (self, file) else { return pending().await };
        loop {
            sleep(CHECK_INTERVAL).await;
            let path = path.clone();
            // The disk may hang, and all actors share this thread.
            let is_there = move || fs::symlink_metadata(path).is_ok_and(|found| id(&found) == file);
            if !actix_rt::task::spawn_blocking(is_there).await.unwrap_or(true) {
                return;
            }
        }
    }

    /// Removes the socket, if the file is still its own: another instance may have taken over a directory that was
    /// removed.
    pub(super) fn remove(&self, file: Option<(u64, u64)>) {
        if let Self::Socket(path) = self
            && fs::symlink_metadata(path).is_ok_and(|found| Some(id(&found)) == file)
        {
            let _ = fs::remove_file(path);
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Socket(path) => path.display().fmt(f),
        }
    }
}

fn listen_on(path: &Path) -> io::Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // Nobody can connect before it listens.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn id(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_socket_is_for_this_user_alone_and_replaces_a_predecessors() {
        let run_dir = tempfile::tempdir().unwrap();
        let path = run_dir.path().join("admin.sock");
        let endpoint = Endpoint::Socket(path.clone());
        for _ in 0..2 {
            endpoint.remove_predecessors();
            let _listener = endpoint.listen().unwrap();
            assert_eq!(fs::symlink_metadata(&path).unwrap().mode() & 0o777, 0o600);
            UnixStream::connect(&path).unwrap();
        }
    }

    #[test]
    fn the_socket_of_another_instance_stays() {
        let run_dir = tempfile::tempdir().unwrap();
        let path = run_dir.path().join("admin.sock");
        let endpoint = Endpoint::Socket(path.clone());
        let Listener::Socket(_ours, file) = endpoint.listen().unwrap() else { panic!("it is one") };
        fs::rename(&path, run_dir.path().join("elsewhere")).unwrap();
        let _theirs = UnixListener::bind(&path).unwrap();
        assert_eq!(endpoint.listen().unwrap_err().kind(), io::ErrorKind::AddrInUse);
        endpoint.remove(Some(file));
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn what_is_no_socket_stays() {
        let run_dir = tempfile::tempdir().unwrap();
        let path = run_dir.path().join("admin.sock");
        fs::write(&path, "precious").unwrap();
        Endpoint::Socket(path.clone()).remove_predecessors();
        assert_eq!(Endpoint::Socket(path.clone()).listen().unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read_to_string(path).unwrap(), "precious");
    }

    #[actix_rt::test]
    async fn a_socket_that_is_removed_is_noticed() {
        let run_dir = tempfile::tempdir().unwrap();
        let endpoint = Endpoint::Socket(run_dir.path().join("admin.sock"));
        let Listener::Socket(_listener, file) = endpoint.listen().unwrap() else { panic!("it is one") };
        fs::rename(run_dir.path().join("admin.sock"), run_dir.path().join("elsewhere")).unwrap();
        tokio::time::pause();
        endpoint.removed(Some(file)).await;
    }
}
