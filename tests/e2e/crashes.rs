//! HAProxy dies, or fails to start.

use std::{fs, time::Duration};

use stalls_lab::stalls::{
    Signal,
    messages::{DIED, FAILED_TO_START, HAPROXY_SAYS, PORT_UNBINDABLE, SERVES},
};
use tokio::time::sleep;

use crate::harness::{BASE, Bystanders, Churn, Script, Stage, times, until};

/// Lets HAProxy check a configuration, but serve only if the file `ok` is there.
const SERVES_IF_OK: &str = r#"case " $* " in
*" -c "*) exec "$HAPROXY" "$@" ;;
esac
[ -e "$(dirname "$0")/ok" ] || { echo 'no luck today' >&2; exit 1; }
exec "$HAPROXY" "$@""#;

#[tokio::test]
async fn a_killed_haproxy_is_replaced_and_the_mapping_is_the_same() {
    let stage = Stage::with_scale(3).await;
    let killed = stage.haproxy().await;
    stage.stalls().signal_haproxy(Signal::KILL);
    stage.settled().await;
    assert_ne!(stage.haproxy().await, killed);
    assert_eq!(stage.line(DIED).await["haproxy_pid"], killed);
}

#[tokio::test]
async fn a_haproxy_that_is_killed_again_and_again_comes_back() {
    let mut stage = Stage::with_scale(3).await;
    let mut bystanders = Bystanders::begin(&stage).await;
    for kills in 1..=4 {
        stage.haproxy().await;
        bystanders.let_break(&stage);
        stage.stalls().signal_haproxy(Signal::KILL);
        stage.expect_lines(SERVES, kills + 1).await;
        bystanders.recover(&stage).await;
        stage.expect_lines(DIED, kills).await;
    }
    bystanders.change(&mut stage, |world| world.web().scale_to(4)).await;
    bystanders.follow(&stage).await;
    bystanders.end().await;
    stage.end().await;
}

#[tokio::test]
async fn when_both_haproxies_die_amid_a_reload_the_change_is_served() {
    let mut stage = Stage::prepared(3).await.with_reloads().started().await;
    for scale in [4, 3, 5] {
        stage.haproxy().await;
        // Without it the old one might be gone before the test looks.
        let _held = stage.hold(BASE).await;
        stage.change(|world| world.web().scale_to(scale)).await;
        until("a reload", || stage.launch().haproxy_pids().len() == 2).await;
        stage.stalls().signal_haproxy(Signal::KILL);
        stage.settled().await;
    }
}

#[tokio::test]
async fn a_haproxy_that_dies_amid_changes_misleads_no_client() {
    // Each stalls instance would wait longer and longer before it starts the next HAProxy.
    for _ in 0..times(1, 4) {
        dies_amid_changes(5).await;
    }
}

async fn dies_amid_changes(kills: usize) {
    let mut stage = Churn::stage().await;
    let mut churn = Churn::begin(&stage).await;
    for _ in 0..kills {
        stage.haproxy().await;
        churn.expect_outage(&stage);
        for _ in 0..=churn.random(2) {
            let things = 1 + churn.random(20);
            churn.change(&mut stage, things).await;
            sleep(Duration::from_micros(churn.random(20_000) as u64)).await;
        }
        stage.stalls().signal_haproxy(Signal::KILL);
        churn.settle(&stage).await;
    }
    churn.end(&stage).await;
    assert_eq!(
        stage.lines(PORT_UNBINDABLE).len(),
        0,
        "the ports of a dying HAProxy are not taken by another program"
    );
    assert_eq!(stage.lines(SERVES).len(), kills + 1);
    drop(churn);
    stage.end().await;
}

