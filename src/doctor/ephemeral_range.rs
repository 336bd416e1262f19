//! Whether outgoing connections of the host may take ports of a pool: the kernel gives them any port of
//! `ip_local_port_range` that nobody listens on and that is not in `ip_local_reserved_ports`.

use std::{fs, ops::RangeInclusive};

use super::{Finding, Kind, Severity, ports_text};
use crate::port_ranges::{self, Ports, text, without};

/// A setting of this network namespace. Where `/proc/sys` is hidden, nothing is known.
const RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

pub(super) fn check(ports: &Ports) -> Option<Finding> {
    let range = parse_range(&fs::read_to_string(RANGE).ok()?)?;
    finding(ports, range, &port_ranges::reserved().ok()?)
}

/// `32768   60999`.
fn parse_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut ends = text.split_whitespace().map(|end| end.parse().ok());
    let (first, last) = (ends.next()??, ends.next()??);
    (first <= last).then_some(first..=last)
}

fn finding(ports: &Ports, range: RangeInclusive<u16>, reserved: &Ports) -> Option<Finding> {
    let (first, last) = (*range.start(), *range.end());
    let exposed = without(&(ports & &Ports::from_iter([range])), reserved);
    let all = reserved.union(&exposed).collect();
    (!exposed.is_empty()).then(|| Finding {
        kind: Kind::EphemeralRange,
        severity: Severity::Warning,
        subject: ports_text(&exposed),
        reason: format!(
            "outgoing connections of this host may take them, since net.ipv4.ip_local_port_range is {first}-{last}; a \
             port that is taken when HAProxy starts refuses"
        ),
        remedy: format!(
            "reserve them with sysctl -w net.ipv4.ip_local_reserved_ports={}, and for the next boot with stalls ports \
             --format sysctl",
            text(&all)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port_ranges::parse;

    #[test]
    fn the_range_is_read() {
        assert_eq!(parse_range("32768\t60999\n"), Some(32_768..=60_999));
        for bad in ["", "32768", "9 1", "x y", "1 70000"] {
            assert_eq!(parse_range(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_in_the_range_and_not_reserved_is_found() {
        for (ports, reserved, expected) in [
            ("5000-5063", "", None),
            ("32700-32800", "", Some("ports 32768-32800")),
            ("60990-61010", "", Some("ports 60990-60999")),
            ("40000-40015", "", Some("ports 40000-40015")),
            ("40000-40015", "40000-40015", None),
            ("40000-40015", "40004,39000-40001,40010-50000", Some("ports 40002-40003,40005-40009")),
            ("1-65535", "", Some("ports 32768-60999")),
            ("32767", "", None),
            ("60999", "", Some("port 60999")),
            ("40000-40001,50000", "", Some("ports 40000-40001,50000")),
        ] {
            let found = finding(&parse(ports).unwrap(), 32_768..=60_999, &parse(reserved).unwrap());
            assert_eq!(found.map(|finding| finding.subject).as_deref(), expected, "{ports} {reserved}");
        }
    }

    #[test]
    fn the_remedy_keeps_what_is_reserved() {
        let found = finding(&parse("40000").unwrap(), 32_768..=60_999, &parse("80").unwrap()).unwrap();
        assert!(found.remedy.contains("ip_local_reserved_ports=80,40000,"), "{}", found.remedy);
    }
}
