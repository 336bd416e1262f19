//! By which names the admin address may be called. A page of another site could otherwise have a browser read what is
//! here, by a name that it first leads elsewhere and then to this host (DNS rebinding).

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv6Addr},
};

/// The names that are allowed, in lower case.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedHosts(BTreeSet<String>);

impl AllowedHosts {
    /// This host's own name, and those of the setting.
    pub(crate) fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    /// Whether a request with this `Host` may be answered: no site can make a browser send an IP address, or a name that
    /// is this host's own.
    pub(crate) fn allow(&self, host: &str) -> bool {
        let name = without_port(host).trim_end_matches('.').to_ascii_lowercase();
        name == "localhost"
            || name.parse::<IpAddr>().is_ok()
            || is_bracketed_ip(&name)
            || self.0.contains(&name)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.contains("::") => name,
        Some((name, port)) if name.ends_with(']') && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_bracketed_ip(name: &str) -> bool {
    let ip = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    ip.is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_the_names_that_were_given_are_allowed() {
        let hosts = AllowedHosts::new(["Node7".to_owned(), "stalls.example.org".to_owned()]);
        for host in [
            "127.0.0.1",
            "127.0.0.1:8405",
            "10.1.2.3:80",
            "[::1]",
            "[::1]:8405",
            "localhost",
            "LOCALHOST:8405",
            "node7",
            "node7:8405",
            "stalls.example.org.",
            "Stalls.Example.Org:443",
        ] {
            assert!(hosts.allow(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "node7.evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil:8405",
            "[evil]",
        ] {
            assert!(!hosts.allow(host), "{host}");
        }
    }
}
