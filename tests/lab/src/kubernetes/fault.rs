//! What can be wrong with an API server, and with the way to it.

/// Which requests a fault applies to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    verb: Option<&'static str>,
    namespace: Option<String>,
}

impl Scope {
    /// All of them.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Lists only.
    pub fn lists() -> Self {
        Self { verb: Some("list"), namespace: None }
    }

    /// Watches only.
    pub fn watches() -> Self {
        Self { verb: Some("watch"), namespace: None }
    }

    /// Of these, those of this namespace only.
    #[must_use]
    pub fn of_namespace(self, namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..self }
    }

    pub(super) fn covers(&self, verb: &str, namespace: Option<&str>) -> bool {
        self.verb.is_none_or(|own| own == verb)
            && self.namespace.as_deref().is_none_or(|own| Some(own) == namespace)
    }
}

/// A way to answer requests wrongly, or not at all. A watch that runs already goes on: for it there are
/// [`Disturbance`]s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 401 with a Status.
    Unauthorized,
    /// 403 with a Status that names user, verb and namespace.
    Forbidden,
    /// 410 with a Status.
    Gone,
    /// 429 with this number of seconds in `Retry-After`.
    TooManyRequests(u64),
    /// 500 with a Status.
    InternalError,
    /// Requests are taken, and answered when the fault has ended.
    Hang,
    /// The connection ends instead of an answer.
    Close,
    /// 200 with this body.
    Body(Vec<u8>),
    /// The promised length is the body's, half of it is sent, then the connection ends.
    Truncated,
}

/// What can happen to a watch that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// It ends in good order, as after `timeoutSeconds`; without a bookmark.
    End,
    /// Half a line comes, then the connection ends.
    Cut,
    /// The connection is reset.
    Reset,
    /// This line comes in between.
    Line(String),
    /// It is told that its version is too old, and ends.
    Expire,
    /// It is told that the server is at fault, and ends.
    Fail,
    /// A bookmark comes, if the client has asked for such.
    Bookmark,
    /// From now on nothing comes, though the connection stays; other disturbances reach it.
    Mute,
}
