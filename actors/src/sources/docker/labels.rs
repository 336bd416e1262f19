//! What the labels of a container say.

use std::{collections::HashMap, str::FromStr};

use super::summary::ContainerSummary;
use crate::domain::ServiceRef;

/// The labels of one container.
#[derive(Clone, Copy)]
pub(super) struct Labels<'a>(Option<&'a HashMap<String, String>>);

/// A container's place in a project of Compose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Compose<'a> {
    pub(super) project: &'a str,
    pub(super) service: &'a str,
    /// From 1 up, and never used again while a higher one is there; `None` in a run of one's own.
    pub(super) number: Option<u64>,
}

impl<'a> Labels<'a> {
    pub(super) fn of(listed: &'a ContainerSummary) -> Self {
        Self(listed.labels.as_ref())
    }

    fn get(self, name: &str) -> Option<&'a str> {
        self.0?.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Where the container is in Compose, if it is there and not from `docker compose run`. Podman's Compose does not
    /// say whether it is.
    pub(super) fn compose(self) -> Option<Compose<'a>> {
        let get = |name| self.get(name);
        if get("com.docker.compose.oneoff").is_some_and(|oneoff| oneoff.eq_ignore_ascii_case("true")) {
            return None;
        }
        Some(Compose {
            project: get("com.docker.compose.project")?,
            service: get("com.docker.compose.service")?,
            number: get("com.docker.compose.container-number").and_then(|number| number.parse().ok()),
        })
    }

    /// Whether a label puts it in `service`, whatever Compose says.
    pub(super) fn name(self, service: &ServiceRef) -> bool {
        self.get("stalls.service").is_some_and(|name| name == service.to_string())
    }

    /// The network by which it is reached.
    pub(super) fn network(self) -> Option<&'a str> {
        self.get("stalls.network")
    }

    /// A number from 1 up, `stalls.index` or `stalls.port`; the text if it is none.
    pub(super) fn number<T: FromStr>(self, name: &str) -> Result<Option<T>, &'a str> {
        self.get(name).map(|text| text.parse().map_err(|_| text)).transpose()
    }
}
