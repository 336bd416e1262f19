//! What to map: the list `MAPPINGS`, or one mapping by `SERVICE_NAME`, `BACKEND_PORT`, `BASE_PORT` and `PORT_COUNT`.

mod backend_port;
mod entry;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod name;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use stalls_actors::{
    allocation::pool_conflicts::{self, PoolConflict},
    domain::{BackendPort, Mapping, ServiceRef},
};

pub(super) use self::entry::written;
use self::{backend_port::NoPort, entry::EXAMPLE, name::Naming};
use super::{
    parser::{Reported, SettingsParser},
    raw_setting::RawSetting,
    table::{ADMIN_LISTEN, BACKEND_PORT, BASE_PORT, MAPPINGS, PORT_COUNT, SERVICE_NAME, STACK_NAME, Setting},
};
use crate::config_error::ConfigError;

/// The settings that describe a single mapping.
static SINGLE: [&Setting; 4] = [&SERVICE_NAME, &BACKEND_PORT, &BASE_PORT, &PORT_COUNT];

/// What to map: one or more mappings.
pub(super) fn mappings(parser: &mut SettingsParser<'_>) -> Result<Vec<Mapping>, Reported> {
    let naming = Naming::of(parser);
    let stack = parser.optional(&STACK_NAME, |raw| naming.stack(raw));
    let list = parser.optional(&MAPPINGS, |raw| Ok(raw.text))?;
    let mappings = match (list, &given(parser)[..]) {
        (None, []) => return nothing_given(parser),
        (None, _) => vec![single(parser, stack, naming)?],
        (Some(list), []) => entries(parser, list, stack?, naming)?,
        (Some(list), given) => {
            let remedy =
                format!("says what to map, and so does {}: unset one or the other", given.join(", "));
            return parser.check(Err(ConfigError::wrong(MAPPINGS.name, list, remedy)));
        }
    };
    for conflict in pool_conflicts::conflicts(&mappings) {
        parser.report(error(conflict, list.is_some()));
    }
    Ok(mappings)
}

/// Checks that no pool has the port of the admin address.
pub(super) fn check_admin(
    parser: &mut SettingsParser<'_>,
    admin: SocketAddr,
    bind_address: Option<IpAddr>,
    mappings: &[Mapping],
) -> Result<(), Reported> {
    let conflict = pool_conflicts::admin_conflict(admin, bind_address, mappings);
    let is_list = parser.text(&MAPPINGS).is_some();
    parser.check(conflict.map_or(Ok(()), |conflict| Err(error(conflict, is_list))))
}

/// The names of those [`SINGLE`] settings that are given.
fn given(parser: &SettingsParser<'_>) -> Vec<&'static str> {
    let given = SINGLE.iter().filter(|setting| parser.cli().value(setting).is_some());
    given.map(|setting| setting.name).collect()
}

/// Both ways to say what to map.
fn nothing_given<T>(parser: &mut SettingsParser<'_>) -> Result<T, Reported> {
    for (setting, remedy) in [
        (&SERVICE_NAME, "give the service whose containers get a port each, with BACKEND_PORT and BASE_PORT"),
        (&MAPPINGS, "or give several services there, such as \"web:8080@5000+20 api:9000@6000\""),
    ] {
        parser.report(ConfigError::missing(setting.name, remedy));
    }
    Err(Reported)
}

fn single(
    parser: &mut SettingsParser<'_>,
    stack: Result<Option<String>, Reported>,
    naming: Naming,
) -> Result<Mapping, Reported> {
    let service = parser.value(&SERVICE_NAME, |raw| naming.service(raw));
    let backend_port = parser.value(&BACKEND_PORT, |raw| backend_port(raw, naming));
    let base_port = parser.value(&BASE_PORT, RawSetting::port);
    let port_count = parser.optional(&PORT_COUNT, RawSetting::port_count);
    Ok(Mapping {
        service: ServiceRef { stack: stack?, service: service? },
        backend_port: backend_port?,
        base_port: base_port?,
        port_count: port_count?,
    })
}

fn backend_port(raw: &RawSetting<'_>, naming: Naming) -> Result<BackendPort, ConfigError> {
    let port = backend_port::read(raw.text, naming);
    port.map_err(|NoPort { allowed, note }| raw.wrong(format_args!("must be a port {allowed}{note}")))
}

/// The mappings of a list. Every mistake of every entry is reported.
fn entries(
    parser: &mut SettingsParser<'_>,
    list: &str,
    stack: Option<String>,
    naming: Naming,
) -> Result<Vec<Mapping>, Reported> {
    let texts = entry::split(list, naming);
    if texts.is_empty() {
        let remedy = format!("must have an entry such as {EXAMPLE}");
        return parser.check(Err(ConfigError::wrong(MAPPINGS.name, list, remedy)));
    }
    let mut mappings = Vec::with_capacity(texts.len());
    for text in &texts {
        match entry::read(text, naming) {
            Ok(mut mapping) => {
                mapping.service.stack = mapping.service.stack.or_else(|| stack.clone());
                mappings.push(mapping);
            }
            Err(remedies) => remedies
                .into_iter()
                .for_each(|remedy| parser.report(ConfigError::wrong(MAPPINGS.name, text, remedy))),
        }
    }
    if mappings.len() == texts.len() { Ok(mappings) } else { Err(Reported) }
}

/// A conflict as an error of the setting that can resolve it.
fn error(conflict: PoolConflict<'_>, is_list: bool) -> ConfigError {
    let in_list = |mapping, remedy| {
        ConfigError::wrong(MAPPINGS.name, &written(mapping), format_args!("{conflict}{remedy}"))
    };
    match conflict {
        PoolConflict::TooLarge { mapping, .. } if is_list => in_list(mapping, String::new()),
        PoolConflict::TooLarge { count, .. } => {
            ConfigError::wrong(PORT_COUNT.name, &count.to_string(), conflict)
        }
        PoolConflict::Twice { later, .. } => in_list(later, "; remove one of the two".to_owned()),
        PoolConflict::Overlap { earlier, later } => in_list(later, apart(earlier, later)),
        PoolConflict::AdminPort { admin, mapping } => {
            let or_move =
                if is_list { format!(", or move {} of MAPPINGS", written(mapping)) } else { String::new() };
            let remedy = format!("{conflict}; choose a port outside of it, or off{or_move}");
            ConfigError::wrong(ADMIN_LISTEN.name, &admin.to_string(), remedy)
        }
    }
}

/// What keeps two pools apart: another base port, or a size with which the lower one ends before the other.
fn apart(one: &Mapping, other: &Mapping) -> String {
    let (lower, upper) = if one.base_port < other.base_port { (one, other) } else { (other, one) };
    let room = upper.base_port.get() - lower.base_port.get();
    match std::num::NonZeroU16::new(room) {
        None => "; move one of them".to_owned(),
        Some(room) => {
            let ended = Mapping { port_count: Some(room), ..lower.clone() };
            format!("; move one of them, or end the lower one with {}", written(&ended))
        }
    }
}
