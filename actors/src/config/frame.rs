//! What HAProxy is started with, as values.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Limits, servers::Servers};
use crate::allocation::Plan;

/// Where each port leads; `None` where it refuses.
pub type Routes = BTreeMap<u16, Option<SocketAddr>>;

/// Everything in a configuration that a running HAProxy cannot be told to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Two frames with one digest are the same.
    pub digest: FrameDigest,
    /// The revision of the plan that it was made for.
    pub revision: u64,
    /// Grows with each frame that the writer proposes. A verdict on an older frame may come later.
    pub proposal: u64,
    /// The pools of that plan.
    pub pools: Vec<RangeInclusive<u16>>,
    /// The ports that HAProxy binds: those of the pools, without the excluded ones.
    pub ports: BTreeSet<u16>,
    /// The plan's ports that are left out, since they cannot be bound at present.
    pub excluded: BTreeSet<u16>,
    /// The limits that hold for all ports alike.
    pub limits: Limits,
    /// The routes, if the template makes more of them than HAProxy can be told while it runs: then they are part of
    /// the frame, and each change is a reload.
    pub fixed_routes: Option<Routes>,
}

/// The identity of a frame: SHA-256 of all that it depends on, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FrameDigest(Box<str>);

/// A configuration: a frame, and where its ports lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaproxyConfig {
    /// The revision of the plan that the routes are of.
    pub revision: u64,
    /// What only a new process can change.
    pub frame: Arc<Frame>,
    /// Every port that HAProxy binds, and where it leads.
    pub routes: Routes,
}

impl FrameDigest {
    /// The digest of everything that a frame depends on.
    pub(super) fn of(
        template: &str,
        bind_address: Option<IpAddr>,
        limits: Limits,
        servers: Servers,
        pools: &[RangeInclusive<u16>],
        excluded: &BTreeSet<u16>,
        fixed_routes: Option<&Routes>,
    ) -> Self {
        let values =
            format!("{bind_address:?} {limits:?} {servers:?} {pools:?} {excluded:?} {fixed_routes:?}\n");
        let digest = Sha256::new().chain_update(values).chain_update(template).finalize();
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
    }

    /// A digest for tests, where what it is the digest of does not matter.
    #[cfg(test)]
    pub(crate) fn named(name: &str) -> Self {
        Self(name.into())
    }
}

impl Frame {
    /// Whether it is the frame for this plan without the `excluded` ports, as long as settings and template stay.
    pub(super) fn fits(&self, plan: &Plan, excluded: &BTreeSet<u16>) -> bool {
        let excluded = excluded.iter().filter(|port| plan.has_port(**port));
        self.fixed_routes.is_none()
            && plan.pools().eq(self.pools.iter().cloned())
            && excluded.eq(&self.excluded)
    }
}

impl HaproxyConfig {
    /// The newest `plan` in an accepted `frame`. Ports that the plan does not have refuse. Of fixed routes those are
    /// left out that the plan has changed meanwhile: a port is never led to where it led before.
    pub fn new(frame: Arc<Frame>, plan: &Plan) -> Self {
        let planned: Routes = plan.routes().collect();
        let route = |port: &u16| planned.get(port).copied().flatten();
        let routes = match &frame.fixed_routes {
            None => frame.ports.iter().map(|port| (*port, route(port))).collect(),
            Some(fixed) => fixed.iter().map(|(p, r)| (*p, *r)).filter(|(p, r)| *r == route(p)).collect(),
        };
        Self { revision: plan.revision, frame, routes }
    }

    /// How many ports lead to a container.
    pub fn mapped(&self) -> usize {
        self.routes.values().flatten().count()
    }

    /// The ports that refuse.
    pub fn free(&self) -> impl Iterator<Item = u16> + '_ {
        self.routes.iter().filter(|(_, route)| route.is_none()).map(|(port, _)| *port)
    }
}
