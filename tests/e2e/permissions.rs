//! What other users of the host can do with the directories of stalls, and stalls with theirs.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{FileTypeExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use stalls_lab::stalls::messages::{HOST_FINDING, PLAN_APPLIED};

use crate::harness::{Stage, run, until};

/// Starts a program with an umask that forbids nothing.
const WITHOUT_UMASK: [&str; 3] = ["sh", "-c", r#"umask 000; exec "$0" "$@""#];

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn nothing_is_open_to_others_whatever_the_umask() {
    let stage = Stage::prepared(3).await.with_reloads().through(&WITHOUT_UMASK);
    fs::remove_dir(stage.launch().run_dir()).unwrap();
    let mut stage = stage.started().await;
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
    until("a saved state", || stage.state_dir().join("state.json").exists()).await;
    stage.haproxy_cfg().await;
    // The template and the directory are the test's own.
    let template = stage.state_dir().join("haproxy.cfg.hbs");
    let others = [template, stage.state_dir()];
    let (mut folders, mut sockets, mut files) = (0, 0, 0);
    for path in stage.paths().iter().filter(|path| !others.contains(path)) {
        // A path may be gone meanwhile, such as the socket of a HAProxy that has ended.
        let Ok(metadata) = fs::symlink_metadata(path) else { continue };
        let (kind, mode) = (metadata.file_type(), metadata.permissions().mode() & 0o777);
        let (count, allowed) = if kind.is_dir() {
            (&mut folders, 0o700)
        } else if kind.is_socket() {
            (&mut sockets, 0o600)
        } else {
            (&mut files, 0o640)
        };
        *count += 1;
        assert_eq!(mode & !allowed, 0, "{} has mode {mode:o}", path.display());
    }
    assert!(folders >= 2 && sockets >= 1 && files >= 6, "{:?}", stage.paths());
}

#[tokio::test]
async fn an_empty_directory_of_any_mode_is_used_and_keeps_its_mode() {
    // Docker's --tmpfs has the first, Kubernetes' emptyDir the second.
    for open in [0o1777, 0o777] {
        let mut stage = Stage::prepared(3).await;
        let directories = [stage.launch().run_dir(), stage.state_dir()];
        for directory in &directories {
            fs::set_permissions(directory, Permissions::from_mode(open)).unwrap();
        }
        stage = stage.started().await;
        stage.kill_and_start().await;
        stage.settled().await;
        assert_eq!(directories.map(|directory| mode(&directory)), [open, open]);
        let findings = stage.lines(HOST_FINDING);
        assert_eq!(findings.iter().filter(|line| line["kind"] == "directory_open").count(), 2);
        stage.end().await;
    }
}

#[tokio::test]
async fn links_in_place_of_its_files_are_not_followed() {
    let mut stage = Stage::with_scale(3).await;
    until("a saved state", || stage.state_dir().join("state.json").is_file()).await;
    stage.end().await;
    let (run_dir, state_dir) = (stage.launch().run_dir(), stage.state_dir());
    let precious = tempfile::tempdir().unwrap();
    let victim = precious.path().join("haproxy.cfg");
    fs::write(&victim, "as it was").unwrap();
    let places = ["haproxy.cfg", "haproxy.cfg.rejected"].map(|name| run_dir.join(name));
    let saved = ["state.json", "state.json.unreadable"].map(|name| state_dir.join(name));
    for link in places.iter().chain(&saved) {
        let _ = fs::remove_file(link);
        symlink(&victim, link).unwrap();
    }
    symlink(precious.path(), run_dir.join("haproxy-g1")).unwrap();
    stage.start();
    stage.settled().await;
    until("a state of its own", || !state_dir.join("state.json").is_symlink()).await;
    until("a copy of its own", || !run_dir.join("haproxy.cfg").is_symlink()).await;
    stage.kill_and_start().await;
    assert_eq!(fs::read_to_string(&victim).unwrap(), "as it was");
    assert_eq!(fs::read_dir(precious.path()).unwrap().count(), 1);
}

/// What there is below a directory: names, modes and contents.
fn content(directory: &Path) -> Vec<(PathBuf, u32, Option<String>)> {
    let mut found = vec![(directory.to_owned(), mode(directory), fs::read_to_string(directory).ok())];
    for entry in fs::read_dir(directory).into_iter().flatten() {
        found.extend(content(&entry.unwrap().path()));
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_directory_of_somebody_elses_is_refused_and_nothing_in_it_is_touched() {
    for (variable, shared) in
        [("RUN_DIR", false), ("STATE_DIR", false), ("RUN_DIR", true), ("STATE_DIR", true)]
    {
        let foreign = tempfile::tempdir().unwrap();
        for folder in ["g1", "haproxy-g1"] {
            fs::create_dir(foreign.path().join(folder)).unwrap();
            fs::write(foreign.path().join(folder).join("haproxy.cfg"), "precious").unwrap();
        }
        fs::write(foreign.path().join("state.json"), "precious").unwrap();
        let mode = if shared { 0o1777 } else { 0o755 };
        fs::set_permissions(foreign.path(), Permissions::from_mode(mode)).unwrap();
        let before = content(foreign.path());
        let stage = Stage::prepared(0).await.env(variable, foreign.path().display());
        let ended = run(stage.launch()).await;
        assert_eq!(
            (ended.code, ended.stdout.len(), ended.stderr.len()),
            (Some(64), 0, 1),
            "{:?}",
            ended.stderr
        );
        let why = if shared { "is shared by all users" } else { "is not empty and has no stalls.lock" };
        let line = &ended.stderr[0];
        assert!(line.starts_with(variable) && line.contains(why), "{line}");
        assert_eq!(content(foreign.path()), before);
    }
}

#[tokio::test]
async fn a_link_in_place_of_a_lock_ends_the_start() {
    for of_run_dir in [true, false] {
        let stage = Stage::prepared(0).await;
        let directory = if of_run_dir { stage.launch().run_dir() } else { stage.state_dir() };
        let victim = tempfile::NamedTempFile::new().unwrap();
        fs::write(victim.path(), "as it was").unwrap();
        symlink(victim.path(), directory.join("stalls.lock")).unwrap();
        let ended = run(stage.launch()).await;
        assert_eq!((ended.code, ended.stderr.len()), (Some(64), 1), "{:?}", ended.stderr);
        assert_eq!(fs::read_to_string(victim.path()).unwrap(), "as it was");
    }
}

#[tokio::test]
async fn what_a_killed_predecessor_was_writing_is_removed() {
    let mut stage = Stage::with_scale(3).await;
    stage.kill().await;
    let generation = stage.launch().run_dir().join("haproxy-g1");
    let directories = [stage.launch().run_dir(), stage.state_dir(), generation];
    let unfinished = directories.map(|directory| directory.join(".new-a1B2c3"));
    unfinished.iter().for_each(|file| fs::write(file, "half").unwrap());
    let kept = stage.state_dir().join(".new-of-somebody-else");
    fs::write(&kept, "").unwrap();
    stage.start();
    stage.line(PLAN_APPLIED).await;
    stage.end().await;
    assert_eq!(unfinished.map(|file| file.exists()), [false; 3]);
    assert!(kept.exists());
}
