use proptest::prelude::*;

use super::*;

/// A selector, written anew.
fn normal(text: &str) -> Result<String, BadSelector> {
    text.parse().map(|selector: LabelSelector| selector.to_string())
}

#[test]
fn a_selector_is_written_in_one_way_however_it_is_given() {
    for (given, written) in [
        ("app=web", "app=web"),
        ("app==web", "app=web"),
        (" tier!=test , app == web ", "app=web,tier!=test"),
        ("app.kubernetes.io/name=web", "app.kubernetes.io/name=web"),
        ("room,app=web,!canary,app=web", "app=web,!canary,room"),
        ("!canary", "!canary"),
        ("a!=", "a!="),
        ("b=,a=B_1.2", "a=B_1.2,b="),
    ] {
        assert_eq!(normal(given).as_deref(), Ok(written), "{given}");
    }
}

#[test]
fn what_is_no_selector_is_refused_with_what_would_do() {
    let bad_key = |key: &str| BadSelector::BadKey { key: key.to_owned() };
    let bad_value = |value: &str| BadSelector::BadValue { key: "app".to_owned(), value: value.to_owned() };
    let (long, prefix) = ("x".repeat(64), "x".repeat(254));
    for (given, refused) in [
        ("app=web,", BadSelector::EmptyTerm),
        ("", BadSelector::EmptyTerm),
        ("app,room", BadSelector::KeysAlone),
        ("=web", bad_key("")),
        ("!", bad_key("")),
        ("!app=web", bad_key("app=web")),
        ("app=web,tier in (a,b)", bad_key("tier in (a")),
        ("a/b/c=web", bad_key("a/b/c")),
        ("/app=web", bad_key("/app")),
        ("K8s.io/app=web", bad_key("K8s.io/app")),
        (&format!("{prefix}/a=web"), bad_key(&format!("{prefix}/a"))),
        (&format!("{long}=web"), bad_key(&long)),
        ("app===web", bad_value("=web")),
        ("app=a b", bad_value("a b")),
        ("app=-web", bad_value("-web")),
        ("app!=a/b", bad_value("a/b")),
        (&format!("app={long}"), bad_value(&long)),
    ] {
        assert_eq!(normal(given), Err(refused), "{given}");
    }
}

#[test]
fn a_text_with_an_operator_is_meant_as_a_selector() {
    for (text, is_meant) in
        [("app=web", true), ("a,b!=c", true), ("!app", true), ("web", false), ("a,!b", false)]
    {
        assert_eq!(LabelSelector::is_meant(text), is_meant, "{text}");
    }
}

fn selector() -> impl Strategy<Value = String> {
    let key = "([a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?(\\.[a-z0-9]{1,3}){0,2}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,5}[A-Za-z0-9])?";
    let value = "([A-Za-z0-9]([A-Za-z0-9_.-]{0,5}[A-Za-z0-9])?)?";
    let operator = proptest::sample::select(vec!["=", "==", "!=", " = "]);
    let with_value =
        (key, operator, value).prop_map(|(key, operator, value)| format!("{key}{operator}{value}"));
    let term = prop_oneof![
        4 => with_value.clone(),
        1 => key.prop_map(|key| format!("!{key}")),
        1 => key.prop_map(|key| key),
    ];
    let terms = (with_value, proptest::collection::vec(term, 0..5));
    terms.prop_map(|(one, more)| more.into_iter().chain([one]).collect::<Vec<_>>().join(", "))
}

proptest! {
    #[test]
    fn any_selector_is_read_as_it_is_written(text in selector()) {
        let selector: LabelSelector = text.parse().unwrap();
        let written = selector.to_string();
        prop_assert!(LabelSelector::is_meant(written.split(',').next().unwrap()), "{}", written);
        prop_assert_eq!(written.parse(), Ok(selector));
    }

    #[test]
    fn any_text_is_a_selector_that_can_be_read_again_or_refused(text in "[a-z=!,/. ]{0,12}|.{0,20}") {
        if let Ok(written) = normal(&text) {
            prop_assert_eq!(normal(&written), Ok(written));
        }
    }
}
