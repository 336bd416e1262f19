//! Which HAProxy there is, and what is known to be wrong with it.

use std::path::Path;

use stalls_actors::haproxy::Version;

use super::{Finding, Kind, Severity, program};

pub(super) fn check(executable: &Path) -> Vec<Finding> {
    let subject = executable.display().to_string();
    let finding = |kind, severity, reason: String, remedy: &str| Finding {
        kind,
        severity,
        subject: subject.clone(),
        reason,
        remedy: remedy.to_owned(),
    };
    let said = match program::output(executable, &["-v"]) {
        Ok(said) => said,
        Err(error) => {
            let reason = format!("HAProxy cannot be run: {error}");
            let remedy = "install haproxy 2.6 or newer, or name it with HAPROXY_BIN";
            return vec![finding(Kind::HaproxyMissing, Severity::Error, reason, remedy)];
        }
    };
    let Some(version) = version(&said) else {
        let reason =
            format!("it does not say HAProxy's version: {}", said.lines().next().unwrap_or_default());
        let remedy = "name HAProxy's executable with HAPROXY_BIN";
        return vec![finding(Kind::HaproxyMissing, Severity::Error, reason, remedy)];
    };
    if version < Version::OLDEST {
        let reason = format!("HAProxy {version} is older than {}", Version::OLDEST);
        let remedy = "install haproxy 2.6 or newer";
        return vec![finding(Kind::HaproxyTooOld, Severity::Warning, reason, remedy)];
    }
    let fault = |fault| {
        let reason = format!("HAProxy {version} has a known fault: {fault}");
        finding(Kind::HaproxyFault, Severity::Note, reason, "take HAProxy 3.2 if there is a choice")
    };
    version.remaining_faults().map(fault).collect()
}

/// `HAProxy version 2.6.12-1+deb12u3 2025/10/03 - https://haproxy.org/`.
fn version(said: &str) -> Option<Version> {
    Version::parse(said.split_once("ersion ")?.1.split(' ').next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn haproxys_first_line_is_read() {
        for (said, expected) in [
            (
                "HAProxy version 2.6.12-1+deb12u3 2025/10/03 - https://haproxy.org/\nStatus: long-term",
                Some("2.6.12"),
            ),
            ("HA-Proxy version 1.8.19-1+deb10u3 2020/08/01", Some("1.8.19")),
            ("echo", None),
            ("Version x", None),
        ] {
            assert_eq!(version(said).map(|version| version.to_string()).as_deref(), expected, "{said}");
        }
    }

    #[test]
    fn what_is_no_haproxy_is_an_error() {
        for executable in ["/nonexistent/haproxy", "/bin/false", "/bin/echo"] {
            let [finding] = &check(Path::new(executable))[..] else { panic!("{executable}") };
            assert_eq!(
                (finding.kind, finding.severity),
                (Kind::HaproxyMissing, Severity::Error),
                "{executable}"
            );
        }
    }
}
