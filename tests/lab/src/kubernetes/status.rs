//! The document by which the API server says that something is wrong.

use serde_json::{Value, json};

/// A Status with its code, which is also that of the HTTP answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Status {
    pub(super) code: u16,
    pub(super) document: Value,
}

impl Status {
    fn new(code: u16, reason: &str, message: &str) -> Self {
        let document = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        });
        Self { code, document }
    }

    fn about(mut self, details: Value) -> Self {
        self.document["details"] = details;
        self
    }

    /// The client is not known.
    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// The client may not do this to pods.
    pub(super) fn forbidden(verb: &str, namespace: &str) -> Self {
        let user = "system:serviceaccount:games:stalls";
        let message = format!(
            "pods is forbidden: User \"{user}\" cannot {verb} resource \"pods\" in API group \"\" in the namespace \"{namespace}\""
        );
        Self::new(403, "Forbidden", &message).about(json!({ "kind": "pods" }))
    }

    /// The client may not do anything but list and watch pods.
    pub(super) fn forbidden_path(verb: &str, path: &str) -> Self {
        let message =
            format!("forbidden: User \"system:serviceaccount:games:stalls\" cannot {verb} path \"{path}\"");
        Self::new(403, "Forbidden", &message).about(json!({}))
    }

    /// The client asks for what happened after a version which is forgotten.
    pub(super) fn expired(version: u64, oldest: u64) -> Self {
        Self::new(410, "Expired", &format!("too old resource version: {version} ({oldest})"))
    }

    /// The rest of a list is forgotten.
    pub(super) fn expired_page() -> Self {
        Self::new(
            410,
            "Expired",
            "The provided continue parameter is too old to display a consistent list result.",
        )
    }

    /// The request makes no sense.
    pub(super) fn bad_request(message: &str) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// The server is at fault.
    pub(super) fn internal_error() -> Self {
        Self::new(500, "InternalError", "Internal error occurred: etcdserver: request timed out")
            .about(json!({ "causes": [{ "message": "etcdserver: request timed out" }] }))
    }
}
