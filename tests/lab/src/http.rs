//! Just enough of HTTP/1.1 to answer well, and to answer badly to the byte.

#[cfg(test)]
pub(crate) mod client;

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
pub(crate) struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
    requests: u64,
}

/// A request's head; nobody sends the lab's servers a body.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `GET` and the like.
    pub(crate) method: String,
    /// Path and query, as they came.
    pub(crate) target: String,
    /// The path's segments, decoded; the root has none.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    /// The header of this name.
    pub(crate) authorization: Option<String>,
    pub(crate) wants_json: bool,
    /// Whether the client wants the connection closed after the answer.
    pub(crate) is_last: bool,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    fn parse(method: &str, target: &str, headers: &[httparse::Header<'_>]) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = path.trim_matches('/');
        let segments = path.split('/').filter(|_| !path.is_empty());
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            path: segments
                .map(|segment| {
                    percent_decode_str(&segment.replace('+', " ")).decode_utf8_lossy().into_owned()
                })
                .collect(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            authorization: header(headers, "authorization"),
            wants_json: header(headers, "accept").is_some_and(|accepted| accepted.contains("json")),
            is_last: header(headers, "connection").is_some_and(|option| option.contains("close")),
        }
    }

    /// The value of a parameter of the query.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The values of all headers of this name, one after the other.
fn header(headers: &[httparse::Header<'_>], name: &str) -> Option<String> {
    let values = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    values
        .map(|header| String::from_utf8_lossy(header.value).into_owned())
        .reduce(|all, value| all + ", " + &value)
}

impl Response {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }.with("Content-Type", content_type)
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The body, cut in the middle.
    pub(crate) fn halves(&self) -> (&[u8], &[u8]) {
        self.body.split_at(self.body.len() / 2)
    }

    fn head_with_length(&self) -> Vec<u8> {
        self.head(&format!("Content-Length: {}", self.body.len())).into_bytes()
    }

    fn head(&self, framing: &str) -> String {
        let reason = match self.status {
            200 => "OK",
            302 => "Found",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            410 => "Gone",
            429 => "Too Many Requests",
            500 => "Internal Server Error",
            other => panic!("the lab has no reason phrase for {other}"),
        };
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("HTTP/1.1 {} {reason}\r\n{headers}{framing}\r\n\r\n", self.status)
    }
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, unread: Vec::new(), requests: 0 }
    }

    /// The next request; `None` when the client has closed, or sends something else than HTTP.
    pub(crate) async fn request(&mut self) -> io::Result<Option<Request>> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut head = httparse::Request::new(&mut headers);
            match head.parse(&self.unread) {
                Ok(httparse::Status::Complete(length)) => {
                    let request = Request::parse(
                        head.method.unwrap_or_default(),
                        head.path.unwrap_or("/"),
                        head.headers,
                    );
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
    pub(crate) fn is_reused(&self) -> bool {
        self.requests > 1
    }

    /// Resolves when the client has closed the connection.
    pub(crate) async fn closed(&self) {
        if let Ok(1..) = self.stream.peek(&mut [0]).await {
            std::future::pending::<()>().await;
        }
    }

    /// Sends the response as Go's server does: a long body in chunks.
    pub(crate) async fn send(&mut self, response: &Response) -> io::Result<()> {
        if response.body.len() <= MAX_BUFFERED_BODY {
            let mut answer = response.head_with_length();
            answer.extend(&response.body);
            return self.stream.write_all(&answer).await;
        }
        self.begin_chunks(response).await?;
        self.send_chunk(&response.body).await?;
        self.end_chunks().await
    }

    /// Promises the whole body and sends half of it.
    pub(crate) async fn send_half(&mut self, response: &Response) -> io::Result<()> {
        self.send_head(response).await?;
        self.send_raw(response.halves().0).await
    }

    /// Sends half of the body as a first chunk.
    pub(crate) async fn send_half_in_a_chunk(&mut self, response: &Response) -> io::Result<()> {
        self.begin_chunks(response).await?;
        self.send_chunk(response.halves().0).await
    }

    /// Sends the head, which promises the whole body.
    pub(crate) async fn send_head(&mut self, response: &Response) -> io::Result<()> {
        self.send_raw(&response.head_with_length()).await
    }

    /// Sends bytes as they are.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends a JSON string of `length` bytes without ever having it in memory, in place of the body.
    pub(crate) async fn send_huge(&mut self, response: &Response, length: usize) -> io::Result<()> {
        static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];
        self.begin_chunks(response).await?;
        self.send_chunk(b"\"").await?;
        let mut left = length.saturating_sub(2);
        while left > 0 {
            let piece = &PIECE[..left.min(PIECE.len())];
            self.send_chunk(piece).await?;
            left -= piece.len();
        }
        self.send_chunk(b"\"").await?;
        self.end_chunks().await
    }

    /// Has the connection end by a reset instead of an orderly close.
    pub(crate) fn end_by_reset(&self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }

    /// Sends the head of an answer whose body follows in chunks.
    pub(crate) async fn begin_chunks(&mut self, response: &Response) -> io::Result<()> {
        self.stream.write_all(response.head("Transfer-Encoding: chunked").as_bytes()).await
    }

    /// Sends a part of the body.
    pub(crate) async fn send_chunk(&mut self, chunk: &[u8]) -> io::Result<()> {
        let framed = [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
        self.stream.write_all(&framed).await
    }

    /// Says that the body is whole.
    pub(crate) async fn end_chunks(&mut self) -> io::Result<()> {
        self.stream.write_all(b"0\r\n\r\n").await
    }
}
