//! The log messages of stalls that tests wait for or count. Each stands here and nowhere else.

// === stalls itself ===

/// stalls starts.
pub const STARTS: &str = "stalls starts";
/// The machine has too few descriptors for the pool.
pub const NOT_SERVABLE: &str = "the pool cannot be served";
/// stalls ends.
pub const ENDS: &str = "stalls ends";
/// The drain time is over, and connections are left.
pub const CONNECTIONS_CUT: &str = "drain time is over, connections are cut";
/// As process 1 stalls has reaped processes that are not its children.
pub const ORPHANS_REAPED: &str = "orphans reaped";
/// Another stalls process uses `RUN_DIR` or `STATE_DIR`, or it cannot be locked now.
pub const DIRECTORY_NOT_LOCKED: &str = "cannot lock directory";
/// `RUN_DIR` or `STATE_DIR` was removed; stalls has made it again.
pub const DIRECTORY_LOCKED_AGAIN: &str = "directory was removed, it is created and locked again";
/// One of the findings of `stalls doctor`, at the start.
pub const HOST_FINDING: &str = "host check has found something";
/// stalls listens on `ADMIN_LISTEN`.
pub const ADMIN_LISTENING: &str = "listening on admin address";
/// Another program listens on `ADMIN_LISTEN`.
pub const ADMIN_NOT_LISTENING: &str = "cannot listen on admin address, ports are served without it";

// === The metadata ===

/// stalls has read all that it needs of a version.
pub const VERSION_FOLLOWED: &str = "metadata version followed";
/// A fault begins, or becomes one of another kind.
pub const FAULT_BEGINS: &str = "source fault, the last good mapping stays";
/// The server has not known the service for a minute.
pub const SERVICE_GONE: &str = "service not found, it counts as one without containers";
/// The server knows the service again.
pub const SERVICE_FOUND: &str = "service found again";
/// DNS is away.
pub const UNRESOLVED: &str =
    "name of the metadata server cannot be resolved, using the address that answered last";
/// DNS is back.
pub const RESOLVED_AGAIN: &str = "name of the metadata server is resolved again";
/// Somebody may expect UDP to be forwarded.
pub const UDP_PUBLISHED: &str = "UDP ports are published, stalls forwards TCP only";
/// The first good answer after a fault.
pub const FAULT_ENDS: &str = "source fault ended";
/// There is no metadata at the start, so the saved assignments serve.
pub const SERVING_SAVED: &str = "metadata unavailable, serving saved assignments";

// === Which container gets which port ===

/// A port gets a container.
pub const SLOT_ASSIGNED: &str = "slot assigned";
/// A port loses its container and gets no other.
pub const SLOT_FREED: &str = "slot freed";
/// No port leads to a container, and why.
pub const NOTHING_MAPPED: &str = "no container is mapped, all ports refuse";
/// Containers have no port.
pub const NOT_MAPPED: &str = "containers not mapped";
/// A container changes its state too often, so its port stays as it is.
pub const FLAPPING: &str = "containers are flapping, their ports are frozen";
/// Containers are missing in the metadata; stalls asks them whether they are there.
pub const LINGER: &str = "containers are missing and linger";
/// Containers that lingered are in the metadata again.
pub const LISTED_AGAIN: &str = "lingering containers are listed again";
/// Containers that lingered are not there any more.
pub const GONE: &str = "lingering containers are gone";
/// Others have the slots of containers that lingered.
pub const SUPERSEDED: &str = "lingering containers gave way, their slots are others'";
/// Containers lingered until `LINGER_MS` was over.
pub const LINGERED_TOO_LONG: &str = "containers lingered for too long";
/// Containers are missing, and it is not known whether they were there a moment ago.
pub const UNPROVEN: &str = "containers are missing, and were last listed too long ago to linger";
/// A selector has brought containers of other services into the service.
pub const OTHER_SERVICES: &str = "containers of other services are mapped without an index, hosts may differ";
/// There are more containers than ports.
pub const POOL_GROWS: &str = "pool grows";
/// The pool has ports that the host does not publish.
pub const NOT_PUBLISHED: &str = "ports of the pool are not published, so the host does not lead to them";
/// The state file cannot be read at the moment.
pub const SAVED_NOT_READ: &str = "saved assignments cannot be read";
/// The state file is not one of this version.
pub const SAVED_UNUSABLE: &str = "saved assignments unusable, starting without them";
/// The state file cannot be written.
pub const NOT_SAVED: &str = "assignments cannot be saved, a restart would not know them";
/// The state file can be written again.
pub const SAVED_AGAIN: &str = "assignments are saved again";

