//! The steps, and what they make of a HAProxy.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{
    haproxy::{
        changes::{Commands, commands},
        model::Model,
        slots::slots_of,
    },
    testing::haproxy_config,
};

fn config(frame: &str, routes: &[(u16, Option<&str>)]) -> HaproxyConfig {
    let routes = routes.iter().map(|(port, server)| (*port, server.map(|s| s.parse().unwrap()))).collect();
    haproxy_config(frame, routes)
}

/// The step from a HAProxy that was started with one configuration to another.
fn step(live: &HaproxyConfig, wanted: &HaproxyConfig) -> Step {
    let slots = slots_of(live);
    let live = Live::Running { frame: Some(&live.frame), slots: &slots, agreed: None, disagrees: None };
    next_step(live, wanted, OnLeave::ByState)
}

const A: Option<&str> = Some("10.42.0.1:80");
const B: Option<&str> = Some("10.42.0.2:80");
const C: Option<&str> = Some("10.42.0.3:80");

fn at(server: Option<&str>) -> SocketAddr {
    server.unwrap().parse().unwrap()
}

// === which step ===

#[test]
fn without_a_live_one_it_is_started() {
    assert_eq!(next_step(Live::None, &config("f", &[(5000, A)]), OnLeave::ByState), Step::Start);
}

#[test]
fn nothing_is_started_when_no_port_can_be_bound() {
    let (none, slots) = (config("f", &[]), Slots::new());
    assert_eq!(next_step(Live::None, &none, OnLeave::ByState), Step::Wait);
    let live = Live::Running { frame: None, slots: &slots, agreed: None, disagrees: None };
    assert_eq!(next_step(live, &none, OnLeave::ByState), Step::Wait);
}

#[test]
fn the_same_needs_nothing() {
    assert_eq!(
        step(&config("f", &[(5000, A), (5001, None)]), &config("f", &[(5000, A), (5001, None)])),
        Step::Nothing
    );
}

#[test]
fn a_handover_tells_its_reason() {
    let live = config("f", &[(5000, A), (5001, None)]);
    for (wanted, reason) in [
        (config("g", &[(5000, A), (5001, None), (5002, None)]), Reason::MorePorts),
        (config("g", &[(5000, A)]), Reason::FewerPorts),
        (config("g", &[(5000, A), (5001, None)]), Reason::OtherFrame),
    ] {
        assert_eq!(step(&live, &wanted), Step::Handover(reason));
    }
    let slots = slots_of(&live);
    let unknown = Live::Running { frame: None, slots: &slots, agreed: None, disagrees: None };
    assert_eq!(next_step(unknown, &live, OnLeave::ByState), Step::Handover(Reason::Unknown));
    let disagreeing =
        Live::Running { frame: Some(&live.frame), slots: &slots, agreed: None, disagrees: Some("how") };
    let reason = Reason::Disagrees("how".to_owned());
    assert_eq!(next_step(disagreeing, &live, OnLeave::ByState), Step::Handover(reason));
}

#[test]
fn what_takes_away_comes_before_what_gives() {
    let live = config("f", &[(5000, None), (5001, A), (5002, B)]);
    let wanted = config("f", &[(5000, B), (5001, C), (5002, None)]);
    let changes = vec![
        Change::Free { port: 5002, leaving: Leaving::Drain },
        Change::Replace { port: 5001, by: at(C), leaving: Leaving::Cut },
        Change::Assign { port: 5000, to: at(B) },
    ];
    assert_eq!(step(&live, &wanted), Step::Changes(changes));
}

#[test]
fn what_somebody_else_has_changed_is_set_right() {
    let wanted = config("f", &[(5000, A), (5001, None)]);
    let right = slots_of(&wanted);
    let disturbed = |disturb: fn(&mut Slots)| {
        let mut slots = right.clone();
        disturb(&mut slots);
        next_step(
            Live::Running { frame: Some(&wanted.frame), slots: &slots, agreed: None, disagrees: None },
            &wanted,
            OnLeave::Cut,
        )
    };
    let assign = Step::Changes(vec![Change::Assign { port: 5000, to: at(A) }]);
    let free = Step::Changes(vec![Change::Free { port: 5001, leaving: Leaving::Cut }]);
    assert_eq!(disturbed(|slots| slots.get_mut(&5000).unwrap().is_open = false), assign);
    assert_eq!(disturbed(|slots| slots.get_mut(&5000).unwrap().is_ready = false), assign);
    assert_eq!(disturbed(|slots| slots.get_mut(&5001).unwrap().is_open = true), free);
    assert_eq!(disturbed(|slots| slots.get_mut(&5001).unwrap().is_ready = true), free);
    assert_eq!(disturbed(|slots| slots.get_mut(&5001).unwrap().server = at(A)), Step::Nothing);
}

