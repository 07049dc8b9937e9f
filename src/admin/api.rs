//! The API: what [`explain`](crate::explain) knows, as JSON over HTTP.
//!
//! ```text
//! GET /api/explain?name=web.shop[&from=NAMESPACE][&resolver=musl][&type=A]  an Explanation
//! GET /api/services[?search=TEXT][&namespace=NS][&offset=0][&limit=50]      a page of Services
//! GET /api/snapshot[?namespace=NS]                                          the objects themselves
//! GET /api/status                                                           what is served from where
//! ```
//!
//! Whatever goes wrong here is `{"error": "..."}`: 400 where the request makes no sense, 404 for another
//! path and where the API is turned off, 503 where too many explanations are being made. An
//! explanation takes milliseconds of a thread that nobody else waits for, and four of them are made
//! at a time, so no client can hold up a probe or a change of the cluster.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{
        StatusCode, Uri,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::{MethodRouter, any, get},
};
use serde::Serialize;
use tokio::{sync::Semaphore, task, time};

use super::{Shown, host::Hosts, readiness::Readiness, snapshot};
use crate::{
    explain::{
        DEFAULT_FROM, Explainer, Request,
        cluster::{Cluster, LIMIT_MAX, Listing},
    },
    observe::metrics::Metrics,
    search::Resolver,
};

/// Explains names to clients of the admin address. Cheap to clone; all clones count as one.
#[derive(Clone)]
pub struct Api {
    pub(super) explainer: Explainer,
    sources: Sources,
    /// Who may have a snapshot.
    pub(super) snapshots: Arc<Semaphore>,
    running: Arc<Semaphore>,
    /// Names under which it may be asked that anybody could register.
    pub(super) hosts: Hosts,
}

/// Where the cluster is read from, in words; set by whoever reads it.
pub type Sources = Arc<OnceLock<Vec<String>>>;

/// Explanations that are made at a time.
const RUNNING_MAX: usize = 4;
/// How long a request waits to be among them. Connections are limited, so few wait.
pub(super) const PATIENCE_MAX: Duration = Duration::from_secs(1);
/// Services of a page where nobody says how many.
const LIMIT_USUAL: usize = 50;

/// What `/api/status` shows.
#[derive(Serialize)]
struct Status {
    version: &'static str,
    ready: bool,
    zones: Vec<String>,
    namespaces: Vec<String>,
    services: usize,
    endpoints: usize,
    sources: Vec<String>,
    /// 0 where nothing was read yet.
    loaded_unix_secs: i64,
    resolvers: [&'static str; Resolver::ALL.len()],
    from: &'static str,
}

#[derive(Serialize)]
struct Refusal {
    error: String,
}

impl Api {
    /// Explains with this explainer.
    pub fn new(explainer: Explainer, sources: Sources, hosts: Vec<String>) -> Self {
        let running = Arc::new(Semaphore::new(RUNNING_MAX));
        Self { explainer, sources, snapshots: snapshot::places(), running, hosts: hosts.into() }
    }

    /// The same within the same limits, by another explainer.
    #[must_use]
    pub fn by(&self, explainer: Explainer, sources: Sources, hosts: Vec<String>) -> Self {
        Self { explainer, sources, hosts: hosts.into(), ..self.clone() }
    }

    /// What it explains with.
    pub fn explainer(&self) -> &Explainer {
        &self.explainer
    }

    /// Answers with what `work` makes, on a thread that may wait for the store.
    async fn answer<T: Serialize>(self, work: impl FnOnce(&Explainer) -> T + Send + 'static) -> Response {
        // What a page asks for comes at once and is made in milliseconds: a moment's patience serves it.
        let Ok(Ok(permit)) = time::timeout(PATIENCE_MAX, self.running.acquire_owned()).await else {
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "too many explanations at once: ask again");
        };
        // A client that leaves does not end the work: the permit stays with it.
        let worked = task::spawn_blocking(move || {
            let _permit = permit;
            json(StatusCode::OK, &work(&self.explainer))
        });
        worked.await.unwrap_or_else(|_| refusal(StatusCode::INTERNAL_SERVER_ERROR, "a defect was met: see the log"))
    }
}

