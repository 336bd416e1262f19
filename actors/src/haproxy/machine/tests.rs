//! Every pair of a state and an event, compared with `table.txt`.

mod counting;

use std::collections::BTreeMap;

use rustix::process::Signal;

use super::{
    super::{
        action::{Change, Leaving},
        adoption::Decision,
        bindable::Unbindable,
        host::{Leftover, Record},
        known_faults::Version,
        port_state::{PortState, Ports, ports_of},
        query::QueryError,
        runtime_api::Unavailable,
        update::UpdateError,
    },
    *,
};
use crate::{
    config::{ConfigWritten, Verdict},
    testing::{haproxy_config, ms, plan_of},
};

const TABLE: &str = include_str!("table.txt");

/// 5000 leads to a container, 5001 is free.
fn config(revision: u64, frame: &str) -> HaproxyConfig {
    let routes = [(5000, Some(([10, 42, 0, 7], 8080).into())), (5001, None)];
    HaproxyConfig { revision, ..haproxy_config(frame, routes.into()) }
}

fn plan(revision: u64, second: Option<[u8; 4]>) -> Event {
    let mut routes = config(revision, "a").routes;
    routes.insert(5001, second.map(|address| (address, 8080).into()));
    Event::Plan(Arc::new(plan_of(revision, &routes)))
}

fn frame(name: &str, verdict: Verdict) -> Event {
    Event::Config(ConfigWritten { frame: config(1, name).frame, verdict })
}

/// One whose faults nobody notices.
fn version() -> Option<Version> {
    Version::parse("3.2.26")
}

fn taken() -> Vec<Unbindable> {
    vec![Unbindable { port: 5001, error: std::io::ErrorKind::AddrInUse.into() }]
}

fn silent() -> Unavailable {
    Unavailable::TimedOut { socket: "1".into(), limit: ms(5_000) }
}

fn ports() -> Ports {
    ports_of(&config(1, "a"))
}

/// Something that another program has opened.
fn drifted() -> Ports {
    let mut ports = ports();
    ports.insert(5001, PortState { is_open: true, ..ports[&5001] });
    ports
}

/// Every event of the table, by the name that it has there. Generation 1 serves, 2 is to take over.
fn event(name: &str) -> Option<Event> {
    Some(match name {
        "plan" => plan(2, Some([10, 42, 0, 8])),
        "frame" => frame("b", Verdict::Unchecked),
        "frame accepted" => frame("b", Verdict::Accepted),
        "frame rejected" => frame("b", Verdict::Rejected),
        "adopted none" => Event::Adopted(vec![]),
        "adopted one" => {
            let record = Record { revision: 1, frame: config(1, "a").frame.digest.clone() };
            Event::Adopted(vec![(
                Leftover { generation: 1, pid: 11, record: Some(record) },
                Decision::Adopt(version()),
            )])
        }
        "launch probed" => Event::Probed(Purpose::Launch, vec![]),
        "launch probed, taken" => Event::Probed(Purpose::Launch, taken()),
        "release probed" => Event::Probed(Purpose::Release { all: false }, vec![]),
        "release probed, taken" => Event::Probed(Purpose::Release { all: false }, taken()),
        "excluded probed" => Event::Probed(Purpose::Excluded, vec![]),
        "launched" => Event::Launched(2, Ok(12)),
        "launched not" => Event::Launched(2, Err(std::io::ErrorKind::NotFound.into())),
        "launched again" => Event::Launched(3, Ok(13)),
        "ready" => Event::Ready(2, Ok(version())),
        "ready again" => Event::Ready(3, Ok(version())),
        "ready not" => Event::Ready(2, Err("silent".into())),
        "updated" => Event::Updated(1, Ok([(5001, PortState::used(([10, 42, 0, 8], 8080).into()))].into())),
        "updated not" => Event::Updated(1, Err(UpdateError::NotDone("no".into()))),
        "updated, silence" => Event::Updated(1, Err(UpdateError::Unavailable(silent()))),
        "resynced" => Event::Resynced(1, Ok(ports())),
        "resynced not" => Event::Resynced(1, Err(QueryError::Unexpected("odd".into()))),
        "resynced, silence" => Event::Resynced(1, Err(QueryError::Unavailable(silent()))),
        "compared" => Event::Compared(1, Ok(ports())),
        "compared, drift" => Event::Compared(1, Ok(drifted())),
        "compared, silence" => Event::Compared(1, Err(QueryError::Unavailable(silent()))),
        "counted" => Event::Counted { expelled: None, processes: 1, connections: Some(2) },
        "counted, expelled" => Event::Counted { expelled: Some(1), processes: 1, connections: Some(2) },
        "cut" => Event::Cut { port: 5000, uid: 0 },
        "live ended" => Event::Ended(1, "signal 9".into()),
        "new ended" => Event::Ended(2, "exit code 1".into()),
        "due Retry" => Event::Due(Timer::Retry),
        "due Reconcile" => Event::Due(Timer::Reconcile),
        "due Excluded" => Event::Due(Timer::Excluded),
        "due Healthy" => Event::Due(Timer::Healthy),
        "due Release" => Event::Due(Timer::Release),
        "due Resync" => Event::Due(Timer::Resync),
        "due Drain" => Event::Due(Timer::Drain),
        "due End" => Event::Due(Timer::End),
        "stop" => Event::Shutdown(Leave::Drained),
        "stop at once" => Event::Shutdown(Leave::Cut),
        "stop alone" => Event::Shutdown(Leave::Serving),
        _ => return None,
    })
}

