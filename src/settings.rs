//! The settings, parsed and checked. No wrong value gets past here, and one start reports every error.

mod directories;
#[cfg(feature = "docker")]
mod docker;
mod effective;
mod haproxy;
mod host;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod log_fields;
mod mappings;
mod metadata_url;
mod parser;
mod raw_setting;
mod source;
pub(crate) mod table;

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    num::{NonZeroU16, NonZeroUsize},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Resource, getrlimit};
use stalls_actors::{
    allocation::{AllocatorSettings, ListenAddresses, PoolSettings, pool_limits},
    config::{ListenSettings, Template},
    domain::{DEFAULT_PORT_COUNT, Mapping, ProxyProtocol, ServiceRef},
    haproxy::OnLeave,
};

use self::{
    directories::Directories,
    parser::{Reported, SettingsParser},
    raw_setting::RawSetting,
};
pub(crate) use self::{
    effective::EffectiveSetting,
    host::{Host, ThisHost},
    source::SourceSetting,
};
use crate::{
    cli::Cli,
    config_error::ConfigErrors,
    logging::{self, Format, level},
};

/// What the settings are for, which decides what is checked on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To run: the directories are created and must be writable, and HAProxy must be installed.
    Run,
    /// To print or check something: nothing is touched on the host but the template.
    Look,
}

/// The value of every setting.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What to map: one or more.
    pub(crate) mappings: Vec<Mapping>,
    /// Where the containers are known from.
    pub(crate) source: SourceSetting,
    /// The length of a long poll, and the longest pause between retries; 1 ms to 120 s.
    pub(crate) poll_sleep: Duration,
    /// The address that the pool listens on; `None` is every IPv4 address.
    pub(crate) bind_address: Option<IpAddr>,
    /// Whether containers on loopback addresses are mapped.
    pub(crate) allow_loopback: bool,
    /// The directory for what must survive a restart; absolute.
    pub(crate) state_dir: PathBuf,
    /// The directory for sockets and HAProxy's configuration; absolute, at most 70 bytes, without `,` and `$`.
    pub(crate) run_dir: PathBuf,
    /// The directory for recordings; absolute. `None` if nothing is recorded.
    pub(crate) record_dir: Option<PathBuf>,
    /// HAProxy's executable; absolute. For [`Purpose::Look`] it need not be there.
    pub(crate) haproxy_bin: PathBuf,
    /// The file of the template, unless it is the built-in one.
    pub(crate) template_file: Option<PathBuf>,
    /// The template of HAProxy's configuration.
    pub(crate) template: Template,
    /// How often the live HAProxy is compared with the plan; a second to an hour.
    pub(crate) reconcile_interval: Duration,
    /// What happens to the connections to a container that loses its port.
    pub(crate) on_leave: OnLeave,
    /// How many connections a port may have, 1 to 100,000; `None` is half of all.
    pub(crate) max_connections_per_port: Option<u64>,
    /// How long a connection may be silent, up to 24 days; `None` is no limit.
    pub(crate) idle_timeout: Option<Duration>,
    /// Which version of the PROXY protocol the containers are sent, if any.
    pub(crate) send_proxy: Option<ProxyProtocol>,
    /// Whether HAProxy checks each container.
    pub(crate) health_check: bool,
    /// How often it does; 100 ms to an hour.
    pub(crate) health_check_interval: Duration,
    /// How many processes may drain at a time after reloads; 1 to 1000.
    pub(crate) max_draining: usize,
    /// How long open connections may go on after the first signal; up to a day.
    pub(crate) drain: Duration,
    /// How long a freed port is reserved against other containers without an index; up to a day.
    pub(crate) port_reuse_delay: Duration,
    /// How long a missing container may linger; up to a day.
    pub(crate) linger: Duration,
    /// The address of the admin server; `None` is none.
    pub(crate) admin_listen: Option<SocketAddr>,
    /// By which names the admin address may be called, besides IP addresses, `localhost` and this host's own.
    pub(crate) admin_hosts: Vec<String>,
    /// Every setting as it was given.
    pub(crate) effective: Vec<EffectiveSetting>,
    /// What is logged, and how.
    pub(crate) log: logging::Options,
}

