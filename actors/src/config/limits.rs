//! The numbers that hold for all ports of a configuration alike.

use std::time::Duration;

use serde::Serialize;

use super::{ListenSettings, RenderError};

/// A connection takes two descriptors, and half a one more for the pipes of splicing.
const DESCRIPTORS_PER_CONNECTION: f64 = 2.5;
/// What HAProxy needs beside connections, listeners and health checks, its command line among it, with a margin for a reload.
const RESERVED_DESCRIPTORS: u64 = 140;
/// More connections than one host is asked for; bounds what HAProxy sets aside for an unlimited process.
pub const MAX_CONNECTIONS: u64 = 100_000;
/// With fewer the pool would not be usable.
const MIN_CONNECTIONS: u64 = 10;

/// What HAProxy is held to. Part of the frame: a running HAProxy cannot be told to change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// The global connection limit.
    pub maxconn: u64,
    /// The limit of each port, so that one cannot starve the others.
    pub maxconn_per_port: u64,
    /// How long a connection may be silent, in milliseconds.
    pub idle_timeout_ms: u64,
    /// How many threads HAProxy has.
    pub threads: usize,
}

/// HAProxy has one group of threads unless it is told otherwise, and so many fit into that.
const MAX_THREADS: usize = usize::BITS as usize;

/// HAProxy's timers cannot be longer; without any it warns of the lack at each start.
pub const MAX_IDLE_TIMEOUT: Duration = Duration::from_secs(24 * 86_400);

impl Limits {
    /// The limits of a HAProxy with this many ports.
    ///
    /// # Errors
    /// [`RenderError::TooFewDescriptors`].
    pub(super) fn new(settings: &ListenSettings, ports: u64) -> Result<Self, RenderError> {
        let idle_timeout = settings.idle_timeout.unwrap_or(MAX_IDLE_TIMEOUT);
        let checks = if settings.health_check.is_some() { ports } else { 0 };
        let maxconn = maxconn(settings.descriptor_limit, ports, checks)?;
        let share = if ports == 1 { maxconn } else { maxconn / 2 };
        Ok(Self {
            maxconn,
            maxconn_per_port: settings.max_connections_per_port.unwrap_or(share).min(maxconn),
            idle_timeout_ms: idle_timeout.as_millis() as u64,
            threads: settings.processors.clamp(1, MAX_THREADS),
        })
    }
}

/// HAProxy does not start, sometimes without a word, when `maxconn` asks for more than the limit allows.
fn maxconn(limit: u64, ports: u64, checks: u64) -> Result<u64, RenderError> {
    let reserved = ports + checks + RESERVED_DESCRIPTORS;
    let fits = (limit.saturating_sub(reserved) as f64 / DESCRIPTORS_PER_CONNECTION) as u64;
    if fits < MIN_CONNECTIONS {
        let needed = reserved + (MIN_CONNECTIONS as f64 * DESCRIPTORS_PER_CONNECTION) as u64;
        return Err(RenderError::TooFewDescriptors { limit, ports, needed });
    }
    Ok(fits.min(MAX_CONNECTIONS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::listen_settings;

    #[test]
    fn a_port_gets_half_of_all_connections_or_all_if_it_is_the_only_one_or_what_the_setting_says() {
        let of = |ports, max_connections_per_port| {
            let settings = ListenSettings { max_connections_per_port, ..listen_settings(1024) };
            let limits = Limits::new(&settings, ports).unwrap();
            (limits.maxconn, limits.maxconn_per_port)
        };
        assert_eq!(of(64, None), (328, 164));
        assert_eq!(of(1, None), (353, 353));
        assert_eq!(of(64, Some(7)), (328, 7));
        assert_eq!(of(64, Some(100_000)), (328, 328));
    }

    #[test]
    fn threads_follow_the_processors_as_far_as_haproxy_takes_them() {
        let threads = |processors| {
            let settings = ListenSettings { processors, ..listen_settings(1024) };
            Limits::new(&settings, 1).unwrap().threads
        };
        assert_eq!([0, 1, 3, MAX_THREADS, 1000].map(threads), [1, 1, 3, MAX_THREADS, MAX_THREADS]);
    }

    #[test]
    fn maxconn_follows_the_descriptor_limit() {
        assert_eq!(maxconn(1024, 64, 0).unwrap(), 328);
        assert_eq!(maxconn(u64::MAX, 64, 0).unwrap(), MAX_CONNECTIONS);
        let error = maxconn(1024, 5000, 0).unwrap_err().to_string();
        assert!(error.contains("(ulimit -n) to 5165 or more"), "{error}");
        assert_eq!(maxconn(5165, 5000, 0).unwrap(), MIN_CONNECTIONS);
    }

    #[test]
    fn each_health_check_may_have_a_connection_too() {
        let maxconn = |health_check| {
            let settings = ListenSettings { health_check, ..listen_settings(1024) };
            Limits::new(&settings, 64).unwrap().maxconn
        };
        assert_eq!((maxconn(None), maxconn(Some(Duration::from_secs(2)))), (328, 302));
    }
}
