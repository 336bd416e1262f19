//! stalls is asked to end.

use serde_json::{Value, json};
use stalls_lab::{
    client::Held,
    metadata::Fault,
    stalls::{
        Signal,
        messages::{CONNECTIONS_CUT, ENDS, FAILED_TO_START, STARTS},
    },
};

use crate::harness::{BASE, POOL, Script, Stage};

/// stalls is asked to end, waits for this connection to the first port, and exits with 0.
async fn drains_to_its_end(stage: &mut Stage, mut held: Held) {
    stage.signal(Signal::TERM);
    stage.expect_refused(BASE).await;
    assert_eq!(held.check().await, Ok(()));
    assert!(stage.is_running());
    drop(held);
    stage.ended_well().await;
}

#[tokio::test]
async fn sigterm_with_nothing_open_ends_promptly() {
    let mut stage = Stage::with_scale(3).await;
    stage.end().await;
    let end = stage.line(ENDS).await;
    assert_eq!(end["exit_code"], 0);
    assert_eq!(stage.lines(CONNECTIONS_CUT).len(), 0);
}

#[tokio::test]
async fn after_sigterm_new_connections_are_refused_and_open_ones_go_on() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut stage = Stage::with_scale(3).await;
        let mut held = stage.hold(BASE).await;
        stage.signal(signal);
        for port in BASE..BASE + POOL {
            stage.expect_refused(port).await;
        }
        assert_eq!(held.check().await, Ok(()));
        assert!(stage.is_running());
        drop(held);
        stage.ended_well().await;
    }
}

#[tokio::test]
async fn connections_that_outlast_the_drain_time_are_cut() {
    let mut stage = Stage::prepared(3).await.env("DRAIN_MS", 300).started().await;
    let mut held = [stage.hold(BASE).await, stage.hold(BASE).await, stage.hold(BASE + 1).await];
    stage.signal(Signal::TERM);
    stage.ended_well().await;
    for held in &mut held {
        assert!(held.check().await.is_err());
    }
    let cut = stage.line(CONNECTIONS_CUT).await;
    assert_eq!(cut["level"], "warning");
    // A machine that is busy enough does not count them in time; no stop waits for that.
    assert!([json!(3), Value::Null].contains(&cut["connections"]), "{cut}");
}

#[tokio::test]
async fn connections_to_a_container_that_has_been_replaced_are_waited_for_too() {
    let mut stage = Stage::with_scale(3).await;
    let held = stage.hold(BASE).await;
    let newer = stage.change(|world| world.web().begin_upgrade(1)).await;
    stage.expect_port(BASE, &newer).await;
    drains_to_its_end(&mut stage, held).await;
}

#[tokio::test]
async fn the_connections_of_a_process_that_drains_already_are_waited_for_too() {
    let mut stage = Stage::prepared(3).await.with_reloads().started().await;
    let held = stage.hold(BASE).await;
    stage.change(|world| world.web().scale_to(4)).await;
    stage.settled().await;
    drains_to_its_end(&mut stage, held).await;
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    for (second, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let mut stage = Stage::with_scale(3).await;
        let mut held = stage.hold(BASE).await;
        stage.signal(Signal::TERM);
        stage.expect_refused(BASE).await;
        stage.signal(second);
        assert_eq!(stage.ended().await.code(), Some(code));
        assert!(held.check().await.is_err());
        stage.nothing_is_left().await;
    }
}

#[tokio::test]
async fn sigterm_works_before_there_is_any_metadata() {
    let mut stage = Stage::prepared(3).await;
    stage.server.fault(Fault::Hang).await;
    stage.start();
    stage.line(STARTS).await;
    stage.server.await_requests(|requests| requests.version > 0, crate::harness::SOON).await;
    stage.end().await;
}

#[tokio::test]
async fn sigterm_works_while_the_metadata_hangs() {
    let mut stage = Stage::with_scale(3).await;
    stage.server.fault(Fault::Hang).await;
    stage.end().await;
}

#[tokio::test]
async fn sigterm_works_while_haproxy_keeps_dying() {
    let haproxy = Script::new(r#"case " $* " in *" -c "*) exec "$HAPROXY" "$@" ;; esac; exit 1"#);
    let mut stage = Stage::prepared(3).await.env("HAPROXY_BIN", haproxy.path().display());
    stage.start();
    stage.line(FAILED_TO_START).await;
    stage.end().await;
}

#[tokio::test]
async fn sigterm_works_while_haproxy_does_not_answer() {
    // No process ever writes to that FIFO, and the shell itself waits for one: another one's `-c` would be taken for
    // HAProxy's.
    let haproxy = Script::new(
        r#"case " $* " in *" -c "*) exec "$HAPROXY" "$@" ;; esac
mkfifo "$0.never" 2>/dev/null
read -r _ <"$0.never""#,
    );
    let mut stage = Stage::prepared(3).await.env("HAPROXY_BIN", haproxy.path().display());
    stage.start();
    stage.haproxy().await;
    stage.end().await;
}

#[tokio::test]
async fn sigterm_works_amid_reloads() {
    for changes in [1, 3, 7, 12] {
        let stage = Stage::prepared(3).await.with_reloads().started().await;
        end_amid(stage, changes).await;
    }
}

#[tokio::test]
async fn sigterm_works_amid_changes() {
    for changes in [1, 3, 7, 12] {
        end_amid(Stage::with_scale(3).await, changes).await;
    }
}

async fn end_amid(mut stage: Stage, changes: usize) {
    for change in 0..changes {
        stage.change(|world| world.web().scale_to(4 + change % 2)).await;
        tokio::time::sleep(std::time::Duration::from_millis(fastrand::u64(..20))).await;
    }
    stage.end().await;
}
