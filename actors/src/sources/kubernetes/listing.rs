//! From the pods of a selection to the containers of a service. Pure.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc};

use super::{pod::Pod, pods::Pods, selection::Members};
use crate::{
    domain::{Container, ServiceRef},
    excerpt::excerpt,
    metadata::Listing,
};

/// Of so many StatefulSets the names are told.
const MAX_TOLD: usize = 8;

/// The containers of `service`. Its age is left to the caller.
pub(super) fn listing(pods: &Pods, service: &ServiceRef) -> Listing {
    let members = Members::of(service);
    let of_service: Vec<&Pod> = pods.all().filter(|pod| is_member(pod, members)).collect();
    let sets: BTreeSet<Option<&str>> = of_service
        .iter()
        .filter(|pod| pod.container.index.is_some())
        .map(|pod| pod.stateful_set.as_deref())
        .collect();
    // Each StatefulSet counts from the same number, and none of them comes first.
    let has_indexes = sets.len() <= 1;
    let other_services: BTreeSet<_> = sets.into_iter().flatten().map(excerpt).collect();
    let mut containers: Vec<_> = of_service.iter().map(|pod| container(pod, has_indexes)).collect();
    containers.sort_by(|one, other| (one.created, &one.uuid).cmp(&(other.created, &other.uuid)));
    Listing {
        udp: of_service.iter().flat_map(|pod| pod.udp.iter().cloned()).collect(),
        other_services: if has_indexes { BTreeSet::new() } else { other_services },
        why_empty: containers.is_empty().then(|| why_empty(pods, members).into()),
        containers,
        ..Listing::default()
    }
}

/// The first pod that has no ordinal, and how many there are.
pub(super) fn without_ordinal(containers: &[Arc<Container>]) -> Option<(&Container, usize)> {
    let mut without = containers.iter().filter(|container| container.index.is_none());
    let first = without.next()?;
    Some((first, 1 + without.count()))
}

fn is_member(pod: &Pod, members: Members<'_>) -> bool {
    match members {
        Members::StatefulSet(name) => pod.stateful_set.as_deref() == Some(name),
        Members::All => true,
    }
}

fn container(pod: &Pod, has_index: bool) -> Arc<Container> {
    if has_index || pod.container.index.is_none() {
        return Arc::clone(&pod.container);
    }
    Arc::new(Container { index: None, ..Container::clone(&pod.container) })
}

fn why_empty(pods: &Pods, members: Members<'_>) -> String {
    let Members::StatefulSet(_) = members else {
        return "no pod in the namespace has these labels; check SERVICE_NAME, and STACK_NAME for the namespace"
            .to_owned();
    };
    let others: BTreeSet<&str> = pods.all().filter_map(|pod| pod.stateful_set.as_deref()).collect();
    if others.is_empty() {
        return "no StatefulSet in the namespace has pods; check STACK_NAME for the namespace, and whether the \
                StatefulSet is scaled to 0"
            .to_owned();
    }
    let others: Vec<_> = others.into_iter().take(MAX_TOLD).map(excerpt).collect();
    format!(
        "no StatefulSet of this name has pods in the namespace, but {others:?} have; check SERVICE_NAME, and whether it \
         is scaled to 0"
    )
}
