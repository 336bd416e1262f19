//! What is saved is loaded; any other content of the file is read or set aside.

use std::{net::IpAddr, os::unix::fs::symlink};

use proptest::{
    collection::{btree_map, vec},
    prelude::*,
};
use rustix::fs::{CWD, mkfifoat};

use super::*;
use crate::testing::{
    BACKEND_PORT,
    mangled::{any_json, mangled_json, nested},
};

fn state() -> SavedState {
    let container = SavedContainer {
        uuid: "c72f".into(),
        name: "app\nweb \"1\"".into(),
        address: "10.42.0.7".parse().unwrap(),
        port: None,
    };
    let missing = SavedContainer {
        uuid: "b00c".into(),
        name: "app-web-6".into(),
        address: "fd00::6".parse().unwrap(),
        port: NonZeroU16::new(9000),
    };
    SavedState {
        revision: 12,
        mappings: vec![SavedMapping {
            service: ServiceRef { stack: None, service: "web".into() },
            backend_port: BACKEND_PORT.into(),
            pool_size: 64,
            slots: [(3, container)].into(),
            reservations: [(4, SavedReservation { uuid: "dead".into(), left_ms: 30_000 })].into(),
            lingering: [(5, SavedLingering { container: missing, left_ms: 60_000 })].into(),
        }],
    }
}

#[tokio::test]
async fn what_is_saved_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let file = StateFile::in_folder(dir.path());
    assert_eq!(file.load().unwrap(), None);
    file.save(state()).await.unwrap();
    assert_eq!(file.load().unwrap(), Some(state()));
}

#[test]
fn an_unreadable_file_is_set_aside_untouched_and_the_next_start_is_fresh() {
    for content in [&b"{\"version\":1"[..], b"", b"\x00\xff", b"{\"version\":2,\"state\":{}}"] {
        let dir = tempfile::tempdir().unwrap();
        let file = StateFile::in_folder(dir.path());
        fs::write(&file.path, content).unwrap();
        let error = file.load().unwrap_err();
        assert_eq!(error.kind(), "unreadable");
        assert_eq!(fs::read(dir.path().join("state.json.unreadable")).unwrap(), content);
        assert_eq!(file.load().unwrap(), None);
    }
}

#[test]
fn a_file_that_cannot_be_read_now_stays_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = StateFile::in_folder(dir.path());
    fs::write(&file.path, "anything").unwrap();
    let opened = StateFile::opened_in(dir.path()).unwrap();
    assert_eq!(opened.load().unwrap_err().kind(), "unreadable", "it was read, and is wrong");
    // No path may be as long.
    let long = dir.path().join("d".repeat(5_000));
    assert_eq!(StateFile::opened_in(&long).unwrap_err().kind(), "io");
    assert_eq!(StateFile::in_folder(&long).load().unwrap_err().kind(), "io");
}

