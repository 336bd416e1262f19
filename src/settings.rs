//! The settings, checked: what the actors need, in their own types. A wrong value never gets past here,
//! and one start tells every mistake.

mod directories;
mod haproxy;
mod machine;
mod metadata_url;
mod parser;
mod pool_errors;
mod raw_setting;
mod shown;
pub(crate) mod table;

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use rustix::process::{Resource, getrlimit};
use stalls_actors::{
    allocation::AllocatorSettings,
    config::{ListenSettings, Template},
    haproxy::OnLeave,
    mapping::{Mapping, ServiceRef},
};

pub(crate) use self::machine::{Machine, ThisMachine};
use self::{
    parser::{Reported, SettingsParser},
    raw_setting::RawSetting,
};
use crate::{
    cli::Cli,
    logging::{self, Format, level},
    mistake::Mistakes,
    pool_conflicts, pool_limits,
};

/// What the settings are for: that decides what the machine has to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To run: the directories are made and must be writable, HAProxy must be there.
    Run,
    /// To print the configuration: nothing on the machine is touched but the template.
    Render,
}

/// Everything that a person can set.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What to map; the classic variables are a list of one.
    pub(crate) mappings: Vec<Mapping>,
    /// `http://host[:port]/version`, without a slash at its end.
    pub(crate) metadata_url: String,
    /// The long poll's length and the ceiling of the pause between retries; 1 ms to 120 s.
    pub(crate) poll_sleep: Duration,
    /// Where the pool listens; `None` is every IPv4 address.
    pub(crate) bind_address: Option<IpAddr>,
    /// Whether containers on loopback addresses are mapped.
    pub(crate) allow_loopback: bool,
    /// What must survive a restart; absolute.
    pub(crate) state_dir: PathBuf,
    /// Sockets and HAProxy's configuration; absolute, at most 70 bytes, without `,` and `$`.
    pub(crate) run_dir: PathBuf,
    /// HAProxy's executable; absolute. To render it is not looked at.
    pub(crate) haproxy_bin: PathBuf,
    /// How HAProxy's configuration is written.
    pub(crate) template: Template,
    /// How often the live HAProxy is compared with the plan; a second to an hour.
    pub(crate) reconcile_interval: Duration,
    /// What becomes of the connections to a container that leaves its port.
    pub(crate) on_leave: OnLeave,
    /// How long connections may go on after the first signal; up to a day.
    pub(crate) drain: Duration,
    /// How long a freed slot is kept from other containers without an index; up to a day.
    pub(crate) port_reuse_delay: Duration,
    /// How long an answer that would free most slots is held back; up to an hour.
    pub(crate) mass_removal_hold: Duration,
    /// Where stalls answers questions about itself; `None` is nowhere.
    pub(crate) admin_listen: Option<SocketAddr>,
    /// What is logged, and how.
    pub(crate) log: logging::Options,
}

/// What the stages need, the same for a stalls that runs and for one that renders.
impl Settings {
    /// The services to follow.
    pub(crate) fn services(&self) -> BTreeSet<ServiceRef> {
        self.mappings.iter().map(|mapping| mapping.service.clone()).collect()
    }

    /// Whether a pool's size is to be read from what stalls' own service publishes.
    pub(crate) fn needs_published_ports(&self) -> bool {
        self.mappings.iter().any(|mapping| mapping.port_count.is_none())
    }

    pub(crate) fn allocation(&self) -> AllocatorSettings {
        let Self { mappings, bind_address, admin_listen, .. } = self;
        AllocatorSettings {
            pools: pool_limits::pools(mappings, *bind_address, *admin_listen, descriptor_limit()),
            allow_loopback: self.allow_loopback,
            tombstone: self.port_reuse_delay,
            guard: self.mass_removal_hold,
        }
    }

    pub(crate) fn listen(&self) -> ListenSettings {
        ListenSettings { bind_address: self.bind_address, descriptor_limit: descriptor_limit() }
    }
}

/// How many descriptors HAProxy may open. It raises its own soft limit up to the hard one.
fn descriptor_limit() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

impl Settings {
    /// Checks what the command line and the environment say, and what `machine` must offer for
    /// `purpose`.
    ///
    /// # Errors
    /// All the mistakes at once.
    pub(crate) fn from_cli(cli: &Cli, purpose: Purpose, machine: &impl Machine) -> Result<Self, Mistakes> {
        let mut parser = SettingsParser::new(cli);
        let read = Self::read(&mut parser, purpose, machine);
        parser.finish(read)
    }