/// `RECORD_DIR` cannot be written.
pub const NOT_RECORDED: &str = "decisions cannot be recorded";
/// `RECORD_DIR` can be written again.
pub const RECORDED_AGAIN: &str = "decisions are recorded again";

// === HAProxy's configuration ===

/// HAProxy rejects the configuration, or cannot check it.
pub const NOT_ACCEPTED: &str = "configuration not accepted, the last good one stays";
/// HAProxy accepts the next one, or can check again.
pub const ACCEPTED_AGAIN: &str = "configuration is accepted again";
/// The copy of the configuration has been written for a plan.
pub const CONFIG_WRITTEN: &str = "configuration written";
/// The copy of the configuration cannot be written.
pub const CONFIG_OUTDATED: &str = "configuration file is outdated, it cannot be written";
/// The copy of the configuration can be written again.
pub const CONFIG_UP_TO_DATE_AGAIN: &str = "configuration file is up to date again";
/// The template leaves nothing that could be changed at runtime.
pub const ALWAYS_RELOADS: &str = "the template makes every change a reload";

// === HAProxy ===

/// HAProxy serves what a plan says.
pub const PLAN_APPLIED: &str = "plan applied";
/// A new HAProxy has begun to serve.
pub const SERVES: &str = "haproxy serves";
/// Something of a known fault of this version of HAProxy remains.
pub const KNOWN_FAULT: &str = "this version of haproxy has a known fault";
/// stalls has adopted the HAProxy of an earlier process.
pub const ADOPTED: &str = "haproxy adopted, its own lines are lost until the next reload";
/// A line that HAProxy has written.
pub const HAPROXY_SAYS: &str = "haproxy says";
/// A port has as many connections as it may have.
pub const PORTS_FULL: &str = "connection limit of ports reached, new connections wait";
/// No port has as many connections as it may have.
pub const PORTS_NO_LONGER_FULL: &str = "all ports are below their connection limit again";
/// A health check finds containers down.
pub const PORTS_DOWN: &str = "health check of ports fails, new connections are closed";
/// No health check finds a container down.
pub const PORTS_NO_LONGER_DOWN: &str = "health checks of all ports pass again";
/// HAProxy has ended unexpectedly.
pub const DIED: &str = "haproxy died";
/// A new HAProxy has ended, or has not answered, before it served.
pub const FAILED_TO_START: &str = "haproxy failed to start";
/// More HAProxy processes drain than may.
pub const TOO_MANY_DRAIN: &str = "too many haproxy processes drain, ending the oldest";
/// HAProxy runs and does not answer; stalls replaces it.
pub const DOES_NOT_ANSWER: &str = "haproxy does not answer, replacing it";
/// HAProxy runs, but its runtime API does not listen; stalls replaces it.
pub const API_CLOSED: &str = "haproxy runtime API is closed, replacing it";
/// HAProxy should have released its ports.
pub const KILLED: &str = "haproxy did not release its ports, killing it";
/// stalls cannot query HAProxy, since resources have run out here.
pub const CANNOT_QUERY: &str = "cannot query haproxy: out of descriptors or memory";
/// stalls can query HAProxy again.
pub const CAN_QUERY_AGAIN: &str = "haproxy can be queried again";
/// Another program has changed HAProxy at runtime.
pub const CHANGED_EXTERNALLY: &str = "haproxy runtime state was changed externally, repairing";
/// Ports of the pool that containers need cannot be bound, usually since another program listens there.
pub const PORT_UNBINDABLE: &str = "port cannot be bound, leaving it out";
/// Ports of the pool that no container needs cannot be bound.
pub const UNUSED_UNBINDABLE: &str = "unused port cannot be bound, leaving it out";
/// Ports that a container needs can be bound again, and others with them.
pub const PORT_BINDABLE_AGAIN: &str = "port can be bound again";
