//! On a real file system, with real time: what is awaited are the file's answers.

use std::{fs, os::unix::fs::symlink};

use rustix::fs::{CWD, mkfifoat};
use tempfile::TempDir;

use super::*;

const LONG: Duration = Duration::from_secs(60);
const TWO: &str = "services: {web: [{name: a, address: 10.0.0.1}, {name: b, address: 10.0.0.2}]}";
const ONE: &str = "services: {web: [{name: a, address: 10.0.0.1}]}";

fn web() -> ServiceRef {
    ServiceRef { stack: None, service: "web".into() }
}

/// A folder, and a file in it that is followed.
fn followed(name: &str) -> (TempDir, PathBuf, WatchedFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let file = WatchedFile::new(path.clone(), [web()].into());
    (folder, path, file)
}

fn names(state: &State) -> Vec<String> {
    match &state.services[&web()] {
        Answer::Listed(listing) => listing.containers.iter().map(|it| it.name.to_string()).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_change_ends_the_wait_however_it_is_made() {
    let (folder, path, mut file) = followed("services.yml");
    fs::write(&path, ONE).unwrap();
    assert_eq!(names(&file.next(LONG).await.unwrap()), ["a"]);
    fs::write(&path, TWO).unwrap();
    assert_eq!(names(&file.next(LONG).await.unwrap()), ["a", "b"], "it is written anew");
    fs::write(folder.path().join("new"), ONE).unwrap();
    fs::rename(folder.path().join("new"), &path).unwrap();
    assert_eq!(names(&file.next(LONG).await.unwrap()), ["a"], "another is renamed over it");
}

#[tokio::test]
async fn a_link_may_be_swapped_as_kubernetes_does() {
    let (folder, path, mut file) = followed("services.yml");
    let at = |name: &str| folder.path().join(name);
    for (version, text) in [("v1", ONE), ("v2", TWO)] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("services.yml"), text).unwrap();
    }
    symlink("v1", at("..data")).unwrap();
    symlink("..data/services.yml", &path).unwrap();
    assert_eq!(names(&file.next(LONG).await.unwrap()), ["a"]);
    symlink("v2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    assert_eq!(names(&file.next(LONG).await.unwrap()), ["a", "b"]);
}

#[tokio::test]
async fn without_a_change_it_says_the_same_when_the_wait_is_over() {
    let (_folder, path, mut file) = followed("services.json");
    fs::write(&path, r#"{"services": {"web": [{"name": "a", "address": "10.0.0.1"}]}}"#).unwrap();
    assert_eq!(names(&file.next(Duration::ZERO).await.unwrap()), ["a"]);
    assert_eq!(names(&file.next(Duration::from_millis(10)).await.unwrap()), ["a"]);
}

#[tokio::test]
async fn a_list_is_proof_and_a_service_that_is_not_in_it_has_no_containers_and_a_reason() {
    let (_folder, path, mut file) = followed("services.yml");
    fs::write(&path, "services: {api: []}").unwrap();
    let state = file.next(LONG).await.unwrap();
    let Answer::Listed(listing) = &state.services[&web()] else { panic!("{state:?}") };
    assert!(listing.absence_is_proof && listing.containers.is_empty());
    assert_eq!(listing.why_empty.as_deref(), Some("the file does not list \"web\" among its services"));
}

#[tokio::test]
async fn what_is_no_file_with_a_list_is_a_fault_of_its_kind_and_its_end_is_noticed() {
    let (_folder, path, mut file) = followed("services.yml");
    fs::write(&path, TWO).unwrap();
    file.next(LONG).await.unwrap();
    type Spoil = fn(&Path);
    let spoil: [(&str, Spoil); 5] = [
        (UNREADABLE, |path| fs::remove_file(path).unwrap()),
        (EMPTY, |path| fs::write(path, " \n").unwrap()),
        (SYNTAX, |path| fs::write(path, "services:\n  web:\n").unwrap()),
        (UNREADABLE, |path| {
            fs::remove_file(path).unwrap();
            mkfifoat(CWD, path, Mode::RUSR).unwrap();
        }),
        (TOO_LARGE, |path| {
            fs::remove_file(path).unwrap();
            fs::File::create(path).unwrap().set_len(MAX_BYTES + 1).unwrap();
        }),
    ];
    for (kind, spoil) in spoil {
        spoil(&path);
        let fault = file.next(LONG).await.unwrap_err();
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(file.fault_kinds().contains(&kind));
        assert!(fault.to_string().starts_with(&format!("{}: ", path.display())), "{fault}");
    }
    fs::write(&path, ONE).unwrap();
    assert_eq!(names(&file.next(Duration::ZERO).await.unwrap()), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_content_is_believed_once_it_stays_and_not_waited_for_for_ever() {
    let mut writes = 0;
    let read = async || {
        writes += 1;
        Ok(writes.min(3).to_string())
    };
    assert_eq!(settled("0".into(), read).await, Ok(Some("3".into())));
    let mut writes = 0;
    let read = async || {
        writes += 1;
        Ok(writes.to_string())
    };
    assert_eq!(settled("0".into(), read).await, Ok(None));
}
