//! What becomes of pods from one list to the next.

use super::*;
use crate::{domain::Lifecycle, sources::kubernetes::testing::pod};

fn told(pods: &Pods) -> Vec<(String, Lifecycle)> {
    let mut told: Vec<_> =
        pods.all().map(|pod| (pod.container.uuid.to_string(), pod.container.lifecycle())).collect();
    told.sort();
    told
}

fn expected(pods: &[(&str, Lifecycle)]) -> Vec<(String, Lifecycle)> {
    pods.iter().map(|(uid, lifecycle)| ((*uid).to_owned(), *lifecycle)).collect()
}

#[test]
fn what_a_list_does_not_have_is_gone_without_a_word() {
    let mut pods = Pods::default();
    pods.list(vec![pod("web-0", "a"), pod("web-1", "b")]);
    pods.list(vec![pod("web-0", "a")]);
    assert_eq!(told(&pods), expected(&[("a", Lifecycle::Running)]));
}

#[test]
fn whose_name_another_pod_has_is_gone_for_sure() {
    let mut pods = Pods::default();
    pods.list(vec![pod("web-0", "a"), pod("web-1", "b")]);
    pods.list(vec![pod("web-0", "c"), pod("web-1", "b")]);
    let gone = [("a", Lifecycle::Inactive), ("b", Lifecycle::Running), ("c", Lifecycle::Running)];
    assert_eq!(told(&pods), expected(&gone));
    pods.forget_gone();
    assert_eq!(told(&pods), expected(&gone[1..]));
}

#[test]
fn what_is_deleted_is_told_once() {
    let mut pods = Pods::default();
    pods.put(pod("web-0", "a"));
    pods.delete(pod("web-0", "a").replaced());
    pods.delete(pod("web-9", "never there"));
    assert_eq!(told(&pods), expected(&[("a", Lifecycle::Inactive)]));
    pods.forget_gone();
    assert_eq!(told(&pods), []);
}
