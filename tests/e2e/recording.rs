//! What stalls decided from is recorded, and decided upon once more.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use stalls_lab::{
    metadata::World,
    stalls::messages::{FLAPPING, GONE, LINGER, LISTED_AGAIN, NOT_MAPPED},
};

use crate::harness::{BASE, Stage, run};

fn record_dir(stage: &Stage) -> PathBuf {
    stage.state_dir().with_file_name("recorded")
}

/// stalls records, as users have it otherwise.
async fn recording(scale: usize) -> Stage {
    let stage = Stage::prepared(scale).await.without("LINGER_MS");
    let dir = record_dir(&stage);
    stage.env("RECORD_DIR", dir.display()).started().await
}

/// What `stalls replay` prints of the stage's recording with these arguments, and that all was as recorded.
async fn replay(stage: &Stage, arguments: &[&str]) -> String {
    let mut launch = stage.launch().clone().arg("replay").arg(record_dir(stage).to_str().unwrap());
    for argument in arguments {
        launch = launch.arg(argument);
    }
    let ended = run(&launch).await;
    assert_eq!((ended.code, ended.stderr), (Some(0), vec![]), "{:#?}", ended.stdout);
    ended.stdout.join("\n")
}

#[track_caller]
fn assert_says(text: &str, sentences: &[&str]) {
    for sentence in sentences {
        assert!(text.contains(sentence), "{sentence:?} is not in\n{text}");
    }
}

#[tokio::test]
async fn an_upgrade_is_explained() {
    let mut stage = recording(3).await;
    let (older, newer) = (stage.uuid(1), stage.server.change(|world| world.web().begin_upgrade(1)));
    assert_eq!(stage.line(NOT_MAPPED).await["kind"], "not_ready");
    stage.containers_follow().await;
    stage.expect_port(BASE, &newer).await;
    stage.change(|world| world.web().finish_upgrade(1)).await;
    stage.caught_up().await;
    stage.end().await;
    let all = replay(&stage, &[]).await;
    assert_says(
        &all,
        &[": stalls ", " 5000  leads to ", "its index is 2 (rule 2)", ", each as it was recorded"],
    );
    let explained = replay(&stage, &["--explain", "5000"]).await;
    let (older, newer) = (&older[..8], &newer[..8]);
    assert_says(
        &explained,
        &[
            &format!("({newer}) is listed: state running"),
            &format!("({newer}) is not mapped: the container"),
            &format!("({newer}) accepts a connection"),
            "of the containers with index 1 it is the newest that is ready",
            &format!("({older}) is not listed any more"),
        ],
    );
    assert!(!explained.contains(" 5001  "), "{explained}");
    let json = replay(&stage, &["--json", "--explain", "5000"]).await;
    let lines = json.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    assert!(lines.filter(|line| line["kind"] == "change").all(|line| line["port"] == 5000));
}

#[tokio::test]
async fn a_partial_answer_and_a_scale_down_are_explained() {
    let mut stage = recording(4).await;
    let whole = stage.server.read(World::clone);
    stage.server.change(|world| [2, 3].into_iter().for_each(|index| world.web().remove(index)));
    stage.line(LINGER).await;
    stage.server.change(|world| *world = whole);
    stage.line(LISTED_AGAIN).await;
    stage.change(|world| world.web().scale_to(3)).await;
    stage.line(GONE).await;
    stage.settled().await;
    stage.end().await;
    let explained = replay(&stage, &["--explain", "5002"]).await;
    assert_says(
        &explained,
        &["keeps the port while it shows that it is there (rule 6)", "is listed again (rule 6)"],
    );
    let explained = replay(&stage, &["--explain", "5003"]).await;
    assert_says(&explained, &[" 5003  refuses; ", "it was missing, and is not there any more (rule 6)"]);
}

#[tokio::test]
async fn a_flapping_container_is_explained() {
    let mut stage = recording(2).await;
    for state in ["stopped", "starting", "running", "stopped", "starting", "running"] {
        stage.server.change(|world| world.web().set_state(1, state));
        stage.caught_up().await;
    }
    stage.line(FLAPPING).await;
    stage.settled().await;
    stage.end().await;
    let explained = replay(&stage, &["--explain", "5000"]).await;
    assert_says(
        &explained,
        &[r#"its state is "stopped" (rule 1)"#, "frozen until it has been steady for 30 s (rule 9)"],
    );
}

#[tokio::test]
async fn a_kill_and_a_restart_lose_nothing_of_it() {
    let mut stage = recording(2).await;
    stage.change(|world| world.web().scale_to(3)).await;
    stage.settled().await;
    stage.kill_and_start().await;
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
    stage.end().await;
    let text = replay(&stage, &[]).await;
    assert_says(&text, &["recording-00000001.jsonl: ", "recording-00000002.jsonl: ", " 5003  leads to "]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let dir = record_dir(&stage);
    assert_eq!((mode(&dir), mode(&dir.join("recording-00000002.jsonl"))), (0o700, 0o600));
}

#[tokio::test]
async fn somebody_elses_directory_is_refused_and_left_as_it_is() {
    let stage = Stage::prepared(0).await;
    let dir = record_dir(&stage);
    fs::create_dir(&dir).unwrap();
    let precious = dir.join("recording-00000001.jsonl");
    fs::write(&precious, "as it was").unwrap();
    let ended = run(&stage.launch().clone().env("RECORD_DIR", dir.display())).await;
    assert_eq!(ended.code, Some(64));
    assert!(ended.stderr[0].starts_with("RECORD_DIR="), "{:?}", ended.stderr);
    assert_eq!(fs::read_to_string(precious).unwrap(), "as it was");
}

#[tokio::test]
async fn what_is_no_recording_is_an_error() {
    let stage = Stage::prepared(0).await;
    let ended = run(&stage.launch().clone().arg("replay").arg("/nonexistent")).await;
    assert_eq!((ended.code, ended.stderr.len()), (Some(64), 1));
    assert!(ended.stderr[0].starts_with("stalls replay: /nonexistent: "), "{:?}", ended.stderr);
}