#[tokio::test]
async fn a_haproxy_that_ends_at_once_is_tried_again_at_growing_pauses() {
    let haproxy = Script::new(SERVES_IF_OK);
    let mut stage = Stage::prepared(3).await.env("HAPROXY_BIN", haproxy.path().display());
    stage.start();
    let mut mark = 0;
    let mut pauses = Vec::new();
    for _ in 0..4 {
        let failed = stage.line_after(mark, FAILED_TO_START).await;
        pauses.push(failed["retry_ms"].as_u64().expect("a number of milliseconds"));
        mark = stage.stalls().log_mark();
    }
    assert!(pauses.is_sorted() && pauses[1] < pauses[3], "{pauses:?}");
    let words = stage.lines(HAPROXY_SAYS);
    assert!(words.iter().any(|line| line["line"] == "no luck today"), "{words:?}");

    stage.change(|world| world.web().scale_to(5)).await;
    stage.decided().await;
    fs::write(haproxy.beside("ok"), "").unwrap();
    stage.settled().await;
}

#[tokio::test]
async fn while_new_haproxys_fail_to_start_the_old_one_serves() {
    let haproxy = Script::new(SERVES_IF_OK);
    fs::write(haproxy.beside("ok"), "").unwrap();
    let stage = Stage::prepared(3).await.env("HAPROXY_BIN", haproxy.path().display());
    let mut stage = stage.with_reloads().started().await;
    let pid = stage.haproxy().await;
    let mut held = stage.hold(BASE).await;

    fs::remove_file(haproxy.beside("ok")).unwrap();
    let old = stage.uuid(1);
    stage.server.change(|world| world.web().scale_to(4));
    assert_eq!(stage.line(FAILED_TO_START).await["old_one_serves"], true);
    assert_eq!(stage.haproxy().await, pid);
    stage.expect_port(BASE, &old).await;
    assert_eq!(stage.steps(), ["start"], "the log says that a plan is applied, which is not");

    fs::write(haproxy.beside("ok"), "").unwrap();
    stage.containers_follow().await;
    stage.settled().await;
    assert_eq!(held.check().await, Ok(()));
}

#[tokio::test]
async fn a_haproxy_that_dies_while_its_binary_is_missing_comes_back_with_it() {
    let haproxy = Script::new(r#"exec "$HAPROXY" "$@""#);
    let stage = Stage::prepared(3).await.env("HAPROXY_BIN", haproxy.path().display());
    let mut stage = stage.started().await;
    let mut bystanders = Bystanders::begin(&stage).await;
    fs::rename(haproxy.path(), haproxy.beside("away")).unwrap();
    // A change does not need the binary.
    bystanders.change(&mut stage, |world| world.web().scale_to(4)).await;
    bystanders.follow(&stage).await;
    stage.assert_calm();

    bystanders.let_break(&stage);
    stage.stalls().signal_haproxy(Signal::KILL);
    let mut mark = 0;
    for _ in 0..3 {
        let failed = stage.line_after(mark, FAILED_TO_START).await;
        assert!(failed["error"].as_str().unwrap().contains("No such file"), "{failed}");
        mark = stage.stalls().log_mark();
    }
    bystanders.change(&mut stage, |world| world.web().scale_to(5)).await;
    fs::rename(haproxy.beside("away"), haproxy.path()).unwrap();
    stage.line_after(mark, SERVES).await;
    bystanders.recover(&stage).await;
    bystanders.end().await;
    stage.expect_lines(DIED, 1).await;
    stage.expect_lines(SERVES, 2).await;
    stage.end().await;
}

#[tokio::test]
async fn a_haproxy_that_another_program_told_to_drain_is_replaced_with_the_next_change() {
    let mut stage = Stage::with_scale(3).await;
    let (old, mut held) = (stage.haproxy().await, stage.hold(BASE).await);
    stage.stalls().signal_haproxy(Signal::USR1);
    stage.expect_refused(BASE).await;
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
    assert_eq!(held.check().await, Ok(()));
    drop(held);
    assert_ne!(stage.haproxy().await, old);
    stage.end().await;
}
