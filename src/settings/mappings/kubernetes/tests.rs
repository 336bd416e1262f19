//! What names are in Kubernetes, in settings of their own and in a list.

use proptest::prelude::*;
use stalls_actors::domain::{BackendPort, Mapping};

use super::{
    super::{
        entry::{self, written},
        mappings,
        name::Naming,
    },
    *,
};
use crate::{cli::Cli, settings::parser::SettingsParser};

/// What these settings come to, each mapping written as an entry.
fn given(settings: &[&str]) -> Result<Vec<String>, String> {
    let cli = Cli::from_arguments(["--source=kubernetes"].iter().chain(settings).copied()).unwrap();
    let mut parser = SettingsParser::new(&cli);
    let mappings = mappings(&mut parser);
    let mappings = parser.finish(mappings).map_err(|errors| errors.to_string())?;
    Ok(mappings.iter().map(written).collect())
}

fn list(text: &str) -> Result<Vec<String>, String> {
    given(&[&format!("--mappings={text}")])
}

fn single(stack: &str, service: &str, port: &str) -> Result<String, String> {
    let settings =
        [("stack-name", stack), ("service-name", service), ("backend-port", port), ("base-port", "5000")];
    let settings = settings.map(|(name, value)| format!("--{name}={value}"));
    given(&settings.each_ref().map(String::as_str)).map(|mut one| one.remove(0))
}

#[test]
fn a_service_is_a_stateful_set_or_a_label_selector() {
    for (stack, service, port, mapping) in [
        ("", "web", "8080", "web:8080@5000"),
        ("games", "web.v2", "http", "games/web.v2:http@5000"),
        ("2048", "0", "0080", "2048/0:80@5000"),
        ("games", "tier!=test, app==web", "http", "games/app=web,tier!=test:http@5000"),
        ("", "app.kubernetes.io/name=web", "1", "app.kubernetes.io/name=web:1@5000"),
        ("", "!canary", "1", "!canary:1@5000"),
    ] {
        assert_eq!(single(stack, service, port).as_deref(), Ok(mapping));
    }
}

#[test]
fn what_cannot_be_a_name_is_refused_once_with_what_would_do() {
    for (stack, service, port, setting, part) in [
        ("Games", "web", "1", "STACK_NAME", "must name a namespace such as games: 1 to 63 lower-case"),
        ("a.b", "web", "1", "STACK_NAME", "must name a namespace"),
        ("a/b", "web", "1", "STACK_NAME", "must name a namespace"),
        ("", "Web", "1", "SERVICE_NAME", "must name a StatefulSet such as web, or have a label selector"),
        ("", "a b", "1", "SERVICE_NAME", "must name a StatefulSet"),
        ("", "games/web", "1", "SERVICE_NAME", "must not contain a slash; a namespace goes to STACK_NAME"),
        (
            "",
            "games/app=web",
            "1",
            "SERVICE_NAME",
            "must not begin with \"games/\", as if that were a namespace",
        ),
        ("", "app=web,", "1", "SERVICE_NAME", "must have no empty term"),
        ("", "app=web,tier in (a)", "1", "SERVICE_NAME", "instead of \"tier in (a)\""),
        ("", "app=a:b", "1", "SERVICE_NAME", "must have a value of \"app\""),
        (
            "",
            "web",
            "0",
            "BACKEND_PORT",
            "must be a port from 1 to 65535, or the name of one such as http; a name has",
        ),
        ("", "web", "HTTP", "BACKEND_PORT", "must be a port from 1 to 65535, or the name"),
    ] {
        let refused = single(stack, service, port).unwrap_err();
        assert_eq!(refused.lines().count(), 1, "{refused}");
        assert!(refused.starts_with(&format!("{setting}=")) && refused.contains(part), "{refused}");
    }
}

#[test]
fn a_list_has_selectors_with_commas_and_namespaces_in_front() {
    for (text, entries) in [
        ("games/web:8080@5000 web:9092@9092", &["games/web:8080@5000", "web:9092@9092"][..]),
        (
            "games/app=web,role=room:http@6000+20,web:1@9092",
            &["games/app=web,role=room:http@6000+20", "web:1@9092"],
        ),
        ("app=web, tier!=test,\n !x:1@5000", &["app=web,tier!=test,!x:1@5000"]),
        ("app=web,room,zone:1@5000", &["app=web,room,zone:1@5000"]),
        ("games/!x,app=web:1@5000", &["games/app=web,!x:1@5000"]),
        ("games/app.kubernetes.io/name=web:1@5000", &["games/app.kubernetes.io/name=web:1@5000"]),
        ("app.kubernetes.io/name=web:1@5000", &["app.kubernetes.io/name=web:1@5000"]),
        ("games/room/app=web:1@5000", &["games/room/app=web:1@5000"]),
        ("app==web,tier=:1@5000,web:1@6000,", &["app=web,tier=:1@5000", "web:1@6000"]),
    ] {
        assert_eq!(list(text).unwrap(), entries, "{text}");
    }
}

