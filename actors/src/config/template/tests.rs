use super::*;

/// A template that makes each change a reload.
pub(in crate::config) const RELOADING: &str = concat!(
    "global\n    stats socket \"${HAP_CLI}\" mode 600 level admin expose-fd listeners\n",
    "{{#each listeners}}listen p{{port}}\n    bind {{bind}}\n",
    "{{#if server}}    server c {{server}}\n{{/if}}{{/each}}"
);

#[test]
fn mistakes_in_a_template_are_found_before_it_is_needed() {
    let unclosed = Template::parse("{{#each listeners}}").unwrap_err();
    assert!(matches!(unclosed, TemplateError::Parse(_)), "{unclosed}");
    let misspelt = Template::parse("maxconn {{maxcon}}").unwrap_err();
    assert!(
        misspelt.to_string().contains("maxconn, maxconn_per_port, idle_timeout_ms, threads, send_proxy"),
        "{misspelt}"
    );
}

#[test]
fn a_template_that_haproxy_could_not_be_driven_with_says_what_it_lacks() {
    let (all_but_server, _) = NEEDED.split_at(NEEDED.len() - 1);
    for (needed, _) in all_but_server {
        let lacking = BUILT_IN.replace(needed, "");
        let error = Template::parse(&lacking).unwrap_err().to_string();
        assert!(error.contains(needed), "{error}");
    }
}

#[test]
fn a_misspelt_condition_is_found_too() {
    // Handlebars takes what it does not know for false here, strict or not: every port would refuse.
    let misspelt = BUILT_IN.replace("{{#if server}}", "{{#if sever}}");
    assert!(matches!(Template::parse(&misspelt), Err(TemplateError::Lacks("server c {{server}}"))));
}

const SERVER: &str = "server c {{#if server}}{{server}}{{else}}127.0.0.1:1 disabled{{/if}}";

fn updates_at_runtime(instead_of_server: &str) -> bool {
    let changed = BUILT_IN.replace(SERVER, instead_of_server);
    assert_ne!(changed, BUILT_IN);
    Template::parse(&changed).unwrap().updates_at_runtime()
}

#[test]
fn what_haproxy_can_be_told_makes_no_reload() {
    assert!(Template::built_in().unwrap().updates_at_runtime());
    let both_checked = format!("{SERVER} check");
    let elsewhere =
        "maxconn 7\n    server c {{#if server}}{{server}}{{else}}[::1]:9 disabled{{/if}}".to_owned();
    let by_place = format!("{SERVER}\n{{{{#if @first}}}}    maxconn 7\n{{{{/if}}}}");
    let by_port = SERVER.replace("127.0.0.1:1", "127.0.0.1:{{port}}");
    for template in [both_checked, elsewhere, by_place, by_port] {
        assert!(updates_at_runtime(&template), "{template}");
    }
    let inline = format!("{{{{#*inline \"c\"}}}}{SERVER}{{{{/inline}}}}");
    let by_partial = inline + &BUILT_IN.replace(SERVER, "{{> c}}");
    assert!(Template::parse(&by_partial).unwrap().updates_at_runtime());
}

#[test]
fn what_haproxy_cannot_be_told_makes_a_reload() {
    let one_checked = SERVER.replace("{{server}}", "{{server}} check");
    let never_disabled = SERVER.replace(" disabled", "");
    let otherwise = format!("{SERVER}\n{{{{#if server}}}}    maxconn 7\n{{{{/if}}}}");
    let by_another_port =
        format!("{SERVER}\n{{{{#if @root.listeners.[0].server}}}}    maxconn 7\n{{{{/if}}}}");
    let told_twice = format!("{SERVER}\n{{{{#if server}}}}    # {{{{server}}}}\n{{{{/if}}}}");
    for template in [one_checked, never_disabled, otherwise, by_another_port, told_twice] {
        assert!(!updates_at_runtime(&template), "{template}");
    }
    assert!(!Template::parse(RELOADING).unwrap().updates_at_runtime());
}

/// The documented template, and its tables of variables.
fn documented() -> (&'static str, Vec<&'static str>) {
    let page = include_str!("../../../../docs/template.md");
    let (tables, rest) = page.split_once("## What must a template have?").unwrap();
    let (_, example) = rest.split_once("```handlebars template\n").unwrap();
    let variable = |line: &'static str| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name);
    (example.split_once("```").unwrap().0, tables.lines().filter_map(variable).collect())
}

#[test]
fn the_documented_template_will_do() {
    let template = Template::parse(documented().0).unwrap();
    assert!(template.updates_at_runtime() && template.checks_health());
    assert!(ProxyProtocol::ALL.into_iter().all(|version| template.sends_proxy(version)));
    assert!(!template.is_built_in() && Template::built_in().unwrap().is_built_in());
}

#[test]
fn every_variable_is_documented_and_named_by_the_error_of_one_that_there_is_not() {
    let sample = serde_json::to_value(sample(ALL_SERVERS, [true; 3])).unwrap();
    let names = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut variables = [names(&sample), names(&sample["listeners"][0])].concat();
    let mut documented = documented().1;
    variables.sort();
    documented.sort_unstable();
    assert_eq!(documented, variables);
    let error = Template::parse("{{misspelt}}").unwrap_err().to_string();
    assert!(variables.iter().all(|name| error.contains(name.as_str())), "{error}");
}

#[test]
fn a_template_that_makes_nothing_of_a_setting_is_known() {
    let without = |text: &str| Template::parse(&BUILT_IN.replace(text, "if false")).unwrap();
    let sends = |template: &Template| ProxyProtocol::ALL.map(|version| template.sends_proxy(version));
    let (no_proxy, unchecked) = (without("if send_proxy"), without("if health_check_interval_ms"));
    assert_eq!((sends(&no_proxy), no_proxy.checks_health()), ([false, false], true));
    assert_eq!((sends(&unchecked), unchecked.checks_health()), ([true, true], false));
    let always = Template::parse(&RELOADING.replace("{{server}}", "{{server}} send-proxy")).unwrap();
    assert_eq!((sends(&always), always.checks_health()), ([true, false], false));
}
