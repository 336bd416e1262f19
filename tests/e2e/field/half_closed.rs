//! Public source: httpwg/http-core#22, jpillora/chisel#535: one side of a connection ends what it sends, and the other
//! one answers much later.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use crate::harness::{BACKEND_PORT, BASE, SOON, Stage};

/// Longer than the 30 s after which stalls once cut a half-closed connection.
const LATE: Duration = Duration::from_secs(40);

/// A second, and what a busy machine adds; far below what ended half-closed connections before.
const SILENT: Duration = Duration::from_secs(15);

/// A container, and a client of its port.
struct Pair {
    _stage: Stage,
    client: TcpStream,
    container: TcpStream,
}

impl Pair {
    async fn connected(stage: Stage) -> Self {
        let stage = stage.started().await;
        let address = stage.server.change(|world| {
            world.web().scale_to(1);
            world.web().container(1).address()
        });
        let listener = TcpListener::bind((address, BACKEND_PORT)).await.unwrap();
        stage.applied().await;
        let client = TcpStream::connect(stage.address(BASE)).await.unwrap();
        let (container, _) = timeout(SOON, listener.accept()).await.expect("the port leads here").unwrap();
        Self { _stage: stage, client, container }
    }
}

async fn stage() -> Stage {
    Stage::prepared(0).await
}

async fn shut(stream: &mut TcpStream, last: &str) {
    stream.write_all(last.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut received = String::new();
    timeout(SOON, stream.read_to_string(&mut received)).await.expect("it ends").unwrap();
    received
}

/// The first one shuts its side; the second one answers late.
async fn answers_late(first: &mut TcpStream, second: &mut TcpStream) {
    shut(first, "question").await;
    assert_eq!(read_to_end(second).await, "question");
    sleep(LATE).await;
    // What was cut would be an error here, or an empty answer there.
    shut(second, "answer").await;
    assert_eq!(read_to_end(first).await, "answer");
}

#[tokio::test]
#[ignore = "it takes longer than the limit that there was, make check has it"]
async fn the_side_that_has_not_shut_answers_after_40_s() {
    let (mut one, mut other) = (Pair::connected(stage().await).await, Pair::connected(stage().await).await);
    tokio::join!(
        answers_late(&mut one.client, &mut one.container),
        answers_late(&mut other.container, &mut other.client),
    );
}

#[tokio::test]
async fn the_idle_timeout_ends_silent_connections_half_closed_or_not() {
    let limited = async || Pair::connected(stage().await.env("IDLE_TIMEOUT_MS", 1000)).await;
    let (mut idle, mut half_closed) = tokio::join!(limited(), limited());
    shut(&mut half_closed.client, "question").await;
    assert_eq!(read_to_end(&mut half_closed.container).await, "question");
    for pair in [&mut idle, &mut half_closed] {
        let mut nothing = [0];
        let ended = timeout(SILENT, pair.client.read(&mut nothing)).await.expect("a silent connection ends");
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    }
}
