//! What each path of the admin address answers.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    middleware::from_fn_with_state,
    response::IntoResponse,
    routing::get,
};

use super::{Shown, api, host, page, readiness::Readiness};
use crate::observe::metrics::Metrics;

/// Everything there is to see.
pub(super) fn router(shown: Shown) -> Router {
    let explained = match &shown.explain {
        Some(api) => {
            let hosts = from_fn_with_state(api.hosts.clone(), host::check);
            api::router(&shown).route("/", get(page::page)).layer(hosts)
        }
        None => api::router(&shown).route("/", get(|| async { PATHS })),
    };
    explained
        .route("/health", get(|| async { "OK" }))
        .route("/ready", get(ready).with_state(shown.readiness))
        .route("/metrics", get(metrics).with_state(shown.metrics))
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> impl IntoResponse {
    let answer = readiness.answer();
    let status = if answer.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, answer.body)
}

async fn metrics(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
}

/// Stands at `/` where nothing is explained, and so there is nothing for a page to show.
const PATHS: &str = "\
/health   200 while the process lives
/ready    200 once every table was complete, else 503; the body tells what is missing or wrong
/metrics  Prometheus metrics
";