/// The ports of one mapping.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    /// Whose containers they lead to.
    pub(crate) service: ServiceRef,
    /// One or more.
    pub(crate) ports: RangeInclusive<u16>,
    /// Whether their number is the default: what stalls' own service publishes may say another.
    pub(crate) is_assumed: bool,
}

/// What the stages need, the same to run and to render.
impl Settings {
    /// The services to follow.
    pub(crate) fn services(&self) -> BTreeSet<ServiceRef> {
        self.mappings.iter().map(|mapping| mapping.service.clone()).collect()
    }

    /// Whether the size of a pool depends on the ports that stalls' own service publishes.
    pub(crate) fn needs_published_ports(&self) -> bool {
        self.mappings.iter().any(|mapping| mapping.port_count.is_none())
    }

    /// The directories that stalls writes to.
    pub(crate) fn directories(&self) -> impl Iterator<Item = &Path> {
        [&self.run_dir, &self.state_dir].into_iter().chain(&self.record_dir).map(PathBuf::as_path)
    }

    pub(crate) fn allocation(&self) -> AllocatorSettings {
        let Self { mappings, bind_address, admin_listen, .. } = self;
        AllocatorSettings {
            pools: pool_limits::pools(mappings, *bind_address, *admin_listen, descriptor_limit()),
            listen: ListenAddresses { pools: *bind_address, admin: *admin_listen },
            allow_loopback: self.allow_loopback,
            port_reuse_delay: self.port_reuse_delay,
            linger: self.linger,
        }
    }

    /// Each pool, as far as it is known before the metadata is.
    pub(crate) fn pools(&self) -> impl Iterator<Item = Pool> {
        self.allocation().pools.into_iter().map(|PoolSettings { mapping, room, .. }| {
            let sized = mapping.port_count.map(NonZeroU16::get);
            let ports = mapping.pool(sized.unwrap_or(DEFAULT_PORT_COUNT.min(room)));
            Pool { service: mapping.service, ports, is_assumed: sized.is_none() }
        })
    }

    pub(crate) fn listen(&self) -> ListenSettings {
        ListenSettings {
            bind_address: self.bind_address,
            descriptor_limit: descriptor_limit(),
            max_connections_per_port: self.max_connections_per_port,
            idle_timeout: self.idle_timeout,
            send_proxy: self.send_proxy,
            health_check: self.health_check.then_some(self.health_check_interval),
            processors: processors(),
        }
    }
}

/// How many processors a process may use at once: what its affinity allows, and its cgroup's quota, of which a part of
/// one is one.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// How many descriptors HAProxy may open. It raises its own soft limit up to the hard one.
fn descriptor_limit() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

impl Settings {
    /// Parses the command line and the environment, and checks what `purpose` needs on `host`.
    ///
    /// # Errors
    /// Every wrong or missing setting.
    pub(crate) fn from_cli(cli: &Cli, purpose: Purpose, host: &impl Host) -> Result<Self, ConfigErrors> {
        let mut parser = SettingsParser::new(cli);
        let read = Self::read(&mut parser, purpose, host);
        let tried = read.and_then(|settings| haproxy::tried(&mut parser, settings, host));
        parser.finish(tried)
    }