// === what becomes of connections ===

#[test]
fn connections_to_who_runs_still_may_go_on_unless_the_operator_says_otherwise() {
    let live = config("f", &[(5000, A), (5001, B), (5002, C)]);
    // A has moved, B is replaced and runs still, C is gone.
    let mut wanted = config("f", &[(5000, None), (5001, A), (5002, None)]);
    wanted.still_running = [at(B)].into();
    let slots = slots_of(&live);
    let leaving = |on_leave| {
        let live = Live::Running { frame: Some(&live.frame), slots: &slots, agreed: None, disagrees: None };
        let Step::Changes(changes) = next_step(live, &wanted, on_leave) else { panic!("no changes") };
        let leaving = |change: &Change| match *change {
            Change::Free { port, leaving } | Change::Replace { port, leaving, .. } => (port, leaving),
            Change::Assign { .. } => panic!("{change:?}"),
        };
        changes.iter().map(leaving).collect::<BTreeMap<_, _>>()
    };
    let all = |how| [(5000, how), (5001, how), (5002, how)].into();
    assert_eq!(leaving(OnLeave::Cut), all(Leaving::Cut));
    assert_eq!(leaving(OnLeave::Drain), all(Leaving::Drain));
    let by_state = [(5000, Leaving::Drain), (5001, Leaving::Drain), (5002, Leaving::Cut)].into();
    assert_eq!(leaving(OnLeave::ByState), by_state);
}

#[test]
fn connections_are_not_cut_because_somebody_else_has_led_their_port_elsewhere() {
    let wanted = config("f", &[(5000, A), (5001, None)]);
    let mut slots = slots_of(&wanted);
    slots.insert(5000, Slot { displaced: Some(at(A)), ..Slot::used(at(C)) });
    let step = next_step(
        Live::Running { frame: Some(&wanted.frame), slots: &slots, agreed: None, disagrees: None },
        &wanted,
        OnLeave::ByState,
    );
    assert_eq!(step, Step::Changes(vec![Change::Replace { port: 5000, by: at(A), leaving: Leaving::Drain }]));
}

// === what they make of a HAProxy ===

const PORTS: std::ops::Range<u16> = 5000..5024;

fn server() -> impl Strategy<Value = SocketAddr> {
    (1..12_u8, any::<bool>()).prop_map(|(n, is_v6)| {
        let ip = if is_v6 { format!("[fd00::{n}]:80") } else { format!("10.42.0.{n}:80") };
        ip.parse().unwrap()
    })
}

fn routes() -> impl Strategy<Value = BTreeMap<u16, Option<SocketAddr>>> {
    let route = prop_oneof![2 => Just(None), 3 => server().prop_map(Some)];
    prop::collection::vec(route, PORTS.len()).prop_map(|routes| PORTS.zip(routes).collect())
}

/// Slots as a HAProxy may have them that others have been at.
fn slots() -> impl Strategy<Value = Slots> {
    let slot = (server(), any::<bool>(), any::<bool>());
    let slot =
        slot.prop_map(|(server, is_ready, is_open)| Slot { server, displaced: None, is_ready, is_open });
    prop::collection::vec(slot, PORTS.len()).prop_map(|slots| PORTS.zip(slots).collect())
}

fn on_leave() -> impl Strategy<Value = OnLeave> {
    prop_oneof![Just(OnLeave::ByState), Just(OnLeave::Cut), Just(OnLeave::Drain)]
}

fn changes_from(slots: &Slots, wanted: &HaproxyConfig, on_leave: OnLeave) -> Vec<Change> {
    match next_step(
        Live::Running { frame: Some(&wanted.frame), slots, agreed: None, disagrees: None },
        wanted,
        on_leave,
    ) {
        Step::Nothing => Vec::new(),
        Step::Changes(changes) => changes,
        other => panic!("{other:?}"),
    }
}

/// Where ports lead by a plan: to each server once.
fn planned() -> impl Strategy<Value = BTreeMap<u16, Option<SocketAddr>>> {
    let slots = prop::collection::vec(prop::option::of(0..40_u8), PORTS.len());
    slots.prop_map(|slots| {
        let mut led_to = BTreeSet::new();
        let slots = PORTS.zip(slots).map(|(port, n)| (port, n.filter(|n| led_to.insert(*n))));
        slots.map(|(port, n)| (port, n.map(|n| SocketAddr::from(([10, 42, 0, n], 80))))).collect()
    })
}

