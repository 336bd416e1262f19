//! What the server does when it is to be wrong.

use super::*;

#[tokio::test]
async fn faults_that_are_answers() {
    let server = start(|_| {}).await;
    let url = "http://127.0.0.1:1/".to_owned();
    for (fault, status, body) in [
        (Fault::NotFound, 404, "{\"code\":404,\"message\":\"Not found\",\"type\":\"error\"}\n"),
        (Fault::InvalidVersion, 404, "{\"code\":404,\"message\":\"Invalid version\",\"type\":\"error\"}\n"),
        (Fault::InternalError, 500, "Internal Server Error\n"),
        (Fault::Redirect(url), 302, ""),
        (Fault::Html, 200, "<!DOCTYPE html><html><body>Please log in.</body></html>\n"),
        (Fault::BadJson, 200, "{\"name\": \"web\", \"containers\": [{\"name\": \"app-w"),
        (Fault::WrongTypes, 200, "{\"containers\":7,\"name\":[\"web\"],\"scale\":\"three\"}"),
        (Fault::EmptyBody, 200, ""),
        (Fault::Body("{}".into()), 200, "{}"),
    ] {
        server.fault(fault.clone()).await;
        let answer = raw(&server, WEB, "Accept: application/json\r\n").await.expect("an answer");
        assert_eq!(&answer[9..12], status.to_string(), "{fault:?}");
        assert_eq!(answer.split_once("\r\n\r\n").map(|(_, body)| body), Some(body), "{fault:?}");
    }
    server.clear_fault().await;
    assert_eq!(get(&server, WEB).await.0, 200);
}

#[tokio::test]
async fn refuse_closes_the_port_until_the_fault_is_cleared() {
    let server = start(|_| {}).await;
    let mut waiting = send(&server, &long_poll(&server.version(), 60), "").await;
    server.await_caught_up(SOON).await;
    server.fault(Fault::Refuse).await;
    let refused = TcpStream::connect(server.address()).await.expect_err("nobody listens");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert!(matches!(waiting.read(&mut [0]).await, Ok(0) | Err(_)), "the old connection has ended");
    server.clear_fault().await;
    assert_eq!(get(&server, WEB).await.0, 200);
}

#[tokio::test]
async fn hang_answers_when_it_has_ended() {
    let server = start(|_| {}).await;
    server.fault(Fault::Hang).await;
    let mut waiting = pin!(get(&server, WEB));
    let answer = time::timeout(Duration::from_millis(100), &mut waiting).await;
    assert!(answer.is_err(), "{answer:?}");
    server.clear_fault().await;
    assert_eq!(waiting.await.0, 200);
}

