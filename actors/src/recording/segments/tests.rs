use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::{
    allocation::{AllocatorSettings, Decider, Input, ListenAddresses},
    state::SavedState,
};

const SEGMENT: u64 = 2_000;
const TOTAL: u64 = 10_000;

fn begin() -> Record {
    let settings = AllocatorSettings {
        pools: Vec::new(),
        listen: ListenAddresses::default(),
        allow_loopback: false,
        port_reuse_delay: Duration::ZERO,
        linger: Duration::ZERO,
    };
    Record::Begin { at: Duration::ZERO, begin: Begin::Start { settings, state: SavedState::default() } }
}

fn input() -> Record {
    let Record::Begin { begin: Begin::Start { settings, state }, .. } = begin() else { unreachable!() };
    let decision = Decider::new(settings, &state).take(&Input::GraceOver, |_| false, Duration::ZERO);
    Record::Input(Entry::new(Duration::ZERO, Input::GraceOver, &decision))
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

fn writing_to(folder: &Path) -> Segments {
    let mut segments = Segments::new(RecordDir::bounded(folder, SEGMENT, TOTAL));
    segments.write(vec![begin()]).unwrap();
    segments
}

#[test]
fn the_oldest_are_removed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let others = ["recording-1.jsonl", "recording-0000000a.jsonl", "recording-00000001.json", "stalls.lock"];
    for other in others {
        fs::write(folder.path().join(other), "x".repeat(20_000)).unwrap();
    }
    fs::create_dir(folder.path().join("recording-00000000.jsonl")).unwrap();
    let mut segments = writing_to(folder.path());
    for _ in 0..2_000 {
        let full = segments.is_full().then(begin);
        segments.write([input()].into_iter().chain(full).collect()).unwrap();
    }
    let left = super::segments(folder.path()).unwrap();
    let total: u64 = left.iter().map(|segment| segment.bytes).sum();
    assert!((TOTAL - SEGMENT..TOTAL + 2 * SEGMENT).contains(&total), "{total}");
    assert!(left[0].number > 1);
    assert_eq!(names(folder.path()).len(), left.len() + others.len() + 1);
}

#[test]
fn a_restart_goes_on_behind_the_newest_and_others_cannot_read_it() {
    let folder = tempfile::tempdir().unwrap();
    drop(writing_to(folder.path()));
    drop(writing_to(folder.path()));
    assert_eq!(names(folder.path()), ["recording-00000001.jsonl", "recording-00000002.jsonl"]);
    let mode = fs::metadata(folder.path().join("recording-00000002.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn in_a_loop_of_crashes_their_number_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    for number in 1..=MAX_SEGMENTS + 5 {
        fs::write(folder.path().join(format!("recording-{number:08}.jsonl")), "").unwrap();
    }
    drop(writing_to(folder.path()));
    assert_eq!(names(folder.path()).len(), MAX_SEGMENTS);
    assert_eq!(names(folder.path()).last().unwrap(), "recording-00001006.jsonl");
}

#[test]
fn after_an_error_inputs_are_lost_up_to_the_next_segment() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("recorded");
    fs::create_dir(&folder).unwrap();
    let mut segments = writing_to(&folder);
    segments.write(vec![input()]).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert!(segments.write(vec![input()]).is_err());
    assert!(segments.has_none());
    segments.write(vec![input()]).unwrap();
    assert!(segments.write(vec![begin()]).is_err(), "there is no folder");
    fs::create_dir(&folder).unwrap();
    segments.write(vec![input(), begin(), input()]).unwrap();
    let text = fs::read_to_string(folder.join("recording-00000001.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 2);
}
