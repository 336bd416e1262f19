//! Whether the clock is synchronised, where systemd says so. The log's times and the ages of saved assignments go by it.

use super::{Finding, Kind, Severity, program};

pub(super) fn check() -> Option<Finding> {
    // It knows of any program that disciplines the clock, since it asks the kernel.
    let said = program::output("timedatectl", &["show", "--property=NTPSynchronized", "--value"]).ok()?;
    (said.trim() == "no").then(|| Finding {
        kind: Kind::Clock,
        severity: Severity::Note,
        subject: "the clock".to_owned(),
        reason: "it is not synchronised, so the times in the logs of two hosts cannot be compared".to_owned(),
        remedy: "start chrony or systemd-timesyncd".to_owned(),
    })
}
