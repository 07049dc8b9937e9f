//! Upstreams over HTTPS with sockets, which do as they are told with each connection.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use h2::{
    RecvStream,
    server::{self, Connection, SendResponse},
};
use hyper::{Request, Response, header::CONTENT_TYPE};
use tokio::{net::TcpStream, task::JoinSet};
use tokio_rustls::server::TlsStream;

use super::{
    super::{
        Forwarder,
        counters::{Counters, Proto},
        options::{Https, Options, To},
    },
    encrypted::Identity,
    server::{Server, forwarder, options, reply},
};

pub(super) const HTTP2: &[&[u8]] = &[b"h2"];
pub(super) const DNS: &str = "application/dns-message";

pub(super) type Http = Connection<TlsStream<TcpStream>, Bytes>;

/// An upstream over HTTPS, and who it is.
pub(super) struct Upstream {
    pub(super) server: Server,
    pub(super) identity: Identity,
}

impl Upstream {
    /// Does something with each connection of HTTP/2.
    pub(super) async fn new<F, C>(serve: F) -> Self
    where
        F: FnMut(Http) -> C + Clone + Send + Sync + 'static,
        C: Future<Output = ()> + Send,
    {
        let identity = Identity::new(HTTP2);
        let server = identity.serve(move |stream| {
            let mut serve = serve.clone();
            async move {
                if let Ok(http) = server::handshake(stream).await {
                    serve(http).await;
                }
            }
        });
        Self { server: server.await, identity }
    }

    /// Does something with the first connection, and answers every question on others.
    pub(super) async fn with_first<F, C>(first: F) -> Self
    where
        F: FnMut(Http) -> C + Clone + Send + Sync + 'static,
        C: Future<Output = ()> + Send,
    {
        let connections = Arc::new(AtomicUsize::new(0));
        Self::new(move |http| {
            let is_first = connections.fetch_add(1, Ordering::Relaxed) == 0;
            let mut first = first.clone();
            async move { if is_first { first(http).await } else { echo(http).await } }
        })
        .await
    }

    pub(super) fn options(&self, set: impl FnOnce(&mut Options)) -> Options {
        let to = Https { address: self.server.address, name: None, path: "/dns-query".into() };
        options(vec![To::Https(to)], |options| {
            options.tls.authority = Some(self.identity.authority.clone());
            set(options);
        })
    }

    pub(super) fn forwarder(&self, counters: &Counters) -> Arc<Forwarder> {
        forwarder(self.options(|_| {}), counters)
    }

    /// Connections that were opened, and questions that found one.
    pub(super) fn connections(&self, counters: &Counters) -> (u64, u64) {
        let (upstream, https) = (counters.of(self.server.address), Proto::Https as usize);
        (upstream.connections_opened[https].get(), upstream.connections_reused[https].get())
    }
}

/// The message of a request that is as RFC 8484 has it.
pub(super) async fn read(request: Request<RecvStream>) -> Vec<u8> {
    assert_eq!(request.headers()["accept"], DNS);
    let (head, mut body) = request.into_parts();
    let message = match &*head.method.to_string() {
        "GET" => {
            let question = head.uri.query().unwrap().strip_prefix("dns=").unwrap();
            BASE64URL_NOPAD.decode(question.as_bytes()).unwrap()
        }
        method => {
            assert_eq!((method, &head.headers["content-type"]), ("POST", &DNS.parse().unwrap()));
            let mut message = Vec::new();
            while let Some(part) = body.data().await {
                message.extend_from_slice(&part.unwrap());
            }
            assert_eq!(head.headers["content-length"], message.len().to_string());
            message
        }
    };
    assert_eq!(message[..2], [0, 0], "the id");
    message
}

/// What a client that is gone does not get, it does not miss.
pub(super) fn send(mut to: SendResponse<Bytes>, status: u16, media_type: &str, body: impl Into<Bytes>) {
    let head = Response::builder().status(status).header(CONTENT_TYPE, media_type).body(()).unwrap();
    if let Ok(mut stream) = to.send_response(head, false) {
        let _ = stream.send_data(body.into(), true);
    }
}

/// Answers every question, at once or whenever another could be.
pub(super) async fn answer_all<F, C>(mut http: Http, answer: F)
where
    F: Fn(Vec<u8>, SendResponse<Bytes>) -> C + Clone + Send + Sync + 'static,
    C: Future<Output = ()> + Send,
{
    let mut answers = JoinSet::new();
    while let Some(Ok((request, to))) = http.accept().await {
        let answer = answer.clone();
        answers.spawn(async move { answer(read(request).await, to).await });
    }
}

pub(super) async fn echo(http: Http) {
    answer_all(http, |query, to| async move { send(to, 200, DNS, reply(&query)) }).await;
}

/// The next question, answered.
pub(super) async fn answer_one(http: &mut Http) {
    let (request, to) = http.accept().await.unwrap().unwrap();
    // The body comes while somebody drives the connection.
    let message = tokio::select! {
        message = read(request) => message,
        _ = http.accept() => panic!("a second question"),
    };
    send(to, 200, DNS, reply(&message));
}

/// Takes every question and answers none.
pub(super) async fn hold_all(mut http: Http) {
    let mut held = Vec::new();
    while let Some(Ok(question)) = http.accept().await {
        held.push(question);
    }
}
