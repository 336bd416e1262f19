//! The node: it runs pods, in the place of the scheduler and the kubelet.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use stalls_lab::{
    backend::{Backends, Identity},
    block::Block,
};
use tokio::{sync::Mutex, task::JoinHandle, time::sleep};

use super::api::{Api, ApiError};

/// How many pods have addresses of one block.
const BLOCK: usize = 240;

/// The pause before the API server is asked again.
const PAUSE: Duration = Duration::from_millis(50);

/// It runs each pod that there is as a backend at an address of its own, which no other pod gets later. A backend says
/// the pod's namespace and name as `games/web-0`, and its uid.
pub(crate) struct Kubelet {
    processes: Arc<Mutex<Processes>>,
    running: JoinHandle<()>,
}

/// The processes of pods.
#[derive(Default)]
struct Processes {
    backends: Backends,
    blocks: Vec<Block>,
    /// Those of pods that there are, by uid.
    running: BTreeMap<String, Process>,
    /// How many have ever run.
    begun: usize,
    /// The pods whose processes run on when they are deleted.
    lasting: BTreeSet<String>,
    /// Those of them that have been deleted.
    left: Vec<Process>,
}

struct Process {
    /// `games/web-0`
    pod: String,
    address: Ipv4Addr,
    ports: Vec<u16>,
}

impl Kubelet {
    /// Starts it; it waits until there is an API server.
    pub(crate) fn start(api: Arc<Api>) -> Self {
        let processes = Arc::new(Mutex::new(Processes::default()));
        let node = Node { api, processes: Arc::clone(&processes) };
        Self { processes, running: tokio::spawn(node.run()) }
    }

    /// The process of this pod, `games/web-0`, runs on when the pod is deleted.
    pub(crate) async fn let_run_on(&self, pod: &str) {
        self.processes.lock().await.lasting.insert(pod.to_owned());
    }

    /// Ends the processes that have run on.
    pub(crate) async fn end_what_ran_on(&self) {
        let mut processes = self.processes.lock().await;
        processes.lasting.clear();
        for process in std::mem::take(&mut processes.left) {
            processes.end(process).await;
        }
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.running.abort();
    }
}

struct Node {
    api: Arc<Api>,
    processes: Arc<Mutex<Processes>>,
}

impl Node {
    async fn run(mut self) {
        loop {
            // The API server may be away, and may have forgotten what has happened meanwhile.
            let _ = self.follow().await;
            sleep(PAUSE).await;
        }
    }

    /// Does what is to be done for all pods, until the API server goes away.
    async fn follow(&mut self) -> Result<(), ApiError> {
        let list = self.api.get("/api/v1/pods").await?;
        let pods = list["items"].as_array().cloned().unwrap_or_default();
        let listed = pods.iter().map(|pod| text(pod, "/metadata/uid")).collect();
        self.processes.lock().await.stop_others(&listed).await;
        for pod in &pods {
            self.tend(pod).await?;
        }
        let mut events = self.api.watch("/api/v1/pods", text(&list, "/metadata/resourceVersion")).await?;
        while let Some(event) = events.next().await? {
            let pod = &event["object"];
            match text(&event, "/type") {
                "ADDED" | "MODIFIED" => self.tend(pod).await?,
                "DELETED" => self.processes.lock().await.stop(text(pod, "/metadata/uid")).await,
                _ => break,
            }
        }
        Ok(())
    }

    /// Does the next thing that is to be done for a pod.
    async fn tend(&mut self, pod: &Value) -> Result<(), ApiError> {
        let (namespace, name) = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
        let (uid, path) = (text(pod, "/metadata/uid"), format!("/api/v1/namespaces/{namespace}/pods/{name}"));
        let done = if pod["metadata"]["deletionTimestamp"].is_string() {
            self.processes.lock().await.stop(uid).await;
            let options = json!({"gracePeriodSeconds": 0, "preconditions": {"uid": uid}});
            self.api.delete(&path, &options).await
        } else if !pod["spec"]["nodeName"].is_string() {
            let target = json!({"apiVersion": "v1", "kind": "Node", "name": "node"});
            let binding = json!({"metadata": {"name": name}, "target": target});
            self.api.create(&format!("{path}/binding"), &binding).await
        } else {
            let address = self.processes.lock().await.run(uid, format!("{namespace}/{name}"), pod).await;
            if text(pod, "/status/podIP") == address.to_string() {
                return Ok(());
            }
            self.api.patch(&format!("{path}/status"), &running(address)).await
        };
        match done {
            // It may be gone or replaced already, or be bound since it was listed.
            Ok(_) | Err(ApiError::Refused(404 | 409, _)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Processes {
    /// Has the process of a pod run, which listens on all its ports; its address is the result.
    async fn run(&mut self, uid: &str, pod: String, document: &Value) -> Ipv4Addr {
        if let Some(process) = self.running.get(uid) {
            return process.address;
        }
        if self.begun == self.blocks.len() * BLOCK {
            self.blocks.push(Block::reserve());
        }
        let number = u8::try_from(self.begun % BLOCK + 1).expect("a block is small");
        let address = self.blocks[self.begun / BLOCK].container_ip(number);
        self.begun += 1;
        let containers = document["spec"]["containers"].as_array().into_iter().flatten();
        let ports = containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
        let ports: Vec<u16> = ports
            .map(|port| serde_json::from_value(port["containerPort"].clone()).expect("a port has a number"))
            .collect();
        for port in &ports {
            let identity = Identity { uuid: pod.clone(), name: uid.to_owned() };
            self.backends.start(address, *port, identity).await;
        }
        self.running.insert(uid.to_owned(), Process { pod, address, ports });
        address
    }

    /// Stops the processes of all pods but these.
    async fn stop_others(&mut self, uids: &BTreeSet<&str>) {
        let others: Vec<_> =
            self.running.keys().filter(|uid| !uids.contains(uid.as_str())).cloned().collect();
        for uid in others {
            self.stop(&uid).await;
        }
    }

    /// Stops the process of a pod, if it runs and is not to run on.
    async fn stop(&mut self, uid: &str) {
        match self.running.remove(uid) {
            Some(process) if self.lasting.contains(&process.pod) => self.left.push(process),
            Some(process) => self.end(process).await,
            None => {}
        }
    }

    async fn end(&mut self, process: Process) {
        for port in process.ports {
            self.backends.stop(process.address, port).await;
        }
    }
}

/// What the status of a pod becomes that runs at this address.
fn running(address: Ipv4Addr) -> Value {
    let condition = |kind| json!({"type": kind, "status": "True"});
    let conditions: Vec<_> =
        ["Initialized", "Ready", "ContainersReady", "PodScheduled"].into_iter().map(condition).collect();
    json!({"status": {
        "phase": "Running",
        "conditions": conditions,
        "podIP": address,
        "podIPs": [{"ip": address}],
    }})
}

fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
