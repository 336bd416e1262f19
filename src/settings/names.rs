//! The settings' names: each is an environment variable, and as a flag it is spelled
//! `--lower-case-with-dashes`. What each means, its unit, range and default stand in `cli.rs`, which
//! prints them as `stalls --help`.

/// The service whose containers are mapped; required.
pub(crate) const SERVICE_NAME: &str = "SERVICE_NAME";
/// The port that each container listens on; required.
pub(crate) const BACKEND_PORT: &str = "BACKEND_PORT";
/// The port of the first slot; required.
pub(crate) const BASE_PORT: &str = "BASE_PORT";
/// The pool's size; unset leaves it to the ports that stalls' own service publishes, and to need.
pub(crate) const PORT_COUNT: &str = "PORT_COUNT";
/// Where the pool listens; unset is every IPv4 address.
pub(crate) const BIND_ADDRESS: &str = "BIND_ADDRESS";
/// The stack that the service is in; unset is the one that stalls runs in.
pub(crate) const STACK_NAME: &str = "STACK_NAME";
/// The metadata service with its version.
pub(crate) const METADATA_URL: &str = "METADATA_URL";
/// Whether a container on a loopback address is mapped.
pub(crate) const ALLOW_LOOPBACK: &str = "ALLOW_LOOPBACK";
/// HAProxy's executable; unset looks for it.
pub(crate) const HAPROXY_BIN: &str = "HAPROXY_BIN";
/// The template of HAProxy's configuration; unset is the built-in one.
pub(crate) const HAPROXY_TEMPLATE: &str = "HAPROXY_TEMPLATE";
/// What must survive a restart.
pub(crate) const STATE_DIR: &str = "STATE_DIR";
/// What belongs to the processes that run: sockets, the configuration file.
pub(crate) const RUN_DIR: &str = "RUN_DIR";
/// The long poll's length and the ceiling of the pause between retries.
pub(crate) const POLL_SLEEP_TIME_MS: &str = "POLL_SLEEP_TIME_MS";
/// How often the live HAProxy is compared with the plan.
pub(crate) const RECONCILE_MS: &str = "RECONCILE_MS";
/// What becomes of the connections to a container that leaves its port; unset looks at its state.
pub(crate) const ON_LEAVE: &str = "ON_LEAVE";
/// How long connections may go on after a SIGTERM.
pub(crate) const DRAIN_MS: &str = "DRAIN_MS";
/// How long a freed port is kept from other containers that have no index.
pub(crate) const TOMBSTONE_MS: &str = "TOMBSTONE_MS";
/// How long an answer that removes most containers is held back.
pub(crate) const GUARD_MS: &str = "GUARD_MS";
/// Where status and metrics are served.
pub(crate) const ADMIN_LISTEN: &str = "ADMIN_LISTEN";
/// JSON lines or text for a terminal; unset looks at stdout.
pub(crate) const LOG_FORMAT: &str = "LOG_FORMAT";
/// The least severe level that is logged.
pub(crate) const LOG_LEVEL: &str = "LOG_LEVEL";
