//! The running server: builds each stage, binds every socket before it serves, drains at the end.
//!
//! ```text
//! Config ─► Plan, Views ─► Server::bind ─► Feed::apply(Change)... ─► start ─► shutdown
//!                              Snapshots, Live ──┘
//! ```
//!
//! A program embeds it the way the command line does: see `examples/embed.rs`.

pub mod cluster;
mod compile;
mod doors;
mod events;
mod feed;
mod health;
pub mod keeper;
mod listening;
pub mod live;
mod loops;
mod reload;
pub mod run;
mod signals;
pub mod source;
mod stages;

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use thiserror::Error;
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
    time,
};

use crate::{
    admin::{Pages, Shown, api::Api, readiness::Readiness},
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
        plan::{Plan, Stages},
    },
    sockets::{
        bind::BindError,
        later::Later,
        tcp::{Streams, TcpLimits},
    },
};
use doors::Doors;
use events::Counted;
pub use feed::{Feed, News};
use listening::{Common, Listening};
pub use reload::ReloadError;
pub use signals::Signals;

/// A server whose sockets are bound. It serves from [`start`](Self::start) on.
pub struct Server {
    config: Config,
    responder: Arc<Responder>,
    readiness: Arc<Readiness>,
    feed: Feed,
    runtime: Runtime,
    common: Common,
    listening: Vec<Listening>,
    /// Those that an earlier configuration had: what has arrived there is being answered.
    retired: JoinSet<()>,
    api: Api,
    pages: Arc<Pages>,
    /// The admin addresses: they stay open while the others drain.
    doors: Doors,
}

