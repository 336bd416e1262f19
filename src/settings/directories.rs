//! The two directories that stalls writes to: they must exist and be writable.

use std::path::PathBuf;

use super::{
    Host, Purpose,
    parser::{Reported, SettingsParser},
    raw_setting::RawSetting,
    table::{RUN_DIR, STATE_DIR},
};
use crate::config_error::ConfigError;

/// The path of a Unix socket has at most 107 bytes (`sun_path`), of which the names of the sockets need 37.
const MAX_RUN_DIR_BYTES: usize = 70;

/// In the path of a `stats socket`, HAProxy takes a comma for the next address, and expands a `$`
/// (seen on 2.6: `missing port specification`, and a socket somewhere else).
const NOT_IN_RUN_DIR: [char; 2] = [',', '$'];

/// `STATE_DIR` and `RUN_DIR`, which must not be the same: each has a lock of its own.
pub(super) fn state_and_run(
    parser: &mut SettingsParser<'_>,
    purpose: Purpose,
    host: &impl Host,
) -> Result<(PathBuf, PathBuf), Reported> {
    let state_dir = parser.value(&STATE_DIR, |raw| usable(raw, purpose, host));
    let run_dir = parser.value(&RUN_DIR, |raw| {
        fits_sockets(raw)?;
        usable(raw, purpose, host)
    });
    let (state_dir, run_dir) = (state_dir?, run_dir?);
    if state_dir == run_dir {
        let remedy = format_args!("must differ from {}", STATE_DIR.name);
        parser.report(ConfigError::wrong(RUN_DIR.name, &run_dir.display().to_string(), remedy));
    }
    Ok((state_dir, run_dir))
}

fn fits_sockets(raw: &RawSetting<'_>) -> Result<(), ConfigError> {
    if raw.text.len() > MAX_RUN_DIR_BYTES {
        return Err(raw.wrong(format_args!(
            "must be at most {MAX_RUN_DIR_BYTES} bytes long, because the path of a socket in it may have 107"
        )));
    }
    if raw.text.contains(NOT_IN_RUN_DIR) {
        return Err(
            raw.wrong("must not contain a comma or a dollar sign, which HAProxy does not take literally")
        );
    }
    Ok(())
}

fn usable(raw: &RawSetting<'_>, purpose: Purpose, host: &impl Host) -> Result<PathBuf, ConfigError> {
    let path = raw.absolute_path()?;
    if purpose == Purpose::Run {
        host.make_writable(&path)
            .map_err(|error| raw.wrong(format_args!("must be a writable directory: {error}")))?;
    }
    Ok(path)
}