#[test]
fn each_mistake_of_a_list_is_told_with_its_entry() {
    for (text, refused) in [
        ("app=web web:1@5000", "MAPPINGS=\"app=web\": must be service:port@base_port"),
        ("web:1@5000,app=web,", "MAPPINGS=\"app=web,\": must be service:port@base_port"),
        ("room,app=web:1@5000", "MAPPINGS=\"room\": must be service:port@base_port"),
        ("Games/web:1@5000", "MAPPINGS=\"Games/web:1@5000\": must name a namespace"),
        ("games/:1@5000", "MAPPINGS=\"games/:1@5000\": must name a StatefulSet"),
        ("a/b/c:1@5000", "MAPPINGS=\"a/b/c:1@5000\": must not contain a slash"),
        ("x.io/b=1,a/c=2:1@5000", "MAPPINGS=\"x.io/b=1,a/c=2:1@5000\": must not begin with \"a/\""),
        (
            "app=-:1@5000",
            "MAPPINGS=\"app=-:1@5000\": must have a value of \"app\" such as web instead of \"-\"",
        ),
        (
            "web:Http@5000",
            "MAPPINGS=\"web:Http@5000\": must have a port of the containers from 1 to 65535, or the name of one such as \
             http instead of \"Http\"; a name has",
        ),
    ] {
        let errors = list(text).unwrap_err();
        assert!(errors.starts_with(refused) && errors.lines().count() == 1, "{errors}");
    }
}

#[test]
fn one_selector_is_one_service_however_it_is_given() {
    let twice = list("games/app=web,tier=a:http@5000+1 games/tier==a,app=web:http@6000+1").unwrap_err();
    assert!(twice.contains("port http of games/app=web,tier=a is mapped twice"), "{twice}");
}

/// A service that is named well, as it is read.
fn service() -> impl Strategy<Value = ServiceRef> {
    let stack = proptest::option::of("[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?");
    let key = "([a-z][a-z0-9]{0,5}(\\.[a-z]{1,3}){0,2}/)?[a-zA-Z0-9]{1,5}";
    let term = prop_oneof![
        (key, "!?=", "[a-zA-Z0-9]{0,5}").prop_map(|(key, operator, value)| format!("{key}{operator}{value}")),
        key.prop_map(|key| format!("!{key}")),
    ];
    let terms = (proptest::collection::vec(term, 1..4), proptest::option::of(key));
    let selector = terms.prop_map(|(terms, key)| terms.into_iter().chain(key).collect::<Vec<_>>().join(","));
    let name = "[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?(\\.[a-z]{1,3})?";
    let text = (stack, prop_oneof![selector, name.prop_map(|name| name)]);
    text.prop_filter_map("a prefix that may be a namespace", |(stack, service)| match stack {
        Some(stack) => reference(&format!("{stack}/{service}")).ok(),
        None => super::service(&service).ok().map(|service| ServiceRef { stack: None, service }),
    })
}

fn mapping() -> impl Strategy<Value = Mapping> {
    let name = "[a-z]{1,5}(-[0-9]{1,3})?".prop_map(|name| BackendPort::Name(name.parse().unwrap()));
    let port = || (1..=u16::MAX).prop_map(|port| port.try_into().unwrap());
    let backend_port = prop_oneof![name, port().prop_map(BackendPort::Number)];
    (service(), backend_port, port(), proptest::option::of(port())).prop_map(
        |(service, backend_port, base_port, port_count)| Mapping {
            service,
            backend_port,
            base_port,
            port_count,
        },
    )
}

proptest! {
    #[test]
    fn any_list_is_read_as_it_was_written(
        mappings in proptest::collection::vec(mapping(), 1..9), separator in ", |[ ,\n]"
    ) {
        let text = mappings.iter().map(written).collect::<Vec<_>>().join(&separator);
        let entries = entry::split(&text, Naming::Kubernetes);
        let read: Vec<_> = entries.iter().map(|entry| entry::read(entry, Naming::Kubernetes).unwrap()).collect();
        prop_assert_eq!(read, mappings);
    }

    #[test]
    fn any_text_is_read_or_refused_with_reasons(text in "[a-zA=!,/:@ 0-9.-]{0,30}|.{0,30}") {
        for entry in entry::split(&text, Naming::Kubernetes) {
            match entry::read(&entry, Naming::Kubernetes) {
                Ok(mapping) => prop_assert_eq!(entry::read(&written(&mapping), Naming::Kubernetes), Ok(mapping)),
                Err(remedies) => prop_assert!(!remedies.is_empty()),
            }
        }
    }
}
