//! Just enough of HTTP/1.1 to answer well, and to answer badly to the byte.

use std::io;

use percent_encoding::percent_decode_str;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Go's HTTP server sends longer bodies in chunks, since it no longer knows their length.
const MAX_BUFFERED_BODY: usize = 2048;

/// Longer request heads are refused, by ending the connection.
const MAX_HEAD: usize = 16 * 1024;

/// A client's connection.
pub(super) struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
    requests: u64,
}

/// A request's head; nobody sends the metadata service a body.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// The path's segments, decoded; the root has none.
    pub(super) path: Vec<String>,
    query: Vec<(String, String)>,
    pub(super) wants_json: bool,
    /// Whether the client wants the connection closed after the answer.
    pub(super) is_last: bool,
}

/// An answer whose Content-Type is, as always, plain text.
#[derive(Clone, Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) location: Option<String>,
}

impl Request {
    fn parse(target: &str, headers: &[httparse::Header<'_>]) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = path.trim_matches('/');
        let segments = path.split('/').filter(|_| !path.is_empty());
        Self {
            path: segments
                .map(|segment| {
                    percent_decode_str(&segment.replace('+', " ")).decode_utf8_lossy().into_owned()
                })
                .collect(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            wants_json: header_contains(headers, "accept", "json"),
            is_last: header_contains(headers, "connection", "close"),
        }
    }

    /// The value of a parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn header_contains(headers: &[httparse::Header<'_>], name: &str, part: &str) -> bool {
    headers.iter().any(|header| {
        header.name.eq_ignore_ascii_case(name) && String::from_utf8_lossy(header.value).contains(part)
    })
}

impl Response {
    pub(super) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), location: None }
    }

    /// The body, cut in the middle.
    pub(super) fn halves(&self) -> (&[u8], &[u8]) {
        self.body.split_at(self.body.len() / 2)
    }

    fn head_with_length(&self) -> Vec<u8> {
        self.head(&format!("Content-Length: {}", self.body.len())).into_bytes()
    }

    fn head(&self, framing: &str) -> String {
        let reason = match self.status {
            200 => "OK",
            302 => "Found",
            404 => "Not Found",
            500 => "Internal Server Error",
            other => panic!("the lab has no reason phrase for {other}"),
        };
        let location = self.location.as_ref().map(|url| format!("Location: {url}\r\n")).unwrap_or_default();
        format!(
            "HTTP/1.1 {} {reason}\r\nAccess-Control-Allow-Origin: *\r\n{location}\
             Content-Type: text/plain; charset=utf-8\r\n{framing}\r\n\r\n",
            self.status
        )
    }
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, unread: Vec::new(), requests: 0 }
    }

    /// The next request; `None` when the client has closed, or sends something else than HTTP.
    pub(super) async fn request(&mut self) -> io::Result<Option<Request>> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut head = httparse::Request::new(&mut headers);
            match head.parse(&self.unread) {
                Ok(httparse::Status::Complete(length)) => {
                    let request = Request::parse(head.path.unwrap_or("/"), head.headers);
                    self.unread.drain(..length);
                    self.requests += 1;
                    return Ok(Some(request));
                }
                Ok(httparse::Status::Partial) if self.unread.len() < MAX_HEAD => {}
                Ok(httparse::Status::Partial) | Err(_) => return Ok(None),
            }
            if self.stream.read_buf(&mut self.unread).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Whether this is not its first request.
    pub(super) fn is_reused(&self) -> bool {
        self.requests > 1
    }

    /// Resolves when the client has closed the connection.
    pub(super) async fn closed(&self) {
        if let Ok(1..) = self.stream.peek(&mut [0]).await {
            std::future::pending::<()>().await;
        }
    }

    /// Sends the response as Go's server does: a long body in chunks.
    pub(super) async fn send(&mut self, response: &Response) -> io::Result<()> {
        if response.body.len() <= MAX_BUFFERED_BODY {
            let mut answer = response.head_with_length();
            answer.extend(&response.body);
            return self.stream.write_all(&answer).await;
        }
        self.send_chunk_head(response).await?;
        self.send_chunk(&response.body).await?;
        self.stream.write_all(b"0\r\n\r\n").await
    }

    /// Promises the whole body and sends half of it.
    pub(super) async fn send_half(&mut self, response: &Response) -> io::Result<()> {
        self.send_head(response).await?;
        self.send_raw(response.halves().0).await
    }

    /// Sends half of the body as a first chunk.
    pub(super) async fn send_half_in_a_chunk(&mut self, response: &Response) -> io::Result<()> {
        self.send_chunk_head(response).await?;
        self.send_chunk(response.halves().0).await
    }

    /// Sends the head, which promises the whole body.
    pub(super) async fn send_head(&mut self, response: &Response) -> io::Result<()> {
        self.send_raw(&response.head_with_length()).await
    }

    /// Sends bytes as they are.
    pub(super) async fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends a JSON string of `length` bytes without ever having it in memory.
    pub(super) async fn send_huge(&mut self, length: usize) -> io::Result<()> {
        static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];
        self.send_chunk_head(&Response::new(200, "")).await?;
        self.send_chunk(b"\"").await?;
        let mut left = length.saturating_sub(2);
        while left > 0 {
            let piece = &PIECE[..left.min(PIECE.len())];
            self.send_chunk(piece).await?;
            left -= piece.len();
        }
        self.send_chunk(b"\"").await?;
        self.stream.write_all(b"0\r\n\r\n").await
    }

    /// Has the connection end by a reset instead of an orderly close.
    pub(super) fn end_by_reset(&self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }

    async fn send_chunk_head(&mut self, response: &Response) -> io::Result<()> {
        self.stream.write_all(response.head("Transfer-Encoding: chunked").as_bytes()).await
    }

    async fn send_chunk(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
        self.stream.write_all(chunk).await?;
        self.stream.write_all(b"\r\n").await
    }
}
