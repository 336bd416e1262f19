//! What is recorded and then replayed comes to the same plans.

use std::{fs, path::Path, sync::Arc, time::Duration};

use proptest::{collection::vec, prelude::*, sample::select};
use tempfile::TempDir;

use super::{
    encoder::Entry,
    format::Begin,
    segments::{Record, Segments},
    *,
};
use crate::{
    allocation::{AllocatorSettings, Decider, Input, ListenAddresses, PoolSettings},
    domain::{Container, Health, PublishedPorts, ServiceRef},
    messages::ServiceChanged,
    probing::Verdict,
    state::{SavedMapping, SavedState},
    testing::{
        BACKEND_PORT, Lines, container, mangled::mangled_json, mapping, ms, pass, service, snapshot, state,
        web,
    },
};

/// An allocator whose inputs are recorded, and replaced by what a test says.
struct Recorded {
    folder: TempDir,
    segments: Segments,
    decider: Decider,
    now: Duration,
    /// The revisions of its plans.
    revisions: Vec<u64>,
}

fn settings() -> AllocatorSettings {
    let pool = |(service, base)| PoolSettings { mapping: mapping(&service, base), max_ports: 100, room: 500 };
    AllocatorSettings {
        pools: [(web(), 5000), (service("db"), 6000)].map(pool).into(),
        listen: ListenAddresses::default(),
        allow_loopback: false,
        port_reuse_delay: ms(60_000),
        linger: ms(300_000),
    }
}

