//! Pods for tests.

use std::{collections::BTreeSet, sync::Arc};

use super::pod::Pod;
use crate::domain::{Container, Lifecycle, State};

/// A running pod of the StatefulSet that its name says.
pub(super) fn pod(name: &str, uid: &str) -> Pod {
    let (set, ordinal) = name.rsplit_once('-').unwrap();
    let index = ordinal.parse::<u64>().unwrap() + 1;
    let pod = of_no_set(name, uid);
    let container = Container { index: index.try_into().ok(), ..Arc::unwrap_or_clone(pod.container) };
    Pod { container: Arc::new(container), stateful_set: Some(set.into()), ..pod }
}

/// A running pod that no StatefulSet has made.
pub(super) fn of_no_set(name: &str, uid: &str) -> Pod {
    let container = Container {
        uuid: uid.into(),
        name: name.into(),
        index: None,
        created: 0,
        state: Some(State::new("Running", Lifecycle::Running)),
        address: Some("10.1.0.1".into()),
        port: None,
        named_ports: Default::default(),
        health: None,
    };
    Pod { container: Arc::new(container), stateful_set: None, udp: BTreeSet::new() }
}
