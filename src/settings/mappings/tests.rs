use std::num::NonZeroU16;

use proptest::prelude::*;

use super::*;
use crate::cli::Cli;

fn given(arguments: &[String]) -> Result<Vec<Mapping>, String> {
    let cli = Cli::from_arguments(arguments).unwrap();
    let mut parser = SettingsParser::new(&cli);
    let mappings = mappings(&mut parser);
    parser.finish(mappings).map_err(|errors| errors.to_string())
}

/// What a list comes to, written anew.
fn list(text: &str, more: &[&str]) -> Result<Vec<String>, String> {
    let list = format!("--mappings={text}");
    let arguments: Vec<_> = [list].into_iter().chain(more.iter().map(|it| (*it).to_owned())).collect();
    given(&arguments).map(|mappings| mappings.iter().map(written).collect())
}

fn mistakes(text: &str) -> String {
    list(text, &[]).unwrap_err()
}

#[test]
fn a_list_has_blanks_newlines_or_commas_between_its_entries() {
    let wanted = ["web:8080@5000+20", "other-stack/api:9000@6000"];
    for text in [
        "web:8080@5000+20 other-stack/api:9000@6000",
        "\n  web:8080@5000+20\n  other-stack/api:9000@6000\n",
        "web:8080@5000+20, other-stack/api:9000@6000,",
    ] {
        assert_eq!(list(text, &[]).unwrap(), wanted);
    }
}

#[test]
fn the_stack_of_an_entry_without_one_is_stack_name() {
    let mapped = list("web:1@5000+1 b/api:2@6000+1", &["--stack-name=a"]).unwrap();
    assert_eq!(mapped, ["a/web:1@5000+1", "b/api:2@6000+1"]);
}

#[test]
fn only_the_last_colon_and_at_sign_count() {
    let mapped = given(&["--mappings=a:b@c:1:8080@5000".to_owned()]).unwrap();
    assert_eq!(mapped[0].service.service, "a:b@c:1");
    assert_eq!((mapped[0].backend_port.to_string(), mapped[0].base_port.get()), ("8080".to_owned(), 5000));
}

#[test]
fn all_mistakes_of_all_entries_are_reported_each_with_its_entry() {
    assert_eq!(
        mistakes("web a/b/c:0@70000+x :1@2 s/:1@3 7:8080@5000 ok:1@9 web:8080@+5000"),
        "MAPPINGS=\"web\": must be service:port@base_port such as web:8080@5000+20, where +20 may be missing\n\
         MAPPINGS=\"a/b/c:0@70000+x\": must have one slash at most, between a stack and a service\n\
         MAPPINGS=\"a/b/c:0@70000+x\": must have a port of the containers from 1 to 65535 instead of \"0\"\n\
         MAPPINGS=\"a/b/c:0@70000+x\": must have a first port behind the @ from 1 to 65535 instead of \"70000\"\n\
         MAPPINGS=\"a/b/c:0@70000+x\": must have a number of ports behind the + from 1 to 65535 instead of \"x\"\n\
         MAPPINGS=\":1@2\": must name a service such as web:8080@5000+20, or a stack and a service\n\
         MAPPINGS=\"s/:1@3\": must name a service such as web:8080@5000+20, or a stack and a service\n\
         MAPPINGS=\"7:8080@5000\": must name a service and a stack well: \"7\" must not be a number, which the \
         metadata service takes for a list index; use the uuid instead\n\
         MAPPINGS=\"web:8080@+5000\": must have a first port behind the @ from 1 to 65535 instead of \"\"\n"
    );
    assert_eq!(mistakes(" , "), "MAPPINGS=\",\": must have an entry such as web:8080@5000+20\n");
}

#[test]
fn a_number_is_a_name_for_other_sources_than_rancher() {
    assert_eq!(list("7:8080@5000", &["--source=file:/f"]).unwrap(), ["7:8080@5000"]);
}

#[test]
fn a_port_has_a_name_in_kubernetes_alone() {
    assert_eq!(
        mistakes("web:http@5000"),
        "MAPPINGS=\"web:http@5000\": must have a port of the containers from 1 to 65535 instead of \"http\"; names of \
         ports are for SOURCE=kubernetes\n"
    );
    for (port, note) in
        [("http", "; names of ports are for SOURCE=kubernetes"), ("0", ""), ("65536", ""), ("+1", "")]
    {
        let one = ["--service-name=web", "--base-port=5000"].map(str::to_owned);
        let all: Vec<_> = one.into_iter().chain([format!("--backend-port={port}")]).collect();
        let refused = format!("BACKEND_PORT={port:?}: must be a port from 1 to 65535{note}\n");
        assert_eq!(given(&all), Err(refused));
    }
}

