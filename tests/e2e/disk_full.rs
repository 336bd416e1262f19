//! The disk below `STATE_DIR` or `RUN_DIR` is full for a while.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use rustix::process::geteuid;
use stalls_lab::stalls::{
    Signal,
    messages::{
        CONFIG_OUTDATED, CONFIG_UP_TO_DATE_AGAIN, DIED, DIRECTORY_NOT_LOCKED, FAILED_TO_START, NOT_RECORDED,
        NOT_SAVED, RECORDED_AGAIN, SAVED_AGAIN, SERVES, SERVING_SAVED,
    },
};

use tokio::time::Instant;

use crate::harness::{BASE, Bystanders, SOON, Stage, run, until};

/// Puts a disk of its own below the directory that the variable names, and has stalls started there.
const WITH_DISK: &str = r#"mount -t tmpfs -o size=512k,mode=700 tmpfs "$DISK" && exec "$0" "$@""#;

/// So many containers need a larger pool than the default one, whose configuration needs more room on the disk.
const MANY: usize = 150;
/// The default size of a pool.
const USUAL_POOL: u16 = 64;

/// A stage with a small disk at `directory`, which only its stalls process sees. A user other than root mounts it in
/// a user namespace; where the kernel allows neither, the test fails.
async fn started(directory: impl Fn(&Stage) -> PathBuf) -> (Stage, Disk) {
    on_disk(Stage::prepared(3).await.without("PORT_COUNT"), directory).await
}

async fn on_disk(stage: Stage, directory: impl Fn(&Stage) -> PathBuf) -> (Stage, Disk) {
    let directory = directory(&stage);
    let mut program = vec!["unshare", "--mount"];
    if !geteuid().is_root() {
        program.push("--map-root-user");
    }
    program.extend(["sh", "-c", WITH_DISK]);
    let stage = stage.env("DISK", directory.display()).through(&program).started().await;
    let root = PathBuf::from(format!("/proc/{}/root", stage.stalls().pid()));
    let disk = Disk(root.join(directory.strip_prefix("/").unwrap()));
    (stage, disk)
}

/// A directory as stalls sees it.
struct Disk(PathBuf);

