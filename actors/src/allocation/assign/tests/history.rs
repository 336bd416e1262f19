//! Random histories of a service, told as the metadata server tells them: one document after the other.

use std::num::NonZeroU64;

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use super::*;
use crate::domain::{Address, State};
use crate::sources::rancher::parse_service;

/// A history has at most so many containers; those that are gone may come back.
const CAST: usize = 12;

/// What is asked of `assign` at one moment.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    document: Vec<Value>,
    pub(super) rules: Rules,
    pub(super) now: Duration,
}

impl Moment {
    /// The snapshot, from a document in the order that `seed` makes of it.
    pub(super) fn containers(&self, seed: u64) -> Vec<Container> {
        let mut document = self.document.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut document);
        let document = json!({"name": "web", "containers": document}).to_string();
        let containers = parse_service("/p", "web", document.as_bytes(), &[]).unwrap();
        containers.into_iter().map(Arc::unwrap_or_clone).collect()
    }
}

/// The moments of a random history.
pub(super) fn history() -> impl Strategy<Value = Vec<Moment>> {
    vec(step(), 1..16).prop_map(|steps| {
        let mut world = World::default();
        steps.into_iter().map(|step| world.after(step)).collect()
    })
}

/// What happens to a service, and how long nothing else does.
#[derive(Clone, Debug)]
struct Step {
    events: Vec<Event>,
    pass_ms: u64,
    pool_size: u16,
}

#[derive(Clone, Debug)]
enum Event {
    /// A new container; a twin is as old as the one before it.
    Comes { index: Option<u64>, address: u8, is_twin: bool },
    /// Something happens to one of those there have been, chosen by a number of any size.
    Befalls(usize, Fate),
}

#[derive(Clone, Debug)]
enum Fate {
    /// A newer container has the same index from now on.
    Upgrade,
    Removal,
    Return,
    State(Option<&'static str>),
    Index(Option<u64>),
    Address(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let pool_size = prop_oneof![6 => Just(6_u16), 1 => 1..9_u16];
    // A reservation lasts for 60 s, mostly longer than a step.
    let pass_ms = prop_oneof![4 => 0..5_000_u64, 1 => Just(60_000), 1 => 0..100_000_u64];
    (vec(event(), 0..4), pass_ms, pool_size).prop_map(|(events, pass_ms, pool_size)| Step {
        events,
        pass_ms,
        pool_size,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let comes = (index(), address(), prop::bool::weighted(0.1));
    let fate = prop_oneof![
        2 => Just(Fate::Upgrade),
        2 => Just(Fate::Removal),
        2 => Just(Fate::Return),
        3 => state().prop_map(Fate::State),
        1 => index().prop_map(Fate::Index),
        1 => address().prop_map(Fate::Address),
    ];
    prop_oneof![
        1 => comes.prop_map(|(index, address, is_twin)| Event::Comes { index, address, is_twin }),
        2 => (any::<usize>(), fate).prop_map(|(which, fate)| Event::Befalls(which, fate)),
    ]
}

fn index() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![
        5 => (1..=7_u64).prop_map(Some),
        4 => Just(None),
        1 => select(vec![Some(70_000), Some(u64::MAX)]),
    ]
}

/// Few enough to clash now and then.
fn address() -> impl Strategy<Value = u8> {
    0..40_u8
}

fn state() -> impl Strategy<Value = Option<&'static str>> {
    let states = vec!["running", "running", "running", "restarting", "creating", "stopping", "stopped"];
    prop_oneof![8 => select(states).prop_map(Some), 1 => Just(None)]
}

#[derive(Default)]
struct World {
    cast: Vec<Container>,
    removed: Vec<bool>,
    now: Duration,
}

impl World {
    fn after(&mut self, step: Step) -> Moment {
        step.events.into_iter().for_each(|event| self.happens(event));
        self.now += ms(step.pass_ms);
        let listed = self.cast.iter().zip(&self.removed).filter(|(_, removed)| !**removed);
        let document = listed.map(|(container, _)| as_json(container)).collect();
        Moment { document, rules: rules(step.pool_size), now: self.now }
    }

    fn happens(&mut self, event: Event) {
        let newest = self.cast.iter().map(|container| container.created).max().unwrap_or(0);
        match event {
            Event::Comes { index, address, is_twin } => {
                self.comes(index, address, newest + u64::from(!is_twin));
            }
            Event::Befalls(which, fate) if !self.cast.is_empty() => {
                let which = which % self.cast.len();
                let container = &mut self.cast[which];
                match fate {
                    Fate::Upgrade => {
                        let (index, address) = (number(container), 100 + self.removed.len() as u8);
                        self.comes(index, address, newest + 1);
                    }
                    Fate::Removal => self.removed[which] = true,
                    Fate::Return => self.removed[which] = false,
                    Fate::State(state) => container.state = state.map(crate::testing::state),
                    Fate::Index(index) => container.index = indexed_by(index),
                    Fate::Address(address) => container.address = ip(address),
                }
            }
            Event::Befalls(..) => {}
        }
    }

    fn comes(&mut self, index: Option<u64>, address: u8, created: u64) {
        let position = self.cast.len();
        if position < CAST {
            // 5 and the cast's size have no divisor in common: each is another one, in no order of age.
            let uuid = format!("u{:02}", position * 5 % CAST);
            self.cast.push(Container { address: ip(address), ..container(&uuid, created, index) });
            self.removed.push(false);
        }
    }
}

/// 0 and 1 stand for no address and for one that is none.
fn ip(address: u8) -> Option<Address> {
    match address {
        0 => None,
        1 => Some("0.0.0.0".into()),
        _ => Some(format!("10.42.0.{address}").as_str().into()),
    }
}

fn indexed_by(index: Option<u64>) -> Option<NonZeroU64> {
    index.and_then(NonZeroU64::new)
}

/// The index as a number.
pub(super) fn number(container: &Container) -> Option<u64> {
    container.index.map(NonZeroU64::get)
}

fn as_json(container: &Container) -> Value {
    json!({
        "uuid": container.uuid,
        "name": container.name,
        "service_index": number(container).map(|index| index.to_string()),
        "create_index": container.created,
        "state": container.state.as_ref().map(State::as_str),
        "primary_ip": container.address.as_ref().map(Address::as_str),
    })
}
