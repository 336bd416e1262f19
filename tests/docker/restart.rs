//! An engine that is restarted.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

use crate::{
    engine::OwnEngine,
    harness::{BASE, SOON, Stage},
};

#[actix_rt::test]
async fn with_live_restore_nothing_is_lost_while_the_engine_restarts() {
    let mut engine = OwnEngine::start(&["--live-restore"]);
    let stage = Stage::start_with(&engine.host(), |launch| launch);
    let mut served: Vec<_> = [(BASE, engine.run("1")), (BASE + 1, engine.run("2"))].into();
    stage.await_served(served.clone()).await;
    let (mut held, _) = stage.connect(BASE).await.unwrap();
    engine.shut_down();
    stage.stalls.await_log(|line| line.to_string().contains("source fault"), SOON).await;
    stage.await_served(served.clone()).await;
    engine.boot();
    served.push((BASE + 2, engine.run("3")));
    stage.await_served(served).await;
    held.write_all(b"all the while\n").await.unwrap();
    let mut answer = String::new();
    held.read_line(&mut answer).await.unwrap();
    assert_eq!(answer, "all the while\n");
}

#[actix_rt::test]
async fn containers_that_restart_with_the_engine_get_their_ports_back() {
    let mut engine = OwnEngine::start(&[]);
    let stage = Stage::start_with(&engine.host(), |launch| launch);
    let served: Vec<_> = [(BASE, engine.run("1")), (BASE + 1, engine.run("2"))].into();
    stage.await_served(served.clone()).await;
    engine.shut_down();
    stage.await_served([]).await;
    engine.boot();
    stage.await_served(served).await;
}