/// A machine in this state, by the name that it has in the table, and the way there.
fn machine(state: &str, now: Instant) -> Option<Machine> {
    let way: &[&str] = match state {
        "Adopting" => &[],
        "Idle" => &["live"],
        "Idle, comparing" => &["live", "due Reconcile"],
        "Idle, paused" => &["live", "frame accepted", "launch probed", "launched not", "resynced"],
        "Idle, down" => &["live", "live ended"],
        "Probing" => &["live", "frame accepted"],
        "Updating" => &["live", "plan"],
        "Launching" => &["live", "frame accepted", "launch probed"],
        "Starting" => &["live", "frame accepted", "launch probed", "launched"],
        "Failing" => &["live", "frame accepted", "launch probed", "launched", "ready not"],
        "Resyncing" => &["live", "plan", "updated not"],
        "Releasing" => &["live", "plan", "updated, silence"],
        "Exhausted" => &["live", "plan", "exhausted"],
        "Stopping" => &["live", "stop"],
        "Stopping, launching" => &["live", "frame accepted", "launch probed", "stop"],
        _ => return None,
    };
    let mut machine = Machine::new(SupervisorSettings {
        drain: ms(8_000),
        max_draining: 16,
        reconcile: ms(30_000),
        on_leave: OnLeave::ByState,
        updates_at_runtime: true,
        seed: 7,
    });
    for step in way {
        match *step {
            // An earlier stalls process has left it behind, and it does what it should.
            "live" => {
                for event in [event("adopted one")?, plan(1, None), frame("a", Verdict::Accepted)] {
                    machine.on(event, now);
                }
                machine.on(event("resynced")?, now);
            }
            "exhausted" => {
                let source = std::io::ErrorKind::OutOfMemory.into();
                let error = Unavailable::Exhausted { socket: "1".into(), source };
                machine.on(Event::Updated(1, Err(UpdateError::Unavailable(error))), now);
            }
            name => drop(machine.on(event(name)?, now)),
        }
    }
    Some(machine)
}

/// A state's name in the table's right column.
fn name(machine: &Machine) -> &'static str {
    match &machine.state {
        State::Adopting { .. } => "Adopting",
        State::Idle if machine.retry.paused_until.is_some() => "Idle, paused",
        State::Idle => "Idle",
        State::Probing { .. } => "Probing",
        State::Updating { .. } => "Updating",
        State::Launching { .. } => "Launching",
        State::Starting { .. } => "Starting",
        State::Failing(_) => "Failing",
        State::Resyncing(_) => "Resyncing",
        State::Releasing { .. } => "Releasing",
        State::Exhausted => "Exhausted",
        State::Stopping => "Stopping",
    }
}

