//! What other users of the host can do with the directories of stalls.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{FileTypeExt, PermissionsExt, symlink},
    path::Path,
};

use stalls_lab::stalls::messages::{DIRECTORY_NOT_LOCKED, WORLD_WRITE_REMOVED};

use crate::harness::{Stage, until};

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
async fn directories_that_others_could_write_to_are_closed_and_their_links_not_followed() {
    let mut stage = Stage::prepared(3).await;
    let (run_dir, state_dir) = (stage.launch().run_dir(), stage.state_dir());
    let precious = tempfile::tempdir().unwrap();
    let victim = precious.path().join("victim");
    fs::write(&victim, "as it was").unwrap();
    for directory in [&run_dir, &state_dir] {
        fs::set_permissions(directory, Permissions::from_mode(0o1777)).unwrap();
    }
    for link in
        [run_dir.join("haproxy.cfg"), state_dir.join("state.json"), state_dir.join("state.json.unreadable")]
    {
        symlink(&victim, link).unwrap();
    }
    symlink(precious.path(), run_dir.join("g1")).unwrap();
    stage = stage.started().await;
    for directory in [&run_dir, &state_dir] {
        assert_eq!(mode(directory), 0o1775);
    }
    assert_eq!(stage.lines(WORLD_WRITE_REMOVED).len(), 2);
    until("a saved state", || state_dir.join("state.json").is_file()).await;
    until("a state of its own", || !state_dir.join("state.json").is_symlink()).await;
    until("a copy of its own", || !run_dir.join("haproxy.cfg").is_symlink()).await;
    assert_eq!(fs::read_to_string(&victim).unwrap(), "as it was");
    assert_eq!(fs::read_dir(precious.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_link_in_place_of_a_lock_ends_the_start() {
    for of_run_dir in [true, false] {
        let mut stage = Stage::prepared(0).await;
        let directory = if of_run_dir { stage.launch().run_dir() } else { stage.state_dir() };
        let victim = tempfile::NamedTempFile::new().unwrap();
        fs::write(victim.path(), "as it was").unwrap();
        symlink(victim.path(), directory.join("lock")).unwrap();
        stage.start();
        assert_eq!(stage.ended().await.code(), Some(64));
        assert_eq!(stage.lines(DIRECTORY_NOT_LOCKED).len(), 1);
        assert_eq!(fs::read_to_string(victim.path()).unwrap(), "as it was");
    }
}
