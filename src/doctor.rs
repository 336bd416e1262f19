//! What on this host keeps stalls from doing its work, or may come to, with what would do: `stalls doctor`, and what stalls
//! logs at its start. Nothing is changed.
//!
//! Each check is a reader of the host and a pure function from what it read to findings.

mod clock;
mod descriptors;
mod directories;
mod dnat;
mod ephemeral_range;
mod finding;
mod haproxy;
mod listeners;
mod output;
mod processes;
mod program;
mod quota;
mod source;

use std::io::{self, Write};

use serde::Serialize;
use slog::{Logger, error, info, warn};

pub(crate) use self::finding::{Finding, Kind, Severity};
use crate::{
    exit::Exit,
    port_ranges::{Ports, text},
    settings::Settings,
};

/// `stalls doctor`: prints all that is found, the worst first.
pub(crate) fn run(settings: &Settings, as_json: bool) -> Exit {
    let mut findings = on_this_host(settings);
    findings.extend(haproxy::check(&settings.haproxy_bin));
    findings.extend(source::check(settings));
    findings.extend(clock::check());
    findings.sort_by_key(|finding| finding.severity);
    let printed = if as_json { print_json(&findings) } else { output::print(&findings) };
    match printed {
        Ok(()) => exit(&findings),
        Err(error) => {
            let _ = writeln!(io::stderr(), "stalls doctor: cannot write: {error}");
            Exit::NotLooked
        }
    }
}

fn print_json(findings: &[Finding]) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        findings: &'a [Finding],
    }
    writeln!(io::stdout().lock(), "{}", serde_json::to_string_pretty(&Document { findings })?)
}

fn exit(findings: &[Finding]) -> Exit {
    let bad: Vec<_> = findings.iter().filter(|finding| finding.severity < Severity::Note).collect();
    match &bad[..] {
        [] => Exit::Ok,
        bad if bad.iter().all(|finding| finding.kind == Kind::NotLooked) => Exit::NotLooked,
        _ => Exit::No,
    }
}

/// What is found without the network and without HAProxy, within some milliseconds. It starts processes, so PID 1 must not
/// have begun to reap orphans. The supervisor says which HAProxy there is, and the poller whether the metadata are.
pub(crate) fn at_start(settings: &Settings) -> Vec<Finding> {
    let mut findings = on_this_host(settings);
    // In a container most hosts hide what it does not need.
    findings.retain(|finding| finding.kind != Kind::NotLooked);
    findings
}

/// Logs each finding.
pub(crate) fn log(findings: &[Finding], log: &Logger) {
    for Finding { kind, severity, subject, reason, remedy } in findings {
        let fields = slog::o!("kind" => kind.label(), "subject" => subject.clone(), "reason" => reason.clone(),
            "remedy" => remedy.clone());
        let log = log.new(fields);
        match severity {
            Severity::Error => error!(log, "host check has found something"),
            Severity::Warning => warn!(log, "host check has found something"),
            Severity::Note => info!(log, "host check has found something"),
        }
    }
}

fn on_this_host(settings: &Settings) -> Vec<Finding> {
    let ports: Ports = settings.pools().map(|pool| pool.ports).collect();
    let count = settings.pools().map(|pool| pool.ports.len() as u64).sum();
    let mut findings = listeners::check(settings, &ports);
    findings.extend(directories::check(settings));
    findings.extend(descriptors::check(&settings.listen(), count));
    findings.extend(ephemeral_range::check(&ports));
    findings.extend(dnat::check(&ports));
    findings.extend(quota::check());
    findings
}

fn not_looked(subject: &str, why: &str) -> Finding {
    Finding {
        kind: Kind::NotLooked,
        severity: Severity::Note,
        subject: subject.to_owned(),
        reason: why.to_owned(),
        remedy: "run stalls doctor as root on the host to have them looked at".to_owned(),
    }
}

/// `port 5000` or `ports 5000-5003,5007`.
fn ports_text(ports: &Ports) -> String {
    let text = text(ports);
    let plural = if text.contains([',', '-']) { "s" } else { "" };
    format!("port{plural} {text}")
}
