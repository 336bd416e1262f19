//! The end of the actors.

use actix::Message;

/// The system → every actor: finish what is under way and stop. The end of the actor is the answer.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Shutdown {
    /// What becomes of HAProxy.
    pub haproxy: Leave,
}

/// What a stopping `HaproxySupervisor` does with the running HAProxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Stop listening, let connections drain for the time that the settings allow, then end it.
    Drained,
    /// End it at once, cutting its connections.
    Cut,
    /// Let it serve on. The next stalls process adopts it, so an internal fault does not become an outage.
    Serving,
}
