//! The settings as a whole, on a fake host.

mod arbitrary;
mod fake_host;
mod several_services;

use std::{collections::BTreeMap, ffi::OsString, path::Path, time::Duration};

pub(super) use self::fake_host::FakeHost;
use super::{
    table::{Kind, SETTINGS},
    *,
};
use crate::exit::Exit;

const REQUIRED: [(&str, &str); 3] =
    [("SERVICE_NAME", "web"), ("BACKEND_PORT", "8080"), ("BASE_PORT", "5000")];

fn cli<'a, T: Into<OsString>>(given: impl IntoIterator<Item = (&'a str, T)>) -> Cli {
    let flag = |(name, value): (&str, T)| {
        let mut flag = OsString::from(format!("--{}=", name.to_ascii_lowercase().replace('_', "-")));
        flag.push(value.into());
        flag
    };
    Cli::from_arguments(given.into_iter().map(flag)).unwrap()
}

fn settings(more: &[(&str, &str)], purpose: Purpose, host: &FakeHost) -> Result<Settings, String> {
    let given: BTreeMap<_, _> = REQUIRED.into_iter().chain(more.iter().copied()).collect();
    Settings::from_cli(&cli(given), purpose, host).map_err(|errors| errors.to_string())
}

/// The exit code of a start that fails.
fn exit(more: &[(&str, &str)], host: &FakeHost) -> Exit {
    let given: BTreeMap<_, _> = REQUIRED.into_iter().chain(more.iter().copied()).collect();
    Settings::from_cli(&cli(given), Purpose::Run, host).unwrap_err().exit()
}

fn run(more: &[(&str, &str)]) -> Result<Settings, String> {
    settings(more, Purpose::Run, &FakeHost::with_haproxy())
}

fn errors(more: &[(&str, &str)]) -> String {
    run(more).unwrap_err()
}

#[test]
fn the_variables_describe_a_list_of_one_and_the_rest_has_defaults() {
    let settings = run(&[]).unwrap();
    assert_eq!(settings.mappings.len(), 1);
    let mapping = &settings.mappings[0];
    assert_eq!(mapping.service.to_string(), "web");
    assert_eq!((mapping.backend_port.to_string(), mapping.base_port.get()), ("8080".to_owned(), 5000));
    assert_eq!(mapping.port_count, None);
    assert_eq!(settings.source.address(), "http://rancher-metadata/2015-12-19");
    assert_eq!(settings.poll_sleep, Duration::from_secs(5));
    assert_eq!(settings.bind_address, None);
    assert!(!settings.allow_loopback);
    assert_eq!(settings.state_dir, Path::new("/var/lib/stalls"));
    assert_eq!(settings.run_dir, Path::new("/run/stalls"));
    assert_eq!(settings.record_dir, None);
    assert_eq!(settings.haproxy_bin, Path::new("/usr/sbin/haproxy"));
    assert_eq!(settings.reconcile_interval, Duration::from_secs(30));
    assert_eq!(settings.on_leave, OnLeave::ByState);
    assert_eq!(settings.max_connections_per_port, None);
    assert_eq!(settings.idle_timeout, None);
    assert_eq!((settings.send_proxy, settings.health_check), (None, false));
    assert_eq!(settings.health_check_interval, Duration::from_secs(2));
    assert_eq!(settings.max_draining, 16);
    assert_eq!(settings.drain, Duration::from_secs(8));
    assert_eq!(settings.port_reuse_delay, Duration::from_secs(60));
    assert_eq!(settings.linger, Duration::from_secs(300));
    assert_eq!(settings.admin_listen, Some("127.0.0.1:8405".parse().unwrap()));
    assert_eq!(settings.log, logging::Options { format: Format::Json, level: slog::Level::Info });
}

