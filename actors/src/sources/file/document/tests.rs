use proptest::prelude::*;

use super::*;

const YAML: &str = "\
services:
  web:
    - {name: web-2, address: 10.0.0.2, index: 2}
    - name: web-1
      address: 10.0.0.1
      index: 1
      port: 8081
      state: stopping
  other/api: []
";

fn both(json: &str) -> [Result<Services, String>; 2] {
    [parse(json, Language::Json), parse(json, Language::Yaml)]
}

#[test]
fn a_service_lists_its_containers_by_name_whatever_their_order() {
    let services = parse(YAML, Language::Yaml).unwrap();
    let names: Vec<_> = services["web"].iter().map(|container| &*container.name).collect();
    assert_eq!(names, ["web-1", "web-2"]);
    assert!(services["other/api"].is_empty());
    let web_1 = &services["web"][0];
    assert_eq!((web_1.index.unwrap().get(), web_1.port.unwrap().get()), (1, 8081));
    assert_eq!(
        (web_1.address.as_ref().unwrap().as_str(), web_1.lifecycle()),
        ("10.0.0.1", Lifecycle::Stopping)
    );
    assert_eq!(services["web"][1].lifecycle(), Lifecycle::Running, "without a word");
}

#[test]
fn json_says_the_same_as_yaml() {
    let json = r#"{"services": {"web": [{"name": "a", "address": "fd00::1", "state": "starting"}]}}"#;
    let [json, yaml] = both(json).map(Result::unwrap);
    assert_eq!(json, yaml);
    assert_eq!(json["web"][0].lifecycle(), Lifecycle::Starting);
}

#[test]
fn what_is_wrong_is_told_with_line_and_column() {
    for (text, said) in [
        (
            "services:\n  web:\n  - {name: a, address: host}\n",
            "must be an IP address such as 10.0.0.1, not \"host\"",
        ),
        ("services:\n  web:\n  - {name: a}\n", "address"),
        ("services:\n  web:\n  - {name: a, address: 10.0.0.1, prt: 1}\n", "prt"),
        ("services:\n  web:\n  - {name: a, address: 10.0.0.1, state: dead}\n", "dead"),
        ("services:\n  web:\n  - {name: a, address: 10.0.0.1, index: 0}\n", "0"),
        ("services:\n  web:\n  - {name: a, address: 10.0.0.1, port: 65536}\n", "invalid u16"),
        ("services:\n  web:\n  - {name: '', address: 10.0.0.1}\n", "`name` must not be empty"),
    ] {
        let error = parse(text, Language::Yaml).unwrap_err();
        assert!(error.contains(said), "{error}");
        assert!(error.contains("line 3") && error.contains("column"), "{text:?}: {error}");
    }
    let error = parse("{\"services\":\n {\"web\": [{\"name\": \"a\", \"address\": 7}]}}", Language::Json)
        .unwrap_err();
    assert!(error.contains("line 2 column"), "{error}");
}

#[test]
fn a_name_is_there_once() {
    let twice = "services:\n  web:\n  - {name: a, address: 10.0.0.1}\n  - {name: a, address: 10.0.0.2}\n";
    let error = parse(twice, Language::Yaml).unwrap_err();
    assert!(error.contains("the container \"a\" is listed twice"), "{error}");
    let elsewhere =
        "services:\n  web:\n  - {name: a, address: 10.0.0.1}\n  api:\n  - {name: a, address: 10.0.0.2}\n";
    assert_eq!(parse(elsewhere, Language::Yaml).unwrap().len(), 2);
}

#[test]
fn what_may_be_half_written_is_no_service_without_containers() {
    for text in
        ["", "services:\n", "services:\n  web:\n", "{}", "services:\n  web: 7\n", "[]", "services: {web: {}}"]
    {
        assert!(parse(text, Language::Yaml).is_err(), "{text:?}");
    }
    let json = r#"{"services": {"web": [{"name": "a", "address": "10.0.0.1"}, {"name": "b", "address": "10.0.0.2"}]}}"#;
    for end in 0..json.len() {
        assert!(parse(&json[..end], Language::Json).is_err(), "{}", &json[..end]);
    }
    assert!(parse("services: {}", Language::Yaml).unwrap().is_empty());
}

#[test]
fn thousands_of_containers_are_read() {
    let entry = |number: u32| {
        format!(
            "  - {{name: web-{number}, address: 10.1.{}.{}, index: {number}}}\n",
            number / 200,
            number % 200
        )
    };
    let text = format!("services:\n  web:\n{}", (1..=10_000).map(entry).collect::<String>());
    assert_eq!(parse(&text, Language::Yaml).unwrap()["web"].len(), 10_000);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".*", yaml in any::<bool>()) {
        let language = if yaml { Language::Yaml } else { Language::Json };
        if let Err(error) = parse(&text, language) {
            prop_assert!(!error.is_empty());
        }
    }

    #[test]
    fn what_is_cut_anywhere_in_the_middle_of_a_line_never_panics(end in 0..YAML.len()) {
        let _ = parse(&YAML[..end], Language::Yaml);
    }
}
