//! The directories that stalls writes to.

use std::path::{Path, PathBuf};

use super::{
    Host, Purpose,
    parser::{Reported, SettingsParser},
    raw_setting::RawSetting,
    table::{HAPROXY_TEMPLATE, RECORD_DIR, RUN_DIR, STATE_DIR, Setting},
};
use crate::{config_error::ConfigError, directories::DirectoryError};

/// The path of a Unix socket has at most 107 bytes (`sun_path`), of which the names of the sockets need 37.
const MAX_RUN_DIR_BYTES: usize = 70;

/// In the path of a `stats socket`, HAProxy takes a comma for the next address, and expands a `$`
/// (seen on 2.6: `missing port specification`, and a socket somewhere else).
const NOT_IN_RUN_DIR: [char; 2] = [',', '$'];

/// The directories.
#[derive(Debug)]
pub(super) struct Directories {
    pub(super) state: PathBuf,
    pub(super) run: PathBuf,
    /// `None` if nothing is recorded.
    pub(super) record: Option<PathBuf>,
}

/// All directories, of which no two may be the same: each has a lock of its own. All are checked before one is created,
/// since one may be in another.
pub(super) fn directories(
    parser: &mut SettingsParser<'_>,
    purpose: Purpose,
    host: &impl Host,
) -> Result<Directories, Reported> {
    // What the operator keeps there is known.
    let template = parser.text(&HAPROXY_TEMPLATE).map(PathBuf::from);
    let state = parser.value(&STATE_DIR, RawSetting::absolute_path);
    let run = run_dir(parser);
    let record = parser.optional(&RECORD_DIR, RawSetting::absolute_path);
    let (state, run, record) = (state?, run?, record?);
    let given: Vec<_> = [(&STATE_DIR, &state), (&RUN_DIR, &run)]
        .into_iter()
        .chain(record.iter().map(|path| (&RECORD_DIR, path)))
        .collect();
    for (position, (setting, path)) in given.iter().enumerate() {
        if let Some((other, _)) = given[..position].iter().find(|(_, other)| other == path) {
            let remedy = format_args!("must differ from {}", other.name);
            parser.report(ConfigError::wrong(setting.name, &path.display().to_string(), remedy));
            return Err(Reported);
        }
    }
    if purpose == Purpose::Run {
        let expected: Vec<&Path> =
            given.iter().map(|(_, path)| path.as_path()).chain(template.as_deref()).collect();
        let mut all = |act: &dyn Fn(&Path) -> Result<(), DirectoryError>| {
            let done: Vec<_> =
                given.iter().map(|(setting, path)| parser.check(named(setting, path, act(path)))).collect();
            done.into_iter().collect::<Result<(), _>>()
        };
        all(&|path| host.check_directory(path, &expected))?;
        all(&|path| Ok(host.create_directory(path)?))?;
    }
    Ok(Directories { state, run, record })
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