#[test]
fn every_value_arrives() {
    let settings = run(&[
        ("STACK_NAME", "shop"),
        ("PORT_COUNT", "12"),
        ("BIND_ADDRESS", "::"),
        ("METADATA_URL", "http://169.254.169.250/latest/"),
        ("ALLOW_LOOPBACK", "yes"),
        ("POLL_SLEEP_TIME_MS", "1"),
        ("RECONCILE_INTERVAL_MS", "3600000"),
        ("ON_LEAVE", "drain"),
        ("MAX_CONNECTIONS_PER_PORT", "100000"),
        ("IDLE_TIMEOUT_MS", "2073600000"),
        ("MAX_DRAINING", "1000"),
        ("SEND_PROXY", "v2"),
        ("HEALTH_CHECK", "true"),
        ("HEALTH_CHECK_INTERVAL_MS", "100"),
        ("DRAIN_MS", "0"),
        ("PORT_REUSE_DELAY_MS", "86400000"),
        ("LINGER_MS", "86400000"),
        ("ADMIN_LISTEN", "off"),
        ("STATE_DIR", "/state"),
        ("RUN_DIR", "/run dir"),
        ("RECORD_DIR", "/recorded"),
        ("LOG_FORMAT", "term"),
        ("LOG_LEVEL", "warn"),
    ])
    .unwrap();
    assert_eq!(settings.mappings[0].service.to_string(), "shop/web");
    assert_eq!(settings.mappings[0].port_count.unwrap().get(), 12);
    assert_eq!(settings.bind_address, Some("::".parse().unwrap()));
    assert_eq!(settings.source.address(), "http://169.254.169.250/latest");
    assert!(settings.allow_loopback);
    assert_eq!(settings.poll_sleep, Duration::from_millis(1));
    assert_eq!(settings.reconcile_interval, Duration::from_secs(3_600));
    assert_eq!(settings.on_leave, OnLeave::Drain);
    assert_eq!(settings.max_connections_per_port, Some(100_000));
    assert_eq!(settings.idle_timeout, Some(Duration::from_secs(24 * 86_400)));
    assert_eq!(settings.send_proxy, Some(ProxyProtocol::V2));
    assert_eq!(settings.listen().health_check, Some(Duration::from_millis(100)));
    assert_eq!(settings.drain, Duration::ZERO);
    assert_eq!(settings.port_reuse_delay, Duration::from_secs(86_400));
    assert_eq!(settings.linger, Duration::from_secs(86_400));
    assert_eq!(settings.admin_listen, None);
    assert_eq!(settings.state_dir, Path::new("/state"));
    assert_eq!(settings.run_dir, Path::new("/run dir"));
    assert_eq!(settings.record_dir.as_deref(), Some(Path::new("/recorded")));
    assert_eq!(settings.log, logging::Options { format: Format::Term, level: slog::Level::Warning });
}

#[test]
fn on_leave_is_cut_or_drain() {
    let on_leave = |text| run(&[("ON_LEAVE", text)]).map(|settings| settings.on_leave);
    assert_eq!(on_leave("cut"), Ok(OnLeave::Cut));
    assert_eq!(on_leave(""), Ok(OnLeave::ByState));
    assert_eq!(on_leave("keep").unwrap_err(), "ON_LEAVE=\"keep\": must be cut or drain\n");
}

#[test]
fn every_word_of_a_choice_is_accepted() {
    for setting in SETTINGS {
        if let Kind::Choice(_, words) = setting.kind {
            assert!(
                words.iter().all(|word| run(&[(setting.name, word)]).is_ok()),
                "{}: {words:?}",
                setting.name
            );
        }
    }
}

#[test]
fn a_port_may_have_1_to_100000_connections() {
    for (text, is_right) in [("0", false), ("1", true), ("100000", true), ("100001", false), ("half", false)]
    {
        assert_eq!(run(&[("MAX_CONNECTIONS_PER_PORT", text)]).is_ok(), is_right, "{text}");
    }
    assert_eq!(
        errors(&[("MAX_CONNECTIONS_PER_PORT", "0")]),
        "MAX_CONNECTIONS_PER_PORT=\"0\": must be a number of connections from 1 to 100000\n"
    );
}

