//! The actions, and what they make of a HAProxy.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{
    config::{ConfigWritten, Verdict},
    haproxy::{
        commands::{Commands, commands},
        fake_haproxy::FakeHaproxy,
        generations::Role,
        port_state::ports_of,
    },
    testing::{haproxy_config, plan_of},
};

fn config(frame: &str, routes: &[(u16, Option<&str>)]) -> HaproxyConfig {
    let routes = routes.iter().map(|(port, server)| (*port, server.map(|s| s.parse().unwrap()))).collect();
    haproxy_config(frame, routes)
}

/// What is wanted when HAProxy has accepted the frame of this configuration.
fn wanted(config: &HaproxyConfig) -> Wanted {
    let mut wanted = Wanted::new(true);
    wanted.set_plan(Arc::new(plan_of(1, &config.routes)));
    wanted.accept(Arc::clone(&config.frame));
    wanted
}

/// A HAProxy that was started with a configuration.
fn live(config: &HaproxyConfig) -> Generation {
    Generation {
        pid: Some(1),
        role: Role::Live,
        version: None,
        revision: Some(1),
        frame: Some(config.frame.digest.clone()),
        ports: ports_of(config),
        desync: None,
    }
}

/// The action that leads from one configuration to another.
fn action(from: &HaproxyConfig, to: &HaproxyConfig) -> Action {
    next_action(Some(&live(from)), &wanted(to), OnLeave::ByState)
}

const NOTHING: Action = Action::Nothing { waiting: 0 };
const A: Option<&str> = Some("10.42.0.1:80");
const B: Option<&str> = Some("10.42.0.2:80");
const C: Option<&str> = Some("10.42.0.3:80");

fn at(server: Option<&str>) -> SocketAddr {
    server.unwrap().parse().unwrap()
}

// === which action ===

#[test]
fn without_a_live_one_it_is_started() {
    let config = config("f", &[(5000, A)]);
    let started = next_action(None, &wanted(&config), OnLeave::ByState);
    assert_eq!(started, Action::Start(Arc::new(config)));
}

#[test]
fn without_a_frame_nothing_is_started() {
    let mut wanted = Wanted::new(true);
    wanted.set_plan(Arc::new(plan_of(1, &config("f", &[(5000, A)]).routes)));
    assert_eq!(next_action(None, &wanted, OnLeave::ByState), Action::Nothing { waiting: 1 });
}

#[test]
fn nothing_is_started_when_no_port_can_be_bound() {
    let none = config("f", &[]);
    assert_eq!(next_action(None, &wanted(&none), OnLeave::ByState), Action::Wait);
    assert_eq!(action(&config("g", &[]), &none), Action::Wait);
}

#[test]
fn the_same_needs_nothing() {
    let same = config("f", &[(5000, A), (5001, None)]);
    assert_eq!(action(&same, &same), NOTHING);
}

#[test]
fn a_reload_tells_its_reason() {
    let from = config("f", &[(5000, A), (5001, None)]);
    for (to, reason) in [
        (config("g", &[(5000, A), (5001, None), (5002, None)]), Reason::MorePorts),
        (config("g", &[(5000, A)]), Reason::FewerPorts),
        (config("g", &[(5000, A), (5001, None)]), Reason::OtherFrame),
    ] {
        assert_eq!(action(&from, &to), Action::Reload(Arc::new(to), reason));
    }
    let unknown = Generation { frame: None, ..live(&from) };
    let how = "how".to_owned();
    let contrary = Generation { desync: Some(how.clone()), ..live(&from) };
    for (live, reason) in [(unknown, Reason::Unknown), (contrary, Reason::Desync(how))] {
        let reload = next_action(Some(&live), &wanted(&from), OnLeave::ByState);
        assert_eq!(reload, Action::Reload(Arc::new(from.clone()), reason));
    }
}

#[test]
fn what_can_be_told_comes_before_a_reload_and_a_port_that_is_no_longer_wanted_refuses() {
    let from = config("f", &[(5000, A), (5001, B)]);
    let to = config("g", &[(5001, A), (5002, B)]);
    let changes = vec![
        Change::Free { port: 5000, leaving: Leaving::Drain },
        Change::Replace { port: 5001, by: at(A), leaving: Leaving::Drain },
    ];
    assert_eq!(action(&from, &to), Action::Update(changes));
}

