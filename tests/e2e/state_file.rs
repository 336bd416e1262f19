//! The file with the saved assignments is not what stalls has written.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use rustix::process::geteuid;
use serde_json::{Value, json};
use stalls_lab::stalls::messages::{PLAN_APPLIED, SAVED_NOT_READ, SAVED_UNUSABLE, SERVING_SAVED};

use crate::harness::{Bystanders, Stage, until};

/// Makes root, too, obey the modes of files.
const WITHOUT_OVERRIDE: [&str; 2] = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];

/// Spoils the file after stalls has ended, and starts stalls again: it says what is wrong with the file, sets it aside
/// unchanged, and serves what the metadata says.
async fn survives_a_spoilt_file(spoil: impl FnOnce(&Path), complaint: &str) {
    let mut stage = Stage::with_scale(3).await;
    let file = stage.state_dir().join("state.json");
    until("a saved state", || file.exists()).await;
    stage.end().await;
    spoil(&file);
    let spoilt = snapshot(&file);
    let mut stage = stage.started().await;
    let mut bystanders = Bystanders::begin(&stage).await;
    let lost = stage.line(SAVED_UNUSABLE).await;
    assert_eq!((&lost["level"], &lost["kind"]), (&json!("error"), &json!("unreadable")));
    assert!(lost["error"].as_str().unwrap().contains(complaint), "{lost}");
    assert_eq!(stage.lines(SAVED_UNUSABLE).len(), 1);
    assert_eq!(snapshot(&file.with_extension("json.unreadable")), spoilt);

    // A new one takes its place.
    bystanders.change(&mut stage, |world| world.web().scale_to(4)).await;
    bystanders.follow(&stage).await;
    bystanders.end().await;
    stage.end().await;
    stage.start();
    stage.line(PLAN_APPLIED).await;
    stage.settled().await;
    stage.assert_calm();
}

/// Length, mode and a hash of the content of a file, or of what stands in its place.
fn snapshot(path: &Path) -> (u64, u32, Option<u64>) {
    let metadata = fs::symlink_metadata(path).unwrap();
    let content = fs::read(path).ok().map(|bytes| {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        hasher.finish()
    });
    (metadata.len(), metadata.permissions().mode(), content)
}

fn write(content: impl AsRef<[u8]>) -> impl FnOnce(&Path) {
    move |file| fs::write(file, content).unwrap()
}

/// Changes the only mapping that the file has.
fn edit(edit: impl FnOnce(&mut Value)) -> impl FnOnce(&Path) {
    |file| {
        let mut saved: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        edit(&mut saved);
        fs::write(file, saved.to_string()).unwrap();
    }
}

fn slots(saved: &mut Value) -> &mut Value {
    &mut saved["state"]["mappings"][0]["slots"]
}

/// Has the first slot's container on another slot.
fn move_first(to: &str) -> impl FnOnce(&Path) {
    edit(move |saved| {
        let first = slots(saved).as_object_mut().unwrap().remove("0").unwrap();
        slots(saved)[to] = first;
    })
}

macro_rules! survived {
    ($($name:ident: $spoil:expr => $complaint:literal;)*) => {$(
        #[tokio::test]
        async fn $name() {
            survives_a_spoilt_file($spoil, $complaint).await;
        }
    )*};
}

survived! {
    an_empty_file: write("") => "EOF while parsing";
    a_truncated_file: |file: &Path| {
        let written = fs::read(file).unwrap();
        fs::write(file, &written[..written.len() / 2]).unwrap();
    } => "EOF while parsing";
    zeros: write([0; 4096]) => "expected value";
    bytes_that_are_no_text: |file: &Path| {
        let mut written = fs::read(file).unwrap();
        let name = written.windows(7).position(|bytes| bytes == b"app-web").unwrap();
        written[name] = 0xff;
        fs::write(file, written).unwrap();
    } => "invalid unicode";
    another_format: write("assignments: {}\n") => "expected value";
    another_version: edit(|saved| saved["version"] = json!(2)) => "its version is 2, this version of stalls knows 1";
    another_version_with_another_layout: write(r#"{"version": 2, "ports": {"5000": "web-1"}}"#)
        => "its version is 2, this version of stalls knows 1";
    a_version_that_is_no_number: edit(|saved| saved["version"] = json!("1")) => "invalid type";
    no_state: edit(|saved| drop(saved.as_object_mut().unwrap().remove("state"))) => "missing field";
    mappings_that_are_none: edit(|saved| saved["state"]["mappings"] = json!({"0": []})) => "invalid type";
    an_address_that_is_none: edit(|saved| slots(saved)["0"]["address"] = json!("10.42.0")) => "invalid IP address";
    a_slot_that_is_no_number: move_first("first") => "expected key to be a number";
    a_slot_beyond_all_ports: move_first("70000") => "invalid";
    a_slot_beyond_the_pool: move_first("16") => "slot 16 is beyond a pool of 16";
    two_slots_with_one_container: edit(|saved| {
        let first = slots(saved)["0"].clone();
        slots(saved)["9"] = first;
    }) => "is on two slots";
    an_unspecified_address: edit(|saved| slots(saved)["0"]["address"] = json!("0.0.0.0"))
        => "is at 0.0.0.0";
    the_same_mapping_twice: edit(|saved| {
        let mappings = saved["state"]["mappings"].as_array_mut().unwrap();
        mappings.push(mappings[0].clone());
    }) => "the mapping of web:8080 is listed twice";
    more_than_64_megabytes: |file: &Path| {
        File::options().append(true).open(file).unwrap().set_len((64 << 20) + 1).unwrap();
    } => "it is larger than 67108864 bytes";
    a_directory: |file: &Path| {
        fs::remove_file(file).unwrap();
        fs::create_dir(file).unwrap();
        fs::write(file.join("file"), "").unwrap();
    } => "Is a directory";
}

#[tokio::test]
async fn a_file_that_cannot_be_read_now_ends_the_start_and_stays_as_it_is() {
    let mut stage = Stage::with_scale(3).await;
    let file = stage.state_dir().join("state.json");
    until("a saved state", || file.exists()).await;
    stage.end().await;
    fs::set_permissions(&file, Permissions::from_mode(0o000)).unwrap();
    if geteuid().is_root() {
        stage = stage.through(&WITHOUT_OVERRIDE);
    }
    stage.start();
    assert_eq!(stage.ended().await.code(), Some(75));
    let line = stage.line(SAVED_NOT_READ).await;
    assert_eq!(line["level"], "critical");
    assert!(line["error"].as_str().unwrap().contains("Permission denied"), "{line}");
    assert!(file.exists() && !file.with_extension("json.unreadable").exists());

    // Once it can be read, it serves.
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    stage.server.stop().await;
    stage.start();
    stage.line(SERVING_SAVED).await;
    stage.settled().await;
}
