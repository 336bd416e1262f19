//! Counts the client connections of a process, as the kernel shows them.
//!
//! A draining HAProxy has no runtime API any more.

use std::{collections::BTreeSet, fs, io};

/// The state of a socket that listens, which is no connection (`TCP_LISTEN`, `include/net/tcp_states.h`).
const LISTENING: &str = "0A";

/// The connections of process `pid` that were made to one of `ports`; both families count.
///
/// # Errors
/// The process is another user's.
pub(super) fn connections(pid: u32, ports: &BTreeSet<u16>) -> io::Result<usize> {
    let descriptors = match fs::read_dir(format!("/proc/{pid}/fd")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        descriptors => descriptors?,
    };
    let mut sockets = BTreeSet::new();
    for descriptor in descriptors {
        // A descriptor that was closed meanwhile is no connection.
        let target = fs::read_link(descriptor?.path()).unwrap_or_default();
        sockets.extend(target.to_str().and_then(inode));
    }
    let mut count = 0;
    for table in ["tcp", "tcp6"] {
        let table = match fs::read_to_string(format!("/proc/{pid}/net/{table}")) {
            // A kernel without IPv6 has no such table.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            table => table?,
        };
        let of_ports = table.lines().skip(1).filter_map(|line| connection(line, ports));
        count += of_ports.filter(|inode| sockets.contains(inode)).count();
    }
    Ok(count)
}

/// The number in `socket:[12345]`.
fn inode(target: &str) -> Option<u64> {
    target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// The inode of a connection to one of `ports`, of a line (proc(5)):
/// `0: 0100007F:1388 0100007F:9C40 01 ... <inode> ...`. There may be 100,000 lines, of which few are of these ports.
fn connection(line: &str, ports: &BTreeSet<u16>) -> Option<u64> {
    let mut fields = line.split(' ').filter(|field| !field.is_empty()).skip(1);
    let port = u16::from_str_radix(fields.next()?.rsplit_once(':')?.1, 16).ok()?;
    if !ports.contains(&port) || fields.nth(1)? == LISTENING {
        return None;
    }
    fields.nth(5)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{
        net::{TcpListener, TcpStream},
        process,
    };

    use super::*;

    #[test]
    fn connections_that_were_accepted_count_and_nothing_else() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let address = listener.local_addr().unwrap();
            let ports = BTreeSet::from([address.port()]);
            let count = || connections(process::id(), &ports).unwrap();
            assert_eq!(count(), 0);
            let clients: Vec<_> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
            let mut accepted: Vec<_> = clients.iter().map(|_| listener.accept().unwrap().0).collect();
            assert_eq!(count(), 3);
            accepted.pop();
            assert_eq!(count(), 2);
            assert_eq!(connections(process::id(), &BTreeSet::new()).unwrap(), 0);
        }
    }

    #[test]
    fn a_process_that_has_ended_has_none() {
        assert_eq!(connections(u32::MAX, &[5000].into()).unwrap(), 0);
    }

    #[test]
    fn a_line_tells_the_inode_of_a_connection_to_one_of_the_ports() {
        let head = "   1: 0100007F:1388 0100007F:9C40";
        let tail =
            "00000000:00000000 00:00000000 00000000 10001        0 31337 1 0000000000000000 20 4 30 10 -1";
        let ports = [5000].into();
        assert_eq!(connection(&format!("{head} 01 {tail}"), &ports), Some(31337));
        assert_eq!(connection(&format!("{head} 0A {tail}"), &ports), None);
        assert_eq!(connection(&format!("{head} 01 {tail}"), &[5001].into()), None);
        assert_eq!(connection("  sl  local_address rem_address   st", &ports), None);
    }
}
