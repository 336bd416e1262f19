//! What stalls logs, as far as somebody waits for it or counts it. A message stands here and nowhere else.

// === stalls itself ===

/// It begins.
pub const STARTS: &str = "stalls starts";
/// It ends.
pub const ENDS: &str = "stalls ends";
/// The drain time is over, and connections are left.
pub const CONNECTIONS_CUT: &str = "drain time is over, connections are cut";
/// As process 1 it has reaped processes that are not its own.
pub const ORPHANS_REAPED: &str = "orphans reaped";
/// Others could write to `RUN_DIR` or `STATE_DIR`.
pub const WORLD_WRITE_REMOVED: &str = "removed world-write permission from directory";
/// Another stalls has `RUN_DIR` or `STATE_DIR`.
pub const DIRECTORY_NOT_LOCKED: &str = "cannot lock directory";
/// `RUN_DIR` or `STATE_DIR` was gone, and has been made again.
pub const DIRECTORY_LOCKED_AGAIN: &str = "directory was removed, it is created and locked again";
/// `ADMIN_LISTEN` answers.
pub const ADMIN_LISTENING: &str = "listening on admin address";
/// Somebody else has `ADMIN_LISTEN`.
pub const ADMIN_NOT_LISTENING: &str = "cannot listen on admin address, ports are served without it";

// === The metadata ===

/// A version has been read as a whole.
pub const VERSION_FOLLOWED: &str = "metadata version followed";
/// A fault begins, or becomes one of another kind.
pub const FAULT_BEGINS: &str = "metadata fault, the last good mapping stays";
/// The first good answer after a fault.
pub const FAULT_ENDS: &str = "metadata fault ended";
/// There is no metadata at the start.
pub const SERVING_SAVED: &str = "metadata unavailable, serving saved assignments";

// === Who gets which port ===

/// A port gets a container.
pub const SLOT_ASSIGNED: &str = "slot assigned";
/// A port loses its container and gets no other.
pub const SLOT_FREED: &str = "slot freed";
/// A container has no port.
pub const NOT_MAPPED: &str = "container not mapped";
/// A container stops and starts too often to be followed.
pub const FLAPPING: &str = "container is flapping, port frozen";
/// The metadata would free too many ports at once.
pub const MASS_REMOVAL_HELD: &str = "mass removal held back";
/// The containers are back.
pub const MASS_REMOVAL_OVER: &str = "mass removal over, all containers returned";
/// The containers have stayed away.
pub const HELD_PORTS_RELEASED: &str = "held ports released, containers did not return";
/// There are more containers than ports.
pub const POOL_GROWS: &str = "pool grows";
/// The pool has ports that the host does not publish.
pub const NOT_PUBLISHED: &str = "ports of the pool are not published, so the host does not lead to them";
/// The state file cannot be read.
pub const SAVED_UNUSABLE: &str = "saved assignments unusable, starting without them";
/// The state file cannot be written.
pub const NOT_SAVED: &str = "assignments cannot be saved, a restart would not know them";
/// The state file can be written again.
pub const SAVED_AGAIN: &str = "assignments are saved again";

// === HAProxy's configuration ===

/// HAProxy rejects the configuration, or cannot be asked.
pub const NOT_ACCEPTED: &str = "configuration not accepted, the last good one stays";
/// It accepts the next one, or can be asked again.
pub const ACCEPTED_AGAIN: &str = "configuration is accepted again";
/// The copy of the configuration is that of a plan.
pub const CONFIG_WRITTEN: &str = "configuration written";
/// The copy of the configuration cannot be written.
pub const CONFIG_OUTDATED: &str = "configuration file is outdated, it cannot be written";
/// It can again.
pub const CONFIG_UP_TO_DATE_AGAIN: &str = "configuration file is up to date again";
/// The template leaves nothing that HAProxy could be told.
pub const ALWAYS_RELOADS: &str = "the template makes every change a reload";

// === HAProxy ===

/// HAProxy does what a plan says.
pub const PLAN_APPLIED: &str = "plan applied";
/// A new HAProxy has begun to serve.
pub const SERVES: &str = "haproxy serves";
/// The HAProxy of an earlier stalls is kept.
pub const ADOPTED: &str = "haproxy adopted, its own lines are lost until the next reload";
/// A line that HAProxy has written.
pub const HAPROXY_SAYS: &str = "haproxy says";
/// HAProxy has ended, and should not have.
pub const DIED: &str = "haproxy died";
/// A new HAProxy has ended, or has not answered, before it served.
pub const FAILED_TO_START: &str = "haproxy failed to start";
/// HAProxy runs, and is given up.
pub const DOES_NOT_ANSWER: &str = "haproxy does not answer, replacing it";
/// HAProxy runs, and cannot be reached.
pub const API_CLOSED: &str = "haproxy runtime API is closed, replacing it";
/// HAProxy should have drained.
pub const KILLED: &str = "haproxy did not release its ports, killing it";
/// HAProxy cannot be asked, for a reason that is not its own.
pub const CANNOT_QUERY: &str = "cannot query haproxy: out of descriptors or memory";
/// The reason is gone.
pub const CAN_QUERY_AGAIN: &str = "haproxy can be queried again";
/// HAProxy is not as stalls has left it.
pub const CHANGED_EXTERNALLY: &str = "haproxy runtime state was changed externally, repairing";
/// A port is not as stalls has left it.
pub const PORT_DRIFTED: &str = "port state drifted, repairing";
/// Another program has a port of the pool.
pub const PORT_UNBINDABLE: &str = "port cannot be bound, leaving it out";
/// It has given it back.
pub const PORT_BINDABLE_AGAIN: &str = "port can be bound again";
