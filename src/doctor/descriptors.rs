//! How many connections HAProxy may have, which follows from the descriptors that it may open.

use stalls_actors::config::ListenSettings;

use super::{Finding, Kind, Severity};

/// With fewer connections for each port, ports that are used at once may fill HAProxy up.
const MIN_PER_PORT: u64 = 10;

pub(super) fn check(listen: &ListenSettings, ports: u64) -> Option<Finding> {
    let remedy =
        || "raise the limit of descriptors (ulimit -n, ulimits: nofile, LimitNOFILE=), such as to 65536";
    let descriptors = listen.descriptor_limit;
    let maxconn = match listen.limits(ports) {
        Ok(limits) => limits.maxconn,
        Err(error) => {
            return Some(Finding {
                kind: Kind::TooFewDescriptors,
                severity: Severity::Error,
                subject: format!("{descriptors} descriptors"),
                reason: error.to_string(),
                remedy: format!("{}, or lower PORT_COUNT", remedy()),
            });
        }
    };
    let few = |reason: String| Finding {
        kind: Kind::FewConnections,
        severity: Severity::Warning,
        subject: format!("{descriptors} descriptors"),
        reason,
        remedy: remedy().to_owned(),
    };
    match listen.max_connections_per_port {
        Some(wanted) if wanted > maxconn => Some(few(format!(
            "MAX_CONNECTIONS_PER_PORT is {wanted}, and HAProxy may have {maxconn} connections in all"
        ))),
        _ if maxconn / ports.max(1) < MIN_PER_PORT => {
            Some(few(format!("HAProxy may have {maxconn} connections in all, for {ports} ports")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(
        descriptor_limit: u64,
        max_connections_per_port: Option<u64>,
        ports: u64,
    ) -> Option<(Severity, String)> {
        let listen = ListenSettings {
            bind_address: None,
            descriptor_limit,
            max_connections_per_port,
            idle_timeout: None,
            processors: 1,
            send_proxy: None,
            health_check: None,
        };
        check(&listen, ports).map(|finding| (finding.severity, finding.reason))
    }

    #[test]
    fn the_pool_needs_descriptors_and_each_port_some_connections() {
        assert_eq!(found(65_536, None, 64), None);
        assert_eq!(found(1024, None, 1), None);
        let (severity, reason) = found(1024, None, 64).unwrap();
        assert_eq!(
            (severity, &reason[..]),
            (Severity::Warning, "HAProxy may have 328 connections in all, for 64 ports")
        );
        let (severity, reason) = found(1024, None, 5000).unwrap();
        assert!(severity == Severity::Error && reason.contains("5165"), "{reason}");
    }

    #[test]
    fn a_port_may_have_no_more_connections_than_all_ports() {
        assert_eq!(found(65_536, Some(20_000), 64), None);
        let (severity, reason) = found(65_536, Some(50_000), 64).unwrap();
        assert!(severity == Severity::Warning && reason.contains("50000"), "{reason}");
    }
}