#[test]
fn the_reconcile_interval_is_a_second_to_an_hour() {
    for (text, is_right) in [("999", false), ("1000", true), ("3600000", true), ("3600001", false)] {
        assert_eq!(run(&[("RECONCILE_INTERVAL_MS", text)]).is_ok(), is_right, "{text}");
    }
}

#[test]
fn missing_required_settings_are_reported_at_once() {
    let given = [("SERVICE_NAME", ""), ("PORT_COUNT", "3")];
    let errors = Settings::from_cli(&cli(given), Purpose::Run, &FakeHost::with_haproxy()).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "SERVICE_NAME is not set: give the service whose containers get a port each; on Kubernetes a StatefulSet, or a label \
         selector\n\
         BACKEND_PORT is not set: give the port that each container listens on, by name (Kubernetes only) or number: 1 to \
         65535\n\
         BASE_PORT is not set: give the first port of the pool: 1 to 65535\n"
    );
}

/// Settings that count only with a certain value of another one.
const DEPENDENT: [&str; 7] = [
    "MAPPINGS",
    "DOCKER_HOST",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "DOCKER_NETWORK",
    "KUBECONFIG",
    "IP_FAMILY",
];

#[test]
fn every_error_is_reported_at_once_with_one_line_each() {
    let nonsense = "no\nsuch/value\u{1b}, \u{202e}$";
    let names = SETTINGS.iter().map(|setting| setting.name);
    let all: Vec<_> = names
        .filter(|name| !DEPENDENT.contains(name) && *name != "SOURCE")
        .map(|name| (name, nonsense))
        .collect();
    let printed = errors(&all);
    let names: Vec<_> = printed.lines().map(|line| line.split_once('=').unwrap().0).collect();
    assert_eq!(names.len(), all.len(), "{printed}");
    assert!(all.iter().all(|(name, _)| names.contains(name)), "{printed}");
}

#[test]
fn the_error_of_a_slash_in_the_service_names_the_setting_for_the_stack() {
    assert_eq!(
        errors(&[("SERVICE_NAME", "shop/web")]),
        "SERVICE_NAME=\"shop/web\": must not contain a slash; use STACK_NAME for the stack\n"
    );
}

#[test]
fn a_pool_past_the_last_port_is_an_error_only_with_a_size() {
    assert_eq!(
        errors(&[("BASE_PORT", "65530"), ("PORT_COUNT", "7")]),
        "PORT_COUNT=\"7\": the pool from port 65530 on may have at most 6 ports, so that it ends at 65535\n"
    );
    assert!(run(&[("BASE_PORT", "65530")]).is_ok());
}

#[test]
fn an_admin_port_in_the_pool_is_an_error_if_all_else_is_valid() {
    let admin = ("ADMIN_LISTEN", "0.0.0.0:5063");
    assert_eq!(
        errors(&[admin, ("PORT_COUNT", "64")]),
        "ADMIN_LISTEN=\"0.0.0.0:5063\": is in the pool 5000-5063 of web; choose a port outside of it, or off\n"
    );
    assert!(run(&[admin, ("PORT_COUNT", "63")]).is_ok());
    assert!(run(&[admin]).is_ok(), "a pool without a size ends before it");
    assert_eq!(errors(&[admin, ("PORT_COUNT", "x")]).lines().count(), 1);
    assert_eq!(errors(&[admin, ("BIND_ADDRESS", "x")]).lines().count(), 1);
    assert_eq!(errors(&[("BASE_PORT", "8400"), ("ADMIN_LISTEN", "x")]).lines().count(), 1);
}

#[test]
fn haproxy_is_searched_in_its_usual_places_and_then_in_path() {
    let found = |executables: &[&'static str]| {
        let host = FakeHost {
            executables: executables.to_vec(),
            search_path: "relative::/opt/bin:/opt/haproxy",
            ..FakeHost::default()
        };
        settings(&[], Purpose::Run, &host).map(|settings| settings.haproxy_bin)
    };
    assert_eq!(
        found(&["/usr/sbin/haproxy", "/usr/local/sbin/haproxy", "/opt/bin/haproxy"]),
        Ok("/usr/local/sbin/haproxy".into())
    );
    assert_eq!(found(&["/opt/haproxy/haproxy"]), Ok("/opt/haproxy/haproxy".into()));
    assert_eq!(
        found(&["relative/haproxy", "haproxy"]),
        Err("HAPROXY_BIN is not set: install haproxy, or set HAPROXY_BIN\n".into())
    );
}

