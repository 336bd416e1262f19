//! What a decision has changed, port by port, and why. Pure.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, iter::zip, sync::Arc};

use super::{
    Assignment, Decider, Decision, MappingPlan, Unmapped, Why,
    flapping::FlapNews,
    linger::{Affected, LingerNews},
    pool::{Growth, Pool, PoolNews},
    why::Missing,
};
use crate::domain::Container;

/// One thing that a decision has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What it concerns: a port, or the port that the container's index leads to; `None` if there is none.
    pub port: Option<u16>,
    /// What is so from now on.
    pub effect: Effect,
    /// The uuid and the name of the container that it is about.
    pub container: Option<(Arc<str>, Arc<str>)>,
    /// Why.
    pub why: Why,
}

/// What is so from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The port leads to the container, at its address.
    Leads(Assignment),
    /// The port refuses; it led to the container.
    Refuses,
    /// The port stays as it is.
    Stays,
    /// The container has no port.
    NotMapped,
    /// The pool ends with this port.
    PoolEnds,
    /// stalls leaves the port alone.
    LeftAlone,
}

/// What `decision` has changed, which has made `after` of `before`.
pub(crate) fn explain(before: &Decider, after: &Decider, decision: &Decision) -> Vec<Explanation> {
    let mut explanations = Vec::new();
    for (position, (was, is)) in zip(before.pools(), after.pools()).enumerate() {
        let plan = after.plan().and_then(|plan| plan.mappings.get(position));
        let old = decision.before.as_ref().and_then(|plan| plan.mappings.get(position));
        let Some(plan) = plan else { continue };
        let pool = Explained { was, is, old, plan };
        let news = decision.news.get(position);
        if decision.plan.is_some() {
            pool.size(news, &mut explanations);
            pool.ports(news, &mut explanations);
            pool.unmapped(&mut explanations);
        }
        if let Some(news) = news {
            pool.news(news, &mut explanations);
        }
    }
    // What concerns no port comes last.
    explanations.sort_by_key(|explanation| (explanation.port.is_none(), explanation.port));
    explanations
}

/// One pool before and after a decision.
struct Explained<'a> {
    was: &'a Pool,
    is: &'a Pool,
    old: Option<&'a MappingPlan>,
    plan: &'a MappingPlan,
}

impl<'a> Explained<'a> {
    fn size(&self, news: Option<&PoolNews>, explanations: &mut Vec<Explanation>) {
        if let Some(PoolNews { growth: Some(Growth { from, to }), .. }) = news {
            let last = self.plan.port(to.saturating_sub(1));
            explanations.push(Explanation {
                port: Some(last),
                effect: Effect::PoolEnds,
                container: None,
                why: Why::Grown { from: *from },
            });
        }
        let is_new = |port: &&u16| self.old.is_none_or(|old| !old.yielded.contains(port));
        let yielded = self.plan.yielded.iter().filter(is_new).map(|port| Explanation {
            port: Some(*port),
            effect: Effect::LeftAlone,
            container: None,
            why: Why::NeededByContainer,
        });
        explanations.extend(yielded);
    }

    /// Each port that leads elsewhere than before.
    fn ports(&self, news: Option<&PoolNews>, explanations: &mut Vec<Explanation>) {
        let none = BTreeMap::new();
        let old = self.old.map_or(&none, |old| &old.slots);
        for (slot, to) in &self.plan.slots {
            let from = old.get(slot);
            if from != Some(to) {
                let why = self.why_leads(*slot, from, to, news);
                explanations.push(self.about(*slot, Effect::Leads(to.clone()), to, why));
            }
        }
        for (slot, from) in old.iter().filter(|(slot, _)| !self.plan.slots.contains_key(slot)) {
            let why = self.why_refuses(from, news);
            explanations.push(self.about(*slot, Effect::Refuses, from, why));
        }
    }

    fn why_leads(
        &self,
        slot: u16,
        from: Option<&Assignment>,
        to: &Assignment,
        news: Option<&PoolNews>,
    ) -> Why {
        if let Some(from) = from.filter(|from| from.uuid == to.uuid) {
            return Why::AnotherAddress { was: from.backend };
        }
        if !self.is.is_known() {
            return Why::Saved;
        }
        let superseded = news.and_then(|news| news.lingering.get(&LingerNews::Superseded));
        let lingered = |from: &Assignment| superseded.is_some_and(|superseded| is_among(superseded, from));
        let index = self.listed(&to.uuid).and_then(|container| container.index);
        match (index.map(|index| index.get()), from) {
            (Some(index), Some(from)) if lingered(from) || self.is_superseded(from) => {
                Why::TakesOver { index, from: Arc::clone(&from.uuid) }
            }
            (Some(index), _) => Why::Index(index),
            (None, _) if self.was.reservation(slot).is_some_and(|had| had.uuid == to.uuid) => Why::Reserved,
            (None, Some(from)) if lingered(from) => Why::Displaces { from: Arc::clone(&from.uuid) },
            (None, _) => Why::LowestFree,
        }
    }