/// Why a server cannot serve.
#[derive(Debug, Error)]
pub enum StartError {
    /// An address to listen on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// An admin address.
    #[error("metrics, health and readiness: {0}")]
    Admin(BindError),
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
        let stages = stages::build(config, &metrics.forward, runtime.handle(), None)?;
        let (plan, store) = Self::compiled(config, stages);
        let logs = Arc::new(Logs::new(&metrics.events, Box::new(io::stdout())));
        events::use_plan(&metrics, &logs, config, &plan)?;
        let readiness = Readiness::new();
        readiness.monitor_continuously(config.ready_continuously);
        let feed = Feed::new(store, &plan, metrics.clone(), readiness.clone());
        let responder = Arc::new(Responder::new(plan));
        let common = Self::common(config, &runtime, metrics, logs, cores);
        let listeners = responder.plan().listeners.iter().enumerate();
        let listening =
            listeners.map(|(index, listener)| Listening::bind(listener.address, &responder, index, &common));
        let listening = listening.collect::<Result<Vec<_>, _>>()?;
        let explainer = Explainer::new(responder.clone(), feed.store.clone());
        let api = Api::new(explainer, feed.sources.clone(), config.admin_hosts.clone());
        let pages = Pages::new(shown(config, &api, &common.metrics, &readiness));
        let mut doors = Doors::new(pages.clone(), runtime.handle().clone(), common.metrics.events.clone());
        // Already while the cluster is read, for probes ask then.
        doors.open(config, doors.bind(config).map_err(StartError::Admin)?);
        Ok(Self {
            config: config.clone(),
            responder,
            readiness,
            feed,
            runtime,
            common,
            listening,
            retired: JoinSet::new(),
            api,
            pages,
            doors,
        })
    }

    fn common(config: &Config, runtime: &Runtime, metrics: Arc<Metrics>, logs: Arc<Logs>, cores: usize) -> Common {
        let counted = Counted::new(&metrics, &logs);
        let later = Later::new(runtime.handle().clone(), counted.clone());
        events::watch(&metrics, runtime.handle(), &later);
        Common {
            runtime: runtime.handle().clone(),
            later,
            logs,
            streams: Streams::new(tcp_limits(config), counted.clone()),
            counted,
            metrics,
            sockets: config.udp.sockets,
            threads: config.udp.threads.unwrap_or(cores),
            shares: config.shares_addresses,
        }
    }

    /// The tables of a configuration, without a server: for looking at records.
    pub fn tables(config: &Config) -> (Plan, Store) {
        Self::compiled(config, Vec::new())
    }

    /// The same with what stands beside the tables, and with nobody to ask: for looking at answers.
    ///
    /// # Errors
    /// A file that a forwarder needs cannot be read.
    pub fn offline(config: &Config) -> Result<(Plan, Store), StartError> {
        let runtime = Builder::new_current_thread().build()?;
        let stages = stages::build(config, &forward::Counters::default(), runtime.handle(), None)?;
        let (plan, store) = Self::compiled(config, stages);
        Ok((Plan { offline: true, ..plan }, store))
    }

    fn compiled(config: &Config, stages: Vec<Stages>) -> (Plan, Store) {
        let plan = compile::plan(config, &compile::interface_addresses(), stages, Vec::new());
        let store = Store::new(plan.views().cloned().collect());
        (plan, store)
    }

    /// Serves from now on.
    ///
    /// # Errors
    /// The system has no thread left, or will not take a socket.
    pub fn start(&mut self) -> Result<(), StartError> {
        for listening in &mut self.listening {
            listening.start(&self.common)?;
        }
        Ok(())
    }

    /// Whether it takes its place beside a predecessor, which serves until it ends.
    pub fn has_predecessor(&self) -> bool {
        self.listening.iter().any(Listening::has_predecessor)
    }

    /// Whether the cluster is being read: who asks for what is not known yet waits as long as this is so, in
    /// place of being told that nobody knows. At first it is not.
    pub fn set_starting(&self, starting: bool) {
        match starting {
            true => self.responder.starting.begin(),
            false => self.responder.starting.end(),
        }
    }

    /// Where changes of the cluster go.
    pub fn feed(&self) -> Feed {
        self.feed.clone()
    }

    /// The addresses that are listened on, UDP and TCP, with the ports that they have.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listening.iter().map(|listening| listening.address).collect()
    }

    /// The addresses of metrics, health and readiness.
    pub fn admin_addresses(&self) -> &[SocketAddr] {
        &self.doors.addresses
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.common.metrics
    }

    /// How the lines of questions are written. Call it before the server starts.
    pub fn set_log_form(&self, form: Form) {
        self.common.logs.set_form(form);
    }

    /// Explains what this server answers.
    pub fn explainer(&self) -> Explainer {
        self.api.explainer().clone()
    }

    /// The zones of the cluster that are served.
    pub fn zones(&self) -> Vec<Name> {
        let views = self.feed.views();
        views.iter().flat_map(|view| view.options.zones.iter().map(|zone| zone.apex.clone())).collect()
    }

    /// What to try, as dig takes it: a service of the people's rather than of the system's. There
    /// is always the version of the schema.
    pub fn example_question(&self) -> Option<String> {
        let zone = self.feed.views().first()?.primary.as_ref()?.apex.to_string();
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
        self.runtime.block_on(async { time::timeout(within, signals.end()).await }).is_ok()
    }

    /// Stops: readiness goes first, then what has arrived is answered, then the sockets close.
    pub fn shutdown(self) {
        self.readiness.draining();
        let Self { runtime, listening, mut retired, common, doors, .. } = self;
        listening.iter().for_each(Listening::stop);
        runtime.block_on(async {
            for listening in listening {
                listening.ended().await;
            }
            while retired.join_next().await.is_some() {}
            if !common.later.drained(WAITING_GRACE).await {
                tracing::warn!("questions that waited for upstreams were given up");
            }
        });
        common.logs.finish(LOG_GRACE);
        doors.close();
        runtime.shutdown_timeout(ADMIN_GRACE);
    }
}

/// What upstreams may take for the last questions: no client waits longer.
const WAITING_GRACE: Duration = Duration::from_secs(5);
/// What the last lines of the log may take.
const LOG_GRACE: Duration = Duration::from_secs(1);
/// What the admin address may take to finish.
const ADMIN_GRACE: Duration = Duration::from_secs(1);

/// What the admin addresses show.
fn shown(config: &Config, api: &Api, metrics: &Arc<Metrics>, readiness: &Arc<Readiness>) -> Shown {
    let explain = config.admin_explain.then(|| api.clone());
    Shown { metrics: metrics.clone(), readiness: readiness.clone(), explain }
}

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
