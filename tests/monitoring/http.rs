//! A client of HTTP.

use std::net::SocketAddr;

use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The head of an answer in lower case, and its body.
pub(crate) async fn get(address: SocketAddr, path: &str) -> io::Result<(String, String)> {
    let mut stream = TcpStream::connect(address).await?;
    // Of this version, an answer comes in one piece and ends with the connection.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok((head.to_lowercase(), body.to_owned()))
}
