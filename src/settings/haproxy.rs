//! HAProxy's executable and the template of its configuration.

use std::path::{Path, PathBuf};

use stalls_actors::config::Template;

use super::{
    Host, Purpose, Settings,
    parser::{Reported, SettingsParser},
    table::{HAPROXY_BIN, HAPROXY_TEMPLATE, HEALTH_CHECK, SEND_PROXY},
};
use crate::config_error::ConfigError;

/// The paths in HAProxy's own image and in Debian's package.
const USUAL_PATHS: [&str; 2] = ["/usr/local/sbin/haproxy", "/usr/sbin/haproxy"];

/// HAProxy's executable: the configured one, else the first that is found.
pub(super) fn executable(
    parser: &mut SettingsParser<'_>,
    purpose: Purpose,
    host: &impl Host,
) -> Result<PathBuf, Reported> {
    let needed = purpose == Purpose::Run;
    let configured = parser.optional(&HAPROXY_BIN, |raw| {
        let path = raw.absolute_path()?;
        if needed && !host.is_executable(&path) {
            // It may be being replaced at this moment, by a package manager.
            return Err(raw.wrong("must be an executable file").temporary());
        }
        Ok(path)
    })?;
    match configured {
        Some(path) => Ok(path),
        None if needed => {
            let missing =
                || ConfigError::missing(HAPROXY_BIN.name, "install haproxy, or set HAPROXY_BIN").temporary();
            parser.check(find(host).ok_or_else(missing))
        }
        None => Ok(find(host).unwrap_or_else(|| USUAL_PATHS[0].into())),
    }
}

fn find(host: &impl Host) -> Option<PathBuf> {
    let search_path = host.search_path().unwrap_or_default();
    let elsewhere = std::env::split_paths(&search_path).map(|directory| directory.join("haproxy"));
    let mut candidates = USUAL_PATHS.iter().map(PathBuf::from).chain(elsewhere);
    candidates.find(|path| path.is_absolute() && host.is_executable(path))
}

/// The configured template, rendered once with sample values, else the built-in one.
pub(super) fn template(parser: &mut SettingsParser<'_>, host: &impl Host) -> Result<Template, Reported> {
    let configured = parser.optional(&HAPROXY_TEMPLATE, |raw| {
        let unreadable =
            |error| raw.wrong(format_args!("must be a readable file: {error}")).caused_by(&error);
        let text = host.read(Path::new(raw.text)).map_err(unreadable)?;
        Template::parse(&text).map_err(|error| raw.wrong(format_args!("must be a valid template: {error}")))
    })?;
    let broken = |error| {
        ConfigError::missing(HAPROXY_TEMPLATE.name, format_args!("the built-in template is invalid: {error}"))
    };
    configured.map_or_else(|| parser.check(Template::built_in().map_err(broken)), Ok)
}

/// Tries the configured template with all settings, and with HAProxy if that can be asked.
pub(super) fn tried(
    parser: &mut SettingsParser<'_>,
    settings: Settings,
    host: &impl Host,
) -> Result<Settings, Reported> {
    let (template, listen) = (&settings.template, settings.listen());
    if template.is_built_in() {
        return Ok(settings);
    }
    for (setting, is_ignored) in [
        (&SEND_PROXY, settings.send_proxy.is_some_and(|version| !template.sends_proxy(version))),
        (&HEALTH_CHECK, settings.health_check && !template.checks_health()),
    ] {
        parser.optional(setting, |raw| match is_ignored {
            true => Err(raw.wrong(format_args!("has no effect with this {}", HAPROXY_TEMPLATE.name))),
            false => Ok(()),
        })?;
    }
    // What cannot be rendered is reported by those who render the real one.
    if let Ok(text) = template.sample(&listen)
        && let Some(words) = host.objections(&settings.haproxy_bin, &text)
    {
        let line = line_of_which(&words, &text).unwrap_or_default();
        parser.optional(&HAPROXY_TEMPLATE, |raw| {
            Err::<(), _>(raw.wrong(format_args!("is rejected by HAProxy: {words}{line}")))
        })?;
    }
    Ok(settings)
}

/// The line of `text` that HAProxy calls by its number: nobody else can look at it.
fn line_of_which(words: &str, text: &str) -> Option<String> {
    let (_, after) = words.split_once("/dev/stdin:")?;
    let number: usize = after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    let line = text.lines().nth(number.checked_sub(1)?)?;
    Some(format!(" | line {number}: {}", line.trim()))
}
