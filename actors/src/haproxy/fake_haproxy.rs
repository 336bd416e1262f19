//! A HAProxy as far as its runtime API goes, for tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use super::{
    port_state::{PortState, Ports, ports_of},
    runtime_api::Command,
};
use crate::config::HaproxyConfig;

/// How many connections a port may have.
const LIMIT: usize = 3;
/// A version that has no fault which shows here.
pub(crate) const WELL: &str = "3.2.26";
/// A version that never closes a session which it is told to end while it connects.
pub(crate) const HANGING: &str = "3.0.11";

/// A process that answers commands as HAProxy does.
#[derive(Clone, Debug)]
pub(crate) struct FakeHaproxy {
    pub(crate) pid: u32,
    pub(crate) version: &'static str,
    /// The ports that have sessions which are connecting to the server.
    pub(crate) connecting: BTreeSet<u16>,
    /// Whether it checks the servers.
    pub(super) checks: bool,
    /// Those that a health check finds down.
    pub(super) down: BTreeSet<u16>,
    /// Those that have sessions which no longer end: 3.0 was told to end them while they were connecting.
    pub(crate) hanging: BTreeSet<u16>,
    ports: BTreeMap<u16, Port>,
    /// The ports that somebody else listens on: they cannot be opened.
    pub(crate) taken: BTreeSet<u16>,
}

#[derive(Clone, Debug)]
struct Port {
    server: SocketAddr,
    /// An address that has been set and has not taken effect yet.
    coming: Option<SocketAddr>,
    is_maintained: bool,
    is_open: bool,
    /// The servers of the established connections.
    sessions: Vec<SocketAddr>,
}

impl FakeHaproxy {
    /// A HAProxy with these slots.
    pub(super) fn new(pid: u32, slots: &Ports) -> Self {
        let port = |slot: &PortState| Port {
            server: slot.server,
            coming: None,
            is_maintained: !slot.is_ready,
            is_open: slot.is_open,
            sessions: Vec::new(),
        };
        let ports = slots.iter().map(|(number, slot)| (*number, port(slot))).collect();
        let [connecting, down, hanging, taken] = [const { BTreeSet::new() }; 4];
        Self { pid, version: WELL, checks: false, connecting, down, hanging, ports, taken }
    }

    /// One that has just been started with `config`: it listens on all its ports until it is told otherwise.
    pub(crate) fn started(pid: u32, config: &HaproxyConfig) -> Self {
        let mut slots = ports_of(config);
        slots.values_mut().for_each(|slot| slot.is_open = true);
        Self::new(pid, &slots)
    }

    /// What it does with each port.
    pub(super) fn slots(&self) -> Ports {
        let slot = |number: &u16, port: &Port| PortState {
            server: port.server,
            displaced: None,
            is_ready: !port.is_maintained,
            is_open: port.is_open,
            is_down: !port.is_maintained && self.down.contains(number),
            is_full: port.sessions.len() >= LIMIT,
        };
        self.ports.iter().map(|(number, port)| (*number, slot(number, port))).collect()
    }

    /// Whether it says that it accepts connections.
    pub(crate) fn says_open(&self, port: u16) -> bool {
        self.ports.get(&port).is_some_and(|port| port.is_open)
    }

    /// Where a client that connects now lands; `None` if it is refused or led nowhere.
    pub(crate) fn leads_to(&self, port: u16) -> Option<SocketAddr> {
        let is_up = !self.down.contains(&port);
        let port = self.ports.get(&port).filter(|port| port.is_open && !port.is_maintained && is_up)?;
        Some(port.server)
    }

    /// A client connects: where it lands.
    pub(super) fn connect(&mut self, port: u16) -> Option<SocketAddr> {
        let server = self.leads_to(port)?;
        self.ports.get_mut(&port)?.sessions.push(server);
        Some(server)
    }

    /// Where the established connections of a port lead.
    pub(super) fn sessions(&self, port: u16) -> &[SocketAddr] {
        &self.ports[&port].sessions
    }