#[test]
fn a_configured_haproxy_must_be_executable() {
    assert_eq!(
        errors(&[("HAPROXY_BIN", "/bin/none")]),
        "HAPROXY_BIN=\"/bin/none\": must be an executable file\n"
    );
    assert!(errors(&[("HAPROXY_BIN", "haproxy")]).contains("absolute path"));
}

#[test]
fn a_template_is_read_and_rendered_at_once() {
    let host = |text| FakeHost { files: [("/t.hbs", text)].into(), ..FakeHost::with_haproxy() };
    let with = |text| settings(&[("HAPROXY_TEMPLATE", "/t.hbs")], Purpose::Run, &host(text));
    assert!(with(include_str!("../../actors/src/config/haproxy.cfg.hbs")).is_ok());
    for text in ["{{#each", "global\n"] {
        let printed = with(text).unwrap_err();
        assert!(printed.starts_with("HAPROXY_TEMPLATE=\"/t.hbs\": must be a valid template: "), "{printed}");
        assert_eq!(printed.lines().count(), 1);
    }
    assert!(errors(&[("HAPROXY_TEMPLATE", "/t.hbs")]).contains("must be a readable file"));
}

#[test]
fn a_template_is_tried_with_haproxy_if_there_is_one() {
    let built_in = include_str!("../../actors/src/config/haproxy.cfg.hbs");
    let own = concat!(include_str!("../../actors/src/config/haproxy.cfg.hbs"), "    frobnicate\n");
    let try_out = |text, purpose, executables: &[&'static str]| {
        let host = FakeHost {
            files: [("/t.hbs", text)].into(),
            executables: executables.to_vec(),
            objections: Some("parsing [/dev/stdin:2] : unknown keyword\n'frobnicate'"),
            ..FakeHost::default()
        };
        settings(&[("HAPROXY_TEMPLATE", "/t.hbs")], purpose, &host).map(drop)
    };
    let haproxy = ["/usr/sbin/haproxy"];
    let rejected =
        "HAPROXY_TEMPLATE=\"/t.hbs\": is rejected by HAProxy: parsing [/dev/stdin:2] : unknown keyword\\n\
                    'frobnicate' | line 2: log stdout format short local0 notice\n"
            .to_owned();
    assert_eq!(try_out(own, Purpose::Run, &haproxy), Err(rejected.clone()));
    assert_eq!(try_out(own, Purpose::Look, &haproxy), Err(rejected));
    assert_eq!(try_out(own, Purpose::Look, &[]), Ok(()));
    assert_eq!(try_out(built_in, Purpose::Run, &haproxy), Ok(()));
}

#[test]
fn a_setting_that_the_template_makes_nothing_of_is_a_mistake() {
    let lacking = include_str!("../../actors/src/config/haproxy.cfg.hbs")
        .replace("if send_proxy", "if false")
        .replace("unless @root.send_proxy", "unless false")
        .replace("if health_check_interval_ms", "if false");
    let lacking = &*lacking.leak();
    let host = FakeHost { files: [("/t.hbs", lacking)].into(), ..FakeHost::with_haproxy() };
    for (name, value) in [("SEND_PROXY", "v1"), ("HEALTH_CHECK", "true")] {
        let given = [("HAPROXY_TEMPLATE", "/t.hbs"), (name, value)];
        let printed = settings(&given, Purpose::Run, &host).unwrap_err();
        assert_eq!(printed, format!("{name}=\"{value}\": has no effect with this HAPROXY_TEMPLATE\n"));
        assert!(run(&[(name, value)]).is_ok(), "the built-in template has it");
    }
}

