//! The API of a running server, as `--server` asks it.
//!
//! Plain HTTP: the admin address speaks nothing else. Through `kubectl port-forward` or `kubectl
//! proxy` it is reached without being opened to anyone.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use axum::body::{Body, to_bytes};
use futures_util::StreamExt;
use hyper::{
    StatusCode, Uri,
    client::conn::http1,
    header::{HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time};

use super::{Failure, printed};
use crate::{
    explain::{Explanation, Request},
    objects::write::LIST_START,
};

/// Asks a server to explain.
pub(super) fn explain(server: &str, request: &Request) -> Result<Explanation, Failure> {
    ask(server, &format!("/api/explain?{}", query(request)), async |status, body| match status {
        StatusCode::OK => serde_json::from_slice(&whole(body).await?).map_err(|_| NOT_OURS.into()),
        _ => Err(refusal(body).await),
    })
}

/// Prints what a server knows, as it comes.
pub(super) fn snapshot(server: &str, namespace: Option<&str>, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let query = query.extend_pairs(namespace.map(|name| ("namespace", name))).finish();
    let path = format!("/api/snapshot?{query}");
    let written = ask(server, &path, async |status, body| match status {
        StatusCode::OK => copy_list(body, out).await,
        _ => Err(refusal(body).await),
    });
    printed(written?)
}

/// Asks a server, and has the reply read.
fn ask<T>(
    server: &str,
    path: &str,
    read: impl AsyncFnOnce(StatusCode, Body) -> Result<T, String>,
) -> Result<T, Failure> {
    let failure = |why: String| Failure(format!("{server}: {why}"));
    let (authority, front) = address(server).map_err(failure)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failure(error.to_string()))?;
    runtime.block_on(get(&authority, &format!("{front}{path}"), read)).map_err(failure)
}

/// Host and port, and what stands in front of the path.
fn address(server: &str) -> Result<(String, String), String> {
    let uri: Option<Uri> = server.parse().ok();
    match uri.as_ref().map(|uri| (uri.scheme_str(), uri.host(), uri)) {
        Some((Some("http"), Some(host), uri)) => {
            let authority = format!("{host}:{}", uri.port_u16().unwrap_or(HTTP_PORT));
            Ok((authority, uri.path().trim_end_matches('/').to_owned()))
        }
        Some((Some("https"), ..)) => Err("only plain http is spoken, as by the admin address".into()),
        _ => Err("write the address as http://127.0.0.1:9153".into()),
    }
}

fn query(request: &Request) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("name", &request.name)
        .append_pair("from", &request.from)
        .append_pair("resolver", request.resolver.name())
        .append_pair("type", &request.qtype())
        .finish()
}

async fn get<T>(
    authority: &str,
    path: &str,
    read: impl AsyncFnOnce(StatusCode, Body) -> Result<T, String>,
) -> Result<T, String> {
    let stream = in_time(TcpStream::connect(authority)).await?.map_err(|error| {
        format!("cannot connect: {error}; is the server running, and is this its [admin] listen address?")
    })?;
    let no_http = |_| NOT_OURS.to_owned();
    let (mut sender, connection) = in_time(http1::handshake(TokioIo::new(stream))).await?.map_err(no_http)?;
    let request = hyper::Request::get(path)
        .header(HOST, authority)
        .header(USER_AGENT, concat!("clusterdns/", env!("CARGO_PKG_VERSION")))
        .body(Body::empty())
        .map_err(|error| error.to_string())?;
    let exchange = async {
        let response = in_time(sender.send_request(request)).await?.map_err(no_http)?;
        let (status, body) = (response.status(), Body::new(response.into_body()));
        read(status, body).await
    };
    tokio::pin!(exchange);
    // The connection moves the octets of the exchange, and may end before it.
    tokio::select! {
        done = &mut exchange => return done,
        _ = connection => {}
    }
    exchange.await
}

async fn in_time<T>(future: impl Future<Output = T>) -> Result<T, String> {
    time::timeout(PATIENCE, future).await.map_err(|_| "no answer in time".to_owned())
}

async fn whole(body: Body) -> Result<Vec<u8>, String> {
    let octets = in_time(to_bytes(body, BODY_OCTETS_MAX)).await?;
    Ok(octets.map_err(|error| error.to_string())?.to_vec())
}

/// Why the server does not do it.
async fn refusal(body: Body) -> String {
    #[derive(serde::Deserialize)]
    struct Refusal {
        error: String,
    }
    match whole(body).await {
        Ok(text) => serde_json::from_slice(&text).map_or(NOT_OURS.into(), |Refusal { error }| error),
        Err(why) => why,
    }
}

/// Copies a list, if it is one. What goes wrong with the output is the inner result.
async fn copy_list(body: Body, out: &mut impl Write) -> Result<io::Result<()>, String> {
    let mut parts = body.into_data_stream();
    let mut start = LIST_START.as_bytes();
    while let Some(part) = in_time(parts.next()).await? {
        let part =
            part.map_err(|error| format!("broken off, so what was printed is not whole; ask again ({error})"))?;
        let (front, expected) = start.split_at(start.len().min(part.len()));
        if !part.starts_with(front) {
            return Err(NOT_OURS.into());
        }
        start = expected;
        if let Err(error) = out.write_all(&part) {
            return Ok(Err(error));
        }
    }
    if start.is_empty() { Ok(out.flush()) } else { Err(NOT_OURS.into()) }
}

const NOT_OURS: &str = "this is not the admin address of a clusterdns that explains names";
const HTTP_PORT: u16 = 80;
/// For each step as long as the server gives a connection.
const PATIENCE: Duration = crate::admin::CONNECTION_LIFE_MAX;
/// Two replies of 64 KiB, as records in JSON and listed twice, are some 2 MiB.
const BODY_OCTETS_MAX: usize = 8 * 1024 * 1024;
