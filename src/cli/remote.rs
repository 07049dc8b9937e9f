//! The API of a running server, as `--server` asks it.
//!
//! Plain HTTP: the admin address speaks nothing else. Through `kubectl port-forward` or `kubectl
//! proxy` it is reached without being opened to anyone.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use hyper::{
    StatusCode, Uri,
    client::conn::http1,
    header::{HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time};

use super::Failure;
use crate::explain::{Explanation, Request};

/// Asks a server to explain.
pub(super) fn explain(server: &str, request: &Request) -> Result<Explanation, Failure> {
    let failure = |why: String| Failure(format!("{server}: {why}"));
    let (authority, path) = address(server).map_err(failure)?;
    let path = format!("{path}/api/explain?{}", query(request));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failure(error.to_string()))?;
    let asked = runtime.block_on(async { time::timeout(PATIENCE, get(&authority, &path)).await });
    let (status, body) = asked.unwrap_or_else(|_| Err("no answer in time".into())).map_err(failure)?;
    read(status, &body).map_err(failure)
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

async fn get(authority: &str, path: &str) -> Result<(StatusCode, Vec<u8>), String> {
    let stream = TcpStream::connect(authority).await.map_err(|error| {
        format!("cannot connect: {error}; is the server running, and is this its [admin] listen address?")
    })?;
    let no_http = |_| NOT_OURS.to_owned();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(no_http)?;
    let request = hyper::Request::get(path)
        .header(HOST, authority)
        .header(USER_AGENT, concat!("clusterdns/", env!("CARGO_PKG_VERSION")))
        .body(Body::empty())
        .map_err(|error| error.to_string())?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(no_http)?;
        let status = response.status();
        let body = to_bytes(Body::new(response.into_body()), BODY_OCTETS_MAX).await;
        Ok((status, body.map_err(|error| error.to_string())?.to_vec()))
    };
    tokio::pin!(exchange);
    // The connection moves the octets of the exchange, and may end before it.
    tokio::select! {
        done = &mut exchange => return done,
        _ = connection => {}
    }
    exchange.await
}

fn read(status: StatusCode, body: &[u8]) -> Result<Explanation, String> {
    #[derive(serde::Deserialize)]
    struct Refusal {
        error: String,
    }
    match status {
        StatusCode::OK => serde_json::from_slice(body).map_err(|_| NOT_OURS.into()),
        _ => Err(serde_json::from_slice(body).map_or(NOT_OURS.into(), |Refusal { error }| error)),
    }
}

const NOT_OURS: &str = "this is not the admin address of a clusterdns that explains names";
const HTTP_PORT: u16 = 80;
/// As long as the server gives a connection.
const PATIENCE: Duration = crate::admin::CONNECTION_LIFE_MAX;
/// Two replies of 64 KiB, as records in JSON and listed twice, are some 2 MiB.
const BODY_OCTETS_MAX: usize = 8 * 1024 * 1024;
