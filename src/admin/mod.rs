//! The admin address: metrics, health and readiness over HTTP, and names explained.
//!
//! Anyone in the cluster can reach it, and the kubelet restarts a server whose probes fail, so a
//! client must not be able to hold it up. One connection carries one request and lives for
//! [`CONNECTION_LIFE_MAX`] at most, or so long for each part of a snapshot. When too many are open the oldest is cut off: a probe takes a
//! millisecond, so the oldest is one that dawdles, and there is always room for the next probe.
//!
//! All addresses show the same. CoreDNS has one for each page (`:8080`, `:8181`, `:9153`), and
//! manifests that probe them work if we listen on all three.

pub mod api;
mod host;
mod life;
mod page;
mod pages;
pub mod readiness;
mod snapshot;

use std::{collections::VecDeque, io, net::TcpListener, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use axum::Router;
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use prometheus::IntCounter;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{self, TcpStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
    time,
};

use crate::observe::metrics::Metrics;
use api::Api;
use life::Life;
use readiness::Readiness;

/// Addresses that are bound and not served yet.
pub struct Admin {
    listeners: Vec<TcpListener>,
}

/// The pages as of now.
pub struct Pages {
    router: ArcSwap<Router>,
    cut: IntCounter,
}

/// What the pages show.
#[derive(Clone)]
pub struct Shown {
    /// At `/metrics`.
    pub metrics: Arc<Metrics>,
    /// At `/ready`.
    pub readiness: Arc<Readiness>,
    /// Below `/api`, and as a page at `/`; none where it is turned off.
    pub explain: Option<Api>,
}

impl Pages {
    /// Shows this.
    pub fn new(shown: Shown) -> Arc<Self> {
        let cut = shown.metrics.events.admin_connections_cut.clone();
        Arc::new(Self { router: ArcSwap::from_pointee(pages::router(shown)), cut })
    }

    /// From now on this is shown. Whoever is connected has what was shown before.
    pub fn show(&self, shown: Shown) {
        self.router.store(Arc::new(pages::router(shown)));
    }
}

impl Admin {
    /// Of listeners that do not block.
    pub fn new(listeners: Vec<TcpListener>) -> Self {
        Self { listeners }
    }

    /// Serves until `shutdown` is over, and then what was asked before, for [`GRACE_MAX`].
    /// A future that is dropped cuts off everything at once.
    ///
    /// # Errors
    /// The sockets cannot be handed to the runtime.
    pub async fn serve(self, pages: Arc<Pages>, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let (stop, stopped) = watch::channel(());
        let mut addresses = JoinSet::new();
        for listener in self.listeners {
            let connections = Connections::new(pages.clone());
            addresses.spawn(accept(net::TcpListener::from_std(listener)?, connections, stopped.clone()));
        }
        shutdown.await;
        drop(stop);
        while addresses.join_next().await.is_some() {}
        Ok(())
    }
}

/// Accepts on one address until `stopped` closes.
async fn accept(listener: net::TcpListener, mut connections: Connections, mut stopped: watch::Receiver<()>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((stream, _)) => connections.add(stream),
            // A client that left again, or no file descriptors: without a pause the latter would spin.
            Err(error) => {
                tracing::warn!(%error, "the admin address cannot accept a connection");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.finish().await;
}

/// The open connections of one address.
struct Connections {
    pages: Arc<Pages>,
    tasks: JoinSet<()>,
    /// Oldest first.
    open: VecDeque<AbortHandle>,
}

impl Connections {
    fn new(pages: Arc<Pages>) -> Self {
        Self { pages, tasks: JoinSet::new(), open: VecDeque::new() }
    }

    fn add(&mut self, stream: TcpStream) {
        while self.tasks.try_join_next().is_some() {}
        self.open.retain(|connection| !connection.is_finished());
        if self.open.len() >= CONNECTIONS_MAX {
            self.open.pop_front().expect("there are too many").abort();
            self.pages.cut.inc();
        }
        let router = Router::clone(&self.pages.router.load());
        self.open.push_back(self.tasks.spawn(serve(stream, router, CONNECTION_LIFE_MAX)));
    }

    async fn finish(mut self) {
        let all_done = async { while self.tasks.join_next().await.is_some() {} };
        // Whoever is not done by then is cut off with the set of tasks.
        let _ = time::timeout(GRACE_MAX, all_done).await;
    }
}

/// Answers one request, within a lifetime. What goes wrong is the client's business.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router, life_max: Duration) {
    let (life, pages) = (Life::new(life_max), TowerToHyperService::new(router));
    let of_request = life.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(of_request.clone());
        pages.call(request)
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_header_size(HEAD_OCTETS_MAX)
        .max_buf_size(BUFFER_OCTETS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = connection => {}
        () = life.over() => {}
    }
}

/// Connections of one address. Two kubelet probes, two scrapers and a person make five; with
/// buffers of 16 KiB and some 50 KiB of metrics text each, 64 clients that dawdle hold 4 MiB.
const CONNECTIONS_MAX: usize = 64;

/// From accepting a connection to the end of its answer, or of each part of a snapshot: Prometheus
/// gives up after 10 s as well.
pub const CONNECTION_LIFE_MAX: Duration = Duration::from_secs(10);

/// How long answers may take once the server stops. They take milliseconds.
pub const GRACE_MAX: Duration = Duration::from_secs(1);

/// The request line and all headers. A scrape has some 400 octets; tokens and traces add 1 or 2 KiB.
pub const HEAD_OCTETS_MAX: usize = 8 * 1024;

/// More than a head, so that one that is too long is answered with 431. No page reads a body.
const BUFFER_OCTETS_MAX: usize = 2 * HEAD_OCTETS_MAX;

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, duplex};

    use super::*;
    use crate::respond::plan::Plan;

    #[tokio::test]
    async fn a_connection_does_not_outlive_its_time() {
        let metrics = Arc::new(Metrics::new(&Plan::default()));
        let shown = Shown { metrics, readiness: Readiness::new(), explain: None };
        let (mut idle, stream) = duplex(64);
        let serving = serve(stream, pages::router(shown), Duration::from_millis(1));
        time::timeout(CONNECTION_LIFE_MAX, serving).await.expect("it is cut off");
        assert_eq!(idle.read(&mut [0]).await.unwrap(), 0);
    }
}
