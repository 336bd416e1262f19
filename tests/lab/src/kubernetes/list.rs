//! Lists, in one piece or in pages.

use serde_json::{Value, json};

use super::{document::item, request::List, status::Status, world::World};

/// What is left of a list that a client reads in pages.
#[derive(Clone, Debug)]
pub(super) struct Rest {
    version: u64,
    items: Vec<Value>,
}

/// The rests of lists that are not read yet, each under its token.
#[derive(Debug, Default)]
pub(super) struct Rests(Vec<(String, Rest)>);

impl Rests {
    /// A page of the list, as the world was when its first page was read.
    pub(super) fn list(&mut self, world: &World, list: &List) -> Result<Value, Status> {
        let Rest { version, mut items } = match &list.page {
            Some(token) => self.rest(token, world.compacted)?,
            None => {
                let pods = world.pods(&list.namespace).filter(|pod| list.selector.matches(&pod.labels));
                Rest { version: world.version, items: pods.map(item).collect() }
            }
        };
        let mut metadata = json!({ "resourceVersion": version.to_string() });
        if let Some(limit) = list.limit.filter(|limit| *limit < items.len()) {
            let token = format!("{version}=rest/{}", self.0.len());
            let left = items.split_off(limit);
            metadata["continue"] = token.clone().into();
            metadata["remainingItemCount"] = left.len().into();
            self.0.push((token, Rest { version, items: left }));
        }
        Ok(json!({ "kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items }))
    }

    fn rest(&self, token: &str, compacted: u64) -> Result<Rest, Status> {
        let rest = self.0.iter().find(|(own, _)| own == token).map(|(_, rest)| rest);
        let rest = rest.ok_or_else(|| Status::bad_request("continue key is not valid"))?;
        if rest.version < compacted { Err(Status::expired_page()) } else { Ok(rest.clone()) }
    }
}
