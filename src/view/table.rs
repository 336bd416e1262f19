//! The document as a page of text: what is wrong comes first. Pure.

use anstyle::{AnsiColor, Style};

use super::document::{Condition, Document, Port, Service, Stranger};
use crate::{
    port_ranges::{self, Ports},
    printable::Printable,
};

const HEAD: [&str; 6] = ["PORT", "STATE", "CONTAINER", "ADDRESS", "SESSIONS", "SINCE (UTC)"];
const BAD: Style = AnsiColor::Red.on_default().bold();
const ODD: Style = AnsiColor::Yellow.on_default();
const PLAIN: Style = Style::new();

/// A row of the table, with what stands behind it.
struct Row {
    cells: [String; 6],
    style: Style,
    reason: String,
}

/// The whole page, with styles.
pub(super) fn text(document: &Document) -> String {
    let mut text = banner(document);
    let in_condition = |condition| document.ports.iter().filter(move |port| port.condition() == condition);
    let rows: Vec<_> = in_condition(Condition::Odd)
        .chain(in_condition(Condition::Good))
        .map(|port| row(document, port))
        .collect();
    if !rows.is_empty() {
        text += &table(&rows);
    }
    let free: Ports = in_condition(Condition::Free).map(|port| port.port..=port.port).collect();
    if !free.is_empty() {
        let count = in_condition(Condition::Free).count();
        text += &format!("free: {} ({count})\n", port_ranges::text(&free));
    }
    text + &foot(document)
}

/// As much of a page as fits on a screen of `height` lines, its first and its last lines: what is wrong comes first.
pub(super) fn fitting(page: &str, height: usize) -> String {
    let lines: Vec<_> = page.split_inclusive('\n').collect();
    // The cursor needs a line, too.
    let room = height.saturating_sub(1).max(3);
    let [beginning @ .., foot] = &lines[..] else { return String::new() };
    if lines.len() <= room {
        return page.to_owned();
    }
    let shown = &beginning[..room - 2];
    format!(
        "{}... and {} more lines, see stalls status\n{foot}",
        shown.concat(),
        beginning.len() - shown.len()
    )
}

/// What is wrong with more than one port.
fn banner(document: &Document) -> String {
    let mut lines = Vec::new();
    let mut bad = |style: Style, what: &str, why: String| {
        lines.push(format!("{style}{what}{style:#}: {}\n", Printable(&why)));
    };
    let Document { haproxy, source, services, unmapped, findings, .. } = document;
    let or_unknown =
        |reason: &Option<String>| reason.clone().unwrap_or_else(|| "no reason is known".to_owned());
    match &haproxy.state[..] {
        "running" if haproxy.reason.is_none() => {}
        "running" => bad(BAD, "haproxy lags behind the plan", or_unknown(&haproxy.reason)),
        state => {
            let since = time(&haproxy.since);
            bad(BAD, &format!("haproxy is {} since {since}", Printable(state)), or_unknown(&haproxy.reason));
        }
    }
    if source.state != "ok" {
        let what = format!("source is {} since {}", Printable(&source.state), time(&source.since));
        bad(BAD, &what, or_unknown(&source.reason));
    }
    // What concerns all of them alike is said of the source.
    let are_alike =
        services.iter().all(|service| service.state == "stale" && service.reason == source.reason);
    for Service { service, state, since, reason } in services {
        match &state[..] {
            "ok" if reason.is_none() => {}
            "ok" => {
                bad(BAD, &format!("no container of {} is mapped", Printable(service)), or_unknown(reason));
            }
            _ if are_alike => {}
            state => {
                let what = format!("{} is {} since {}", Printable(service), Printable(state), time(since));
                bad(BAD, &what, or_unknown(reason));
            }
        }
    }
    for finding in findings {
        let style = if finding.severity == "error" { BAD } else { ODD };
        let what = format!("{}, {}", Printable(&finding.severity), Printable(&finding.subject));
        bad(style, &what, format!("{}. What to do: {}", finding.reason, finding.remedy));
    }
    for unmapped in unmapped {
        let Stranger { name, uuid } = &unmapped.container;
        let name = if name.is_empty() { uuid } else { name };
        let what = format!("no port for {} of {}", Printable(name), Printable(&unmapped.service));
        bad(ODD, &what, unmapped.reason.clone());
    }
    if !lines.is_empty() {
        lines.push("\n".to_owned());
    }
    lines.concat()
}

fn row(document: &Document, port: &Port) -> Row {
    let printable = |text: &str| Printable(text).to_string();
    let container = port.container.as_ref();
    let (name, address) = container.map_or(("-", "-"), |container| (&container.name, &container.address));
    let reason = match (document.services.len(), &port.reason) {
        (0 | 1, None) => String::new(),
        (0 | 1, Some(reason)) => printable(reason),
        (_, None) => printable(&port.service),
        (_, Some(reason)) => format!("{}: {}", printable(&port.service), printable(reason)),
    };
    Row {
        cells: [
            port.port.to_string(),
            printable(&port.state),
            printable(name),
            printable(address),
            port.sessions.map_or_else(|| "-".to_owned(), |sessions| sessions.to_string()),
            time(&port.since),
        ],
        style: if port.condition() == Condition::Good { PLAIN } else { ODD },
        reason,
    }
}

fn table(rows: &[Row]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row.cells[column].chars().count());
        cells.chain([HEAD[column].len()]).max().unwrap_or_default()
    };
    let widths: [usize; 6] = std::array::from_fn(width);
    let line = |cells: [&str; 6]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ")
    };
    let mut text = format!("{}\n", line(HEAD).trim_end());
    for Row { cells, style, reason } in rows {
        let line = format!("{}  {reason}", line(cells.each_ref().map(String::as_str)));
        text += &format!("{style}{}{style:#}\n", line.trim_end());
    }
    text
}