    /// Parses every setting before it returns an error, so that all errors are found.
    fn read(parser: &mut SettingsParser<'_>, purpose: Purpose, host: &impl Host) -> Result<Self, Reported> {
        let mappings = mappings::mappings(parser);
        let bind_address = parser.optional(&table::BIND_ADDRESS, RawSetting::ip_address);
        let source = source::source(parser, purpose, host);
        let allow_loopback = parser.value(&table::ALLOW_LOOPBACK, RawSetting::boolean);
        let haproxy_bin = haproxy::executable(parser, purpose, host);
        let template_file = parser.text(&table::HAPROXY_TEMPLATE).map(PathBuf::from);
        let template = haproxy::template(parser, host);
        let poll_sleep = parser.value(&table::POLL_SLEEP_TIME_MS, RawSetting::milliseconds);
        let reconcile_interval = parser.value(&table::RECONCILE_INTERVAL_MS, RawSetting::milliseconds);
        let on_leave = parser.optional(&table::ON_LEAVE, |raw| raw.choice(on_leave));
        let max_connections_per_port =
            parser.optional(&table::MAX_CONNECTIONS_PER_PORT, RawSetting::connections);
        let idle_timeout = parser.value(&table::IDLE_TIMEOUT_MS, RawSetting::milliseconds);
        let send_proxy = parser.optional(&table::SEND_PROXY, |raw| raw.choice(proxy_protocol));
        let health_check = parser.value(&table::HEALTH_CHECK, RawSetting::boolean);
        let health_check_interval = parser.value(&table::HEALTH_CHECK_INTERVAL_MS, RawSetting::milliseconds);
        let max_draining = parser.value(&table::MAX_DRAINING, RawSetting::count);
        let drain = parser.value(&table::DRAIN_MS, RawSetting::milliseconds);
        let port_reuse_delay = parser.value(&table::PORT_REUSE_DELAY_MS, RawSetting::milliseconds);
        let linger = parser.value(&table::LINGER_MS, RawSetting::milliseconds);
        let directories = directories::directories(parser, purpose, host);
        let admin_listen = admin_listen(parser, &bind_address, &mappings);
        let admin_hosts = parser.optional(&table::ADMIN_HOSTS, RawSetting::host_names);
        let effective = effective::effective(parser.cli());
        let log = log_options(parser, host);
        let Directories { state, run, record } = directories?;
        Ok(Self {
            mappings: mappings?,
            source: source?,
            poll_sleep: poll_sleep?,
            bind_address: bind_address?,
            allow_loopback: allow_loopback?,
            state_dir: state,
            run_dir: run,
            record_dir: record,
            haproxy_bin: haproxy_bin?,
            template_file,
            template: template?,
            reconcile_interval: reconcile_interval?,
            on_leave: on_leave?.unwrap_or_default(),
            max_connections_per_port: max_connections_per_port?,
            idle_timeout: Some(idle_timeout?).filter(|limit| !limit.is_zero()),
            send_proxy: send_proxy?,
            health_check: health_check?,
            health_check_interval: health_check_interval?,
            max_draining: max_draining?,
            drain: drain?,
            port_reuse_delay: port_reuse_delay?,
            linger: linger?,
            admin_listen: admin_listen?,
            admin_hosts: admin_hosts?.unwrap_or_default(),
            effective,
            log: log?,
        })
    }
}

fn on_leave(name: &str) -> Option<OnLeave> {
    [OnLeave::Cut, OnLeave::Drain].into_iter().find(|action| action.name() == name)
}

fn proxy_protocol(name: &str) -> Option<ProxyProtocol> {
    ProxyProtocol::ALL.into_iter().find(|version| version.name() == name)
}

/// The directory of the instance that has these settings.
///
/// # Errors
/// The setting is wrong.
pub(crate) fn run_dir(cli: &Cli) -> Result<PathBuf, ConfigErrors> {
    let mut parser = SettingsParser::new(cli);
    let run_dir = directories::run_dir(&mut parser);
    parser.finish(run_dir)
}

/// Whether the address is in a pool is checked only if all of them are valid.
fn admin_listen(
    parser: &mut SettingsParser<'_>,
    bind_address: &Result<Option<IpAddr>, Reported>,
    mappings: &Result<Vec<Mapping>, Reported>,
) -> Result<Option<SocketAddr>, Reported> {
    let listen = parser.value(&table::ADMIN_LISTEN, RawSetting::socket_address_or_off)?;
    if let (Some(admin), Ok(bind_address), Ok(mappings)) = (listen, bind_address, mappings) {
        mappings::check_admin(parser, admin, *bind_address, mappings)?;
    }
    Ok(listen)
}

fn log_options(parser: &mut SettingsParser<'_>, host: &impl Host) -> Result<logging::Options, Reported> {
    let format = parser.optional(&table::LOG_FORMAT, |raw| raw.choice(Format::named));
    let level = parser.value(&table::LOG_LEVEL, |raw| raw.choice(level::named));
    let default = if host.stdout_is_terminal() { Format::Term } else { Format::Json };
    Ok(logging::Options { format: format?.unwrap_or(default), level: level? })
}

#[cfg(test)]
mod tests;
