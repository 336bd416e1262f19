//! The child process, with shell scripts in the place of stalls.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use super::*;

const SOON: Duration = Duration::from_secs(5);

fn script(text: &str) -> Launch {
    let launch = Launch::new("/bin/sh", Ipv4Addr::LOCALHOST, "http://127.0.0.1:1/2015-12-19");
    launch.arg("-c").arg(text)
}

#[tokio::test]
async fn the_log_is_parsed_and_can_be_awaited_before_and_after_it_is_written() {
    let launch = script(
        r#"trap 'echo "{\"msg\":\"two\"}"; exit 0' TERM
           echo 'a word' >&2; echo '{"msg":"one"}'; echo 'no JSON'
           while :; do sleep 0.01; done"#,
    );
    let mut stalls = launch.start();
    stalls.await_log(|line| line == "no JSON", SOON).await;
    assert_eq!(stalls.await_log(|line| line["msg"] == "one", SOON).await["msg"], "one");
    let mark = stalls.log_mark();
    stalls.signal(Signal::TERM);
    stalls.await_log_from(mark, |line| line["msg"] == "two", SOON).await;
    assert!(stalls.wait(SOON).await.success());
    assert_eq!(stalls.log_lines().len(), 3);
    assert_eq!(stalls.stderr_lines(), ["a word"]);
}

#[tokio::test]
#[should_panic(expected = "the log has ended without what is awaited")]
async fn a_line_that_can_no_longer_come_is_not_awaited_to_the_end_of_the_time() {
    let launch = script("echo one");
    launch.start().await_log(|line| line == "two", Duration::from_secs(60)).await;
}

#[tokio::test]
async fn what_was_logged_before_counts_only_with_what_has_been_logged_since() {
    let launch = script(
        r#"say() { printf '{"msg":"metadata version followed","version":"%s"}\n' "$1"; }
           trap 'say one; exit 0' TERM; say one; say two; echo '{"msg":"up"}'; while :; do sleep 0.01; done"#,
    );
    let mut stalls = launch.start();
    stalls.await_log(|line| line["msg"] == "up", SOON).await;
    let one_again = stalls.await_told(|told| told.follows("one", &BTreeMap::new()).then_some(()), SOON);
    stalls.signal(Signal::TERM);
    one_again.await;
    assert!(stalls.wait(SOON).await.success());
    assert_eq!(stalls.log_mark(), 4);
}

#[tokio::test]
async fn the_environment_is_what_the_launch_says() {
    let launch = script("env").env("PORT_COUNT", 4).without("LOG_LEVEL");
    let mut stalls = launch.start();
    stalls.wait(SOON).await;
    let seen: Vec<_> = stalls.log_lines().iter().filter_map(|line| Some(line.as_str()?.to_owned())).collect();
    assert!(seen.contains(&"PORT_COUNT=4".to_owned()), "{seen:?}");
    assert!(seen.contains(&format!("RUN_DIR={}", launch.run_dir().display())), "{seen:?}");
    assert!(!seen.iter().any(|line| line.starts_with("LOG_LEVEL=") || line.starts_with("HOME=")), "{seen:?}");
}

#[tokio::test]
async fn another_program_may_start_it() {
    let launch = script(r#"echo "$RUN_DIR $MORE""#).through(&["env", "MORE=more"]);
    let mut stalls = launch.start();
    stalls.wait(SOON).await;
    assert_eq!(stalls.log_texts(), [format!("{} more", launch.run_dir().display())]);
}

#[tokio::test]
async fn leftover_haproxys_are_ended_with_the_launch_and_not_before() {
    let launch = script(
        r#"touch "$RUN_DIR/cfg"; tail -f "$RUN_DIR/cfg" </dev/null >/dev/null 2>&1 & echo '{"msg":"up"}'; wait"#,
    );
    let mut stalls = launch.start();
    stalls.await_log(|line| line["msg"] == "up", SOON).await;
    while stalls.haproxy_pids().is_empty() {
        tokio::task::yield_now().await;
    }
    let pids = stalls.haproxy_pids();
    assert_eq!(pids.len(), 1);
    stalls.kill().await;
    drop(stalls);
    assert_eq!(launch.haproxy_pids(), pids);
    let leftover = processes::handle(pids[0]).expect("it is running");
    drop(launch);
    assert!(processes::ends_within(&leftover, Duration::ZERO));
}

#[tokio::test]
async fn a_process_that_ignores_the_end_of_its_test_is_killed() {
    let launch = script("trap '' TERM; echo up; while :; do sleep 0.01; done");
    let stalls = launch.start();
    stalls.await_log(|line| line == "up", SOON).await;
    let process = processes::handle(stalls.pid()).expect("it is running");
    drop(stalls);
    assert!(processes::ends_within(&process, Duration::ZERO));
}
