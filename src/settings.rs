//! The settings, checked: what the actors need, in their own types. A wrong value never gets past here,
//! and one start tells every mistake.

mod directories;
mod given;
mod growth;
mod haproxy;
mod machine;
mod metadata_url;
pub(crate) mod names;
mod pools;
mod reading;
mod shown;

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
    metadata::LONGEST_LONG_POLL,
};

pub(crate) use self::machine::{Machine, ThisMachine};
use self::{
    given::Given,
    reading::{Noted, Reading},
};
use crate::{
    cli::Cli,
    logging::{self, Format, level},
    mistake::Mistakes,
};

/// The original's default.
const DEFAULT_POLL_SLEEP: Duration = Duration::from_millis(5_000);
/// Long enough to cost nothing, short enough that a person who looks for the fault finds it mended.
const DEFAULT_RECONCILE: Duration = Duration::from_millis(30_000);
/// Docker and Rancher kill a container 10 s after the signal: 2 s are left to end in order.
const DEFAULT_DRAIN: Duration = Duration::from_millis(8_000);
/// Longer than it takes Rancher to replace a container whose image is on the host.
const DEFAULT_TOMBSTONE: Duration = Duration::from_millis(60_000);
/// Longer than the empty moment of rancher/rancher#8684, shorter than a person's patience.
const DEFAULT_GUARD: Duration = Duration::from_millis(15_000);
const DEFAULT_LOG_LEVEL: slog::Level = slog::Level::Info;
const DEFAULT_ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8405);

/// The metadata service ends a long poll then, whatever it is asked for.
const MAX_POLL_SLEEP_MS: u64 = LONGEST_LONG_POLL.as_millis() as u64;
const SECOND_MS: u64 = 1_000;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

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
    pub(crate) reconcile: Duration,
    /// What becomes of the connections to a container that leaves its port.
    pub(crate) on_leave: OnLeave,
    /// How long connections may go on after the first signal; up to a day.
    pub(crate) drain: Duration,
    /// How long a freed slot is kept from other containers without an index; up to a day.
    pub(crate) tombstone: Duration,
    /// How long an answer that would free most slots is held back; up to an hour.
    pub(crate) guard: Duration,
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
            pools: growth::pools(mappings, *bind_address, *admin_listen, descriptor_limit()),
            allow_loopback: self.allow_loopback,
            tombstone: self.tombstone,
            guard: self.guard,
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
        let mut read = Reading::default();
        let mappings: Vec<_> = mapping(&mut read, cli).into_iter().collect();
        for mistake in pools::mistakes(&mappings) {
            let _: Result<(), Noted> = read.note(Err(mistake));
        }
        let bind_address = read.optional(names::BIND_ADDRESS, &cli.bind_address, Given::ip_address);
        let metadata_url = read.with_default(
            names::METADATA_URL,
            &cli.metadata_url,
            metadata_url::DEFAULT.to_owned(),
            metadata_url::parse,
        );
        let allow_loopback =
            read.with_default(names::ALLOW_LOOPBACK, &cli.allow_loopback, false, Given::yes_or_no);
        let haproxy_bin = haproxy::executable(&mut read, cli, purpose, machine);
        let template = haproxy::template(&mut read, cli, machine);
        let poll_sleep = read.with_default(
            names::POLL_SLEEP_TIME_MS,
            &cli.poll_sleep_time_ms,
            DEFAULT_POLL_SLEEP,
            |given| given.milliseconds(1..=MAX_POLL_SLEEP_MS),
        );
        let reconcile =
            read.with_default(names::RECONCILE_MS, &cli.reconcile_ms, DEFAULT_RECONCILE, |given| {
                given.milliseconds(SECOND_MS..=HOUR_MS)
            });
        let on_leave =
            read.with_default(names::ON_LEAVE, &cli.on_leave, OnLeave::default(), |given| match given.text {
                "cut" => Ok(OnLeave::Cut),
                "drain" => Ok(OnLeave::Drain),
                _ => Err(given
                    .wrong("must be cut or drain; unset, it depends on whether the container still runs")),
            });
        let drain = read.with_default(names::DRAIN_MS, &cli.drain_ms, DEFAULT_DRAIN, |given| {
            given.milliseconds(0..=DAY_MS)
        });
        let tombstone =
            read.with_default(names::TOMBSTONE_MS, &cli.tombstone_ms, DEFAULT_TOMBSTONE, |given| {
                given.milliseconds(0..=DAY_MS)
            });
        let guard = read.with_default(names::GUARD_MS, &cli.guard_ms, DEFAULT_GUARD, |given| {
            given.milliseconds(0..=HOUR_MS)
        });
        let state_dir = directories::state(&mut read, cli, purpose, machine);
        let run_dir = directories::run(&mut read, cli, purpose, machine);
        if let Some(mistake) = directories::mistake(&state_dir, &run_dir) {
            let _: Result<(), Noted> = read.note(Err(mistake));
        }
        let admin_listen = admin_listen(&mut read, cli, bind_address, &mappings);
        let log = log_options(&mut read, cli, machine);
        let bind_address = bind_address.unwrap_or_default();
        read.finish(template.map(|template| Self {
            mappings,
            metadata_url,
            poll_sleep,
            bind_address,
            allow_loopback,
            state_dir,
            run_dir,
            haproxy_bin,
            template,
            reconcile,
            on_leave,
            drain,
            tombstone,
            guard,
            admin_listen,
            log,
        }))
    }
}

