//! The pods that a list and the events after it tell of. Pure.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::Arc,
};

use super::pod::Pod;

/// The pods of one selection.
#[derive(Debug, Default)]
pub(super) struct Pods {
    /// By uid.
    present: BTreeMap<Arc<str>, Pod>,
    /// Those that are gone for sure, until that has been told.
    gone: Vec<Pod>,
}

impl Pods {
    /// The API server has listed these, and only these. What is not among them is gone without a word, unless another
    /// pod has its name by now: a namespace has a name once.
    pub(super) fn list(&mut self, pods: Vec<Pod>) {
        let listed = pods.into_iter().map(|pod| (Arc::clone(&pod.container.uuid), pod)).collect();
        let before = mem::replace(&mut self.present, listed);
        let names: HashMap<&str, &str> =
            self.present.iter().map(|(uid, pod)| (&*pod.container.name, &**uid)).collect();
        let is_replaced =
            |pod: &Pod| names.get(&*pod.container.name).is_some_and(|uid| *uid != &*pod.container.uuid);
        let replaced = before.into_values().filter(is_replaced).map(Pod::replaced);
        self.gone.extend(replaced);
    }

    /// The pod is there, or another way than before.
    pub(super) fn put(&mut self, pod: Pod) {
        self.present.insert(Arc::clone(&pod.container.uuid), pod);
    }

    /// The pod is not among the chosen ones any more.
    pub(super) fn delete(&mut self, pod: Pod) {
        if self.present.remove(&pod.container.uuid).is_some() {
            self.gone.push(pod.deleted());
        }
    }

    /// All pods, also those that are gone and have not been told of.
    pub(super) fn all(&self) -> impl Iterator<Item = &Pod> {
        self.present.values().chain(&self.gone)
    }

    /// What is gone has been told.
    pub(super) fn forget_gone(&mut self) {
        self.gone.clear();
    }
}
