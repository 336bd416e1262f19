//! What a client asks for.

use super::{selector::Selector, status::Status};
use crate::http::Request;

/// A request as the server has got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// `list` or `watch` of a namespace's pods; else the method, such as `GET`.
    pub verb: String,
    /// The namespace whose pods are listed or watched.
    pub namespace: Option<String>,
    /// The path, without the query.
    pub path: String,
    /// The parameters of the query, decoded.
    pub query: Vec<(String, String)>,
    /// The header of this name.
    pub authorization: Option<String>,
}

/// A list of pods.
#[derive(Debug)]
pub(super) struct List {
    pub(super) namespace: String,
    pub(super) selector: Selector,
    pub(super) limit: Option<usize>,
    pub(super) page: Option<String>,
}

/// A watch of pods.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) namespace: String,
    pub(super) selector: Selector,
    /// What happened after this version is told; `None`: what is there comes first.
    pub(super) from: Option<u64>,
    pub(super) has_bookmarks: bool,
    pub(super) seconds: Option<u64>,
}

/// What is answered to.
#[derive(Debug)]
pub(super) enum Wanted {
    List(List),
    Watch(Watch),
}

impl Asked {
    pub(super) fn new(request: &Request) -> Self {
        let namespace = match request.path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["api", "v1", "namespaces", namespace, "pods"] if request.method == "GET" => {
                Some(namespace.to_owned())
            }
            _ => None,
        };
        let is_watch = ["1", "true"].map(Some).contains(&request.parameter("watch"));
        let verb = match &namespace {
            Some(_) if is_watch => "watch",
            Some(_) => "list",
            None => &request.method,
        };
        let path = request.target.split('?').next().unwrap_or_default();
        Self {
            verb: verb.to_owned(),
            path: path.to_owned(),
            namespace,
            query: request.query.clone(),
            authorization: request.authorization.clone(),
        }
    }

    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a namespace's pods are listed.
    pub fn is_list(&self) -> bool {
        self.verb == "list"
    }

    /// Whether a namespace's pods are watched.
    pub fn is_watch(&self) -> bool {
        self.verb == "watch"
    }

    /// What it means.
    pub(super) fn wanted(&self) -> Result<Wanted, Status> {
        let Some(namespace) = self.namespace.clone() else {
            return Err(Status::forbidden_path(&self.verb.to_lowercase(), &self.path));
        };
        let text = self.parameter("labelSelector").unwrap_or_default();
        let selector = Selector::parse(text)
            .map_err(|term| Status::bad_request(&format!("unable to parse requirement: {term:?}")))?;
        if self.is_list() {
            let limit = self
                .number("limit")?
                .and_then(|limit| usize::try_from(limit).ok())
                .filter(|limit| *limit > 0);
            let page = self.parameter("continue").filter(|page| !page.is_empty()).map(str::to_owned);
            return Ok(Wanted::List(List { namespace, selector, limit, page }));
        }
        Ok(Wanted::Watch(Watch {
            namespace,
            selector,
            from: self.number("resourceVersion")?.filter(|version| *version > 0),
            has_bookmarks: ["1", "true"].map(Some).contains(&self.parameter("allowWatchBookmarks")),
            seconds: self.number("timeoutSeconds")?,
        }))
    }

    fn number(&self, name: &str) -> Result<Option<u64>, Status> {
        let Some(text) = self.parameter(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        let number = text.parse().map_err(|_| Status::bad_request(&format!("{name}: {text:?} is no number")));
        number.map(Some)
    }
}