fn saved() -> SavedState {
    let mapping = SavedMapping {
        service: web(),
        backend_port: BACKEND_PORT.into(),
        pool_size: 3,
        slots: [(0, serde_json::from_str(r#"{"uuid":"c1","name":"c","address":"10.42.0.9"}"#).unwrap())]
            .into(),
        reservations: [].into(),
        lingering: [].into(),
    };
    SavedState { revision: 41, mappings: vec![mapping] }
}

impl Recorded {
    /// With segments of so many bytes.
    fn new(segment_bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = RecordDir::bounded(folder.path(), segment_bytes, u64::MAX);
        let (mut segments, state) = (Segments::new(dir), saved());
        let decider = Decider::new(settings(), &state);
        let begin = Begin::Start { settings: settings(), state };
        segments.write(vec![Record::Begin { at: Duration::ZERO, begin }]).unwrap();
        Self { folder, segments, decider, now: Duration::ZERO, revisions: Vec::new() }
    }

    fn takes(&mut self, input: Input) {
        let is_local = |address: std::net::IpAddr| address.to_string() == "10.42.0.3";
        let decision = self.decider.take(&input, is_local, self.now);
        self.revisions.extend(decision.plan.as_ref().map(|plan| plan.revision));
        let mut records = vec![Record::Input(Entry::new(self.now, input, &decision))];
        if self.segments.is_full() {
            let begin = Begin::Further(Box::new(self.decider.clone()));
            records.push(Record::Begin { at: self.now, begin });
        }
        self.segments.write(records).unwrap();
    }

    fn lives_through(&mut self, history: &[Step]) {
        for Step { after, event } in history {
            self.now += ms(*after);
            let target =
                |targets: std::collections::BTreeSet<_>, which: &usize| targets.into_iter().nth(*which);
            let input = match event {
                Event::Listed(service, containers) => Input::ServiceChanged(ServiceChanged {
                    service: service.clone(),
                    snapshot: Arc::new(snapshot(
                        containers.clone(),
                        PublishedPorts([5000..=5000 + *after as u16 % 90].into_iter().collect()),
                    )),
                    proof_age: ms(*after),
                }),
                Event::Ready(which) => match target(self.decider.successors(), which) {
                    Some(successor) => Input::Ready(successor),
                    None => Input::TimePassed,
                },
                Event::Verdict(which, verdict) => match target(self.decider.lingering(), which) {
                    Some(lingering) => Input::Verdict(lingering, *verdict),
                    None => Input::GraceOver,
                },
                Event::Passes => Input::TimePassed,
            };
            self.takes(input);
        }
    }

    fn replayed(&self) -> Replayed {
        replayed(self.folder.path()).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Changes the text of the first segment.
    fn edit(&self, edit: impl FnOnce(String) -> String) {
        let path = self.folder.path().join("recording-00000001.jsonl");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, edit(text)).unwrap();
    }
}

#[derive(Debug, Default)]
struct Replayed {
    segments: Vec<bool>,
    revisions: Vec<u64>,
    differences: Vec<Difference>,
    torn: usize,
}

fn replayed(folder: &Path) -> Result<Replayed, ReplayError> {
    let mut replayed = Replayed::default();
    replay(folder, |told| match told {
        Replay::Segment { is_start, .. } => replayed.segments.push(is_start),
        Replay::Moment(moment) => replayed.revisions.extend(moment.revision),
        Replay::Difference(difference) => replayed.differences.push(difference),
        Replay::Torn { .. } => replayed.torn += 1,
    })?;
    Ok(replayed)
}

/// What happens, and how long after what happened before.
#[derive(Clone, Debug)]
struct Step {
    after: u64,
    event: Event,
}

#[derive(Clone, Debug)]
enum Event {
    Listed(ServiceRef, Vec<Container>),
    Ready(usize),
    Verdict(usize, Verdict),
    Passes,
}

fn listed() -> impl Strategy<Value = Vec<Container>> {
    let states = ["running", "running", "running", "starting", "stopping", "stopped"];
    let any_container = (
        any::<bool>(),
        select(states.to_vec()),
        prop_oneof![6 => (0..8_u8).prop_map(Some), 1 => Just(None)],
        select(vec![None, None, Some(Health::Healthy), Some(Health::NotHealthy)]),
        prop_oneof![3 => (1..6_u64).prop_map(Some), 2 => Just(None), 1 => Just(Some(90))],
    );
    vec(any_container, 8).prop_map(|containers| {
        let containers = containers.into_iter().zip(1_u64..).filter(|((is_listed, ..), _)| *is_listed);
        let containers = containers.map(|((_, text, address, health, index), age)| Container {
            state: Some(state(text)),
            address: address.map(|last| format!("10.42.0.{last}").as_str().into()),
            health,
            // Two have no identity.
            ..container(&if age > 6 { String::new() } else { format!("c{age}") }, age.min(7), index)
        });
        containers.collect()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let event = prop_oneof![
        6 => (select(vec![web(), web(), service("db")]), listed())
            .prop_map(|(service, containers)| Event::Listed(service, containers)),
        2 => (0..2_usize).prop_map(Event::Ready),
        2 => (0..3_usize, select(vec![Verdict::Gone, Verdict::Unknown]))
            .prop_map(|(which, verdict)| Event::Verdict(which, verdict)),
        1 => Just(Event::Passes),
    ];
    let after = prop_oneof![8 => 1..6_000_u64, 1 => 30_001..100_000_u64];
    (after, event).prop_map(|(after, event)| Step { after, event })
}

/// The containers with these uuids, at indexes from 1.
fn containers(uuids: &[&str]) -> Vec<Container> {
    uuids.iter().zip(1_u64..).map(|(uuid, index)| container(uuid, index, Some(index))).collect()
}

/// Of both services, so that there is a plan.
fn two_plans(segment_bytes: u64) -> Recorded {
    let mut recorded = Recorded::new(segment_bytes);
    let listed = |service, uuids| Step { after: 100, event: Event::Listed(service, containers(uuids)) };
    recorded.lives_through(&[
        listed(service("db"), &[]),
        listed(web(), &["a", "b"]),
        listed(web(), &["a", "c"]),
    ]);
    assert_eq!(recorded.revisions, [42, 43]);
    recorded
}

proptest! {
    #[test]
    fn a_replay_comes_to_the_recorded_plans(history in vec(step(), 1..40), segment_bytes in 1..20_000_u64) {
        let mut recorded = Recorded::new(segment_bytes);
        recorded.lives_through(&history);
        let replayed = recorded.replayed();
        prop_assert!(replayed.differences.is_empty(), "{:?}", replayed.differences);
        prop_assert_eq!(&replayed.revisions, &recorded.revisions);
        prop_assert_eq!(replayed.segments.len(), recorded.names().len());
        prop_assert_eq!(replayed.torn, 0);
    }

    /// It is an error or another replay; it never panics.
    #[test]
    fn a_recording_may_say_anything(
        history in vec(step(), 1..8),
        segment_bytes in 1..20_000_u64,
        which in any::<prop::sample::Index>(),
        seed in any::<u64>(),
    ) {
        let mut recorded = Recorded::new(segment_bytes);
        recorded.lives_through(&history);
        let names = recorded.names();
        let path = recorded.folder.path().join(which.get(&names));
        let text = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<_> = text.lines().map(|line| line.as_bytes().to_vec()).collect();
        let place = which.index(lines.len());
        let document = serde_json::from_slice(&lines[place]).unwrap();
        lines[place] = drawn(mangled_json(document, &["at_ns", "until_ns", "pools", "slots", "plan", "size"]), seed);
        fs::write(&path, lines.join(&b'\n')).unwrap();
        drop(replayed(recorded.folder.path()));
    }
}

/// A value of this strategy that follows from the seed.
fn drawn<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>, seed: u64) -> T {
    use proptest::{
        strategy::ValueTree,
        test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
    };
    let bytes: Vec<_> = seed.to_le_bytes().repeat(4);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    strategy.new_tree(&mut TestRunner::new_with_rng(Config::default(), rng)).unwrap().current()
}

#[test]
fn every_segment_can_be_replayed_alone() {
    let mut recorded = two_plans(1);
    for turn in 0..20 {
        let listed = containers(if turn % 2 == 0 { &["b", "a"] } else { &["a", "c"] });
        recorded.lives_through(&[Step { after: 100, event: Event::Listed(web(), listed) }]);
    }
    let names = recorded.names();
    assert!(names.len() > 2, "{names:?}");
    let all = recorded.replayed();
    fs::remove_file(recorded.folder.path().join(&names[0])).unwrap();
    let replayed = recorded.replayed();
    assert_eq!(replayed.segments, vec![false; names.len() - 1]);
    assert!(!replayed.revisions.is_empty() && all.revisions.ends_with(&replayed.revisions));
    assert!(replayed.differences.is_empty(), "{:?}", replayed.differences);
}

#[test]
fn a_line_has_only_what_differs() {
    let recorded = two_plans(u64::MAX);
    recorded.edit(|text| {
        let last = text.lines().last().unwrap().to_owned();
        assert!(last.contains(r#""uuid":"c""#) && last.contains(r#""gone":["b"]"#), "{last}");
        assert!(!last.contains(r#""uuid":"a""#), "{last}");
        text
    });
}

#[test]
fn the_first_plan_that_differs_is_told() {
    let recorded = two_plans(u64::MAX);
    recorded.edit(|text| {
        text.replace(r#"["a","10.42.0.2:8080"]"#, r#"["z","10.42.0.9:8080"]"#)
            .replace(r#""revision":43"#, r#""revision":99"#)
    });
    let differences = recorded.replayed().differences;
    assert_eq!((differences.len(), differences[0].line), (1, 3));
    assert!(differences[0].recorded.contains(r#""5000":["z","10.42.0.9:8080"]"#), "{differences:?}");
    assert!(differences[0].replayed.contains(r#""5000":["a","10.42.0.2:8080"]"#), "{differences:?}");
}

#[test]
fn a_torn_last_line_is_told_and_left_out() {
    let recorded = two_plans(u64::MAX);
    recorded.edit(|text| text[..text.len() - 10].to_owned());
    let replayed = recorded.replayed();
    assert_eq!((replayed.torn, replayed.revisions), (1, vec![42]));
    recorded.edit(|text| text[..20].to_owned());
    let replayed = recorded.replayed();
    assert_eq!((replayed.torn, replayed.revisions), (1, vec![]));
}

#[test]
fn what_is_no_recording_is_refused_with_the_reason() {
    let recorded = two_plans(u64::MAX);
    let refused = || replayed(recorded.folder.path()).unwrap_err().to_string();
    recorded.edit(|text| text.replacen("\n{", "\n[", 1));
    assert!(refused().contains("recording-00000001.jsonl: line 2: "), "{}", refused());
    recorded.edit(|text| text.replacen(r#""recording":2"#, r#""recording":1"#, 1));
    assert!(refused().contains("line 1: its format is 1, this version of stalls knows 2: "), "{}", refused());
    fs::remove_file(recorded.folder.path().join("recording-00000001.jsonl")).unwrap();
    assert!(refused().contains("no recording: "), "{}", refused());
    assert!(replayed(Path::new("/nonexistent")).unwrap_err().to_string().starts_with("/nonexistent: "));
}

#[actix_rt::test]
async fn inputs_that_find_no_room_are_lost_up_to_a_new_segment() {
    tokio::time::pause();
    let folder = tempfile::tempdir().unwrap();
    let dir = RecordDir::bounded(folder.path(), u64::MAX, u64::MAX);
    let only_web = AllocatorSettings { pools: settings().pools[..1].to_vec(), ..settings() };
    let (recorder, work) = Recorder::new(dir, only_web.clone(), saved(), Lines::default().logger());
    let mut decider = Decider::new(only_web, &saved());
    let mut turn = 0;
    let mut takes_an_input = || {
        turn += 1;
        let listed = snapshot(containers(&["a", "b"][..turn % 2 + 1]), PublishedPorts::default());
        let (service, proof_age) = (web(), ms(10));
        let input = ServiceChanged { service, snapshot: Arc::new(listed), proof_age };
        let (at, input) = (ms(turn as u64 * 10), Input::ServiceChanged(input));
        let decision = decider.take(&input, |_| false, at);
        recorder.record(at, input, &decision, &decider);
    };
    // The disk is slow: nothing is written yet, and more comes than may wait.
    (0..400).for_each(|_| takes_an_input());
    let work = actix_rt::spawn(work);
    pass(ms(100)).await;
    (0..10).for_each(|_| takes_an_input());
    drop(recorder);
    work.await.unwrap();
    let replayed = replayed(folder.path()).unwrap();
    assert_eq!(replayed.segments, [true, false]);
    assert!(replayed.revisions.len() > 200, "{:?}", replayed.revisions);
    assert!(replayed.differences.is_empty(), "{:?}", replayed.differences);
}