proptest! {
    #[test]
    fn what_was_agreed_on_saves_looks_and_changes_nothing(
        before in planned(), after in planned(), runs_still in 0..40_u8, on_leave in on_leave()
    ) {
        let live = haproxy_config("f", before.into());
        let mut wanted = HaproxyConfig { frame: live.frame.clone(), ..haproxy_config("f", after.into()) };
        wanted.still_running = [SocketAddr::from(([10, 42, 0, runs_still], 80))].into();
        let slots = slots_of(&live);
        let step = |agreed| {
            let frame = Some(&live.frame);
            next_step(Live::Running { frame, slots: &slots, agreed, disagrees: None }, &wanted, on_leave)
        };
        prop_assert_eq!(step(Some(&live.routes)), step(None));
    }

    #[test]
    fn the_changes_make_any_haproxy_what_is_wanted(slots in slots(), routes in routes(), on_leave in on_leave()) {
        let wanted = haproxy_config("f", routes.into());
        let mut haproxy = Model::new(1, &slots);
        let Commands { first, then } = commands(&changes_from(&slots, &wanted, on_leave));
        first.into_iter().for_each(|command| drop(haproxy.answer(command)));
        haproxy.catch_up();
        then.into_iter().for_each(|command| drop(haproxy.answer(command)));
        let live = haproxy.slots();
        for (port, route) in wanted.routes.iter() {
            prop_assert!(live[port].serves(*route), "{port}: {:?} is not {route:?}", live[port]);
        }
        prop_assert_eq!(changes_from(&live, &wanted, on_leave), vec![]);
    }

    #[test]
    fn a_port_that_does_not_differ_is_not_touched_and_the_others_cost_five_commands_at_most(
        slots in slots(), routes in routes(), on_leave in on_leave()
    ) {
        let wanted = haproxy_config("f", routes.into());
        let differ: BTreeSet<u16> =
            wanted.routes.iter().filter(|(port, route)| !slots[port].serves(**route)).map(|(port, _)| *port).collect();
        let Commands { first, then } = commands(&changes_from(&slots, &wanted, on_leave));
        let all: Vec<_> = first.into_iter().chain(then).collect();
        let touched: BTreeSet<u16> = all.iter().filter_map(|command| command.port()).collect();
        prop_assert_eq!(&touched, &differ);
        prop_assert!(all.len() <= 5 * differ.len());
    }

    /// Clients connect after every single command, and addresses take effect at any moment before the last is
    /// waited for.
    #[test]
    fn on_the_way_no_port_leads_to_another_ones_server_and_nobody_is_cut_who_need_not_be(
        before in routes(), after in routes(), on_leave in on_leave(), effects in prop::collection::vec(any::<bool>(), 200)
    ) {
        let (live, wanted) = (haproxy_config("f", before.into()), haproxy_config("f", after.into()));
        let mut haproxy = Model::new(1, &slots_of(&live));
        let mut effects = effects.into_iter().cycle();
        let held: BTreeMap<u16, Option<SocketAddr>> =
            PORTS.map(|port| (port, haproxy.connect(port))).collect();
        let changes = changes_from(&haproxy.slots(), &wanted, on_leave);
        let Commands { first, then } = commands(&changes);
        let mut newly: Vec<(u16, SocketAddr)> = Vec::new();
        let boundary = first.len();
        for (position, command) in first.into_iter().chain(then).enumerate() {
            if position == boundary || effects.next() == Some(true) {
                haproxy.catch_up();
            }
            haproxy.answer(command);
            for port in PORTS {
                if let Some(landed) = haproxy.connect(port) {
                    let allowed = [live.routes[&port], wanted.routes[&port]];
                    prop_assert!(allowed.contains(&Some(landed)), "{port} led to {landed}");
                    if wanted.routes[&port] == Some(landed) {
                        newly.push((port, landed));
                    }
                }
            }
        }
        let is_cut = |port: u16| {
            let change = changes.iter().find(|change| change.port() == port);
            matches!(
                change,
                Some(Change::Free { leaving: Leaving::Cut, .. } | Change::Replace { leaving: Leaving::Cut, .. })
            )
        };
        // Whoever has landed on a port's new server stays there, unless connections to the old one are to be cut.
        for port in PORTS.filter(|port| !is_cut(*port)) {
            let landed = newly.iter().filter(|(to, _)| *to == port).count();
            let new = haproxy.sessions(port).iter().filter(|server| wanted.routes[&port] == Some(**server)).count();
            prop_assert!(new >= landed, "{port}: {new} of {landed} live");
        }
        // Whoever was connected before stays too, unless the server leaves and its connections are to be cut.
        for (port, server) in held.into_iter().filter_map(|(port, server)| Some((port, server?))) {
            let lives = haproxy.sessions(port).contains(&server);
            prop_assert_eq!(lives, !is_cut(port), "{}", port);
        }
    }
}