    /// Reads every setting before the first mistake ends it, so that all are reported.
    fn read(
        parser: &mut SettingsParser<'_>,
        purpose: Purpose,
        machine: &impl Machine,
    ) -> Result<Self, Reported> {
        let mappings = mappings(parser);
        let bind_address = parser.optional(&table::BIND_ADDRESS, RawSetting::ip_address);
        let metadata_url = parser.value(&table::METADATA_URL, metadata_url::parse);
        let allow_loopback = parser.value(&table::ALLOW_LOOPBACK, RawSetting::boolean);
        let haproxy_bin = haproxy::executable(parser, purpose, machine);
        let template = haproxy::template(parser, machine);
        let poll_sleep = parser.value(&table::POLL_SLEEP_TIME_MS, RawSetting::milliseconds);
        let reconcile_interval = parser.value(&table::RECONCILE_INTERVAL_MS, RawSetting::milliseconds);
        let on_leave = parser.optional(&table::ON_LEAVE, |given| given.choice(on_leave));
        let drain = parser.value(&table::DRAIN_MS, RawSetting::milliseconds);
        let port_reuse_delay = parser.value(&table::PORT_REUSE_DELAY_MS, RawSetting::milliseconds);
        let mass_removal_hold = parser.value(&table::MASS_REMOVAL_HOLD_MS, RawSetting::milliseconds);
        let directories = directories::state_and_run(parser, purpose, machine);
        let admin_listen = admin_listen(parser, &bind_address, &mappings);
        let log = log_options(parser, machine);
        let (state_dir, run_dir) = directories?;
        Ok(Self {
            mappings: mappings?,
            metadata_url: metadata_url?,
            poll_sleep: poll_sleep?,
            bind_address: bind_address?,
            allow_loopback: allow_loopback?,
            state_dir,
            run_dir,
            haproxy_bin: haproxy_bin?,
            template: template?,
            reconcile_interval: reconcile_interval?,
            on_leave: on_leave?.unwrap_or_default(),
            drain: drain?,
            port_reuse_delay: port_reuse_delay?,
            mass_removal_hold: mass_removal_hold?,
            admin_listen: admin_listen?,
            log: log?,
        })
    }
}

fn mappings(parser: &mut SettingsParser<'_>) -> Result<Vec<Mapping>, Reported> {
    let mappings = vec![mapping(parser)?];
    for conflict in pool_conflicts::conflicts(&mappings) {
        parser.add(pool_errors::conflict(conflict));
    }
    Ok(mappings)
}

/// The classic triple, with what refines it.
fn mapping(parser: &mut SettingsParser<'_>) -> Result<Mapping, Reported> {
    let service = parser.value(&table::SERVICE_NAME, |given| given.name("use STACK_NAME for the stack"));
    let backend_port = parser.value(&table::BACKEND_PORT, RawSetting::port);
    let base_port = parser.value(&table::BASE_PORT, RawSetting::port);
    let port_count = parser.optional(&table::PORT_COUNT, RawSetting::port_count);
    let stack = parser.optional(&table::STACK_NAME, |given| given.name("use SERVICE_NAME for the service"));
    Ok(Mapping {
        service: ServiceRef { stack: stack?, service: service? },
        backend_port: backend_port?,
        base_port: base_port?,
        port_count: port_count?,
    })
}

fn on_leave(name: &str) -> Option<OnLeave> {
    [OnLeave::Cut, OnLeave::Drain].into_iter().find(|action| action.name() == name)
}

/// Where a stalls with these settings is asked about itself, from its own machine.
///
/// # Errors
/// When the setting is wrong, or says that there is no such address.
pub(crate) fn admin_address(cli: &Cli) -> Result<SocketAddr, Mistakes> {
    let mut parser = SettingsParser::new(cli);
    let address = parser.value(&table::ADMIN_LISTEN, |given| {
        let address = given.socket_address_or_off()?;
        address.ok_or_else(|| {
            given.wrong("must be the address that stalls listens on, or there is nobody to ask")
        })
    });
    parser.finish(address.map(from_here))
}

/// Who listens on every address does so on loopback.
fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// An address in the pool is told only when the addresses and the pools are right in themselves.
fn admin_listen(
    parser: &mut SettingsParser<'_>,
    bind_address: &Result<Option<IpAddr>, Reported>,
    mappings: &Result<Vec<Mapping>, Reported>,
) -> Result<Option<SocketAddr>, Reported> {
    let listen = parser.value(&table::ADMIN_LISTEN, RawSetting::socket_address_or_off)?;
    if let (Some(admin), Ok(bind_address), Ok(mappings)) = (listen, bind_address, mappings) {
        let conflict = pool_conflicts::pool_with_admin_port(admin, *bind_address, mappings);
        parser.report(conflict.map_or(Ok(()), |pool| Err(pool_errors::admin(admin, pool))))?;
    }
    Ok(listen)
}

fn log_options(
    parser: &mut SettingsParser<'_>,
    machine: &impl Machine,
) -> Result<logging::Options, Reported> {
    let format = parser.optional(&table::LOG_FORMAT, |given| given.choice(Format::named));
    let level = parser.value(&table::LOG_LEVEL, |given| given.choice(level::named));
    let usual = if machine.stdout_is_terminal() { Format::Term } else { Format::Json };
    Ok(logging::Options { format: format?.unwrap_or(usual), level: level? })
}

#[cfg(test)]
mod tests;