#[test]
fn of_unreadable_files_the_last_two_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let file = StateFile::in_folder(dir.path());
    for content in ["first", "second", "third"] {
        fs::write(&file.path, content).unwrap();
        file.load().unwrap_err();
    }
    let kept = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!(
        (kept("state.json.unreadable"), kept("state.json.unreadable.1")),
        ("third".into(), "second".into())
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn what_is_no_file_is_set_aside_and_neither_read_nor_written_through() {
    let dir = tempfile::tempdir().unwrap();
    let file = StateFile::in_folder(dir.path());
    let elsewhere = dir.path().join("elsewhere");
    StateFile { path: elsewhere.clone(), opened: RefCell::default() }.save(state()).await.unwrap();
    let before = fs::read(&elsewhere).unwrap();
    symlink(&elsewhere, &file.path).unwrap();
    assert_eq!(file.load().unwrap_err().kind(), "unreadable");
    symlink(&elsewhere, &file.path).unwrap();
    file.save(SavedState::default()).await.unwrap();
    assert_eq!((file.load().unwrap(), fs::read(&elsewhere).unwrap()), (Some(SavedState::default()), before));

    fs::remove_file(&file.path).unwrap();
    mkfifoat(CWD, &file.path, Mode::RUSR | Mode::WUSR).unwrap();
    assert_eq!(file.load().unwrap_err().kind(), "unreadable");
}

#[tokio::test]
async fn a_failed_save_says_where() {
    let file = StateFile::in_folder(Path::new("/dev/null"));
    let error = file.save(state()).await.unwrap_err();
    assert!(error.to_string().starts_with("/dev/null/state.json: "), "{error}");
}

const KEYS: &[&str] = &[
    "version",
    "state",
    "revision",
    "mappings",
    "service",
    "stack",
    "backend_port",
    "pool_size",
    "slots",
    "tombstones",
    "lingering",
    "uuid",
    "name",
    "address",
    "left_ms",
    "0",
    "3",
    "70000",
];

fn backend_port() -> impl Strategy<Value = BackendPort> {
    let number = any::<NonZeroU16>().prop_map(BackendPort::Number);
    let name = "[a-z][a-z0-9]{0,9}(-[0-9]{1,4})?".prop_map(|name| BackendPort::Name(name.parse().unwrap()));
    prop_oneof![3 => number, 1 => name]
}

/// Any state that could have been saved.
fn any_state() -> impl Strategy<Value = SavedState> {
    let container = || {
        any::<(String, String, IpAddr, Option<NonZeroU16>)>().prop_map(|(uuid, name, address, port)| {
            SavedContainer { uuid: uuid.into(), name: name.into(), address, port }
        })
    };
    let lingering =
        (container(), any::<u64>()).prop_map(|(container, left_ms)| SavedLingering { container, left_ms });
    let reservation = any::<(String, u64)>().prop_map(|(uuid, left_ms)| SavedReservation { uuid, left_ms });
    let mapping = (
        (any::<(Option<String>, String)>(), backend_port(), any::<u16>()),
        btree_map(any::<u16>(), container(), 0..4),
        btree_map(any::<u16>(), reservation, 0..4),
        btree_map(any::<u16>(), lingering, 0..4),
    );
    let mapping = mapping.prop_map(|(ids, mut slots, reservations, mut lingering)| {
        let ((stack, service), backend_port, pool_size) = ids;
        let service = ServiceRef { stack, service };
        slots.retain(|slot, _| *slot < pool_size);
        lingering.retain(|slot, _| *slot < pool_size);
        SavedMapping { service, backend_port, pool_size, slots, reservations, lingering }
    });
    (any::<u64>(), vec(mapping, 0..3))
        .prop_map(|(revision, mappings)| SavedState { revision, mappings })
        .prop_filter("it would not have been saved", |state| validate::check(state).is_ok())
}

/// Bytes, JSON of any kind, and a state that is not quite.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let state = serde_json::to_value(Versioned { version: VERSION, state: state() }).unwrap();
    let in_version = |state: String| format!(r#"{{"version":1,"state":{state}}}"#).into_bytes();
    prop_oneof![
        1 => vec(any::<u8>(), 0..100),
        2 => any_json(KEYS).prop_map(in_version),
        5 => mangled_json(state, KEYS),
    ]
}

/// How many entries a state has, and the bytes of its texts.
fn size(state: &SavedState) -> (usize, usize) {
    let of_mapping = |mapping: &SavedMapping| {
        let SavedMapping { service, slots, reservations, lingering, .. } = mapping;
        let of_service = service.service.len() + service.stack.as_ref().map_or(0, String::len);
        let assignments = slots.values().chain(lingering.values().map(|saved| &saved.container));
        let of_slots: usize = assignments.map(|a| a.uuid.len() + a.name.len()).sum();
        let of_reservations: usize = reservations.values().map(|r| r.uuid.len()).sum();
        (1 + slots.len() + reservations.len() + lingering.len(), of_service + of_slots + of_reservations)
    };
    let sizes = state.mappings.iter().map(of_mapping);
    sizes.fold((0, 0), |(entries, bytes), (more, texts)| (entries + more, bytes + texts))
}

proptest! {
    #[test]
    fn every_state_that_is_saved_is_loaded(state in any_state()) {
        prop_assert_eq!(parse(&written(state.clone()).unwrap()), Ok(state));
    }

    #[test]
    fn any_content_is_read_or_refused_and_never_grows(content in content()) {
        match parse(&content) {
            Ok(state) => {
                let (entries, bytes) = size(&state);
                prop_assert!(entries <= content.len() && bytes <= content.len());
                prop_assert_eq!(parse(&written(state.clone()).unwrap()), Ok(state));
            }
            Err(reason) => prop_assert!(reason.chars().count() <= 256, "{}", reason),
        }
    }
}

#[test]
fn a_state_cut_anywhere_is_refused() {
    let whole = written(state()).unwrap();
    for end in 0..whole.len() {
        assert!(parse(&whole[..end]).is_err(), "{end}");
    }
}

#[test]
fn deep_nesting_is_passed_over_or_refused() {
    let deep = nested(1_000_000);
    let with = |state: &str| parse(format!(r#"{{"version":1,"state":{state}}}"#).as_bytes());
    assert_eq!(with(&format!(r#"{{"revision":7,"mappings":[],"x":{deep}}}"#)).unwrap().revision, 7);
    let reason = with(&format!(r#"{{"revision":7,"mappings":{deep}}}"#)).unwrap_err();
    assert!(reason.starts_with("invalid "), "{reason}");
}

#[test]
fn a_file_of_any_size_is_read_up_to_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let file = StateFile::in_folder(dir.path());
    // Takes no room on the disk.
    File::create(&file.path).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(file.peek(), Err("it is larger than 67108864 bytes".into()));
}
