//! The settings as a whole, on a machine that the tests make up.

mod arbitrary;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use super::{table::SETTINGS, *};

const CLASSIC: [(&str, &str); 3] = [("SERVICE_NAME", "web"), ("BACKEND_PORT", "8080"), ("BASE_PORT", "5000")];

/// A machine with HAProxy in its usual place and directories that can be written, unless said otherwise.
#[derive(Debug, Default)]
struct FakeMachine {
    terminal: bool,
    search_path: &'static str,
    executables: Vec<&'static str>,
    files: BTreeMap<&'static str, &'static str>,
    read_only: Vec<&'static str>,
    made: Mutex<Vec<PathBuf>>,
}

impl FakeMachine {
    fn with_haproxy() -> Self {
        Self { executables: vec!["/usr/sbin/haproxy"], ..Self::default() }
    }
}

impl Machine for FakeMachine {
    fn stdout_is_terminal(&self) -> bool {
        self.terminal
    }

    fn search_path(&self) -> Option<OsString> {
        Some(self.search_path.into())
    }

    fn is_executable(&self, path: &Path) -> bool {
        self.executables.iter().any(|executable| path == Path::new(executable))
    }

    fn make_writable(&self, directory: &Path) -> io::Result<()> {
        if self.read_only.iter().any(|read_only| directory == Path::new(read_only)) {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        self.made.lock().unwrap().push(directory.to_owned());
        Ok(())
    }

    fn read(&self, file: &Path) -> io::Result<String> {
        let found = self.files.iter().find(|(path, _)| file == Path::new(path));
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn cli<'a, T: Into<OsString>>(given: impl IntoIterator<Item = (&'a str, T)>) -> Cli {
    let flag = |(name, value): (&str, T)| {
        let mut flag = OsString::from(format!("--{}=", name.to_ascii_lowercase().replace('_', "-")));
        flag.push(value.into());
        flag
    };
    Cli::from_arguments(given.into_iter().map(flag)).unwrap()
}

fn settings(more: &[(&str, &str)], purpose: Purpose, machine: &FakeMachine) -> Result<Settings, String> {
    let given: BTreeMap<_, _> = CLASSIC.into_iter().chain(more.iter().copied()).collect();
    Settings::from_cli(&cli(given), purpose, machine).map_err(|mistakes| mistakes.to_string())
}

fn run(more: &[(&str, &str)]) -> Result<Settings, String> {
    settings(more, Purpose::Run, &FakeMachine::with_haproxy())
}

fn mistake(more: &[(&str, &str)]) -> String {
    run(more).unwrap_err()
}

#[test]
fn the_classic_triple_is_a_list_of_one_and_the_rest_has_defaults() {
    let settings = run(&[]).unwrap();
    assert_eq!(settings.mappings.len(), 1);
    let mapping = &settings.mappings[0];
    assert_eq!(mapping.service.to_string(), "web");
    assert_eq!((mapping.backend_port.get(), mapping.base_port.get()), (8080, 5000));
    assert_eq!(mapping.port_count, None);
    assert_eq!(settings.metadata_url, "http://rancher-metadata/2015-12-19");
    assert_eq!(settings.poll_sleep, Duration::from_secs(5));
    assert_eq!(settings.bind_address, None);
    assert!(!settings.allow_loopback);
    assert_eq!(settings.state_dir, Path::new("/var/lib/stalls"));
    assert_eq!(settings.run_dir, Path::new("/run/stalls"));
    assert_eq!(settings.haproxy_bin, Path::new("/usr/sbin/haproxy"));
    assert_eq!(settings.reconcile_interval, Duration::from_secs(30));
    assert_eq!(settings.on_leave, OnLeave::ByState);
    assert_eq!(settings.drain, Duration::from_secs(8));
    assert_eq!(settings.port_reuse_delay, Duration::from_secs(60));
    assert_eq!(settings.mass_removal_hold, Duration::from_secs(15));
    assert_eq!(settings.admin_listen, Some("0.0.0.0:8405".parse().unwrap()));
    assert_eq!(settings.log, logging::Options { format: Format::Json, level: slog::Level::Info });
}

#[test]
fn all_that_is_set_arrives() {
    let settings = run(&[
        ("STACK_NAME", "shop"),
        ("PORT_COUNT", "12"),
        ("BIND_ADDRESS", "::"),
        ("METADATA_URL", "http://169.254.169.250/latest/"),
        ("ALLOW_LOOPBACK", "yes"),
        ("POLL_SLEEP_TIME_MS", "1"),
        ("RECONCILE_INTERVAL_MS", "3600000"),
        ("ON_LEAVE", "drain"),
        ("DRAIN_MS", "0"),
        ("PORT_REUSE_DELAY_MS", "86400000"),
        ("MASS_REMOVAL_HOLD_MS", "3600000"),
        ("ADMIN_LISTEN", "off"),
        ("STATE_DIR", "/state"),
        ("RUN_DIR", "/run dir"),
        ("LOG_FORMAT", "term"),
        ("LOG_LEVEL", "warn"),
    ])
    .unwrap();
    assert_eq!(settings.mappings[0].service.to_string(), "shop/web");
    assert_eq!(settings.mappings[0].port_count.unwrap().get(), 12);
    assert_eq!(settings.bind_address, Some("::".parse().unwrap()));
    assert_eq!(settings.metadata_url, "http://169.254.169.250/latest");
    assert!(settings.allow_loopback);
    assert_eq!(settings.poll_sleep, Duration::from_millis(1));
    assert_eq!(settings.reconcile_interval, Duration::from_secs(3_600));
    assert_eq!(settings.on_leave, OnLeave::Drain);
    assert_eq!(settings.drain, Duration::ZERO);
    assert_eq!(settings.port_reuse_delay, Duration::from_secs(86_400));
    assert_eq!(settings.mass_removal_hold, Duration::from_secs(3_600));
    assert_eq!(settings.admin_listen, None);
    assert_eq!(settings.state_dir, Path::new("/state"));
    assert_eq!(settings.run_dir, Path::new("/run dir"));
    assert_eq!(settings.log, logging::Options { format: Format::Term, level: slog::Level::Warning });
}

#[test]
fn what_becomes_of_the_connections_to_whoever_leaves_is_cut_or_drain() {
    let on_leave = |text| run(&[("ON_LEAVE", text)]).map(|settings| settings.on_leave);
    assert_eq!(on_leave("cut"), Ok(OnLeave::Cut));
    assert_eq!(on_leave(""), Ok(OnLeave::ByState));
    assert_eq!(on_leave("keep").unwrap_err(), "ON_LEAVE=\"keep\": must be cut or drain\n");
}

#[test]
fn reconciling_keeps_a_pause_between_a_second_and_an_hour() {
    for (text, is_right) in [("999", false), ("1000", true), ("3600000", true), ("3600001", false)] {
        assert_eq!(run(&[("RECONCILE_INTERVAL_MS", text)]).is_ok(), is_right, "{text}");
    }
}

#[test]
fn the_required_three_are_told_at_once() {
    let given = [("SERVICE_NAME", ""), ("BASE_PORT", "")];
    let mistakes = Settings::from_cli(&cli(given), Purpose::Run, &FakeMachine::with_haproxy()).unwrap_err();
    assert_eq!(
        mistakes.to_string(),
        "SERVICE_NAME is not set: give the service whose containers get a port each\n\
         BACKEND_PORT is not set: give the port that each container listens on: 1 to 65535\n\
         BASE_PORT is not set: give the first port of the pool: 1 to 65535\n"
    );
}

#[test]
fn every_mistake_is_told_at_once_with_one_line_each() {
    let nonsense = "no\nsuch/value\u{1b}, \u{202e}$";
    let all: Vec<_> = SETTINGS.iter().map(|setting| (setting.name, nonsense)).collect();
    let told = mistake(&all);
    let names: Vec<_> = told.lines().map(|line| line.split_once('=').unwrap().0).collect();
    assert_eq!(names.len(), all.len(), "{told}");
    assert!(all.iter().all(|(name, _)| names.contains(name)), "{told}");
}

#[test]
fn a_slash_in_the_service_points_to_the_stacks_own_setting() {
    assert_eq!(
        mistake(&[("SERVICE_NAME", "shop/web")]),
        "SERVICE_NAME=\"shop/web\": must not contain a slash; use STACK_NAME for the stack\n"
    );
}

#[test]
fn a_pool_past_the_last_port_is_told_unless_its_size_is_ours() {
    assert!(mistake(&[("BASE_PORT", "65530"), ("PORT_COUNT", "7")]).starts_with("PORT_COUNT=\"7\""));
    assert!(run(&[("BASE_PORT", "65530")]).is_ok());
}

#[test]
fn an_admin_port_in_the_pool_is_told_but_not_upon_another_mistake() {
    let admin = ("ADMIN_LISTEN", "0.0.0.0:5063");
    assert!(mistake(&[admin]).starts_with("ADMIN_LISTEN=\"0.0.0.0:5063\""));
    assert!(run(&[admin, ("PORT_COUNT", "63")]).is_ok());
    assert_eq!(mistake(&[admin, ("PORT_COUNT", "x")]).lines().count(), 1);
    assert_eq!(mistake(&[admin, ("BIND_ADDRESS", "x")]).lines().count(), 1);
    assert_eq!(mistake(&[("BASE_PORT", "8400"), ("ADMIN_LISTEN", "x")]).lines().count(), 1);
}

#[test]
fn haproxy_is_looked_for_in_its_usual_places_and_then_in_path() {
    let found = |executables: &[&'static str]| {
        let machine = FakeMachine {
            executables: executables.to_vec(),
            search_path: "relative::/opt/bin:/opt/haproxy",
            ..FakeMachine::default()
        };
        settings(&[], Purpose::Run, &machine).map(|settings| settings.haproxy_bin)
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
fn the_haproxy_that_is_set_must_be_executable() {
    assert_eq!(
        mistake(&[("HAPROXY_BIN", "/bin/none")]),
        "HAPROXY_BIN=\"/bin/none\": must be an executable file\n"
    );
    assert!(mistake(&[("HAPROXY_BIN", "haproxy")]).contains("absolute path"));
}

#[test]
fn a_template_is_read_and_tried_at_once() {
    let machine = |text| FakeMachine { files: [("/t.hbs", text)].into(), ..FakeMachine::with_haproxy() };
    let with = |text| settings(&[("HAPROXY_TEMPLATE", "/t.hbs")], Purpose::Run, &machine(text));
    assert!(with(include_str!("../../actors/src/config/haproxy.cfg.hbs")).is_ok());
    for text in ["{{#each", "global\n"] {
        let told = with(text).unwrap_err();
        assert!(told.starts_with("HAPROXY_TEMPLATE=\"/t.hbs\": must be a template that works: "), "{told}");
        assert_eq!(told.lines().count(), 1);
    }
    assert!(mistake(&[("HAPROXY_TEMPLATE", "/t.hbs")]).contains("must be a readable file"));
}

#[test]
fn the_two_directories_must_not_be_one() {
    let told = mistake(&[("STATE_DIR", "/d"), ("RUN_DIR", "/d")]);
    assert_eq!(told, "RUN_DIR=\"/d\": must be another directory than STATE_DIR\n");
}

#[test]
fn directories_that_cannot_be_written_are_told_also_the_default_ones() {
    let machine =
        FakeMachine { read_only: vec!["/var/lib/stalls", "/run/stalls"], ..FakeMachine::with_haproxy() };
    let told = settings(&[], Purpose::Run, &machine).unwrap_err();
    let lines: Vec<_> = told.lines().map(|line| line.split_once(": ").unwrap().0).collect();
    assert_eq!(lines, [r#"STATE_DIR="/var/lib/stalls""#, r#"RUN_DIR="/run/stalls""#]);
}

#[test]
fn a_run_directory_leaves_room_for_the_name_of_a_socket() {
    let path = |bytes: usize| format!("/{}", "r".repeat(bytes - 1));
    assert!(run(&[("RUN_DIR", &path(70))]).is_ok());
    assert!(mistake(&[("RUN_DIR", &path(71))]).contains("at most 70 bytes"));
    assert!(mistake(&[("RUN_DIR", "/run/a,b")]).contains("comma"));
    assert!(mistake(&[("RUN_DIR", "/run/$HOME")]).contains("dollar"));
}

#[test]
fn rendering_needs_neither_directories_nor_haproxy() {
    let machine = FakeMachine { read_only: vec!["/var/lib/stalls", "/run/stalls"], ..FakeMachine::default() };
    assert!(settings(&[], Purpose::Render, &machine).is_ok());
    assert!(settings(&[("HAPROXY_BIN", "/bin/none")], Purpose::Render, &machine).is_ok());
    assert!(machine.made.lock().unwrap().is_empty());
}

#[test]
fn a_terminal_gets_lines_for_people() {
    let machine = FakeMachine { terminal: true, ..FakeMachine::with_haproxy() };
    assert_eq!(settings(&[], Purpose::Run, &machine).unwrap().log.format, Format::Term);
    let forced = settings(&[("LOG_FORMAT", "json")], Purpose::Run, &machine).unwrap();
    assert_eq!(forced.log.format, Format::Json);
}
