//! Which other programs listen on ports of a pool, as far as `/proc` tells.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, BufRead, BufReader},
    net::{IpAddr, SocketAddr},
    path::Path,
};

use stalls_actors::{allocation::pool_conflicts::binds_collide, haproxy::is_started_from};

use super::{
    Finding, Kind, Severity, not_looked, ports_text,
    processes::{Process, owners},
};
use crate::{port_ranges::Ports, settings::Settings};

/// The tables of this network namespace (proc(5)); the second is missing where there is no IPv6.
const TABLES: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
/// The state of a socket that listens (`TCP_LISTEN`).
const LISTENS: &str = "0A";
/// What Docker calls the program that it starts for each published port unless `userland-proxy` is false.
const DOCKER_PROXY: &str = "docker-proxy";

#[derive(Debug, PartialEq, Eq)]
struct Listener {
    address: SocketAddr,
    inode: u64,
}

pub(super) fn check(settings: &Settings, ports: &Ports) -> Vec<Finding> {
    let listeners = match listeners() {
        Ok(listeners) => listeners,
        Err(error) => {
            let subject = ports_text(ports);
            return vec![Finding {
                severity: Severity::Warning,
                ..not_looked(&subject, &format!("who listens cannot be seen: {}: {error}", TABLES[0]))
            }];
        }
    };
    found(listeners, settings.bind_address, ports, &settings.run_dir)
}

fn listeners() -> io::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    for (table, may_be_missing) in TABLES.into_iter().zip([false, true]) {
        match fs::File::open(table) {
            Err(_) if may_be_missing => {}
            // Sockets that listen come first, and a host may have a hundred thousand others.
            table => {
                let lines = BufReader::new(table?).lines().skip(1);
                listeners.extend(lines.map_while(|line| parse(&line.ok()?)));
            }
        }
    }
    Ok(listeners)
}

fn found(
    mut listeners: Vec<Listener>,
    bind_address: Option<IpAddr>,
    ports: &Ports,
    run_dir: &Path,
) -> Vec<Finding> {
    listeners.retain(|listener| {
        ports.contains(&listener.address.port()) && binds_collide(listener.address.ip(), bind_address)
    });
    if listeners.is_empty() {
        return Vec::new();
    }
    let owners = owners(&listeners.iter().map(|listener| listener.inode).collect());
    let mut taken: BTreeMap<Option<Process>, BTreeSet<SocketAddr>> = BTreeMap::new();
    for listener in listeners {
        taken.entry(owners.get(&listener.inode).cloned()).or_default().insert(listener.address);
    }
    // The HAProxy of a stalls process that runs, or of one that left it to be adopted.
    taken.retain(|owner, _| !owner.as_ref().is_some_and(|process| is_started_from(run_dir, process.pid)));
    taken.iter().map(|(owner, addresses)| finding(owner.as_ref(), addresses)).collect()
}

/// `0: 0100007F:1388 00000000:0000 0A ... inode ...`: the address is in the byte order of the machine, four bytes at a time.
fn parse(line: &str) -> Option<Listener> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let [_, local, _, LISTENS, _, _, _, _, _, inode, ..] = fields[..] else { return None };
    let (address, port) = local.split_once(':')?;
    let bytes = |word| Some(u32::from_str_radix(address.get(word..word + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match address.len() {
        8 => IpAddr::from(bytes(0)?),
        _ => {
            let words = [bytes(0)?, bytes(8)?, bytes(16)?, bytes(24)?];
            IpAddr::from(<[u8; 16]>::try_from(words.concat()).ok()?)
        }
    };
    Some(Listener { address: (ip, u16::from_str_radix(port, 16).ok()?).into(), inode: inode.parse().ok()? })
}

fn finding(owner: Option<&Process>, addresses: &BTreeSet<SocketAddr>) -> Finding {
    let ports: Ports = addresses.iter().map(|address| address.port()..=address.port()).collect();
    let example = addresses.first().map(ToString::to_string).unwrap_or_default();
    let (kind, reason, remedy) = match owner {
        Some(Process { pid, command }) if command == DOCKER_PROXY => (
            Kind::UserlandProxy,
            format!("Docker publishes them for a container: {command} (pid {pid}) listens on {example}"),
            "publish that container's ports elsewhere, or move the pool (BASE_PORT); if the container is stalls, \
             \"userland-proxy\": false in Docker's daemon.json spares a process for each port",
        ),
        Some(Process { pid, command }) => (
            Kind::PortTaken,
            format!("{command} (pid {pid}) listens on {example}"),
            "end that program, or move the pool (BASE_PORT)",
        ),
        None => (
            Kind::PortTaken,
            format!("a process that cannot be seen from here listens on {example}"),
            "look for it as root on the host (ss -ltnp), then end it or move the pool (BASE_PORT)",
        ),
    };
    Finding {
        kind,
        severity: Severity::Warning,
        subject: ports_text(&ports),
        reason,
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::port_ranges::parse as parse_ports;

    #[test]
    #[cfg(target_endian = "little")]
    fn the_kernels_table_is_read() {
        let line = |local: &str, state: &str| {
            format!(
                "   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0"
            )
        };
        let listener =
            |text: &str| parse(text).map(|Listener { address, inode }| (address.to_string(), inode));
        assert_eq!(listener(&line("0100007F:1388", "0A")), Some(("127.0.0.1:5000".to_owned(), 4711)));
        let v6 = "B80D0120000000000000000001000000:1F90";
        assert_eq!(listener(&line(v6, "0A")), Some(("[2001:db8::1]:8080".to_owned(), 4711)));
        assert_eq!(parse(&line("0100007F:1388", "01")), None);
        for odd in [
            "",
            "  sl  local_address rem_address   st",
            &line("0100:1388", "0A"),
            &line("é100007F:1388", "0A"),
        ] {
            assert_eq!(parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_program_that_listens_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ports = parse_ports(&port.to_string()).unwrap();
        let found = |bind: Option<&str>| {
            found(listeners().unwrap(), bind.map(|ip| ip.parse().unwrap()), &ports, Path::new("/nonexistent"))
        };
        let [finding] = &found(None)[..] else { panic!("one program listens") };
        assert_eq!((finding.kind, finding.subject.clone()), (Kind::PortTaken, format!("port {port}")));
        assert!(finding.reason.contains(&format!("(pid {})", std::process::id())), "{}", finding.reason);
        assert_eq!(found(Some("127.0.0.2")), []);
    }

    #[test]
    fn dockers_proxy_is_known_by_its_name() {
        let addresses = ["0.0.0.0:5000".parse().unwrap(), "[::]:5001".parse().unwrap()].into();
        let process = |command: &str| Process { pid: 7, command: command.to_owned() };
        let docker = finding(Some(&process("docker-proxy")), &addresses);
        assert_eq!((docker.kind, &docker.subject[..]), (Kind::UserlandProxy, "ports 5000-5001"));
        assert_eq!(
            finding(Some(&process("nginx")), &addresses).reason,
            "nginx (pid 7) listens on 0.0.0.0:5000"
        );
        assert!(finding(None, &addresses).reason.contains("cannot be seen from here"));
    }
}
