//! The two directories that stalls writes to.

use std::path::{Path, PathBuf};

use super::{
    Host, Purpose,
    parser::{Reported, SettingsParser},
    raw_setting::RawSetting,
    table::{HAPROXY_TEMPLATE, RUN_DIR, STATE_DIR, Setting},
};
use crate::{config_error::ConfigError, directories::DirectoryError};

/// The path of a Unix socket has at most 107 bytes (`sun_path`), of which the names of the sockets need 37.
const MAX_RUN_DIR_BYTES: usize = 70;

/// In the path of a `stats socket`, HAProxy takes a comma for the next address, and expands a `$`
/// (seen on 2.6: `missing port specification`, and a socket somewhere else).
const NOT_IN_RUN_DIR: [char; 2] = [',', '$'];

/// `STATE_DIR` and `RUN_DIR`, which must not be the same: each has a lock of its own. Both are checked before one is
/// created, since one may be in the other.
pub(super) fn state_and_run(
    parser: &mut SettingsParser<'_>,
    purpose: Purpose,
    host: &impl Host,
) -> Result<(PathBuf, PathBuf), Reported> {
    // What the operator keeps there is known.
    let template = parser.text(&HAPROXY_TEMPLATE).map(PathBuf::from);
    let state_dir = parser.value(&STATE_DIR, RawSetting::absolute_path);
    let run_dir = run_dir(parser);
    let (state_dir, run_dir) = (state_dir?, run_dir?);
    if state_dir == run_dir {
        let remedy = format_args!("must differ from {}", STATE_DIR.name);
        parser.report(ConfigError::wrong(RUN_DIR.name, &run_dir.display().to_string(), remedy));
        return Err(Reported);
    }
    if purpose == Purpose::Run {
        let expected: Vec<&Path> =
            [&state_dir, &run_dir].into_iter().chain(&template).map(PathBuf::as_path).collect();
        let directories = [(&STATE_DIR, &state_dir), (&RUN_DIR, &run_dir)];
        let mut all = |act: &dyn Fn(&Path) -> Result<(), DirectoryError>| {
            let done = directories.map(|(setting, path)| parser.check(named(setting, path, act(path))));
            done.into_iter().collect::<Result<(), _>>()
        };
        all(&|path| host.check_directory(path, &expected))?;
        all(&|path| Ok(host.create_directory(path)?))?;
    }
    Ok((state_dir, run_dir))
}

/// `RUN_DIR` alone, which has the sockets.
pub(super) fn run_dir(parser: &mut SettingsParser<'_>) -> Result<PathBuf, Reported> {
    parser.value(&RUN_DIR, |raw| {
        fits_sockets(raw)?;
        raw.absolute_path()
    })
}

/// An error of a directory as one of the setting that names it.
fn named(
    setting: &'static Setting,
    path: &Path,
    result: Result<(), DirectoryError>,
) -> Result<(), ConfigError> {
    result.map_err(|error| {
        let wrong = ConfigError::wrong(setting.name, &path.display().to_string(), &error);
        match &error {
            DirectoryError::Io(cause) => wrong.caused_by(cause),
            _ => wrong,
        }
    })
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
