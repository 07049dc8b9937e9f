//! The running server: builds each stage, binds every socket before it serves, drains at the end.
//!
//! ```text
//! Config ─► Plan, Views ─► Server::bind ─► Feed::apply(Change)... ─► start ─► shutdown
//!                              Snapshots, Live ──┘
//! ```
//!
//! A program embeds it the way the command line does: see `examples/embed.rs`.

mod compile;
mod events;
mod feed;
mod health;
pub mod keeper;
pub mod live;
mod signals;
pub mod source;
mod stages;

use std::{
    io,
    net::SocketAddr,
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use thiserror::Error;
use tokio::{
    runtime::{Builder, Runtime},
    sync::watch,
    task::JoinSet,
    time,
};

use crate::{
    admin::{Admin, Shown, api::Api, readiness::Readiness},
    config::{Config, UdpSockets},
    explain::Explainer,
    forward,
    objects::{Service, ServiceSpec},
    observe::{
        log::{Form, Logs},
        metrics::Metrics,
    },
    records::{name::Name, store::Store},
    respond::{
        Responder,
        general::Handler,
        plan::{Plan, Stages},
        serving::Serving,
    },
    sockets::{
        bind::{self, BindError, Bound},
        later::Later,
        portable,
        tcp::{Streams, TcpLimits},
    },
};
use events::{Counted, Tallied};
pub use feed::{Feed, News};
pub use signals::Signals;

/// A server whose sockets are bound. It serves from [`start`](Self::start) on.
pub struct Server {
    responder: Arc<Responder>,
    metrics: Arc<Metrics>,
    logs: Arc<Logs>,
    readiness: Arc<Readiness>,
    feed: Feed,
    runtime: Runtime,
    sockets: UdpSockets,
    tcp_limits: TcpLimits,
    addresses: Vec<SocketAddr>,
    admin_addresses: Vec<SocketAddr>,
    /// What is bound and not served yet.
    bound: Vec<Bound>,
    workers: Vec<JoinHandle<()>>,
    tasks: JoinSet<()>,
    /// Waits for others, once the server is started.
    later: Option<Later<Counted>>,
    /// Tells threads to answer what has arrived, and end.
    stop: Arc<AtomicBool>,
    /// Tells tasks the same.
    drain: watch::Sender<bool>,
    /// Tells the admin address to close; it stays open while the others drain.
    close_admin: watch::Sender<bool>,
}

/// Why a server cannot serve.
#[derive(Debug, Error)]
pub enum StartError {
    /// An address to listen on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The admin address.
    #[error("{0}: choose another address for [admin] listen, or [] for none")]
    Admin(io::Error),
    /// What others are asked with.
    #[error(transparent)]
    Forward(#[from] forward::StartError),
    /// The batched sockets are asked for where there are none.
    #[error("sockets = \"batched\" needs Linux: write \"auto\" or \"portable\"")]
    NotBatched,
    /// Threads, file descriptors, memory.
    #[error("the system does not let the server start: {0}")]
    System(#[from] io::Error),
}

/// The admin address and streams need few threads: the hot path has its own.
const RUNTIME_THREADS_MAX: usize = 2;

impl Server {
    /// Binds every socket. Questions wait in them until the server is started.
    ///
    /// # Errors
    /// One of them cannot be bound, or the system is out of resources.
    pub fn bind(config: &Config) -> Result<Self, StartError> {
        if config.udp.sockets == UdpSockets::Batched && cfg!(not(target_os = "linux")) {
            return Err(StartError::NotBatched);
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let runtime =
            Builder::new_multi_thread().worker_threads(cores.min(RUNTIME_THREADS_MAX)).enable_all().build()?;
        let metrics = Arc::new(Metrics::new(&Plan::default()));
        let stages = stages::build(config, &metrics.forward, runtime.handle(), &[])?;
        let (plan, store) = Self::compiled(config, stages);
        let logs = Arc::new(Logs::new(&metrics.events, Box::new(io::stdout())));
        events::use_plan(&metrics, &logs, config, &plan)?;
        let readiness = Readiness::new();
        readiness.monitor_continuously(config.ready_continuously);
        let threads = config.udp.threads.unwrap_or(cores);
        let bound = plan.listeners.iter().map(|listener| bind::bind_both(listener.address, threads));
        let bound = bound.collect::<Result<Vec<_>, _>>()?;
        let admin = Admin::bind(&config.admin_listen).map_err(StartError::Admin)?;
        let server = Self {
            feed: Feed::new(store, &plan, metrics.clone(), readiness.clone()),
            responder: Arc::new(Responder::new(plan)),
            metrics,
            logs,
            readiness,
            runtime,
            sockets: config.udp.sockets,
            tcp_limits: tcp_limits(config),
            addresses: bound.iter().map(|bound| bound.address).collect(),
            admin_addresses: admin.local_addresses()?,
            bound,
            workers: Vec::new(),
            tasks: JoinSet::new(),
            later: None,
            stop: Arc::default(),
            drain: watch::channel(false).0,
            close_admin: watch::channel(false).0,
        };
        server.start_admin(admin, config);
        Ok(server)
    }

    /// The tables of a configuration, without a server: for looking at records.
    pub fn tables(config: &Config) -> (Plan, Store) {
        Self::compiled(config, Vec::new())
    }

    fn compiled(config: &Config, stages: Vec<Stages>) -> (Plan, Store) {
        let plan = compile::plan(config, &compile::interface_addresses(), stages);
        let store = Store::new(plan.servers.iter().filter_map(|server| server.view.clone()).collect());
        (plan, store)
    }

    /// Serves from now on.
    ///
    /// # Errors
    /// The system has no thread left, or will not take a socket.
    pub fn start(&mut self) -> Result<(), StartError> {
        let runtime = self.runtime.handle().clone();
        let _in_runtime = runtime.enter();
        let counted = Counted::new(&self.metrics, &self.logs);
        let later = Later::new(runtime.clone(), counted.clone());
        events::watch(&self.metrics, &runtime, &later);
        let streams = Streams::new(self.tcp_limits, counted.clone());
        for (listener, bound) in std::mem::take(&mut self.bound).into_iter().enumerate() {
            let serving = Serving::new(self.responder.clone(), listener);
            let handler = Handler::of(serving.clone());
            let tcp = tokio::net::TcpListener::from_std(bound.tcp)?;
            self.tasks.spawn(streams.clone().serve(tcp, listener, handler, self.drain.subscribe()));
            self.start_udp(listener, &serving, bound.udp, &counted, &later)?;
        }
        self.later = Some(later);
        Ok(())
    }

    /// Serves metrics, health and readiness: already while the cluster is read, for probes ask then.
    fn start_admin(&self, admin: Admin, config: &Config) {
        let api = || Api::new(self.explainer(), self.feed.sources.clone(), config.admin_hosts.clone());
        let explain = config.admin_explain.then(api);
        let shown = Shown { metrics: self.metrics.clone(), readiness: self.readiness.clone(), explain };
        if let Some(address) = health::address(config, &self.admin_addresses) {
            self.runtime.spawn(health::watch(address, self.metrics.events.clone()));
        }
        let mut close = self.close_admin.subscribe();
        self.runtime.spawn(async move {
            let closed = async move { drop(close.wait_for(|&close| close).await) };
            if let Err(error) = admin.serve(shown, closed).await {
                tracing::error!(%error, "the admin address is not served");
            }
        });
    }

    #[cfg(target_os = "linux")]
    fn start_udp(
        &mut self,
        listener: usize,
        serving: &Arc<Serving>,
        sockets: Vec<socket2::Socket>,
        counted: &Counted,
        later: &Later<Counted>,
    ) -> io::Result<()> {
        use crate::sockets::udp::Worker;

        if self.sockets == UdpSockets::Portable {
            return self.start_portable(serving, sockets, counted, later);
        }
        for (index, socket) in sockets.into_iter().enumerate() {
            let worker = Worker {
                socket: Arc::new(socket),
                serving: serving.clone(),
                later: later.clone(),
                tally: Tallied::new(&self.metrics, &self.logs),
                turn: index,
                stop: self.stop.clone(),
            };
            self.workers.push(worker.start(format!("udp-{listener}-{index}"))?);
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn start_udp(
        &mut self,
        _listener: usize,
        serving: &Arc<Serving>,
        sockets: Vec<socket2::Socket>,
        counted: &Counted,
        later: &Later<Counted>,
    ) -> io::Result<()> {
        self.start_portable(serving, sockets, counted, later)
    }

    fn start_portable(
        &mut self,
        serving: &Arc<Serving>,
        sockets: Vec<socket2::Socket>,
        counted: &Counted,
        later: &Later<Counted>,
    ) -> io::Result<()> {
        for socket in sockets {
            let served =
                portable::serve(socket, serving.clone(), later.clone(), counted.clone(), self.drain.subscribe());
            self.tasks.spawn(async move {
                if let Err(error) = served.await {
                    tracing::error!(%error, "a UDP socket is not served");
                }
            });
        }
        Ok(())
    }

    /// Where changes of the cluster go.
    pub fn feed(&self) -> Feed {
        self.feed.clone()
    }

    /// The addresses that are listened on, UDP and TCP, with the ports that they have.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The addresses of metrics, health and readiness.
    pub fn admin_addresses(&self) -> &[SocketAddr] {
        &self.admin_addresses
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// How the lines of questions are written. Call it before the server starts.
    pub fn set_log_form(&self, form: Form) {
        self.logs.set_form(form);
    }

    /// Explains what this server answers.
    pub fn explainer(&self) -> Explainer {
        Explainer::new(self.responder.clone(), self.feed.store.clone())
    }

    /// The zones of the cluster that are served.
    pub fn zones(&self) -> Vec<Name> {
        let views = self.feed.views.iter();
        views.flat_map(|view| view.options.zones.iter().map(|zone| zone.apex.clone())).collect()
    }

    /// What to try, as dig takes it: a service of the people's rather than of the system's. There
    /// is always the version of the schema.
    pub fn example_question(&self) -> Option<String> {
        let zone = self.feed.views.first()?.primary.as_ref()?.apex.to_string();
        let zone = zone.trim_end_matches('.');
        let store = self.feed.store();
        let system = |service: &Service| matches!(&*service.namespace, "default" | "kube-system");
        let leads = |service: &&Service| matches!(service.spec, ServiceSpec::Cluster { .. });
        let chosen =
            store.services().filter(leads).min_by_key(|service| (system(service), &service.namespace, &service.name));
        Some(match chosen {
            Some(service) => format!("{}.{}.svc.{zone}", service.name, service.namespace),
            None => format!("dns-version.{zone} TXT"),
        })
    }

    /// Takes the signals that tell the process to end, so that none of them interrupts an answer.
    ///
    /// # Errors
    /// The system does not let it.
    pub fn signals(&self) -> Result<Signals, StartError> {
        Ok(Signals::new(&self.runtime)?)
    }

    /// Whether a signal has come, or comes within this time.
    pub fn is_told_to_end(&self, signals: &mut Signals, within: Duration) -> bool {
        self.runtime.block_on(async { time::timeout(within, signals.received()).await }).is_ok()
    }

    /// Waits for a signal. Then shuts down.
    pub fn run_until(self, mut signals: Signals) {
        let signal = self.runtime.block_on(signals.received());
        tracing::info!("{signal}: answering what has arrived, then ending");
        self.runtime.spawn(async move {
            let signal = signals.received().await;
            tracing::warn!("{signal} again: ending at once");
            process::exit(1);
        });
        self.shutdown();
    }

    /// Stops: readiness goes first, then what has arrived is answered, then the sockets close.
    pub fn shutdown(mut self) {
        self.readiness.draining();
        self.drain.send_replace(true);
        self.stop.store(true, Ordering::Relaxed);
        for worker in std::mem::take(&mut self.workers) {
            // A thread that panicked has said so.
            let _ = worker.join();
        }
        let mut tasks = std::mem::take(&mut self.tasks);
        let later = self.later.take();
        self.runtime.block_on(async {
            while tasks.join_next().await.is_some() {}
            if let Some(later) = later
                && !later.drained(WAITING_GRACE).await
            {
                tracing::warn!("questions that waited for upstreams were given up");
            }
        });
        self.logs.finish(LOG_GRACE);
        self.close_admin.send_replace(true);
        self.runtime.shutdown_timeout(ADMIN_GRACE);
    }
}

/// What upstreams may take for the last questions: no client waits longer.
const WAITING_GRACE: Duration = Duration::from_secs(5);
/// What the last lines of the log may take.
const LOG_GRACE: Duration = Duration::from_secs(1);
/// What the admin address may take to finish.
const ADMIN_GRACE: Duration = Duration::from_secs(1);

fn tcp_limits(config: &Config) -> TcpLimits {
    let tcp = config.tcp;
    TcpLimits {
        connections_max: tcp.connections,
        connections_per_client_max: u32::try_from(tcp.connections_per_client).unwrap_or(u32::MAX),
        idle_timeout: tcp.idle_timeout,
        read_timeout: tcp.message_timeout,
        write_timeout: tcp.message_timeout,
        queries_per_connection_max: tcp.queries_per_connection.map(|queries| queries as u64),
        age_max: tcp.connection_age,
        ..TcpLimits::default()
    }
}

/// The time, for SOA serials.
pub fn unix_secs() -> u32 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as u32)
}
