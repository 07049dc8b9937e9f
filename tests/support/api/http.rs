//! HTTP/1.1 as far as a client of the API sees it, by hand: a library would not break a stream off
//! in the middle of a line, reset a connection or leave a request without an answer.

use std::{collections::BTreeMap, io, time::Duration};

use serde_json::Value;
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::form::Form;

/// What a client asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// What stands behind the `?`, decoded.
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) authorization: Option<String>,
    pub(crate) accept: Option<String>,
}

impl Request {
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(|value| &**value)
    }

    pub(crate) fn is_watch(&self) -> bool {
        matches!(self.parameter("watch"), Some("1" | "true"))
    }

    /// A watch that begins with all objects.
    pub(crate) fn is_streaming_list(&self) -> bool {
        self.is_watch() && self.parameter("sendInitialEvents") == Some("true")
    }
}

/// A reply with a length.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Body,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    /// In whatever form the client hears.
    Object(Value),
    /// Of this type, and as it is.
    Octets(&'static str, Vec<u8>),
}

impl Reply {
    pub(super) fn new(code: u16, body: Value) -> Self {
        Self { code, retry_after: None, body: Body::Object(body) }
    }
}

/// One connection of a client.
pub(super) struct Connection {
    stream: TcpStream,
    /// What was read and belongs to the next request.
    read: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, read: Vec::new() }
    }

    /// The next request; None when the client is gone. All of them are GET and have no body.
    pub(super) async fn request(&mut self) -> io::Result<Option<Request>> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|octets| octets == b"\r\n\r\n") {
                break at + 4;
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Ok(None);
            }
        };
        let head: Vec<u8> = self.read.drain(..end).collect();
        request(&String::from_utf8_lossy(&head)).map(Some)
    }

    pub(super) async fn reply(&mut self, reply: &Reply, form: Form) -> io::Result<()> {
        let Reply { code, body, .. } = reply;
        let (content_type, body) = match body {
            Body::Object(object) => (form.content_type(), form.object(object)),
            Body::Octets(content_type, octets) => (*content_type, octets.clone()),
        };
        let retry = reply.retry_after.map_or_else(String::new, |after| format!("Retry-After: {}\r\n", after.as_secs()));
        let length = body.len();
        let head =
            format!("HTTP/1.1 {code} X\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{retry}\r\n");
        self.stream.write_all(&[head.as_bytes(), &body].concat()).await
    }

    /// Begins a reply whose end nobody knows.
    pub(super) async fn begin_stream(&mut self, form: Form) -> io::Result<()> {
        let content_type = form.stream_type();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n");
        self.stream.write_all(head.as_bytes()).await
    }

    /// A part of it: not empty, for an empty one is the end.
    pub(super) async fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        let length = format!("{:x}\r\n", octets.len());
        self.stream.write_all(&[length.as_bytes(), octets, b"\r\n"].concat()).await
    }

    pub(super) async fn end_stream(&mut self) -> io::Result<()> {
        self.stream.write_all(b"0\r\n\r\n").await
    }

    /// Ends when the client does.
    pub(super) async fn gone(&mut self) {
        while matches!(self.stream.read_buf(&mut self.read).await, Ok(1..)) {}
    }

    /// Ends the connection as a machine does that has lost its memory of it: by RST.
    pub(super) fn reset(self) {
        // Without it the connection ends all the same, only more politely.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}

fn request(head: &str) -> io::Result<Request> {
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let Some(("GET", rest)) = first.split_once(' ') else {
        return Err(io::Error::other(format!("not a GET: {first}")));
    };
    let target = rest.split(' ').next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let header = |name: &str| {
        let mut fields = lines.clone().filter_map(|line| line.split_once(':'));
        fields.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let (authorization, accept) = (header("authorization"), header("accept"));
    Ok(Request { path: path.to_owned(), query, authorization, accept })
}