/// The paths below `/api`.
pub(super) fn router(shown: &Shown) -> Router {
    let Some(api) = shown.explain.clone() else { return everywhere(&any(turned_off)) };
    let status = (api.clone(), shown.metrics.clone(), shown.readiness.clone());
    everywhere(&any(no_such_path))
        .route("/api/explain", get(explain).with_state(api.clone()))
        .route("/api/services", get(services).with_state(api.clone()))
        .route("/api/snapshot", get(snapshot::snapshot).with_state(api))
        .route("/api/status", get(self::status).with_state(status))
}

fn everywhere(page: &MethodRouter) -> Router {
    ["/api", "/api/", "/api/{*path}"].into_iter().fold(Router::new(), |all, path| all.route(path, page.clone()))
}

async fn explain(State(api): State<Api>, uri: Uri) -> Response {
    let request = Parameters::read(&uri, &["name", "from", "resolver", "type"]).and_then(|given| {
        Request::parse(given.text("name"), given.text("from"), given.text("resolver"), given.text("type"))
    });
    match request {
        Ok(request) => api.answer(move |explainer| explainer.explain(&request)).await,
        Err(why) => refusal(StatusCode::BAD_REQUEST, why),
    }
}

async fn services(State(api): State<Api>, uri: Uri) -> Response {
    let listing = Parameters::read(&uri, &["search", "namespace", "offset", "limit"]).and_then(|given| {
        Ok(Listing {
            search: given.text("search").to_owned(),
            namespace: given.text("namespace").to_owned(),
            offset: given.number("offset", 0, usize::MAX)?,
            limit: given.number("limit", LIMIT_USUAL, LIMIT_MAX)?,
        })
    });
    match listing {
        Ok(listing) => api.answer(move |explainer| explainer.services(&listing)).await,
        Err(why) => refusal(StatusCode::BAD_REQUEST, why),
    }
}

async fn status(State((api, metrics, readiness)): State<(Api, Arc<Metrics>, Arc<Readiness>)>) -> Response {
    let sources = api.sources.get().cloned().unwrap_or_default();
    let of = move |explainer: &Explainer| {
        let Cluster { zones, namespaces, services, endpoints } = explainer.cluster();
        Status {
            version: env!("CARGO_PKG_VERSION"),
            ready: readiness.answer().ready,
            zones,
            namespaces,
            services,
            endpoints,
            sources,
            loaded_unix_secs: metrics.events.source_loaded_timestamp_seconds.get(),
            resolvers: Resolver::ALL.map(Resolver::name),
            from: DEFAULT_FROM,
        }
    };
    api.answer(of).await
}

async fn no_such_path(uri: Uri) -> Response {
    let why = format!("{}: there are /api/explain, /api/services, /api/snapshot and /api/status", uri.path());
    refusal(StatusCode::NOT_FOUND, why)
}

async fn turned_off() -> Response {
    refusal(StatusCode::NOT_FOUND, "turned off: [admin] explain = true in the configuration turns it on")
}

/// What stands behind the `?`.
pub(super) struct Parameters<'u>(Vec<(Cow<'u, str>, Cow<'u, str>)>);

impl<'u> Parameters<'u> {
    /// A parameter that is not `known` is a mistake of somebody who would wonder.
    pub(super) fn read(uri: &'u Uri, known: &[&str]) -> Result<Self, String> {
        let given: Vec<_> = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).collect();
        match given.iter().find(|(key, _)| !known.contains(&&**key)) {
            Some((key, _)) => Err(format!("{}: no such parameter; there are {}", key.escape_debug(), known.join(", "))),
            None => Ok(Self(given)),
        }
    }

    /// The last one of this name; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().rfind(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    fn number(&self, name: &str, default: usize, most: usize) -> Result<usize, String> {
        match self.text(name) {
            "" => Ok(default),
            text => match text.parse() {
                Ok(number) if number <= most => Ok(number),
                _ => Err(format!("{name} \"{}\": write a number up to {most}", text.escape_debug())),
            },
        }
    }
}

pub(super) fn refusal(status: StatusCode, why: impl Into<String>) -> Response {
    json(status, &Refusal { error: why.into() })
}

/// Nothing of it is to be kept: the cluster changes.
fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    match serde_json::to_vec(value) {
        Ok(text) => (status, headers, text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
