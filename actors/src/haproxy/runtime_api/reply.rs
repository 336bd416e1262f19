//! What HAProxy shows. Pure.
//!
//! Columns are found by their names, since each version adds some. What is not ours, such as a proxy of the user's
//! own template, is passed over.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use thiserror::Error;

use crate::{
    excerpt::excerpt,
    haproxy::{known_faults::Version, process_info::ProcessInfo, traffic::Traffic},
};

/// The bit of `srv_admin_state` that only says that the configuration had the server disabled at the start
/// (management.txt, "show servers state"). All others keep connections away from it.
const WAS_DISABLED: u32 = 0x04;

/// The `srv_op_state` of a server in maintenance, and of one that a health check finds down.
const STOPPED: &str = "0";

/// The bit of `srv_check_state` that says that checks are enabled.
const CHECKED: u32 = 0x04;

/// A reply is not what was asked for.
#[derive(Debug, PartialEq, Eq, Error)]
pub(in super::super) enum ReplyError {
    #[error("HAProxy shows no column {0}")]
    NoColumn(&'static str),
    #[error("HAProxy shows a line that cannot be read: {0:?}")]
    Unreadable(String),
}

/// The server of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Server {
    pub(in super::super) address: SocketAddr,
    /// Neither in maintenance nor draining nor weighted down.
    pub(in super::super) is_ready: bool,
    /// HAProxy checks its health.
    pub(in super::super) is_checked: bool,
    /// A health check finds it down: HAProxy closes new connections.
    pub(in super::super) is_down: bool,
}

/// The frontend of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Frontend {
    /// Whether it listens.
    pub(in super::super) is_open: bool,
    /// Whether it has as many connections as it may have: others wait.
    pub(in super::super) is_full: bool,
}

/// The pid in the reply to `show info`.
pub(in super::super) fn pid(show_info: &str) -> Option<u32> {
    show_info.lines().find_map(|line| line.strip_prefix("Pid: ")?.trim().parse().ok())
}

/// The version in the reply to `show info`.
pub(in super::super) fn version(show_info: &str) -> Option<Version> {
    show_info.lines().find_map(|line| Version::parse(line.strip_prefix("Version: ")?))
}

/// The numbers of the process in the reply to `show info`.
pub(in super::super) fn info_of_process(show_info: &str) -> Result<ProcessInfo, ReplyError> {
    let number = |name: &'static str| {
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(": ")?.trim().parse::<u64>().ok();
        show_info.lines().find_map(value).ok_or(ReplyError::NoColumn(name))
    };
    Ok(ProcessInfo {
        sessions: number("CurrConns")?,
        sessions_total: number("CumConns")?,
        bytes_out: number("TotalBytesOut")?,
    })
}

/// The ports of which a session is connecting to the server, in the reply to `show sess`. Between its line's brackets
/// stands first the state of the server's side (`enum sc_state` of HAProxy's source): a server has been chosen (4), and
/// the connection is not established yet (8).
pub(in super::super) fn connecting(show_sess: &str) -> BTreeSet<u16> {
    let port = |line: &str| {
        let value = |name| line.split(' ').find_map(|field| field.strip_prefix(name));
        let (state, _) = value("scb=[")?.split_once(',')?;
        let is_connecting = (4..8).contains(&state.parse::<u8>().ok()?);
        port_of(value("be=")?).filter(|_| is_connecting)
    };
    show_sess.lines().filter_map(port).collect()
}

/// The ports' servers in the reply to `show servers state`.
pub(in super::super) fn servers(reply: &str) -> Result<Vec<(u16, Server)>, ReplyError> {
    // The first line is the version of the format, which the command's success has been judged by.
    let mut lines = reply.lines().skip(1);
    let names = lines.next().unwrap_or_default().trim_start_matches("# ").split(' ').collect::<Vec<_>>();
    let [backend, server, address, port, state, admin_state, check_state, weight, full_weight] = columns(
        &names,
        [
            "be_name",
            "srv_name",
            "srv_addr",
            "srv_port",
            "srv_op_state",
            "srv_admin_state",
            "srv_check_state",
            "srv_uweight",
            "srv_iweight",
        ],
    )?;
    let server = |line: &str| {
        let values: Vec<&str> = line.split(' ').collect();
        let Some(of) = port_of(values.get(backend)?).filter(|_| values.get(server) == Some(&"c")) else {
            return Some(None);
        };
        let address: IpAddr = values.get(address)?.parse().ok()?;
        let port: u16 = values.get(port)?.parse().ok()?;
        let admin_state: u32 = values.get(admin_state)?.parse().ok()?;
        let check_state: u32 = values.get(check_state)?.parse().ok()?;
        let is_enabled = admin_state & !WAS_DISABLED == 0;
        let is_ready = is_enabled && values.get(weight)? == values.get(full_weight)?;
        let is_down = is_enabled && *values.get(state)? == STOPPED;
        let is_checked = check_state & CHECKED != 0;
        Some(Some((of, Server { address: SocketAddr::new(address, port), is_ready, is_checked, is_down })))
    };
    read(lines, server)
}

