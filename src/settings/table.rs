//! Every setting is one row here. The command line, its help, the ranges that are checked and the table in
//! README.md follow from the rows; `tests/deploy_files.rs` compares them with `deploy/`.

use std::{fmt, ops::RangeInclusive};

use stalls_actors::{
    config::{MAX_CONNECTIONS, MAX_IDLE_TIMEOUT},
    sources::rancher::MAX_LONG_POLL,
};

use self::{Fallback::*, Kind::*};

/// The metadata service ends a long poll after this time, whatever is asked for.
const MAX_POLL_SLEEP_MS: u64 = MAX_LONG_POLL.as_millis() as u64;
const MAX_IDLE_TIMEOUT_MS: u64 = MAX_IDLE_TIMEOUT.as_millis() as u64;
const SECOND_MS: u64 = 1_000;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// One setting: an environment variable, and the flag that is named like it.
#[derive(Debug)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// The heading in `--help`.
    pub heading: &'static str,
    /// Which values are allowed.
    pub kind: Kind,
    /// What applies if it is not set.
    pub fallback: Fallback,
    /// What it is for: Markdown, without a full stop.
    pub help: &'static str,
}

/// Which values a setting takes. The first text is the placeholder in `--help`.
#[derive(Debug)]
pub enum Kind {
    /// A text that the parser of the setting checks.
    Text(&'static str),
    /// A whole number within a range.
    Number(&'static str, RangeInclusive<u64>),
    /// One of these words.
    Choice(&'static str, &'static [&'static str]),
    /// True or false. The flag alone means true.
    Bool,
}

/// What applies if a setting is not set.
#[derive(Debug)]
pub enum Fallback {
    /// Nothing: stalls does not start, unless this other setting is set, which says the same and more.
    RequiredUnless(&'static str),
    /// This value, parsed like any other.
    Value(&'static str),
    /// What stalls finds out itself, described in words.
    Found(&'static str),
}

impl Setting {
    /// The name of the flag, without the dashes in front.
    pub(crate) fn flag(&self) -> String {
        self.name.to_ascii_lowercase().replace('_', "-")
    }
}

impl Kind {
    /// The placeholder of the value in `--help`.
    pub(crate) fn placeholder(&self) -> &'static str {
        match self {
            Text(placeholder) | Number(placeholder, _) | Choice(placeholder, _) => placeholder,
            Bool => "BOOL",
        }
    }
}

/// The allowed values; empty for a text.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Text(_) => Ok(()),
            Number(_, range) => write!(f, "{} to {}", range.start(), range.end()),
            Choice(_, [words @ .., last]) => write!(f, "{} or {last}", words.join(", ")),
            Choice(_, []) => Ok(()),
            Bool => f.write_str("true or false"),
        }
    }
}

/// The help, with the allowed values.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.help)?;
        match self.kind {
            Text(_) => Ok(()),
            _ => write!(f, ": {}", self.kind),
        }
    }
}

/// Defines a static for each row, and the list of all rows. A row is `NAME: kind, fallback, help;` under its heading.
macro_rules! settings {
    ($($heading:literal { $($name:ident: $kind:expr, $fallback:expr, $help:literal;)* })*) => {
        $($(
            pub(crate) static $name: Setting = Setting {
                name: stringify!($name),
                heading: $heading,
                kind: $kind,
                fallback: $fallback,
                help: $help,
            };
        )*)*

        /// Every setting, in the order of `--help` and README.md.
        pub static SETTINGS: &[&Setting] = &[$($(&$name,)*)*];
    };
}

settings! {
    "What to map" {
        SERVICE_NAME: Text("NAME"), RequiredUnless("MAPPINGS"),
            "The service whose containers get a port each; on Kubernetes a StatefulSet, or a label selector";
        BACKEND_PORT: Number("PORT", 1..=65_535), RequiredUnless("MAPPINGS"),
            "The port that each container listens on, by name (Kubernetes only) or number";
        BASE_PORT: Number("PORT", 1..=65_535), RequiredUnless("MAPPINGS"),
            "The first port of the pool";
        PORT_COUNT: Number("COUNT", 1..=65_535),
            Found("what stalls' own service publishes from `BASE_PORT` on, else 64; more when needed"),
            "The number of ports in the pool, which then never grows";
        MAPPINGS: Text("LIST"), Found("the four above"),
            "Several services, as `web:8080@5000+20 stack/api:9000@6000`";
        STACK_NAME: Text("NAME"), Found("the stack that stalls runs in"),
            "The stack (on Kubernetes the namespace) of services without one; needed on the host's network";
        BIND_ADDRESS: Text("IP"), Found("every IPv4 address"),
            "The IP address that the pools listen on; `::` for both families";
    }
    "Source" {
        SOURCE: Text("SOURCE"), Value("rancher"),
            "Where the containers are known from: `rancher`, `file:PATH`, `docker`, `swarm` or `kubernetes`";
        // The version that the original program used.
        METADATA_URL: Text("URL"), Value("http://rancher-metadata/2015-12-19"),
            "Rancher's metadata service, with its version";
        DOCKER_HOST: Text("URL"), Value("unix:///var/run/docker.sock"),
            "The Docker engine, `unix://` or `tcp://`";
        DOCKER_CERT_PATH: Text("DIR"), Found("no TLS"),
            "The directory of its certificates and key";
        DOCKER_TLS_VERIFY: Text("ANY"), Found("no demand"),
            "Any value demands TLS";
        DOCKER_NETWORK: Text("NAME"), Found("the container's only one"),
            "The network whose addresses are used";
        KUBECONFIG: Text("FILE"), Found("in a pod, its ServiceAccount"),
            "A kubeconfig, whose current context counts";
        IP_FAMILY: Choice("FAMILY", &["ipv4", "ipv6"]), Found("that of the pod's first address"),
            "Which of a pod's addresses is used";
        ALLOW_LOOPBACK: Bool, Value("false"),
            "Whether containers on loopback addresses are mapped, for tests";
    }
    "HAProxy" {
        HAPROXY_BIN: Text("FILE"), Found("the first of `/usr/local/sbin/haproxy`, `/usr/sbin/haproxy` and `PATH`"),
            "HAProxy's executable";
        HAPROXY_TEMPLATE: Text("FILE"), Found("the built-in one"),
            "A handlebars template of its configuration";
        ON_LEAVE: Choice("ACTION", &["cut", "drain"]),
            Found("`cut` if the container is gone, `drain` if it still runs"),
            "What happens to the open connections to a container that loses its port";
        MAX_CONNECTIONS_PER_PORT: Number("COUNT", 1..=MAX_CONNECTIONS),
            Found("half of all; all for a single port"),
            "How many connections a port may have; more wait";
        // A process needs some tens of megabytes at 1000 ports, and a day of reloads leaves some.
        MAX_DRAINING: Number("COUNT", 1..=1000), Value("16"),
            "How many HAProxy processes may drain after reloads; the oldest is ended then";
        SEND_PROXY: Choice("VERSION", &["v1", "v2"]), Found("nothing is sent"),
            "Which version of the PROXY protocol the containers are sent";
        HEALTH_CHECK: Bool, Value("false"),
            "Whether HAProxy checks each container by a connection, and closes new ones while that fails";
    }
    "Times (milliseconds)" {
        // The original program's default.
        POLL_SLEEP_TIME_MS: Number("MS", 1..=MAX_POLL_SLEEP_MS), Value("5000"),
            "The length of a long poll (of which 20000 at most), and the longest pause between retries";
        // Long enough to cost nothing, shorter than a person's search for the fault.
        RECONCILE_INTERVAL_MS: Number("MS", SECOND_MS..=HOUR_MS), Value("30000"),
            "How often HAProxy is compared with the plan, and repaired";
        IDLE_TIMEOUT_MS: Number("MS", 0..=MAX_IDLE_TIMEOUT_MS), Value("0"),
            "How long a connection may be silent (0: without limit)";
        // HAProxy's own default.
        HEALTH_CHECK_INTERVAL_MS: Number("MS", 100..=HOUR_MS), Value("2000"),
            "How often `HEALTH_CHECK` has each container checked";
        // 2 s are left to stop in order.
        DRAIN_MS: Number("MS", 0..=DAY_MS), Value("8000"),
            "How long open connections may go on after SIGTERM; Docker and Rancher kill after 10000 ms";
        // Rancher replaces a container faster if its image is on the host.
        PORT_REUSE_DELAY_MS: Number("MS", 0..=DAY_MS), Value("60000"),
            "How long a freed port is reserved against other containers without an index";
        // Longer than an upgrade takes that hides the old containers (rancher/cattle#1791).
        LINGER_MS: Number("MS", 0..=DAY_MS), Value("300000"),
            "How long (0: not at all) a container that is missing in the metadata keeps its port while it accepts \
             connections";
    }
    "Operation" {
        STATE_DIR: Text("DIR"), Value("/var/lib/stalls"),
            "The directory for what must survive a restart, on a volume";
        RUN_DIR: Text("DIR"), Value("/run/stalls"),
            "The directory for sockets and HAProxy's configuration, of at most 70 bytes; each stalls instance needs \
             its own";
        RECORD_DIR: Text("DIR"), Found("none"),
            "Where to record all decisions, for `stalls replay`";
        // Names and addresses are nobody else's business.
        ADMIN_LISTEN: Text("IP:PORT"), Value("127.0.0.1:8405"),
            "The IP address and port of the page, the API, the metrics and `/healthz`, outside of the pools; or `off`";
        ADMIN_HOSTS: Text("NAMES"), Found("this host's name"),
            "Names, separated by commas, by which browsers may call that address, besides IP addresses and `localhost`";
        LOG_FORMAT: Choice("FORMAT", &["json", "term"]), Found("`term` on a terminal, else `json`"),
            "How the log is written: one JSON object a line, or for people";
        LOG_LEVEL: Choice("LEVEL", &["critical", "error", "warning", "info", "debug", "trace"]), Value("info"),
            "The least severe level that is logged";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readme_table() -> String {
        let rows = SETTINGS.iter().map(|setting| {
            let fallback = match setting.fallback {
                RequiredUnless(other) => format!("required unless `{other}` is set"),
                Value(value) => format!("`{value}`"),
                Found(words) => words.to_owned(),
            };
            format!("| `{}` | {setting} | {fallback} |\n", setting.name)
        });
        let head = ["| variable | meaning | default |\n", "|---|---|---|\n"].map(str::to_owned);
        head.into_iter().chain(rows).collect()
    }

    #[test]
    fn the_readme_has_the_table() {
        let readme = include_str!("../../README.md");
        let table = readme.find("| variable | meaning | default |").map_or("", |start| &readme[start..]);
        let table: String = table.split_inclusive('\n').take_while(|line| line.starts_with('|')).collect();
        let wanted = readme_table();
        assert!(table == wanted, "replace the settings table in README.md with:\n\n{wanted}");
    }

    #[test]
    fn the_allowed_values_are_described() {
        assert_eq!(Number("MS", 0..=9).to_string(), "0 to 9");
        assert_eq!(Choice("X", &["a", "b", "c"]).to_string(), "a, b or c");
        assert_eq!(DRAIN_MS.flag(), "drain-ms");
    }
}
