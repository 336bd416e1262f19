//! What differs between two documents, a line for each. Pure.

use std::collections::BTreeMap;

use super::{
    document::{Document, Port},
    table::time,
};
use crate::printable::Printable;

/// A line for the source, for HAProxy and for each port that is not as it was.
pub(super) fn lines(was: &Document, is: &Document) -> Vec<String> {
    let at = time(&is.at);
    let line = |subject: &str, was: &str, is: &str, reason: Option<&String>| {
        let why = reason.map_or_else(String::new, |reason| format!(": {reason}"));
        format!("{at} {}", Printable(&format!("{subject} {was} -> {is}{why}")))
    };
    let mut lines = Vec::new();
    if was.source != is.source {
        lines.push(line("source", &was.source.state, &is.source.state, is.source.reason.as_ref()));
    }
    if was.haproxy != is.haproxy {
        lines.push(line("haproxy", &was.haproxy.state, &is.haproxy.state, is.haproxy.reason.as_ref()));
    }
    let mut old = by_port(was);
    for (port, is) in by_port(is) {
        let before = old.remove(&port).map_or_else(|| "-".to_owned(), Port::summary);
        if before != is.summary() {
            lines.push(line(&format!("port {port}"), &before, &is.summary(), is.reason.as_ref()));
        }
    }
    lines.extend(old.into_iter().map(|(port, was)| line(&format!("port {port}"), &was.summary(), "-", None)));
    lines
}

fn by_port(document: &Document) -> BTreeMap<u16, &Port> {
    document.ports.iter().map(|port| (port.port, port)).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::tests::document, *};

    #[test]
    fn each_port_that_differs_is_a_line() {
        let was =
            document(&[(5000, "serving", Some("a")), (5001, "serving", Some("b")), (5002, "free", None)]);
        let mut is =
            document(&[(5000, "serving", Some("a")), (5001, "lingering", Some("b")), (5003, "free", None)]);
        is.ports[1].reason = Some("it is missing".to_owned());
        assert_eq!(
            lines(&was, &is),
            [
                "2026-11-27 13:01:02 port 5001 serving b -> lingering b: it is missing",
                "2026-11-27 13:01:02 port 5003 - -> free",
                "2026-11-27 13:01:02 port 5002 free -> -",
            ]
        );
        assert_eq!(lines(&was, &was), [] as [&str; 0]);
    }

    #[test]
    fn so_are_the_source_and_haproxy() {
        let was = document(&[]);
        let mut is = was.clone();
        is.source.state = "stale".to_owned();
        is.source.reason = Some("un\nreachable".to_owned());
        is.haproxy.state = "down".to_owned();
        assert_eq!(
            lines(&was, &is),
            [
                "2026-11-27 13:01:02 source ok -> stale: un\\nreachable",
                "2026-11-27 13:01:02 haproxy running -> down",
            ]
        );
    }
}
