//! What a generation's folder is to others on the host. No HAProxy is started here.

use std::os::unix::{
    fs::{PermissionsExt, symlink},
    net::UnixListener,
};

use tempfile::TempDir;

use super::*;
use crate::{
    config::Template,
    testing::{Lines, haproxy_config, listen_settings},
};

/// A host whose HAProxy cannot be started, since only the folder is of interest.
fn host(run_dir: &TempDir) -> LocalHaproxy {
    let log = Lines::default().logger();
    let listen = listen_settings(1024);
    let renderer = Arc::new(Renderer::new(Template::built_in().unwrap(), listen));
    LocalHaproxy::new(run_dir.path().into(), "/nonexistent".into(), renderer, Children::default(), log)
}

fn first() -> Launch {
    Launch { generation: 1, config: haproxy_config("frame", [].into()).into(), inherit: None }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_generations_folder_is_for_this_user_alone() {
    let run_dir = tempfile::tempdir().unwrap();
    let host = host(&run_dir);
    host.prepare(&first()).unwrap();
    assert_eq!(mode(&host.folder(1)), 0o700);
    for file in [host.config_file(1), host.record(1)] {
        assert_eq!(mode(&file) & !0o640, 0, "{}", file.display());
    }
}

#[test]
fn a_folder_or_a_link_of_somebody_elses_is_not_used() {
    let elsewhere = tempfile::tempdir().unwrap();
    let plant: [fn(&Path, &Path); 2] =
        [|path, _| fs::create_dir(path).unwrap(), |path, elsewhere| symlink(elsewhere, path).unwrap()];
    for plant in plant {
        let run_dir = tempfile::tempdir().unwrap();
        let host = host(&run_dir);
        plant(&host.folder(1), elsewhere.path());
        assert_eq!(host.prepare(&first()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_dir(host.folder(1)).unwrap().count(), 0);
        // The next start clears it away, the link and not where it leads.
        host.leftovers().unwrap();
        assert!(!host.folder(1).exists() && elsewhere.path().exists());
    }
}

#[test]
fn a_run_directory_that_was_removed_is_made_again() {
    let parent = tempfile::tempdir().unwrap();
    let run_dir = TempDir::with_prefix_in("r", parent.path()).unwrap();
    let host = host(&run_dir);
    run_dir.close().unwrap();
    host.prepare(&first()).unwrap();
    assert_eq!(mode(&host.run_dir), 0o700);
}

#[test]
fn a_generations_folder_can_be_removed_without_a_descriptor_to_look_into_it() {
    let run_dir = tempfile::tempdir().unwrap();
    let host = host(&run_dir);
    host.prepare(&first()).unwrap();
    let _cli = UnixListener::bind(host.socket(1)).unwrap();
    host.remove_unseen(1);
    assert!(!host.folder(1).exists());
}