impl Disk {
    /// Leaves no byte free.
    fn fill(&self) {
        let mut filler = File::create(self.filler()).unwrap();
        let full = std::iter::repeat_with(|| filler.write_all(&[0; 4096])).find_map(Result::err);
        assert_eq!(full.map(|error| error.kind()), Some(ErrorKind::StorageFull));
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// No attempt to write has left a temporary file.
    fn assert_tidy(&self) {
        let names: Vec<_> = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let left =
            names.iter().find(|name| Path::new(name).to_str().is_none_or(|name| name.starts_with(".new-")));
        assert_eq!(left, None);
    }
}

fn is_full(line: &serde_json::Value) -> bool {
    line["error"].as_str().is_some_and(|error| error.contains("No space left on device"))
}

#[tokio::test]
async fn with_a_full_state_directory_every_change_is_served_all_the_same() {
    let (mut stage, disk) = started(|stage| stage.state_dir()).await;
    let mut bystanders = Bystanders::begin(&stage).await;
    disk.fill();
    for scale in [4, 5] {
        bystanders.change(&mut stage, |world| world.web().scale_to(scale)).await;
        bystanders.follow(&stage).await;
    }
    let unsaved = stage.line(NOT_SAVED).await;
    assert!(is_full(&unsaved) && unsaved["level"] == "error", "{unsaved}");
    disk.make_room();
    stage.line(SAVED_AGAIN).await;
    bystanders.end().await;
    stage.expect_lines(NOT_SAVED, 1).await;
    stage.expect_lines(SAVED_AGAIN, 1).await;
    stage.assert_no_reload();
    disk.assert_tidy();
    assert!(fs::read_to_string(disk.0.join("state.json")).unwrap().contains(&stage.uuid(5)));
}

#[tokio::test]
async fn with_a_full_directory_of_recordings_every_change_is_served_and_recording_goes_on_later() {
    let stage = Stage::prepared(3).await;
    let recorded = stage.state_dir().with_file_name("recorded");
    fs::create_dir(&recorded).unwrap();
    let (mut stage, disk) = on_disk(stage.env("RECORD_DIR", recorded.display()), |_| recorded.clone()).await;
    let mut bystanders = Bystanders::begin(&stage).await;
    disk.fill();
    // There is some room left in the last block of the file.
    change_until(NOT_RECORDED, &mut stage, &mut bystanders).await;
    let lost = stage.line(NOT_RECORDED).await;
    assert!(is_full(&lost) && lost["level"] == "error", "{lost}");
    disk.make_room();
    // A new segment begins with a change, some seconds after the failure.
    change_until(RECORDED_AGAIN, &mut stage, &mut bystanders).await;
    bystanders.end().await;
    stage.expect_lines(NOT_RECORDED, 1).await;
    stage.expect_lines(RECORDED_AGAIN, 1).await;
    let replayed = run(&stage.launch().clone().arg("replay").arg(disk.0.to_str().unwrap())).await;
    assert_eq!(replayed.code, Some(0), "{:?} {:?}", replayed.stdout, replayed.stderr);
}

/// Replaces a container again and again until stalls says this; each change is served.
async fn change_until(message: &str, stage: &mut Stage, bystanders: &mut Bystanders) {
    let begun = Instant::now();
    while stage.lines(message).is_empty() {
        assert!(begun.elapsed() < SOON, "not said: {message}");
        bystanders.change(stage, |world| drop(world.web().replace(2))).await;
        bystanders.follow(stage).await;
    }
}

#[tokio::test]
async fn with_a_full_run_directory_every_runtime_change_is_served() {
    let (mut stage, disk) = started(|stage| stage.launch().run_dir()).await;
    let mut bystanders = Bystanders::begin(&stage).await;
    disk.fill();
    for scale in [4, 5] {
        bystanders.change(&mut stage, |world| world.web().scale_to(scale)).await;
        bystanders.follow(&stage).await;
    }
    let outdated = stage.line(CONFIG_OUTDATED).await;
    assert!(is_full(&outdated) && outdated["level"] == "error", "{outdated}");
    disk.make_room();
    stage.line(CONFIG_UP_TO_DATE_AGAIN).await;
    assert_eq!(fs::read_to_string(disk.0.join("haproxy.cfg")).unwrap(), stage.render().await);
    bystanders.end().await;
    stage.expect_lines(CONFIG_OUTDATED, 1).await;
    stage.assert_no_reload();
    disk.assert_tidy();
}

#[tokio::test]
async fn a_pool_without_room_for_its_larger_configuration_grows_once_there_is_room() {
    let (mut stage, disk) = started(|stage| stage.launch().run_dir()).await;
    let mut bystanders = Bystanders::begin(&stage).await;
    disk.fill();
    bystanders.change(&mut stage, |world| world.web().scale_to(MANY)).await;
    let failed = stage.line(FAILED_TO_START).await;
    assert!(is_full(&failed) && failed["old_one_serves"] == true, "{failed}");
    // The ports of the smaller pool serve already.
    stage.expect_port(BASE + USUAL_POOL - 1, &stage.uuid(USUAL_POOL.into())).await;
    disk.make_room();
    bystanders.follow(&stage).await;
    bystanders.end().await;
    assert_eq!(stage.steps(), ["start", "reload"]);
    disk.assert_tidy();
}

#[tokio::test]
async fn a_haproxy_that_dies_while_the_disk_is_full_comes_back_with_all_changes() {
    let (mut stage, disk) = started(|stage| stage.launch().run_dir()).await;
    let mut bystanders = Bystanders::begin(&stage).await;
    disk.fill();
    bystanders.change(&mut stage, |world| drop(world.web().replace(2))).await;
    bystanders.follow(&stage).await;
    bystanders.let_break(&stage);
    stage.stalls().signal_haproxy(Signal::KILL);
    stage.line(DIED).await;
    bystanders.recover(&stage).await;
    bystanders.end().await;
    stage.expect_lines(DIED, 1).await;
    stage.expect_lines(SERVES, 2).await;
    disk.make_room();
    stage.line(CONFIG_UP_TO_DATE_AGAIN).await;
    disk.assert_tidy();
}

/// Runs stalls with this command of a shell before it, in a mount namespace of its own.
fn after(stage: Stage, command: &str) -> Stage {
    let shell = format!("{command} && exec \"$0\" \"$@\"");
    let mut program = vec!["unshare", "--mount"];
    if !geteuid().is_root() {
        program.push("--map-root-user");
    }
    program.extend(["sh", "-c", &shell]);
    stage.through(&program)
}

#[tokio::test]
async fn a_start_without_room_for_its_lock_is_to_be_tried_again() {
    for variable in ["STATE_DIR", "RUN_DIR"] {
        let stage = Stage::prepared(0).await;
        let mount = format!("mount -t tmpfs -o nr_inodes=1 tmpfs \"${variable}\"");
        let mut stage = after(stage, &mount);
        stage.start();
        assert_eq!(stage.ended().await.code(), Some(75));
        let line = stage.line(DIRECTORY_NOT_LOCKED).await;
        assert!(is_full(&line) && line["level"] == "critical", "{line}");
    }
}

#[tokio::test]
async fn with_a_state_directory_that_has_become_read_only_the_saved_assignments_are_served() {
    let mut stage = Stage::with_scale(3).await;
    let file = stage.state_dir().join("state.json");
    until("a saved state", || file.exists()).await;
    stage.end().await;
    stage.server.stop().await;
    let mut stage =
        after(stage, r#"mount --bind "$STATE_DIR" "$STATE_DIR" && mount -o remount,bind,ro "$STATE_DIR""#);
    stage.start();
    stage.line(SERVING_SAVED).await;
    stage.settled().await;
}
