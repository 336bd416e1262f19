//! What can be wrong with the metadata service.

/// Which requests a fault applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    Everything,
    /// Those of `…/version`.
    Version,
    /// All others.
    Documents,
}

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestKind {
    Version,
    Document,
}

impl Scope {
    pub(super) fn covers(self, kind: RequestKind) -> bool {
        match self {
            Self::Everything => true,
            Self::Version => kind == RequestKind::Version,
            Self::Documents => kind == RequestKind::Document,
        }
    }
}

/// A way to answer wrongly, or not at all.
///
/// A fault is in force for each answer that is given after it was set: long polls that wait by then
/// get it at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The server does not listen: it refuses connections and closes those that exist.
    Refuse,
    /// Requests are taken, and answered when the fault has ended.
    Hang,
    /// The connection ends instead of an answer.
    Close,
    /// The connection is reset instead of an answer.
    Abort,
    /// 404 with the body for a path that does not exist.
    NotFound,
    /// 404 with these words.
    NotFoundSaying(String),
    /// 404 with the body that the real server has before its first data.
    InvalidVersion,
    /// 500 with a line of text.
    InternalError,
    /// 302 to this URL.
    Redirect(String),
    /// 200 with a web page, as a captive portal or a wrong proxy answers.
    Html,
    /// 200 with JSON that ends in the middle.
    BadJson,
    /// 200 with valid JSON whose fields have the wrong types.
    WrongTypes,
    /// The promised length is the body's, half of it is sent, then the connection ends.
    Truncated,
    /// No length is promised, half of the body is sent in a chunk, then the connection ends.
    TruncatedChunk,
    /// Half of the body is sent, the other half when the fault has ended.
    Stall,
    /// Half of the body is sent, then the connection is reset.
    Reset,
    /// The right answer, one byte a second; when the fault has ended, the rest at once.
    Drip,
    /// 200 with a JSON string of this many bytes.
    Huge(usize),
    /// 200 with an empty body.
    EmptyBody,
    /// 200 with this body, such as a document of the real server.
    Body(Vec<u8>),
    /// These bytes instead of an HTTP answer, then the connection ends.
    Raw(Vec<u8>),
    /// The right answer, then the connection ends although nobody has announced that.
    CloseAfterAnswer,
    /// A connection's first request is answered well; at the next one it ends instead.
    CloseOnReuse,
    /// Each answer has another version, at once, though nothing changes.
    RandomVersion,
}

impl Fault {
    /// Whether a connection is of no more use after it.
    pub(super) fn ends_the_connection(&self) -> bool {
        matches!(
            self,
            Self::Refuse
                | Self::Close
                | Self::Abort
                | Self::Truncated
                | Self::TruncatedChunk
                | Self::Reset
                | Self::Raw(_)
                | Self::CloseAfterAnswer
        )
    }
}