    /// The addresses that have been set take effect.
    pub(crate) fn catch_up(&mut self) {
        for port in self.ports.values_mut() {
            port.server = port.coming.take().unwrap_or(port.server);
        }
    }

    /// Carries out a command; gives its reply.
    pub(crate) fn answer(&mut self, command: Command) -> String {
        let taken = command.port().is_some_and(|port| self.taken.contains(&port));
        let shown = command.port();
        let mut port = command.port().and_then(|port| self.ports.get_mut(&port));
        match (command, &mut port) {
            (Command::ShowInfo, _) => {
                return format!("Name: HAProxy\nVersion: {}\nPid: {}", self.version, self.pid);
            }
            (Command::ShowSessions, _) => return self.show_sessions(),
            (Command::ShowServers(_), _) => return self.show_servers(shown),
            (Command::ShowFrontends(_), _) => return self.show_frontends(shown),
            (Command::ShowBackends(_), _) => panic!("no actor asks for the traffic"),
            (Command::DisableFrontend(_) | Command::EnableFrontend(_), None) => "No such frontend.",
            (_, None) => "No such server.",
            (Command::SetAddress(_, address), Some(port)) => {
                port.coming = Some(address);
                "IP changed from 'this' to 'that'"
            }
            (Command::SetReady(number), Some(port)) => {
                if std::mem::replace(&mut port.is_maintained, false) {
                    self.down.remove(&number);
                }
                ""
            }
            (Command::SetHealthy(number), Some(_)) => {
                self.down.remove(&number);
                ""
            }
            (Command::SetMaintenance(_), Some(port)) => {
                port.is_maintained = true;
                ""
            }
            (Command::SetFullWeight(_), Some(_)) => "",
            (Command::DisableFrontend(_), Some(port)) => {
                if std::mem::replace(&mut port.is_open, false) {
                    ""
                } else {
                    "All sockets are already disabled."
                }
            }
            (Command::EnableFrontend(_), Some(_)) if taken => "Failed to resume frontend, check logs.",
            (Command::EnableFrontend(_), Some(port)) => {
                if std::mem::replace(&mut port.is_open, true) {
                    "All sockets are already enabled."
                } else {
                    ""
                }
            }
            (Command::ShutdownSessions(number), Some(port)) => {
                port.sessions.clear();
                if self.connecting.remove(&number) && self.version == HANGING {
                    self.hanging.insert(number);
                }
                ""
            }
        }
        .to_owned()
    }

    fn shown(&self, only: Option<u16>) -> impl Iterator<Item = (&u16, &Port)> {
        self.ports.iter().filter(move |(port, _)| only.is_none_or(|only| only == **port))
    }

    fn show_sessions(&self) -> String {
        let own = "0x1: proto=unix_stream fe=GLOBAL be=<NONE> srv=<none> scb=[8,1h,fd=-1]\n".to_owned();
        self.connecting
            .iter()
            .fold(own, |text, port| text + &format!("0x2: fe=p{port} be=p{port} srv=c scb=[5,1h,fd=9]\n"))
    }

    fn show_servers(&self, only: Option<u16>) -> String {
        let head =
            "1\n# be_name srv_name srv_addr srv_op_state srv_admin_state srv_check_state srv_uweight srv_iweight srv_port\n"
                .to_owned();
        self.shown(only).fold(head, |text, (port, p)| {
            let (ip, admin) = (p.server.ip(), u8::from(p.is_maintained));
            let state = if p.is_maintained || self.down.contains(port) { 0 } else { 2 };
            let check = if self.checks { 6 } else { 0 };
            text + &format!("p{port} c {ip} {state} {admin} {check} 1 1 {}\n", p.server.port())
        })
    }

    fn show_frontends(&self, only: Option<u16>) -> String {
        self.shown(only).fold("# pxname,svname,scur,slim,status,\n".to_owned(), |text, (port, p)| {
            let (sessions, status) = (p.sessions.len(), if p.is_open { "OPEN" } else { "PAUSED" });
            text + &format!("p{port},FRONTEND,{sessions},{LIMIT},{status},\n")
        })
    }
}
