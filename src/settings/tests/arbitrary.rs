//! Properties of arbitrary settings.

use std::{fmt, os::unix::ffi::OsStringExt};

use proptest::prelude::*;
use slog::{KV, Key, Serializer};

use super::*;

/// Any text, bytes that are not UTF-8, and often something close to what a setting takes.
fn value() -> impl Strategy<Value = OsString> {
    let text = prop_oneof![
        4 => any::<String>(),
        4 => "[0-9]{1,7}",
        4 => "http://[a-z.:/@0-9\\[\\]]{0,20}",
        4 => "/[a-z/.,$]{0,80}",
        4 => "[0-9a-f:.\\[\\]]{1,20}",
        1 => "x{9000,10000}",
    ];
    let bytes = proptest::collection::vec(1..=u8::MAX, 0..40);
    prop_oneof![4 => text.prop_map(OsString::from), 1 => bytes.prop_map(OsString::from_vec)]
}

fn names() -> Vec<&'static str> {
    SETTINGS.iter().map(|setting| setting.name).collect()
}

fn any_settings() -> impl Strategy<Value = BTreeMap<&'static str, OsString>> {
    proptest::collection::btree_map(proptest::sample::select(names()), value(), 0..SETTINGS.len())
}

/// Valid values, except that an address may be in the pool.
fn valid_settings() -> impl Strategy<Value = BTreeMap<&'static str, OsString>> {
    let ms = "[1-9][0-9]{3,4}";
    let one = prop_oneof![
        any::<IpAddr>().prop_map(|ip| ("BIND_ADDRESS", ip.to_string())),
        any::<(IpAddr, u16)>().prop_map(|admin| ("ADMIN_LISTEN", SocketAddr::from(admin).to_string())),
        Just(("ADMIN_LISTEN", "off".to_owned())),
        "http://[a-z]{1,9}(:[1-9][0-9]{3})?(/[a-z0-9~]{1,9}){1,3}/?".prop_map(|url| ("METADATA_URL", url)),
        any::<bool>().prop_map(|allow| ("ALLOW_LOOPBACK", allow.to_string())),
        "/[a-z é\"]{0,20}s".prop_map(|path| ("STATE_DIR", path)),
        "/[a-z é\"]{0,20}r".prop_map(|path| ("RUN_DIR", path)),
        ms.prop_map(|ms| ("RECONCILE_INTERVAL_MS", ms)),
        "[1-9][0-9]{0,4}".prop_map(|count| ("MAX_CONNECTIONS_PER_PORT", count)),
        ms.prop_map(|ms| ("IDLE_TIMEOUT_MS", ms)),
        any::<bool>().prop_map(|check| ("HEALTH_CHECK", check.to_string())),
        ms.prop_map(|ms| ("HEALTH_CHECK_INTERVAL_MS", ms)),
        "v[12]".prop_map(|version| ("SEND_PROXY", version)),
        "([a-z]{1,9}/)?[a-z]{1,9}:[1-9][0-9]{3}@1[0-9]{4}(\\+[1-9])?".prop_map(|list| ("MAPPINGS", list)),
        ms.prop_map(|ms| ("DRAIN_MS", ms)),
        ms.prop_map(|ms| ("PORT_REUSE_DELAY_MS", ms)),
        ms.prop_map(|ms| ("LINGER_MS", ms)),
    ];
    proptest::collection::vec(one, 0..12)
        .prop_map(|some| some.into_iter().map(|(n, v)| (n, v.into())).collect())
}

/// The settings as the log shows them.
#[derive(Default)]
struct Logged(BTreeMap<String, String>);

impl Serializer for Logged {
    fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
        self.0.insert(key.to_string(), value.to_string());
        Ok(())
    }

    fn emit_none(&mut self, _: Key) -> slog::Result {
        Ok(())
    }
}

fn logged(settings: &Settings) -> BTreeMap<String, String> {
    let mut logged = Logged::default();
    settings
        .serialize(&slog::record!(slog::Level::Info, "", &format_args!(""), slog::b!()), &mut logged)
        .unwrap();
    logged.0
}

proptest! {
    #[test]
    fn any_value_gives_settings_or_errors_that_name_a_variable(
        given in any_settings(), complete: bool, render: bool
    ) {
        let usual = REQUIRED.map(|(name, value)| (name, OsString::from(value)));
        let all: BTreeMap<_, _> = given.into_iter().chain(usual.into_iter().filter(|_| complete)).collect();
        let purpose = if render { Purpose::Look } else { Purpose::Run };
        match Settings::from_cli(&cli(all), purpose, &FakeHost::with_haproxy()) {
            Ok(settings) => {
                prop_assert!(!settings.mappings.is_empty());
                prop_assert!(settings.poll_sleep >= Duration::from_millis(1));
                prop_assert!(settings.state_dir.is_absolute() && settings.run_dir.is_absolute());
                prop_assert!(settings.haproxy_bin.is_absolute());
            }
            Err(errors) => {
                let printed = errors.to_string();
                prop_assert!(printed.ends_with('\n'));
                for line in printed.lines() {
                    let name = line.split(['=', ' ']).next().unwrap_or_default();
                    prop_assert!(names().contains(&name), "{}", line);
                    prop_assert!(!line.chars().any(char::is_control), "{}", line);
                    // The longest escape of a character has ten.
                    prop_assert!(line.chars().count() < 1_600, "{}", line);
                }
            }
        }
    }

    #[test]
    fn settings_as_logged_give_the_same_settings(given in valid_settings()) {
        let usual = REQUIRED.map(|(name, value)| (name, OsString::from(value)));
        let has_list = given.contains_key("MAPPINGS");
        let all: BTreeMap<_, _> = given.into_iter().chain(usual.into_iter().filter(|_| !has_list)).collect();
        let parsed = |all: BTreeMap<_, _>| Settings::from_cli(&cli(all), Purpose::Run, &FakeHost::with_haproxy());
        let settings = parsed(all);
        // An admin address may be in the pool.
        prop_assume!(settings.is_ok());
        let first = logged(&settings.unwrap());
        let again = names().into_iter().filter_map(|name| {
            let value = first.get(&name.to_ascii_lowercase()).cloned();
            let unset = (name == "ADMIN_LISTEN").then(|| "off".to_owned());
            let is_a_value = name != "ON_LEAVE"; // `by_state` is logged when it is unset.
            Some((name, OsString::from(value.or(unset).filter(|_| is_a_value)?)))
        });
        let again: BTreeMap<_, _> = again.collect();
        prop_assert!(again.len() >= 12, "{:?}", again);
        prop_assert_eq!(parsed(again).map(|settings| logged(&settings)).map_err(|m| m.to_string()), Ok(first));
    }
}