#[test]
fn the_directories_must_differ() {
    let printed = errors(&[("STATE_DIR", "/d"), ("RUN_DIR", "/d")]);
    assert_eq!(printed, "RUN_DIR=\"/d\": must differ from STATE_DIR\n");
    let printed = errors(&[("RECORD_DIR", "/run/stalls")]);
    assert_eq!(printed, "RECORD_DIR=\"/run/stalls\": must differ from RUN_DIR\n");
}

#[test]
fn somebody_elses_directory_is_a_mistake_and_nothing_is_created() {
    let host = FakeHost { foreign: vec!["/srv/games"], ..FakeHost::with_haproxy() };
    for variable in ["RUN_DIR", "RECORD_DIR"] {
        let given = [(variable, "/srv/games")];
        let printed = settings(&given, Purpose::Run, &host).unwrap_err();
        let refused = format!("{variable}=\"/srv/games\": is not empty and has no stalls.lock: ");
        assert!(printed.starts_with(&refused), "{printed}");
        assert_eq!(printed.lines().count(), 1);
        assert_eq!(exit(&given, &host), Exit::Config);
        assert!(host.made.lock().unwrap().is_empty());
    }
}

#[test]
fn what_the_machine_lacks_is_temporary() {
    assert_eq!(exit(&[], &FakeHost::default()), Exit::Temporary, "HAProxy");
    assert_eq!(exit(&[("HAPROXY_BIN", "/opt/haproxy")], &FakeHost::with_haproxy()), Exit::Temporary);
    assert_eq!(exit(&[("HAPROXY_BIN", "haproxy")], &FakeHost::with_haproxy()), Exit::Config);
    assert_eq!(exit(&[("HAPROXY_TEMPLATE", "/missing")], &FakeHost::with_haproxy()), Exit::Temporary);
    let read_only = FakeHost { read_only: vec!["/var/lib/stalls"], ..FakeHost::with_haproxy() };
    assert_eq!(exit(&[], &read_only), Exit::Temporary);
    assert_eq!(exit(&[("DRAIN_MS", "x")], &read_only), Exit::Config, "a wrong value beside it");
}

#[test]
fn directories_must_be_writable_also_the_default_ones() {
    let host = FakeHost { read_only: vec!["/var/lib/stalls", "/run/stalls"], ..FakeHost::with_haproxy() };
    let printed = settings(&[], Purpose::Run, &host).unwrap_err();
    let lines: Vec<_> = printed.lines().map(|line| line.split_once(": ").unwrap().0).collect();
    assert_eq!(lines, [r#"STATE_DIR="/var/lib/stalls""#, r#"RUN_DIR="/run/stalls""#]);
}

#[test]
fn a_run_directory_leaves_room_for_the_name_of_a_socket() {
    let path = |bytes: usize| format!("/{}", "r".repeat(bytes - 1));
    assert!(run(&[("RUN_DIR", &path(70))]).is_ok());
    assert!(errors(&[("RUN_DIR", &path(71))]).contains("at most 70 bytes"));
    assert!(errors(&[("RUN_DIR", "/run/a,b")]).contains("comma"));
    assert!(errors(&[("RUN_DIR", "/run/$HOME")]).contains("dollar"));
}

#[test]
fn rendering_needs_neither_directories_nor_haproxy() {
    let host = FakeHost { read_only: vec!["/var/lib/stalls", "/run/stalls"], ..FakeHost::default() };
    assert!(settings(&[], Purpose::Look, &host).is_ok());
    assert!(settings(&[("HAPROXY_BIN", "/bin/none")], Purpose::Look, &host).is_ok());
    assert!(host.made.lock().unwrap().is_empty());
}

#[test]
fn a_terminal_gets_lines_for_people() {
    let host = FakeHost { terminal: true, ..FakeHost::with_haproxy() };
    assert_eq!(settings(&[], Purpose::Run, &host).unwrap().log.format, Format::Term);
    let forced = settings(&[("LOG_FORMAT", "json")], Purpose::Run, &host).unwrap();
    assert_eq!(forced.log.format, Format::Json);
}
