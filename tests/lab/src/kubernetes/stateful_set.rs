//! What the StatefulSet controller does.

use super::{
    pod::{ContainerPort, Pod},
    world::World,
};

/// A StatefulSet's template.
#[derive(Clone, Debug)]
pub(super) struct Set {
    uid: String,
    app: String,
    first: u32,
    ports: Vec<ContainerPort>,
    has_index_label: bool,
}

/// A StatefulSet in its controller's hands.
///
/// Its pods run and are ready as soon as they are created. They have the label `app` with the set's name; what is changed of the
/// template concerns the next pods.
#[derive(Debug)]
pub struct StatefulSet<'world> {
    pub(super) world: &'world mut World,
    pub(super) key: (String, String),
}

impl Set {
    /// Pods with the port 8080, from ordinal 0 on, with the label that Kubernetes sets since 1.28.
    pub(super) fn new(name: &str, uid: String) -> Self {
        let ports = vec![ContainerPort { name: None, number: 8080 }];
        Self { uid, app: name.to_owned(), first: 0, ports, has_index_label: true }
    }
}

impl StatefulSet<'_> {
    /// Has the ordinals begin with this one (`spec.ordinals.start`).
    #[must_use]
    pub fn from_ordinal(mut self, first: u32) -> Self {
        self.set().first = first;
        self
    }

    /// Pods do not get the label `apps.kubernetes.io/pod-index`, as before Kubernetes 1.28.
    #[must_use]
    pub fn without_index_label(mut self) -> Self {
        self.set().has_index_label = false;
        self
    }

    /// Has the label `app` say this.
    #[must_use]
    pub fn app(mut self, value: &str) -> Self {
        value.clone_into(&mut self.set().app);
        self
    }

    /// Pods have these ports only.
    #[must_use]
    pub fn ports(mut self, ports: &[(Option<&str>, u16)]) -> Self {
        let port = |(name, number): &(Option<&str>, u16)| ContainerPort {
            name: name.map(str::to_owned),
            number: *number,
        };
        self.set().ports = ports.iter().map(port).collect();
        self
    }

    /// Scales it: what is missing is created, the lowest ordinal first; what is too much is gone, the highest first.
    pub fn scale_to(&mut self, replicas: u32) {
        let wanted = self.set().first..self.set().first + replicas;
        for ordinal in self.ordinals().into_iter().rev().filter(|ordinal| !wanted.contains(ordinal)) {
            self.remove(ordinal);
        }
        for ordinal in wanted {
            if !self.ordinals().contains(&ordinal) {
                self.create(ordinal);
            }
        }
    }

    /// Replaces a pod by one of the same name, with another uid and another address. Returns the new uid.
    pub fn replace(&mut self, ordinal: u32) -> String {
        self.remove(ordinal);
        self.create(ordinal)
    }

    /// Asks a pod to end.
    pub fn delete(&mut self, ordinal: u32) {
        let (namespace, name) = self.pod_key(ordinal);
        self.world.delete(&namespace, &name);
    }

    /// A pod is gone, and not replaced yet.
    pub fn remove(&mut self, ordinal: u32) {
        let (namespace, name) = self.pod_key(ordinal);
        self.world.remove(&namespace, &name);
    }

    /// Edits a pod.
    pub fn edit(&mut self, ordinal: u32, edit: impl FnOnce(&mut Pod)) {
        let (namespace, name) = self.pod_key(ordinal);
        self.world.edit(&namespace, &name, edit);
    }

    /// Creates the pod with this ordinal. Returns its uid.
    pub fn create(&mut self, ordinal: u32) -> String {
        self.create_as(ordinal, |pod| pod)
    }

    /// Creates the pod with this ordinal, after this was done to it. Returns its uid.
    pub fn create_as(&mut self, ordinal: u32, adjust: impl FnOnce(Pod) -> Pod) -> String {
        let (namespace, name) = self.pod_key(ordinal);
        let (set_name, set) = (self.key.1.clone(), self.set().clone());
        let mut pod = Pod::new(&namespace, &name)
            .label("app", &set.app)
            .label("controller-revision-hash", &format!("{set_name}-7d4f9c8b6"))
            .label("statefulset.kubernetes.io/pod-name", &name)
            .owned_by("StatefulSet", &set_name, &set.uid);
        if set.has_index_label {
            pod = pod.label("apps.kubernetes.io/pod-index", &ordinal.to_string());
        }
        pod.ports = set.ports;
        self.world.create(adjust(pod))
    }

    /// The set is deleted without its pods (`--cascade=orphan`): nothing controls them any more.
    pub fn orphan(self) {
        for ordinal in self.ordinals() {
            let (namespace, name) = self.pod_key(ordinal);
            self.world.edit(&namespace, &name, |pod| pod.owner = None);
        }
        self.world.sets.remove(&self.key);
    }

    /// The pod with this ordinal.
    pub fn pod(&self, ordinal: u32) -> &Pod {
        let (namespace, name) = self.pod_key(ordinal);
        self.world.pod(&namespace, &name)
    }

    fn set(&mut self) -> &mut Set {
        self.world.sets.get_mut(&self.key).expect("it is made with its handle")
    }

    fn pod_key(&self, ordinal: u32) -> (String, String) {
        (self.key.0.clone(), format!("{}-{ordinal}", self.key.1))
    }

    fn ordinals(&self) -> Vec<u32> {
        let uid = &self.world.sets[&self.key].uid;
        let is_own = |pod: &&Pod| pod.owner.as_ref().is_some_and(|owner| owner.uid == *uid);
        let ordinal = |pod: &Pod| pod.name.rsplit_once('-')?.1.parse().ok();
        let mut ordinals: Vec<u32> =
            self.world.pods(&self.key.0).filter(is_own).filter_map(ordinal).collect();
        ordinals.sort_unstable();
        ordinals
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addresses::AddressPool;

    fn world() -> World {
        World::new(AddressPool::new([127, 1, 2, 1].into(), 240))
    }

    fn names(world: &World) -> Vec<&str> {
        world.pods("games").map(|pod| pod.name.as_str()).collect()
    }

    #[test]
    fn ordinals_begin_where_the_set_says() {
        let mut world = world();
        world.stateful_set("games", "web").scale_to(2);
        world.stateful_set("games", "web").from_ordinal(1).scale_to(2);
        assert_eq!(names(&world), ["web-1", "web-2"]);
    }

    #[test]
    fn scaling_down_takes_the_highest_ordinal_first() {
        let mut world = world();
        world.stateful_set("games", "web").scale_to(3);
        let before = world.events.len();
        world.stateful_set("games", "web").scale_to(1);
        let gone = |event: &super::super::event::Event| event.after.is_none();
        let gone: Vec<_> = world.events[before..].iter().filter(|event| gone(event)).collect();
        let names: Vec<_> =
            gone.iter().map(|event| event.before.as_ref().map(|pod| pod.name.as_str())).collect();
        assert_eq!(names, [Some("web-2"), Some("web-1")]);
    }

    #[test]
    fn a_replacement_has_its_predecessors_name_and_nothing_else_of_it() {
        let mut world = world();
        world.stateful_set("games", "web").scale_to(2);
        let old = world.pod("games", "web-1").clone();
        let uid = world.stateful_set("games", "web").replace(1);
        let new = world.pod("games", "web-1");
        assert_eq!(new.uid(), uid);
        assert_ne!((new.uid(), &new.ips), (old.uid(), &old.ips));
    }

    #[test]
    fn orphans_stay_with_their_labels() {
        let mut world = world();
        world.stateful_set("games", "web").scale_to(1);
        world.stateful_set("games", "web").orphan();
        let orphan = world.pod("games", "web-0");
        assert_eq!(orphan.owner, None);
        assert_eq!(orphan.labels["statefulset.kubernetes.io/pod-name"], "web-0");
    }

    #[test]
    fn a_process_runs_on_each_port_of_a_running_pod() {
        let mut world = world();
        let ports = [(Some("http"), 8080), (None, 9092)];
        world.stateful_set("games", "web").ports(&ports).create(0);
        world.stateful_set("games", "web").create_as(1, Pod::pending);
        let backends = world.backends();
        let addresses: Vec<_> = backends.keys().map(ToString::to_string).collect();
        assert_eq!(addresses, ["127.1.2.1:8080", "127.1.2.1:9092"]);
        world.edit("games", "web-1", |pod| pod.phase = super::super::pod::Phase::Running);
        assert_eq!(world.backends().len(), 4);
    }
}