fn foot(document: &Document) -> String {
    let Document { version, revision, haproxy, source, at, .. } = document;
    let plan = if *revision == 0 { "no plan yet".to_owned() } else { format!("plan {revision}") };
    let process = match (&haproxy.version, haproxy.pid) {
        (Some(version), Some(pid)) => format!(" {version} (pid {pid})"),
        _ => String::new(),
    };
    let line = format!(
        "{} UTC: stalls {version}, {plan}, source {}, haproxy{process} {}",
        time(at),
        source.state,
        haproxy.state
    );
    format!("{}\n", Printable(&line))
}

/// `2026-11-27 13:01:02` of `2026-11-27T13:01:02.123Z`.
pub(super) fn time(rfc3339: &str) -> String {
    let seconds = rfc3339.split(['.', 'Z']).next().unwrap_or_default();
    Printable(&seconds.replacen('T', " ", 1)).to_string()
}

#[cfg(test)]
mod tests {
    use super::{super::tests::document, *};

    fn plain(document: &Document) -> String {
        anstream::adapter::strip_str(&text(document)).to_string()
    }

    #[test]
    fn all_is_well() {
        assert_eq!(
            plain(&document(&[
                (5000, "serving", Some("app-web-1")),
                (5001, "free", None),
                (5002, "free", None)
            ])),
            "PORT  STATE    CONTAINER  ADDRESS         SESSIONS  SINCE (UTC)\n\
             5000  serving  app-web-1  10.42.0.7:8080  3         2026-11-27 13:00:00\n\
             free: 5001-5002 (2)\n\
             2026-11-27 13:01:02 UTC: stalls 0.1.0, plan 17, source ok, haproxy 2.6.12 (pid 7) running\n"
        );
    }

    #[test]
    fn what_is_wrong_comes_first() {
        let mut document =
            document(&[(5000, "serving", Some("app-web-1")), (5001, "waiting", Some("app-web-2"))]);
        document.ports[1].reason = Some("port 5001 is taken".to_owned());
        document.haproxy.state = "down".to_owned();
        document.haproxy.reason = Some("signal 9".to_owned());
        document.source.state = "stale".to_owned();
        document.source.reason = Some("it is unreachable".to_owned());
        document.services[0].reason = Some("none is running".to_owned());
        let text = plain(&document);
        let beginnings: Vec<_> = text.lines().map(|line| line.split([':', ' ']).next().unwrap()).collect();
        assert_eq!(
            beginnings,
            ["haproxy", "source", "no", "", "PORT", "5001", "5000", "2026-11-27"],
            "{text}"
        );
        assert!(text.starts_with("haproxy is down since 2026-11-27 12:00:00: signal 9\n"), "{text}");
        assert!(text.contains("13:00:00  port 5001 is taken\n"), "{text}");
    }

    #[test]
    fn a_service_that_is_stale_is_named_unless_all_are_for_the_reason_of_the_source() {
        let mut document = document(&[]);
        document.source.state = "stale".to_owned();
        document.source.reason = Some("not found".to_owned());
        document.services.push(document.services[0].clone());
        document.services[1].service = "shop/api".to_owned();
        let names_it = |document: &Document| plain(document).contains("shop/api is stale since ");
        document.services[1].state = "stale".to_owned();
        document.services[1].reason = Some("not found".to_owned());
        assert!(names_it(&document), "{}", plain(&document));
        document.services[0] = document.services[1].clone();
        assert!(!names_it(&document), "{}", plain(&document));
        document.services[1].reason = Some("cannot be read".to_owned());
        assert!(names_it(&document), "{}", plain(&document));
    }

    #[test]
    fn findings_and_containers_without_a_port_are_named() {
        let mut document = document(&[]);
        document.findings = serde_json::from_value(serde_json::json!([{
            "kind": "ephemeral_range", "severity": "warning", "subject": "ports 5000-5063", "reason": "a", "remedy": "b"
        }]))
        .unwrap();
        document.unmapped = serde_json::from_value(serde_json::json!([{
            "service": "app/web", "container": {"name": "app-web-9", "uuid": "u"}, "kind": "outside_pool",
            "reason": "c", "since": "2026-11-27T13:00:00.000Z"
        }]))
        .unwrap();
        assert!(
            plain(&document).starts_with(
                "warning, ports 5000-5063: a. What to do: b\nno port for app-web-9 of app/web: c\n\n"
            ),
            "{}",
            plain(&document)
        );
    }

    #[test]
    fn a_screen_has_the_beginning_and_the_end() {
        assert_eq!(fitting("a\nb\nc\n", 4), "a\nb\nc\n");
        assert_eq!(fitting("a\nb\nc\nd\ne\n", 5), "a\nb\n... and 2 more lines, see stalls status\ne\n");
        assert_eq!(fitting("a\nb\nc\nd\n", 0), "a\n... and 2 more lines, see stalls status\nd\n");
    }

    #[test]
    fn nothing_from_outside_reaches_the_terminal_raw() {
        let mut document = document(&[(5000, "serving\u{1b}[2J", Some("web\u{1b}]0;x\u{7}"))]);
        document.source.state = "\u{1b}c".to_owned();
        document.source.reason = Some("\n\u{9b}".to_owned());
        document.version = "\r".to_owned();
        document.at = "\u{1b}[1m".to_owned();
        let page = plain(&document);
        assert!(page.chars().all(|c| c == '\n' || !c.is_control()), "{page:?}");
        assert!(page.contains("web\\u{1b}]0;x\\u{7}"), "{page}");
    }
}