#[test]
fn a_frame_that_has_not_been_checked_is_checked_before_a_reload_to_it() {
    let (from, to) = (config("f", &[(5000, A)]), config("g", &[(5000, A), (5001, None)]));
    let mut wanted = Wanted::new(true);
    wanted.set_plan(Arc::new(plan_of(1, &to.routes)));
    let next = |wanted: &Wanted| next_action(Some(&live(&from)), wanted, OnLeave::ByState);
    assert_eq!(next(&wanted), Action::Nothing { waiting: 1 });
    let written = |verdict| ConfigWritten { frame: Arc::clone(&to.frame), verdict };
    wanted.take(written(Verdict::Unchecked), Some(&from.frame.digest));
    assert_eq!(next(&wanted), Action::Check);
    wanted.note_being_checked();
    assert_eq!(next(&wanted), Action::Nothing { waiting: 1 });
    wanted.take(written(Verdict::Accepted), Some(&from.frame.digest));
    assert_eq!(next(&wanted), Action::Reload(Arc::new(to.clone()), Reason::MorePorts));
    // A port of it cannot be bound: the writer makes another one.
    wanted.set_excluded([5001].into());
    assert_eq!(next(&wanted), NOTHING);
}

/// Seed 1068: all ports were excluded for a while, and HAProxy had accepted a frame without any.
#[test]
fn a_frame_without_ports_keeps_no_other_one_from_being_checked() {
    let (from, none, to) =
        (config("f", &[(5000, A)]), config("g", &[]), config("h", &[(5000, A), (5001, None)]));
    let mut wanted = wanted(&to);
    wanted.accept(Arc::clone(&none.frame));
    let unchecked = ConfigWritten { frame: Arc::clone(&to.frame), verdict: Verdict::Unchecked };
    wanted.take(unchecked, Some(&from.frame.digest));
    assert_eq!(next_action(Some(&live(&from)), &wanted, OnLeave::ByState), Action::Check);
}

#[test]
fn a_frame_that_is_live_already_needs_no_check() {
    let same = config("f", &[(5000, A)]);
    let mut wanted = Wanted::new(true);
    wanted.set_plan(Arc::new(plan_of(1, &same.routes)));
    let unchecked = ConfigWritten { frame: Arc::clone(&same.frame), verdict: Verdict::Unchecked };
    wanted.take(unchecked, Some(&same.frame.digest));
    assert_eq!(next_action(Some(&live(&same)), &wanted, OnLeave::ByState), NOTHING);
}

#[test]
fn what_takes_away_comes_before_what_gives() {
    let from = config("f", &[(5000, None), (5001, A), (5002, B)]);
    let to = config("f", &[(5000, B), (5001, C), (5002, None)]);
    let changes = vec![
        Change::Free { port: 5002, leaving: Leaving::Drain },
        Change::Replace { port: 5001, by: at(C), leaving: Leaving::Cut },
        Change::Assign { port: 5000, to: at(B) },
    ];
    assert_eq!(action(&from, &to), Action::Update(changes));
}

#[test]
fn what_somebody_else_has_changed_is_set_right() {
    let config = config("f", &[(5000, A), (5001, None)]);
    let disturbed = |disturb: fn(&mut Ports)| {
        let mut live = live(&config);
        disturb(&mut live.ports);
        next_action(Some(&live), &wanted(&config), OnLeave::Cut)
    };
    let assign = Action::Update(vec![Change::Assign { port: 5000, to: at(A) }]);
    let free = Action::Update(vec![Change::Free { port: 5001, leaving: Leaving::Cut }]);
    assert_eq!(disturbed(|ports| ports.get_mut(&5000).unwrap().is_open = false), assign);
    assert_eq!(disturbed(|ports| ports.get_mut(&5000).unwrap().is_ready = false), assign);
    assert_eq!(disturbed(|ports| ports.get_mut(&5001).unwrap().is_open = true), free);
    assert_eq!(disturbed(|ports| ports.get_mut(&5001).unwrap().is_ready = true), free);
    assert_eq!(disturbed(|ports| ports.get_mut(&5001).unwrap().server = at(A)), NOTHING);
}