#[tokio::test]
async fn close_and_abort_end_the_connection_without_a_word() {
    let server = start(|_| {}).await;
    server.fault(Fault::Close).await;
    assert_eq!(raw(&server, WEB, "").await.expect("an orderly end"), "");
    server.fault(Fault::Abort).await;
    let error = raw(&server, WEB, "").await.expect_err("a reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn truncated_promises_more_than_it_sends() {
    let server = start(|_| {}).await;
    let whole = get(&server, WEB).await.1.to_string();
    server.fault(Fault::Truncated).await;
    let answer = raw(&server, WEB, "Accept: application/json\r\n").await.expect("an orderly end");
    assert!(answer.contains(&format!("\r\nContent-Length: {}\r\n", whole.len())), "{answer}");
    assert!(answer.ends_with(&whole[..whole.len() / 2]));
}

#[tokio::test]
async fn a_truncated_chunk_promises_nothing() {
    let server = start(|_| {}).await;
    let whole = get(&server, WEB).await.1.to_string();
    server.fault(Fault::TruncatedChunk).await;
    let answer = raw(&server, WEB, "Accept: application/json\r\n").await.expect("an orderly end");
    assert!(answer.contains("\r\nTransfer-Encoding: chunked\r\n"), "{answer}");
    assert!(answer.ends_with(&format!("\r\n{}\r\n", &whole[..whole.len() / 2])), "{answer}");
}

#[tokio::test]
async fn stall_sends_the_other_half_when_it_has_ended() {
    let server = start(|_| {}).await;
    server.fault(Fault::Stall).await;
    let mut stream = send(&server, VERSION, "Accept: application/json\r\nConnection: close\r\n").await;
    let mut answer = Vec::new();
    let reading = time::timeout(Duration::from_millis(200), stream.read_to_end(&mut answer)).await;
    assert!(reading.is_err(), "there is more to come");
    let body = |answer: &[u8]| {
        let answer = String::from_utf8_lossy(answer).into_owned();
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    };
    let whole = Value::from(server.version()).to_string();
    assert_eq!(body(&answer).as_deref(), Some(&whole[..whole.len() / 2]));
    server.clear_fault().await;
    stream.read_to_end(&mut answer).await.expect("the rest");
    assert_eq!(body(&answer), Some(whole));
}

#[tokio::test]
async fn raw_bytes_are_sent_as_they_are() {
    let server = start(|_| {}).await;
    server.fault(Fault::Raw(b"no HTTP".to_vec())).await;
    assert_eq!(raw(&server, WEB, "").await.expect("an orderly end"), "no HTTP");
}

#[tokio::test]
async fn a_connection_can_end_after_an_answer_or_when_it_is_used_again() {
    let server = start(|_| {}).await;
    for (fault, requests) in [(Fault::CloseAfterAnswer, 1), (Fault::CloseOnReuse, 2)] {
        server.fault(fault).await;
        let before = server.requests().version;
        let mut stream = send(&server, VERSION, "").await;
        let again = format!("GET {VERSION} HTTP/1.1\r\n\r\n");
        if requests == 2 {
            stream.write_all(again.as_bytes()).await.expect("the server reads");
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an orderly end");
        assert!(answer.ends_with(&server.version()), "{answer}");
        assert_eq!((answer.matches("HTTP/1.1").count(), server.requests().version), (1, before + requests));
    }
}

#[tokio::test]
async fn reset_breaks_the_connection() {
    let server = start(|_| {}).await;
    server.fault(Fault::Reset).await;
    let error = raw(&server, WEB, "").await.expect_err("a reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn drip_sends_the_body_byte_by_byte() {
    let server = start(|_| {}).await;
    server.fault(Fault::Drip).await;
    let mut stream = send(&server, VERSION, "").await;
    let mut answer = Vec::new();
    let reading = time::timeout(Duration::from_millis(200), stream.read_to_end(&mut answer)).await;
    assert!(reading.is_err(), "there is more to come");
    let answer = String::from_utf8_lossy(&answer);
    assert_eq!(answer.split_once("\r\n\r\n").map(|(_, body)| body.len()), Some(1), "{answer}");
    server.clear_fault().await;
    let version = server.version();
    let mut rest = vec![0; version.len() - 1];
    stream.read_exact(&mut rest).await.expect("the rest comes at once");
    assert!(version.as_bytes().ends_with(&rest));
}

#[tokio::test]
async fn huge_sends_as_much_as_it_is_told() {
    let server = start(|_| {}).await;
    server.fault(Fault::Huge(300_000)).await;
    let (_, body) = get(&server, WEB).await;
    assert_eq!(body.to_string().len(), 300_000);
}

#[tokio::test]
async fn a_version_can_be_another_each_time_and_answer_at_once() {
    let server = start(|_| {}).await;
    let old = server.version();
    server.fault_only(Scope::Version, Fault::RandomVersion).await;
    let versions = [get(&server, &long_poll(&old, 60)).await, get(&server, &long_poll(&old, 60)).await];
    assert_ne!(versions[0], versions[1]);
    assert_eq!(server.version(), old);
}

#[tokio::test]
async fn a_fault_stays_within_its_scope() {
    let server = start(|_| {}).await;
    server.fault_only(Scope::Documents, Fault::InternalError).await;
    assert_eq!((get(&server, VERSION).await.0, get(&server, WEB).await.0), (200, 500));
    server.fault_only(Scope::Version, Fault::InternalError).await;
    assert_eq!((get(&server, VERSION).await.0, get(&server, WEB).await.0), (500, 200));
}

#[tokio::test]
async fn a_fault_reaches_the_long_polls_that_wait_already() {
    let server = start(|_| {}).await;
    let target = long_poll(&server.version(), 60);
    let (answer, ()) = tokio::join!(get(&server, &target), async {
        server.await_caught_up(SOON).await;
        server.fault(Fault::InternalError).await;
    });
    assert_eq!(answer.0, 500);
}
