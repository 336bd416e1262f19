//! Whether outgoing connections of the host may take ports of a pool: the kernel gives them any port of
//! `ip_local_port_range` that nobody listens on and that is not in `ip_local_reserved_ports`.

use std::{fs, ops::RangeInclusive};

use slog::{Logger, warn};

use crate::port_ranges::{self, Ports, text, without};

/// A setting of this network namespace. Where `/proc/sys` is hidden, nothing is known.
const RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// Warns of ports of the `pool` that outgoing connections may take, and says what would do.
pub(crate) fn warn_of_overlap(pool: &RangeInclusive<u16>, log: &Logger) {
    let (Ok(range), Ok(reserved)) = (fs::read_to_string(RANGE), port_ranges::reserved()) else { return };
    let Some(range) = parse_range(&range) else { return };
    let exposed = exposed(pool, &range, &reserved);
    if !exposed.is_empty() {
        let mut all = reserved;
        all.extend(exposed.iter().cloned());
        warn!(log, "outgoing connections may take ports of the pool"; "ports" => text(&exposed),
            "range" => format!("net.ipv4.ip_local_port_range {}-{}", range.start(), range.end()),
            "remedy" => format!("sysctl -w net.ipv4.ip_local_reserved_ports={}", text(&all)));
    }
}

/// `32768   60999`.
fn parse_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut ends = text.split_whitespace().map(|end| end.parse().ok());
    let (first, last) = (ends.next()??, ends.next()??);
    (first <= last).then_some(first..=last)
}

/// The ports of the pool that are in the range, and not reserved.
fn exposed(pool: &RangeInclusive<u16>, range: &RangeInclusive<u16>, reserved: &Ports) -> Ports {
    let (first, last) = (*pool.start().max(range.start()), *pool.end().min(range.end()));
    let both = (first <= last).then_some(first..=last);
    without(&both.into_iter().collect(), reserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_read() {
        assert_eq!(parse_range("32768\t60999\n"), Some(32_768..=60_999));
        for bad in ["", "32768", "9 1", "x y", "1 70000"] {
            assert_eq!(parse_range(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_overlap_is_what_is_in_the_range_and_not_reserved() {
        for (pool, reserved, expected) in [
            (5000..=5063, "", ""),
            (32_700..=32_800, "", "32768-32800"),
            (60_990..=61_010, "", "60990-60999"),
            (40_000..=40_015, "", "40000-40015"),
            (40_000..=40_015, "40000-40015", ""),
            (40_000..=40_015, "40004,39000-40001,40010-50000", "40002-40003,40005-40009"),
            (1..=65_535, "", "32768-60999"),
            (32_767..=32_767, "", ""),
            (60_999..=60_999, "", "60999"),
        ] {
            let exposed = exposed(&pool, &(32_768..=60_999), &port_ranges::parse(reserved).unwrap());
            assert_eq!(text(&exposed), expected, "{pool:?} {reserved}");
        }
    }
}
