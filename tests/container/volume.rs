//! The volume on which stalls saves which container has which port.

use stalls_lab::stalls::messages::{PLAN_APPLIED, SAVED_UNUSABLE};

use crate::harness::{Run, Stage, docker, stalls_image};

/// Runs a shell's command line on the volume, as this user.
fn on_volume(volume: &str, user: &str, command: &str) -> String {
    let run = ["run", "--rm", "--network=none", "--entrypoint=sh", "--volume", volume, "--user", user];
    docker(&[&run[..], &[&stalls_image(), "-c", command]].concat())
}

#[test]
fn a_volume_that_cannot_be_used_ends_the_start_with_the_reason() {
    let stage = Stage::prepared(0);
    let read_only = stage.stalls();
    let volume = format!("{}:ro", read_only.volume);
    let [foreign_lock, foreign] = [stage.stalls(), stage.stalls()];
    // An empty one would be given to the image's user with each start.
    let in_it =
        |run: &Run, command: &str| on_volume(&run.volume, "0", &format!("cd /var/lib/stalls; {command}"));
    in_it(&foreign_lock, "touch stalls.lock; chown 0:0 .");
    in_it(&foreign, "touch file");
    for (run, expected, reason) in [
        (read_only.volume(volume), 75, "Read-only file system"),
        (foreign_lock, 75, "Permission denied"),
        (foreign, 64, "is not empty and has no stalls.lock"),
    ] {
        let (code, written) = run.ended_by_itself();
        assert_eq!(code, Some(expected), "{written}");
        for part in ["/var/lib/stalls", reason] {
            assert!(written.contains(part), "{written}");
        }
    }
}

#[tokio::test]
async fn a_volume_that_another_version_has_written_is_set_aside_and_used() {
    let stage = Stage::prepared(3);
    let stalls = stage.stalls().start();
    stage.settled().await;
    stalls.stop();
    let volume = stalls.volume.clone();
    let of_the_next_version = r#"{"version": 2, "ports": {"5000": "web-1"}}"#;
    on_volume(&volume, "10001", &format!("echo '{of_the_next_version}' >/var/lib/stalls/state.json"));
    let stalls = stalls.start_anew();
    stage.settled().await;
    let lost = stalls.said(SAVED_UNUSABLE, 1).await;
    assert!(lost["error"].as_str().unwrap().contains("its version is 2"), "{lost}");
    stalls.said(PLAN_APPLIED, 1).await;
    stalls.stop();
    let found = |command: &str| on_volume(&volume, "10001", &format!("cd /var/lib/stalls; {command}"));
    assert_eq!(found("cat state.json.unreadable"), of_the_next_version);
    assert_eq!(found(r#"grep '"version"' state.json"#).trim(), r#""version": 1,"#);
}
