//! What the operator wants for the connections to a container that leaves its port.

/// What becomes of the open connections to a container that leaves its port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLeave {
    /// Those to a container that is gone are cut, those to one that still runs may go on to their end.
    #[default]
    ByState,
    /// All are cut at once.
    Cut,
    /// All may go on to their end, even those to a container that is gone.
    Drain,
}

impl OnLeave {
    /// The name for logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::ByState => "by_state",
            Self::Cut => "cut",
            Self::Drain => "drain",
        }
    }
}