/// A stalls process that is killed just after it has started HAProxy leaves the free ports open.
#[test]
fn with_a_template_that_makes_every_change_a_reload_a_haproxy_is_told_what_it_was_started_with() {
    let fixed = |name: &str, routes| {
        let config = config(name, routes);
        let frame = Frame { fixed_routes: Some(config.routes.clone()), ..config.frame.as_ref().clone() };
        HaproxyConfig { frame: Arc::new(frame), ..config }
    };
    let started = fixed("f", &[(5000, A), (5001, None)]);
    let mut live = live(&started);
    live.ports.get_mut(&5001).unwrap().is_open = true;
    let next = |to: &HaproxyConfig, verdict| {
        let mut wanted = Wanted::new(false);
        wanted.set_plan(Arc::new(plan_of(1, &to.routes)));
        wanted.take(ConfigWritten { frame: Arc::clone(&to.frame), verdict }, None);
        next_action(Some(&live), &wanted, OnLeave::Drain)
    };
    // The frame may have come before HAProxy was found.
    for verdict in [Verdict::Accepted, Verdict::Unchecked] {
        let close = Change::Free { port: 5001, leaving: Leaving::Drain };
        assert_eq!(next(&started, verdict), Action::Update(vec![close]));
    }
    let other = fixed("g", &[(5000, B), (5001, None)]);
    let reload = Action::Reload(Arc::new(other.clone()), Reason::OtherFrame);
    assert_eq!(next(&other, Verdict::Accepted), reload);
    // The frame for these routes is not there yet.
    let early = HaproxyConfig { frame: started.frame.clone(), ..other };
    assert_eq!(next(&early, Verdict::Accepted), Action::Nothing { waiting: 2 });
}

// === what becomes of connections ===

#[test]
fn connections_to_what_runs_still_may_go_on_unless_the_operator_says_otherwise() {
    let from = config("f", &[(5000, A), (5001, B), (5002, C)]);
    // A has moved, B is replaced and runs still, C is gone.
    let to = config("f", &[(5000, None), (5001, A), (5002, None)]);
    let mut plan = plan_of(1, &to.routes);
    plan.mappings[1].still_running = [at(B)].into();
    let mut wanted = wanted(&to);
    wanted.set_plan(Arc::new(plan));
    let leaving = |on_leave| {
        let Action::Update(changes) = next_action(Some(&live(&from)), &wanted, on_leave) else {
            panic!("no changes")
        };
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
    let config = config("f", &[(5000, A), (5001, None)]);
    let mut live = live(&config);
    live.ports.insert(5000, PortState { displaced: Some(at(A)), ..PortState::used(at(C)) });
    let action = next_action(Some(&live), &wanted(&config), OnLeave::ByState);
    let back = Change::Replace { port: 5000, by: at(A), leaving: Leaving::Drain };
    assert_eq!(action, Action::Update(vec![back]));
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

/// Ports as a HAProxy may have them that others have been at.
fn slots() -> impl Strategy<Value = Ports> {
    let slot = (server(), any::<bool>(), any::<bool>());
    let slot = slot.prop_map(|(server, is_ready, is_open)| PortState {
        is_ready,
        is_open,
        ..PortState::used(server)
    });
    prop::collection::vec(slot, PORTS.len()).prop_map(|slots| PORTS.zip(slots).collect())
}

fn on_leave() -> impl Strategy<Value = OnLeave> {
    prop_oneof![Just(OnLeave::ByState), Just(OnLeave::Cut), Just(OnLeave::Drain)]
}

fn changes_from(ports: &Ports, config: &HaproxyConfig, on_leave: OnLeave) -> Vec<Change> {
    let live = Generation { ports: ports.clone(), ..live(config) };
    match next_action(Some(&live), &wanted(config), on_leave) {
        Action::Nothing { waiting: 0 } => Vec::new(),
        Action::Update(changes) => changes,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn the_changes_make_any_haproxy_what_is_wanted(slots in slots(), routes in routes(), on_leave in on_leave()) {
        let wanted = haproxy_config("f", routes);
        let mut haproxy = FakeHaproxy::new(1, &slots);
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
        let wanted = haproxy_config("f", routes);
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
        let (live, wanted) = (haproxy_config("f", before), haproxy_config("f", after));
        let mut haproxy = FakeHaproxy::new(1, &ports_of(&live));
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
        // A client that has landed on a port's new server stays there, unless connections to the old one are to be cut.
        for port in PORTS.filter(|port| !is_cut(*port)) {
            let landed = newly.iter().filter(|(to, _)| *to == port).count();
            let new = haproxy.sessions(port).iter().filter(|server| wanted.routes[&port] == Some(**server)).count();
            prop_assert!(new >= landed, "{port}: {new} of {landed} live");
        }
        // A client that was connected before stays too, unless the server leaves and its connections are to be cut.
        for (port, server) in held.into_iter().filter_map(|(port, server)| Some((port, server?))) {
            let lives = haproxy.sessions(port).contains(&server);
            prop_assert_eq!(lives, !is_cut(port), "{}", port);
        }
    }
}