    fn is_superseded(&self, from: &Assignment) -> bool {
        matches!(self.plan.unmapped.get(&from.uuid), Some(Unmapped::Superseded { .. }))
    }

    fn why_refuses(&self, from: &Assignment, news: Option<&PoolNews>) -> Why {
        if let Some(reason) = self.plan.unmapped.get(&from.uuid) {
            return Why::Unmapped(reason.clone());
        }
        if let Some((slot, _)) = self.plan.slots.iter().find(|(_, to)| to.uuid == from.uuid) {
            return Why::AnotherPort { port: self.plan.port(*slot) };
        }
        let missing =
            news.and_then(|news| news.lingering.iter().rfind(|(_, affected)| is_among(affected, from)));
        missing.map_or(Why::NotListed, |(news, _)| Why::Missing(Missing(*news)))
    }

    /// Each container that has no port for another reason than before, but for those whose ports refuse therefore; and
    /// each that is gone without ever having had one.
    fn unmapped(&self, explanations: &mut Vec<Explanation>) {
        for uuid in self.old.iter().flat_map(|old| old.unmapped.keys()) {
            let was = self.was.containers().iter().find(|container| container.uuid == *uuid);
            if let Some(was) = was.filter(|_| self.listed(uuid).is_none()) {
                explanations.push(Explanation {
                    port: self.port_of(slot_of(was)),
                    effect: Effect::NotMapped,
                    container: Some((Arc::clone(uuid), Arc::clone(&was.name))),
                    why: Why::NotListed,
                });
            }
        }
        for (uuid, reason) in &self.plan.unmapped {
            let old = self.old.and_then(|old| old.unmapped.get(uuid));
            let had = self.old.and_then(|old| old.slots.iter().find(|(_, from)| from.uuid == *uuid));
            let is_told = had.is_some_and(|(slot, _)| !self.plan.slots.contains_key(slot));
            if old == Some(reason) || is_told {
                continue;
            }
            let listed = self.listed(uuid);
            let slot = had.map(|(slot, _)| *slot).or_else(|| slot_of(listed?));
            explanations.push(Explanation {
                port: self.port_of(slot),
                effect: Effect::NotMapped,
                container: listed.map(|listed| (Arc::clone(uuid), Arc::clone(&listed.name))),
                why: Why::Unmapped(reason.clone()),
            });
        }
    }

    /// What has happened to containers without a change of their ports, or before it.
    fn news(&self, news: &PoolNews, explanations: &mut Vec<Explanation>) {
        for (kind, affected) in &news.lingering {
            for Affected { uuid, slot } in affected {
                let Some(had) = self.old.and_then(|old| old.slots.get(slot)).filter(|had| had.uuid == *uuid)
                else {
                    continue;
                };
                // That the port refuses is told with the reason.
                if self.plan.slots.contains_key(slot) {
                    let stays = self.plan.slots.get(slot).is_some_and(|to| to.uuid == *uuid);
                    let effect = if stays { Effect::Stays } else { Effect::NotMapped };
                    explanations.push(self.about(*slot, effect, had, Why::Missing(Missing(*kind))));
                }
            }
        }
        for flapping in &news.flapping {
            let (uuid, name, why) = match flapping {
                FlapNews::Damped { uuid, name, penalty, .. } => {
                    (uuid, name, Why::Flaps { penalty: *penalty })
                }
                FlapNews::Steady { uuid, name } => (uuid, name, Why::Steady),
            };
            let has = self.plan.slots.iter().find(|(_, to)| to.uuid == *uuid).map(|(slot, _)| *slot);
            let slot = has.or_else(|| slot_of(self.listed(uuid)?));
            explanations.push(Explanation {
                port: self.port_of(slot),
                effect: Effect::Stays,
                container: Some((Arc::clone(uuid), Arc::clone(name))),
                why,
            });
        }
    }

    fn about(&self, slot: u16, effect: Effect, container: &Assignment, why: Why) -> Explanation {
        let container = Some((Arc::clone(&container.uuid), Arc::clone(&container.name)));
        Explanation { port: Some(self.plan.port(slot)), effect, container, why }
    }

    fn port_of(&self, slot: Option<u16>) -> Option<u16> {
        slot.filter(|slot| *slot < self.plan.pool_size).map(|slot| self.plan.port(slot))
    }

    fn listed(&self, uuid: &str) -> Option<&'a Container> {
        self.is.containers().iter().find(|container| *container.uuid == *uuid).map(|container| &**container)
    }
}

fn is_among(affected: &[Affected], container: &Assignment) -> bool {
    affected.iter().any(|affected| affected.uuid == container.uuid)
}

/// Rule 2: where its index leads.
fn slot_of(container: &Container) -> Option<u16> {
    u16::try_from(container.index?.get() - 1).ok()
}
