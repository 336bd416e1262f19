//! Which containers a service has.

use super::*;
use crate::sources::kubernetes::testing::{of_no_set, pod};

fn service(name: &str) -> ServiceRef {
    ServiceRef { stack: Some("games".into()), service: name.into() }
}

fn pods(all: Vec<Pod>) -> Pods {
    let mut pods = Pods::default();
    pods.list(all);
    pods
}

fn told(listing: &Listing) -> Vec<(&str, Option<u64>)> {
    let told = |it: &Arc<Container>| (it.name.to_string(), it.index.map(std::num::NonZeroU64::get));
    let told: Vec<_> = listing.containers.iter().map(told).collect();
    told.into_iter().map(|(name, index)| (&*name.leak(), index)).collect()
}

#[test]
fn a_service_is_a_stateful_set_of_that_very_name() {
    let pods = pods(vec![pod("web-1", "b"), pod("web-0", "a"), pod("web-1-0", "c"), pod("db-0", "d")]);
    let listing = listing(&pods, &service("web"));
    assert_eq!(told(&listing), [("web-0", Some(1)), ("web-1", Some(2))]);
    assert!(!listing.absence_is_proof && listing.other_services.is_empty() && listing.why_empty.is_none());
}

#[test]
fn a_label_selector_has_all_pods_and_the_ordinals_of_one_stateful_set() {
    let one = pods(vec![pod("web-0", "a"), of_no_set("job-x", "b")]);
    let listing = listing(&one, &service("app=web"));
    assert_eq!(told(&listing), [("web-0", Some(1)), ("job-x", None)]);
    let (example, count) = without_ordinal(&listing.containers).unwrap();
    assert_eq!((&*example.name, count), ("job-x", 1));
}

#[test]
fn of_several_stateful_sets_no_ordinal_counts() {
    let two = pods(vec![pod("web-0", "a"), pod("db-0", "b")]);
    let listing = listing(&two, &service("team=blue"));
    assert_eq!(told(&listing), [("web-0", None), ("db-0", None)]);
    assert_eq!(listing.other_services, ["db".to_owned(), "web".to_owned()].into());
}

#[test]
fn a_service_without_pods_says_why() {
    let reason = |pods: &Pods, name| listing(pods, &service(name)).why_empty.unwrap();
    let others = pods(vec![pod("web-0", "a"), pod("db-0", "b")]);
    assert!(reason(&others, "wbe").contains(r#"["db", "web"]"#));
    assert!(reason(&Pods::default(), "web").contains("STACK_NAME"));
    assert!(reason(&Pods::default(), "app=web").contains("no pod in the namespace has these labels"));
}