/// The classic triple, with what refines it.
fn mapping(read: &mut Reading, cli: &Cli) -> Result<Mapping, Noted> {
    let service = read.required(
        names::SERVICE_NAME,
        &cli.service_name,
        "give the name of the service to map",
        |given| given.name("use STACK_NAME for the stack"),
    );
    let backend_port = read.required(
        names::BACKEND_PORT,
        &cli.backend_port,
        "give the port that the containers listen on, from 1 to 65535",
        Given::port,
    );
    let base_port = read.required(
        names::BASE_PORT,
        &cli.base_port,
        "give the port of the first container, from 1 to 65535",
        Given::port,
    );
    let port_count = read.optional(names::PORT_COUNT, &cli.port_count, Given::port_count);
    let stack = read
        .optional(names::STACK_NAME, &cli.stack_name, |given| given.name("use SERVICE_NAME for the service"));
    Ok(Mapping {
        service: ServiceRef { stack: stack?, service: service? },
        backend_port: backend_port?,
        base_port: base_port?,
        port_count: port_count?,
    })
}

/// Where a stalls with these settings is asked about itself, from its own machine.
///
/// # Errors
/// When the setting is wrong, or says that there is no such address.
pub(crate) fn admin_address(cli: &Cli) -> Result<SocketAddr, Mistakes> {
    let mut read = Reading::default();
    let address = read.optional(names::ADMIN_LISTEN, &cli.admin_listen, |given| {
        let address = given.socket_address_or_off()?;
        address.ok_or_else(|| {
            given.wrong("must be the address that stalls listens on, or there is nobody to ask")
        })
    });
    read.finish(address.map(|address| from_here(address.unwrap_or(DEFAULT_ADMIN_LISTEN))))
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
    read: &mut Reading,
    cli: &Cli,
    bind_address: Result<Option<IpAddr>, Noted>,
    mappings: &[Mapping],
) -> Option<SocketAddr> {
    let given = read.optional(names::ADMIN_LISTEN, &cli.admin_listen, Given::socket_address_or_off);
    let admin = given.ok()?.unwrap_or(Some(DEFAULT_ADMIN_LISTEN))?;
    let mistake = pools::admin_mistake(admin, bind_address.ok()?, mappings);
    read.note(mistake.map_or(Ok(Some(admin)), Err)).ok()?
}

fn log_options(read: &mut Reading, cli: &Cli, machine: &impl Machine) -> logging::Options {
    let usual = if machine.stdout_is_terminal() { Format::Term } else { Format::Json };
    logging::Options {
        format: read.with_default(names::LOG_FORMAT, &cli.log_format, usual, |given| {
            Format::named(given.text).ok_or_else(|| given.wrong("must be json or term"))
        }),
        level: read.with_default(names::LOG_LEVEL, &cli.log_level, DEFAULT_LOG_LEVEL, |given| {
            level::named(given.text)
                .ok_or_else(|| given.wrong("must be critical, error, warning, info, debug or trace"))
        }),
    }
}

#[cfg(test)]
mod tests;
