//! Sets of ports as the kernel and firewalls write them: `8080,9000-9010`.

use std::{fs, io, ops::RangeInclusive};

use rangemap::RangeInclusiveSet;

/// Ports that the kernel gives to nobody who does not ask for them by number; of this network namespace.
const RESERVED: &str = "/proc/sys/net/ipv4/ip_local_reserved_ports";

/// Ports of any number of ranges.
pub(crate) type Ports = RangeInclusiveSet<u16>;

/// Reads `8080,9000-9010`, or nothing.
pub(crate) fn parse(text: &str) -> Option<Ports> {
    let entries = text.trim().split(',').filter(|entry| !entry.is_empty());
    let range = |entry: &str| {
        let (first, last) = entry.split_once('-').unwrap_or((entry, entry));
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first <= last).then_some(first..=last)
    };
    entries.map(range).collect()
}

/// Writes what [`parse`] reads.
pub(crate) fn text(ports: &Ports) -> String {
    let range = |range: &RangeInclusive<u16>| match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    };
    ports.iter().map(range).collect::<Vec<_>>().join(",")
}

/// The ports of `all` that are not in `others`.
pub(crate) fn without(all: &Ports, others: &Ports) -> Ports {
    let mut rest = all.clone();
    others.iter().for_each(|range| rest.remove(range.clone()));
    rest
}

/// What `ip_local_reserved_ports` has.
///
/// # Errors
/// `/proc/sys` is hidden, or says something else than ports.
pub(crate) fn reserved() -> io::Result<Ports> {
    let text = fs::read_to_string(RESERVED)?;
    parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "these are no ports"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read_and_written() {
        assert_eq!(text(&parse("8080,9000-9010,9011\n").unwrap()), "8080,9000-9011");
        assert!(parse("\n").unwrap().is_empty());
        for bad in ["x", "9-1", "1-", "70000"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn sets_are_subtracted() {
        let (all, others) = (parse("1-9,20").unwrap(), parse("5,8-20").unwrap());
        assert_eq!(text(&without(&all, &others)), "1-4,6-7");
    }
}