/// The ports' frontends in the reply to `show stat`.
pub(in super::super) fn frontends(reply: &str) -> Result<Vec<(u16, Frontend)>, ReplyError> {
    let mut lines = reply.lines();
    let names = lines.next().unwrap_or_default().trim_start_matches("# ").split(',').collect::<Vec<_>>();
    let [proxy, status, sessions, limit] = columns(&names, ["pxname", "status", "scur", "slim"])?;
    let frontend = |line: &str| {
        // There are a hundred columns and more, and some of the last hold commas in quotes.
        let value = |column| line.split(',').nth(column);
        let Some(port) = port_of(value(proxy)?) else { return Some(None) };
        // FULL listens too, as soon as one of its connections ends.
        let is_open = matches!(value(status)?, "OPEN" | "FULL");
        let count = |column| value(column)?.parse::<u64>().ok();
        let is_full = count(sessions).zip(count(limit)).is_some_and(|(has, may_have)| has >= may_have);
        Some(Some((port, Frontend { is_open, is_full })))
    };
    read(lines, frontend)
}

/// What has gone through the ports, in the reply to `show stat`. `lastsess` is -1 where nobody has come yet.
pub(in super::super) fn traffic(reply: &str) -> Result<Vec<(u16, Traffic)>, ReplyError> {
    let mut lines = reply.lines();
    let names = lines.next().unwrap_or_default().trim_start_matches("# ").split(',').collect::<Vec<_>>();
    let [proxy, sessions, bytes_in, bytes_out, last] =
        columns(&names, ["pxname", "scur", "bin", "bout", "lastsess"])?;
    let traffic = |line: &str| {
        let value = |column| line.split(',').nth(column);
        let Some(port) = port_of(value(proxy)?) else { return Some(None) };
        let count = |column| value(column)?.parse::<u64>().ok();
        let (sessions, bytes_in, bytes_out) = (count(sessions)?, count(bytes_in)?, count(bytes_out)?);
        let last_used_seconds_ago = count(last);
        Some(Some((port, Traffic { sessions, bytes_in, bytes_out, last_used_seconds_ago })))
    };
    read(lines, traffic)
}

fn columns<const N: usize>(names: &[&str], wanted: [&'static str; N]) -> Result<[usize; N], ReplyError> {
    let mut places = [0; N];
    for (place, wanted) in places.iter_mut().zip(wanted) {
        *place = names.iter().position(|name| *name == wanted).ok_or(ReplyError::NoColumn(wanted))?;
    }
    Ok(places)
}

fn read<'a, T>(
    lines: impl Iterator<Item = &'a str>,
    parse: impl Fn(&str) -> Option<Option<T>>,
) -> Result<Vec<T>, ReplyError> {
    let parsed = lines.filter(|line| !line.is_empty());
    let parsed = parsed.map(|line| parse(line).ok_or_else(|| ReplyError::Unreadable(excerpt(line))));
    parsed.filter_map(Result::transpose).collect()
}