/// An effect in a word or two.
fn brief(effect: &Effect) -> String {
    match effect {
        Effect::Adopt => "Adopt".into(),
        Effect::Follow(leftover) => format!("Follow {}", leftover.generation),
        Effect::Probe(..) => "Probe".into(),
        Effect::Launch(launch) => match launch.inherit {
            Some(from) => format!("Launch {} from {from}", launch.generation),
            None => format!("Launch {}", launch.generation),
        },
        Effect::BringUp { generation, .. } => format!("BringUp {generation}"),
        Effect::Update { generation, changes, .. } => {
            let cut = changes.iter().any(|change| {
                matches!(
                    change,
                    Change::Free { leaving: Leaving::Cut, .. }
                        | Change::Replace { leaving: Leaving::Cut, .. }
                )
            });
            format!("Update {generation}{}", if cut { " cutting" } else { "" })
        }
        Effect::Resync { generation } => format!("Resync {generation}"),
        Effect::Compare { generation } => format!("Compare {generation}"),
        Effect::Cancel => "Cancel".into(),
        Effect::Signal { generation, signal: Signal::USR1, .. } => format!("USR1 {generation}"),
        Effect::Signal { generation, signal: Signal::TERM, .. } => format!("TERM {generation}"),
        Effect::Signal { generation, signal: Signal::KILL, .. } => format!("KILL {generation}"),
        Effect::Signal { .. } => "another signal".into(),
        Effect::RemoveSocket(generation) => format!("RemoveSocket {generation}"),
        Effect::RemoveDir(generation) => format!("RemoveDir {generation}"),
        Effect::ExcludePorts(ports) => format!("Exclude {}", ports.len()),
        Effect::CheckConfig => "Check".into(),
        Effect::Arm(timer, _) => format!("+{timer:?}"),
        Effect::Disarm(timer) => format!("-{timer:?}"),
        Effect::CountConnections { pids, .. } => format!("Count {}", pids.len()),
        Effect::Say(news) => {
            let news = format!("{news:?}");
            format!("\"{}\"", news.split([' ', '(', '{']).next().unwrap())
        }
        Effect::Stop => "Stop".into(),
    }
}

/// What this event makes of this state, as the table has it.
fn outcome(state: &str, name_of_event: &str) -> String {
    let now = Instant::now();
    let mut machine = machine(state, now).unwrap_or_else(|| panic!("no such state: {state}"));
    let before = name(&machine);
    let event = event(name_of_event).unwrap_or_else(|| panic!("no such event: {name_of_event}"));
    let effects: Vec<_> = machine.on(event, now + ms(1)).iter().map(brief).collect();
    let after = name(&machine);
    let state = if before == after { "=" } else { after };
    if effects.is_empty() { state.into() } else { format!("{state}: {}", effects.join(", ")) }
}

/// The rows of each state: events, and what is to come of them.
fn table() -> BTreeMap<&'static str, Vec<(&'static str, &'static str)>> {
    let mut table = BTreeMap::<_, Vec<_>>::new();
    let mut state = "";
    for line in TABLE.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        match line.split_once(" -> ") {
            None => state = line.trim(),
            Some((events, outcome)) => {
                let rows = events.split('|').map(|event| (event.trim(), outcome.trim()));
                table.entry(state).or_default().extend(rows);
            }
        }
    }
    table
}

const EVENTS: [&str; 40] = [
    "plan",
    "frame",
    "frame accepted",
    "frame rejected",
    "adopted none",
    "adopted one",
    "launch probed",
    "launch probed, taken",
    "release probed",
    "release probed, taken",
    "excluded probed",
    "launched",
    "launched not",
    "ready",
    "ready not",
    "updated",
    "updated not",
    "updated, silence",
    "resynced",
    "resynced not",
    "resynced, silence",
    "compared",
    "compared, drift",
    "compared, silence",
    "counted",
    "counted, expelled",
    "cut",
    "live ended",
    "new ended",
    "due Retry",
    "due Reconcile",
    "due Excluded",
    "due Healthy",
    "due Release",
    "due Resync",
    "due Drain",
    "due End",
    "stop",
    "stop at once",
    "stop alone",
];

const STATES: [&str; 15] = [
    "Adopting",
    "Idle",
    "Idle, comparing",
    "Idle, paused",
    "Idle, down",
    "Probing",
    "Updating",
    "Launching",
    "Starting",
    "Failing",
    "Resyncing",
    "Releasing",
    "Exhausted",
    "Stopping",
    "Stopping, launching",
];

#[tokio::test(start_paused = true)]
async fn every_pair_of_a_state_and_an_event_is_as_the_table_says() {
    let table = table();
    for state in STATES {
        let rows = &table[state];
        for event in EVENTS {
            let told: Vec<_> = rows.iter().filter(|(name, _)| *name == event).collect();
            let [(_, expected)] = told[..] else { panic!("{state}, {event}: {} rows", told.len()) };
            assert_eq!(outcome(state, event), *expected, "{state}, {event}");
        }
        assert_eq!(rows.len(), EVENTS.len(), "{state} has rows for what is no event");
    }
    assert_eq!(table.len(), STATES.len(), "the table has a state that there is not");
}