#[test]
fn all_conflicts_are_reported_at_once_each_with_its_entry_and_what_would_do() {
    assert_eq!(
        mistakes("web:8080@5000 api:9000@5010 web:8080@7000+1 web:9090@7000+1 far:1@65530+7"),
        "MAPPINGS=\"far:1@65530+7\": the pool from port 65530 on may have at most 6 ports, so that it ends at \
         65535\n\
         MAPPINGS=\"api:9000@5010\": the pool 5010-5073 of api overlaps with the pool 5000-5063 of web; move one \
         of them, or end the lower one with web:8080@5000+10\n\
         MAPPINGS=\"web:8080@7000+1\": port 8080 of web is mapped twice, from 5000 and from 7000 on; remove one of \
         the two\n\
         MAPPINGS=\"web:9090@7000+1\": the pool 7000-7000 of web overlaps with the pool 7000-7000 of web; move one \
         of them\n"
    );
    // A stack that is said is the same one as the default.
    let twice = list("web:1@5000+1 shop/web:1@6000+1", &["--stack-name=shop"]).unwrap_err();
    assert!(
        twice.starts_with("MAPPINGS=\"shop/web:1@6000+1\": port 1 of shop/web is mapped twice"),
        "{twice}"
    );
}

#[test]
fn pools_that_touch_and_two_ports_of_one_service_are_no_conflict() {
    assert!(list("web:8080@5000+10 api:9000@5010 web:9090@4990+10", &[]).is_ok());
    assert!(
        list("web:8080@5000 api:9000@5064", &[]).is_ok(),
        "a pool without a size ends before the next one"
    );
}

#[test]
fn the_list_and_the_single_mapping_exclude_each_other() {
    assert_eq!(
        list("web:8080@5000", &["--port-count=3", "--service-name=web"]).unwrap_err(),
        "MAPPINGS=\"web:8080@5000\": says what to map, and so does SERVICE_NAME, PORT_COUNT: unset one or the other\n"
    );
    assert!(list("web:8080@5000", &["--service-name="]).is_ok(), "an empty one is not set");
}

#[test]
fn without_either_both_ways_are_told() {
    assert_eq!(
        given(&[]).unwrap_err(),
        "SERVICE_NAME is not set: give the service whose containers get a port each, with BACKEND_PORT and BASE_PORT\n\
         MAPPINGS is not set: or give several services there, such as \"web:8080@5000+20 api:9000@6000\"\n"
    );
}

fn name() -> impl Strategy<Value = String> {
    // Neither separators nor slashes nor control characters, and no number.
    "[a-zA-Z_é][a-zA-Z0-9.:@+_é-]{0,12}"
}

fn mapping() -> impl Strategy<Value = Mapping> {
    let port = || (1..=u16::MAX).prop_map(|port| NonZeroU16::new(port).unwrap());
    (proptest::option::of(name()), name(), port(), port(), proptest::option::of(port())).prop_map(
        |(stack, service, backend_port, base_port, port_count)| Mapping {
            service: ServiceRef { stack, service },
            backend_port: BackendPort::Number(backend_port),
            base_port,
            port_count,
        },
    )
}

proptest! {
    #[test]
    fn any_list_is_read_as_it_was_written(
        mappings in proptest::collection::vec(mapping(), 1..20), separator in "[ ,\n\t]{1,3}"
    ) {
        let text = mappings.iter().map(written).collect::<Vec<_>>().join(&separator);
        let entries = entry::split(&text, Naming::Rancher);
        let read: Vec<_> = entries.iter().map(|entry| entry::read(entry, Naming::Rancher).unwrap()).collect();
        prop_assert_eq!(read, mappings);
    }

    #[test]
    fn any_text_is_read_or_refused_with_reasons(text: String) {
        for entry in entry::split(&text, Naming::Rancher) {
            if let Err(remedies) = entry::read(&entry, Naming::Rancher) {
                prop_assert!(!remedies.is_empty());
            }
        }
    }
}
