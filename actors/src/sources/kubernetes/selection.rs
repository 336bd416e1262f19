//! What to ask for: the pods of a namespace that a label selector chooses. Pure.

use std::fmt;

use super::{LabelSelector, pod::POD_NAME};
use crate::domain::ServiceRef;

/// The pods that one list and one watch tell of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Selection {
    /// `None` is the namespace of stalls' own pod, or of the kubeconfig's context.
    pub(super) namespace: Option<String>,
    /// As the API has it.
    pub(super) label_selector: String,
}

/// Which of these pods a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Members<'a> {
    /// Those of the StatefulSet of this name.
    StatefulSet(&'a str),
    /// All of them.
    All,
}

impl<'a> Members<'a> {
    /// What the service is, which the settings have checked.
    pub(super) fn of(service: &'a ServiceRef) -> Self {
        let name = service.service.as_str();
        if LabelSelector::is_meant(name) { Self::All } else { Self::StatefulSet(name) }
    }
}

impl Selection {
    /// What has the service's pods. All StatefulSets of a namespace have one.
    pub(super) fn of(service: &ServiceRef) -> Self {
        let label_selector = match Members::of(service) {
            Members::StatefulSet(_) => POD_NAME.to_owned(),
            Members::All => service.service.clone(),
        };
        Self { namespace: service.stack.clone(), label_selector }
    }
}

/// For people.
impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, label_selector } = self;
        match namespace {
            Some(namespace) => write!(f, "pods {label_selector} in namespace {namespace}"),
            None => write!(f, "pods {label_selector} in the own namespace"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(stack: Option<&str>, service: &str) -> Selection {
        Selection::of(&ServiceRef { stack: stack.map(str::to_owned), service: service.to_owned() })
    }

    #[test]
    fn the_stateful_sets_of_a_namespace_share_one() {
        let web = selection(Some("games"), "web");
        assert_eq!(web, selection(Some("games"), "db"));
        assert_ne!(web, selection(None, "web"));
        assert_eq!(web.label_selector, POD_NAME);
    }

    #[test]
    fn a_label_selector_is_asked_for_as_it_is() {
        for text in ["app=web,tier!=test", "!canary"] {
            assert_eq!(selection(None, text).label_selector, text);
        }
    }
}
