//! What a generation is started with. No HAProxy is started here.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::{
    config::Template,
    testing::{Lines, haproxy_config, listen_settings},
};

/// A host whose HAProxy cannot be started, since only the files are of interest.
fn host(run_dir: PathBuf) -> LocalHaproxy {
    let log = Lines::default().logger();
    let listen = listen_settings(1024);
    let renderer = Arc::new(Renderer::new(Template::built_in().unwrap(), listen));
    LocalHaproxy::new(run_dir, "/nonexistent".into(), renderer, Children::default(), log)
}

#[test]
fn the_files_of_a_generation_are_closed_to_others() {
    let run_dir = tempfile::tempdir().unwrap();
    let host = host(run_dir.path().into());
    let config = haproxy_config("frame", [].into()).into();
    host.prepare(&Launch { generation: 1, config, inherit: None }).unwrap();
    for file in [host.dirs.config_file(1), host.dirs.record(1)] {
        let mode = fs::symlink_metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777 & !0o640, 0, "{}", file.display());
    }
}

/// A process of this name, which reads until it is ended.
fn reader(name: &str) -> std::process::Child {
    use std::os::unix::process::CommandExt;

    let mut command = std::process::Command::new("cat");
    command.arg0(name).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
}

#[tokio::test]
async fn a_process_that_is_none_of_ours_any_more_is_not_signalled() {
    let run_dir = tempfile::tempdir().unwrap();
    let host = host(run_dir.path().into());
    // As if it had got the number of a HAProxy that has ended.
    let mut stranger = reader("haproxy");
    host.signal(1, stranger.id(), Signal::KILL);
    drop(stranger.stdin.take());
    assert!(stranger.wait().unwrap().success(), "it was signalled");
    let mut child = host.children.spawn(Command::new("cat").stdin(Stdio::piped())).unwrap();
    host.signal(1, child.pid, Signal::KILL);
    assert_eq!(child.wait().await.unwrap().signal(), Some(9));
}