/// The port of one of our proxies, by its name.
pub(in super::super) fn port_of(proxy: &str) -> Option<u16> {
    proxy.strip_prefix('p')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::mangled::mangled;

    const SERVERS: &str = "1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_check_state srv_fqdn srv_port
2 p5000 1 c 10.0.0.7 2 0 1 1 0 - 8080
3 p5001 1 c 127.0.0.1 0 5 1 1 0 - 1
4 p5002 1 c fd00::9 2 0 0 1 0 - 80
7 p5004 1 c 10.0.0.9 2 4 1 1 0 - 80
8 p5005 1 c 10.0.0.5 0 0 1 1 6 - 80
5 mine 1 c 10.9.9.9 2 0 1 1 0 - 80
6 p5003 1 other - 2 0 1 1 0 - 80";

    fn server(address: &str, is_ready: bool) -> Server {
        Server { address: address.parse().unwrap(), is_ready, is_checked: false, is_down: false }
    }

    #[test]
    fn the_servers_of_our_ports_are_read_and_no_others() {
        let expected = [
            (5000, server("10.0.0.7:8080", true)),
            (5001, server("127.0.0.1:1", false)),
            (5002, server("[fd00::9]:80", false)),
            (5004, server("10.0.0.9:80", true)),
            (5005, Server { is_checked: true, is_down: true, ..server("10.0.0.5:80", true) }),
        ];
        assert_eq!(servers(SERVERS).unwrap(), expected);
    }

    #[test]
    fn the_numbers_of_the_process_are_found_by_their_names() {
        let reply = "Name: HAProxy\nMaxConn: 9\nCurrConns: 3\nCumConns: 18446744073709551615\nTotalBytesOut: 70000\n\
                     TotalSplicedBytesOut: 1";
        let info = ProcessInfo { sessions: 3, sessions_total: u64::MAX, bytes_out: 70_000 };
        assert_eq!(info_of_process(reply), Ok(info));
        let missing = reply.replace("CumConns", "ConnsEver");
        assert_eq!(info_of_process(&missing), Err(ReplyError::NoColumn("CumConns")));
    }

    #[test]
    fn columns_may_move_but_not_be_missing() {
        let moved = "1\n# srv_name srv_iweight be_name srv_addr srv_port srv_uweight srv_admin_state srv_check_state srv_op_state new\n\
                     c 1 p5000 10.0.0.7 8080 1 0 0 2 x";
        assert_eq!(servers(moved).unwrap(), [(5000, server("10.0.0.7:8080", true))]);
        let missing = SERVERS.replace("srv_port", "srv_bort");
        assert_eq!(servers(&missing), Err(ReplyError::NoColumn("srv_port")));
        let garbled = SERVERS.replace("10.0.0.7", "somewhere");
        assert!(matches!(servers(&garbled), Err(ReplyError::Unreadable(line)) if line.contains("p5000")));
    }

    #[test]
    fn frontends_are_open_or_not() {
        let reply = "# pxname,svname,qcur,scur,slim,status,-\np5000,FRONTEND,,4,5,OPEN,\np5001,FRONTEND,,,,PAUSED,\n\
                     p5002,FRONTEND,,0,5,STOP,\np5003,FRONTEND,,5,5,FULL,\nstats,FRONTEND,,5,5,OPEN,";
        let open: Vec<_> =
            frontends(reply).unwrap().into_iter().map(|(port, f)| (port, f.is_open, f.is_full)).collect();
        assert_eq!(
            open,
            [(5000, true, false), (5001, false, false), (5002, false, false), (5003, true, true)]
        );
        assert_eq!(frontends("# pxname,svname\np5000,FRONTEND"), Err(ReplyError::NoColumn("status")));
    }

    #[test]
    fn the_ports_of_sessions_that_are_connecting_are_found() {
        let session = |port: u16, state: u8| {
            format!(
                "0x7fee7147a000: proto=tcpv4 src=127.0.0.1:50008 fe=p{port} be=p{port} srv=c ts=00 age=0s calls=1 \
                 rq[f=808000h,i=0,an=00h,ax=] rp[f=80000000h,i=0,an=00h,ax=] scf=[8,40002h,fd=12,rex=,wex=] \
                 scb=[{state},1h,fd=13,rex=,wex=] exp=2s rc=0 c_exp=2s\n"
            )
        };
        let own = "0x1: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> scb=[8,1h,fd=-1]\n";
        // A pause before the next attempt, a connection under way, an established one, one that has ended.
        let reply: String = [(5000, 3), (5001, 5), (5002, 8), (5001, 8), (5003, 10)]
            .map(|(port, state)| session(port, state))
            .concat();
        assert_eq!(connecting(&(reply + own)), [5001].into());
    }

    #[test]
    fn the_version_is_found() {
        let debian = "Name: HAProxy\nVersion: 3.0.11-1+deb13u4\nPid: 3111\n";
        assert_eq!(version(debian), Some(Version { major: 3, minor: 0, patch: 11 }));
        assert_eq!(version("Name: HAProxy\nPid: 3111\n"), None);
    }

    #[test]
    fn the_pid_is_found() {
        assert_eq!(pid("Name: HAProxy\nPid: 3111\n"), Some(3111));
        assert_eq!(pid("Name: HAProxy\n"), None);
    }

    const FRONTENDS: &str = "# pxname,svname,qcur,scur,slim,status,-
p5000,FRONTEND,,4,5,OPEN,
p5001,FRONTEND,,5,5,PAUSED,
stats,FRONTEND,,4,5,OPEN,";

    /// A reply of HAProxy's that is not quite, or something else.
    fn reply() -> impl Strategy<Value = String> {
        let lossy = |reply: Vec<u8>| String::from_utf8_lossy(&reply).into_owned();
        prop_oneof![
            4 => mangled(SERVERS.to_owned()).prop_map(lossy),
            4 => mangled(FRONTENDS.to_owned()).prop_map(lossy),
            1 => mangled("Name: HAProxy\nPid: 3111\n".to_owned()).prop_map(lossy),
            1 => "(1\n)?(# )?[a-z_0-9 ,.:\n-]{0,200}",
            1 => any::<String>(),
        ]
    }

    proptest! {
        #[test]
        fn any_reply_is_read_or_refused_and_never_grows(reply in reply(), long in 0..1_000_usize) {
            let reply = reply.replace(":9", &":9".repeat(long));
            let lines = reply.lines().count();
            let is_short = |error: &ReplyError| error.to_string().chars().count() <= 3_000;
            match servers(&reply) {
                Ok(servers) => prop_assert!(servers.len() <= lines),
                Err(error) => prop_assert!(is_short(&error), "{}", error),
            }
            match frontends(&reply) {
                Ok(frontends) => prop_assert!(frontends.len() <= lines),
                Err(error) => prop_assert!(is_short(&error), "{}", error),
            }
            prop_assert!(connecting(&reply).len() <= lines);
            prop_assert!(pid(&reply).is_none_or(|pid| reply.contains(&pid.to_string())));
        }
    }
}
