//! HAProxy's own lines, in our log.
//!
//! Its pipes are always read: one that fills up stops HAProxy, runtime API included.

use slog::{Level, Logger, crit, debug, error, info, warn};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use super::runtime_api::port_of;

/// Logs every line of `pipe` until it ends.
pub(super) async fn relog(pipe: impl AsyncRead + Unpin, stream: &'static str, log: Logger) {
    let mut lines = BufReader::new(pipe).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        let (level, text) = parse(line.trim_end());
        if !text.is_empty() {
            say(&log, level, stream, text);
        }
    }
}

/// slog wants the level of each place in the code to be a constant.
fn say(log: &Logger, level: Level, stream: &str, text: &str) {
    match level {
        Level::Critical => crit!(log, "haproxy says"; "stream" => stream, "line" => text),
        Level::Error => error!(log, "haproxy says"; "stream" => stream, "line" => text),
        Level::Warning => warn!(log, "haproxy says"; "stream" => stream, "line" => text),
        Level::Info => info!(log, "haproxy says"; "stream" => stream, "line" => text),
        Level::Debug | Level::Trace => debug!(log, "haproxy says"; "stream" => stream, "line" => text),
    }
}

/// Severity and text of a line, which is of syslog's short form (`<4>text`) from the log, or of the form
/// `[WARNING]  (3111) : text` on stderr.
fn parse(line: &str) -> (Level, &str) {
    let (level, text) = syslog(line).or_else(|| console(line)).unwrap_or((Level::Info, line));
    if is_echo(text) || is_bind_failure(text) { (Level::Debug, text) } else { (level, text) }
}

fn syslog(line: &str) -> Option<(Level, &str)> {
    let (severity, text) = line.strip_prefix('<')?.split_once('>')?;
    let level = match severity.parse::<u8>().ok()? {
        0..=2 => Level::Critical,
        3 => Level::Error,
        4 => Level::Warning,
        5 | 6 => Level::Info,
        _ => Level::Debug,
    };
    Some((level, text))
}

fn console(line: &str) -> Option<(Level, &str)> {
    let (severity, rest) = line.strip_prefix('[')?.split_once(']')?;
    let level = match severity {
        "ALERT" => Level::Error,
        "WARNING" => Level::Warning,
        "NOTICE" => Level::Info,
        _ => Level::Debug,
    };
    let text = rest.split_once(") : ").map_or(rest, |(_, text)| text);
    Some((level, text.trim_start()))
}

/// stalls itself says which ports cannot be bound, and whether a container needs them.
fn is_bind_failure(text: &str) -> bool {
    (text.starts_with("Binding [") && text.contains(": cannot bind socket ("))
        || text.ends_with("Some protocols failed to start their listeners! Exiting.")
}

/// HAProxy announces whatever it was told to do, as warnings and worse: with a pool of 1000 that is a thousand lines
/// that say nothing is wrong. What health checks find, stalls says for all ports at once.
fn is_echo(text: &str) -> bool {
    // A process that drains stops all its proxies, the user's own ones too.
    if text.starts_with("Stopping ") || text.starts_with("Proxy ") && text.contains(" stopped (") {
        return true;
    }
    let is_ours = text.split(' ').any(|word| {
        let name = word.trim_matches(['\'', '.']);
        port_of(name.strip_suffix("/c").unwrap_or(name)).is_some()
    });
    let told = [
        ("Paused ", ""),
        ("Resumed ", ""),
        ("Server ", " is going DOWN for maintenance"),
        ("Server ", " (leaving forced maintenance)"),
        ("Server ", " is DOWN, reason: "),
        ("Server ", " is UP, reason: "),
        ("proxy ", " has no server available!"),
    ];
    is_ours && told.iter().any(|(start, rest)| text.starts_with(start) && text.contains(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_carry_their_severity() {
        assert_eq!(parse("<3>Server p5000/c is DOWN"), (Level::Error, "Server p5000/c is DOWN"));
        assert_eq!(parse("[ALERT]    (3111) : config : bad"), (Level::Error, "config : bad"));
        assert_eq!(
            parse("[NOTICE]   (3111) : haproxy version is 2.6"),
            (Level::Info, "haproxy version is 2.6")
        );
        assert_eq!(
            parse("Thread 1 is about to kill the process"),
            (Level::Info, "Thread 1 is about to kill the process")
        );
    }

    #[test]
    fn ports_that_cannot_be_bound_are_stalls_own_to_tell_of() {
        for text in [
            "Binding [stdin:40] for proxy p5003: cannot bind socket (Address already in use) for [*:5003]",
            "Binding [/r/haproxy.cfg:40] for proxy p5003: protocol tcpv4: cannot bind socket (Address already in use) for [*:5003].",
            "[haproxy.main()] Some protocols failed to start their listeners! Exiting.",
        ] {
            assert_eq!(parse(&format!("[ALERT]    (3111) : {text}")), (Level::Debug, text));
        }
    }

    #[test]
    fn echoes_of_our_own_commands_are_for_debugging() {
        assert_eq!(parse("<4>Paused proxy p5001."), (Level::Debug, "Paused proxy p5001."));
        let stopped = "Proxy p5001 stopped (cumulated conns: FE: 0, BE: 0).";
        assert_eq!(parse(&format!("[WARNING]  (3111) : {stopped}")), (Level::Debug, stopped));
        for text in [
            "Server p5001/c is going DOWN for maintenance. 0 active and 0 backup servers left.",
            "Server p5001/c is UP/READY (leaving forced maintenance).",
            "Server p5001/c is DOWN, reason: Layer4 connection problem, info: \"Connection refused\".",
            "Server p5001/c is UP, reason: Layer4 check passed, check duration: 0ms.",
            "proxy p5001 has no server available!",
            "proxy 'p5001' has no server available!",
        ] {
            assert_eq!(parse(&format!("<1>{text}")), (Level::Debug, text));
        }
        for trouble in [
            "Server web/c is DOWN, reason: Layer4 connection problem",
            "proxy web has no server available!",
            "Server prod/c is going DOWN for maintenance.",
        ] {
            assert_eq!(parse(&format!("<1>{trouble}")), (Level::Critical, trouble));
        }
    }
}
