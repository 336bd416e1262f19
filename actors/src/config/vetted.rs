//! What HAProxy has found no fault with.

use std::{collections::BTreeSet, net::SocketAddr};

use super::{Frame, HaproxyConfig, Routes};

/// The frame that HAProxy has accepted, and the kinds of routes that it has seen in it. Another configuration of
/// the same frame with no other kinds of routes differs in its servers' addresses only, and these are well-formed
/// by their type; so it need not be checked. Of a template that is not uniform the frame is the whole text: then
/// each change is checked.
#[derive(Debug, Default)]
pub(super) struct Vetted {
    frame: Option<Frame>,
    routes: Routes,
    /// Those of all routes so far.
    kinds: BTreeSet<Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Free,
    V4,
    V6,
}

impl Vetted {
    /// Whether HAProxy has accepted what is like this.
    pub(super) fn covers(&self, config: &HaproxyConfig) -> bool {
        self.frame.as_ref() == Some(&config.frame)
            && self.new_kinds(config).all(|kind| self.kinds.contains(&kind))
    }

    /// HAProxy has accepted this.
    pub(super) fn add(&mut self, config: &HaproxyConfig) {
        if self.frame.as_ref() != Some(&config.frame) {
            *self = Self { frame: Some(config.frame.clone()), ..Self::default() };
        }
        let kinds: Vec<_> = self.new_kinds(config).collect();
        self.kinds.extend(kinds);
        self.routes = config.routes.clone();
    }

    /// Those of the routes that are not as in the last configuration.
    fn new_kinds<'a>(&'a self, config: &'a HaproxyConfig) -> impl Iterator<Item = Kind> + 'a {
        self.routes.differences(&config.routes).filter_map(|(_, _, route)| route.map(kind))
    }
}

fn kind(route: &Option<SocketAddr>) -> Kind {
    match route {
        None => Kind::Free,
        Some(SocketAddr::V4(_)) => Kind::V4,
        Some(SocketAddr::V6(_)) => Kind::V6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::haproxy_config;

    fn config(frame: &str, servers: &[Option<&str>]) -> HaproxyConfig {
        let routes = (5000..).zip(servers.iter().map(|server| server.map(|s| s.parse().unwrap()))).collect();
        haproxy_config(frame, routes)
    }

    #[test]
    fn only_a_new_kind_of_route_or_another_frame_has_to_be_checked() {
        let (v4, other_v4, v6) = (Some("10.0.0.1:80"), Some("10.0.0.2:81"), Some("[fd00::1]:80"));
        let mut vetted = Vetted::default();
        assert!(!vetted.covers(&config("a", &[None])));
        vetted.add(&config("a", &[None, v4]));
        assert!(vetted.covers(&config("a", &[other_v4, v4])));
        assert!(!vetted.covers(&config("a", &[v6, None])));
        assert!(!vetted.covers(&config("b", &[None, v4])));
        vetted.add(&config("a", &[v6]));
        assert!(vetted.covers(&config("a", &[v6, None, v4])));
        vetted.add(&config("b", &[v6]));
        assert!(!vetted.covers(&config("b", &[v4])));
    }
}
