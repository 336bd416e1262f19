//! What can go wrong between a manager and us, beyond what can between any engine and us.

use crate::{metadata::Fault, sources::docker::EngineFault};

/// A worker answers so, and an engine that is in no swarm.
const NOT_A_MANAGER: &str = "not_a_manager";
/// A task has one port of its own in a listing, and these would need several.
const SEVERAL_PORTS: &str = "several_ports";

/// All kinds.
pub(super) const KINDS: [&str; 10] = {
    let [a, b, c, d, e, f, g, h] = EngineFault::KINDS;
    [a, b, c, d, e, f, g, h, NOT_A_MANAGER, SEVERAL_PORTS]
};

/// The fault in the source's words.
pub(super) fn fault(fault: EngineFault) -> Fault {
    let subject = fault.subject();
    let (kind, reason) = match &fault {
        EngineFault::Status { status: 503, message, .. } if message.contains("not a swarm manager") => (
            NOT_A_MANAGER,
            "it is no manager of a swarm, and only managers know the tasks; have DOCKER_HOST lead to one, say by a \
             socket proxy on the managers (deploy/swarm)"
                .to_owned(),
        ),
        EngineFault::Forbidden { path, .. } => (
            fault.kind(),
            format!("{path} is forbidden; a socket proxy has to allow it: TASKS=1, SERVICES=1 and NODES=1"),
        ),
        other => {
            let text = other.to_string();
            let reason = text.strip_prefix(&*subject).and_then(|rest| rest.strip_prefix(": "));
            (other.kind(), reason.unwrap_or(&text).to_owned())
        }
    };
    Fault { kind, subject, reason }
}

/// A service is mapped on several ports, and its nodes publish them.
pub(super) fn several_ports(service: &str) -> Fault {
    let reason = "is mapped on several ports, and its nodes publish them on ports of their own, of which only one can \
                  be followed; run one stalls for each, or have them all in an overlay network";
    Fault { kind: SEVERAL_PORTS, subject: service.to_owned(), reason: reason.to_owned() }
}
