//! One address that is listened on: its sockets, what serves them, and their end.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use tokio::{runtime::Handle, sync::watch, task::JoinSet};

use super::{
    StartError,
    events::{Counted, Tallied},
};
use crate::{
    config::UdpSockets,
    observe::{log::Logs, metrics::Metrics},
    respond::{Responder, general::Handler, serving::Serving},
    sockets::{
        bind::{self, BindError, Bound},
        later::Later,
        portable,
        tcp::Streams,
    },
};

/// What all addresses have in common.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) runtime: Handle,
    pub(super) metrics: Arc<Metrics>,
    pub(super) logs: Arc<Logs>,
    pub(super) counted: Counted,
    pub(super) later: Later<Counted>,
    pub(super) streams: Arc<Streams<Counted>>,
    pub(super) sockets: UdpSockets,
    /// Sockets of each address for datagrams.
    pub(super) threads: usize,
    /// Whether a predecessor may go on listening until it ends.
    pub(super) shares: bool,
}

/// See the module.
pub(super) struct Listening {
    /// As it is configured.
    pub(super) configured: SocketAddr,
    /// With the port that it has.
    pub(super) address: SocketAddr,
    pub(super) serving: Arc<Serving>,
    /// What is not served yet. None also where a predecessor has the address: what waited in our sockets while
    /// the cluster is read would be lost to it.
    bound: Option<Bound>,
    workers: Vec<JoinHandle<()>>,
    tasks: JoinSet<()>,
    /// Tells threads to answer what has arrived, and end.
    stop: Arc<AtomicBool>,
    /// Tells tasks the same.
    drain: watch::Sender<bool>,
}

impl Listening {
    /// Takes an address. Questions wait in its sockets until it is served.
    pub(super) fn bind(
        configured: SocketAddr,
        responder: &Arc<Responder>,
        listener: usize,
        common: &Common,
    ) -> Result<Self, BindError> {
        let bound = match bind::bind_both(configured, common.threads) {
            Err(BindError::InUse { .. }) if common.shares && cfg!(target_os = "linux") => None,
            bound => Some(bound?),
        };
        Ok(Self::new(configured, bound, Serving::new(responder.clone(), listener)))
    }

    /// The same for one that is served at once. Where it `is_ours` it is in use by another one of this server,
    /// which gives it up.
    pub(super) fn bind_now(
        configured: SocketAddr,
        responder: &Arc<Responder>,
        listener: usize,
        common: &Common,
        is_ours: bool,
    ) -> Result<Self, BindError> {
        if is_ours {
            let bound = bind::bind_beside(configured, common.threads)?;
            return Ok(Self::new(configured, Some(bound), Serving::new(responder.clone(), listener)));
        }
        let mut listening = Self::bind(configured, responder, listener, common)?;
        if listening.bound.is_none() {
            listening.bound = Some(listening.beside_another(common)?);
        }
        Ok(listening)
    }

    fn new(configured: SocketAddr, bound: Option<Bound>, serving: Arc<Serving>) -> Self {
        Self {
            configured,
            address: bound.as_ref().map_or(configured, |bound| bound.address),
            serving,
            bound,
            workers: Vec::new(),
            tasks: JoinSet::new(),
            stop: Arc::default(),
            drain: watch::channel(false).0,
        }
    }

    fn beside_another(&mut self, common: &Common) -> Result<Bound, BindError> {
        let bound = bind::bind_beside(self.configured, common.threads)?;
        tracing::warn!("{} is listened on by another program too: both answer until it ends", bound.address);
        self.address = bound.address;
        Ok(bound)
    }

    /// Whether a predecessor has the address.
    pub(super) fn has_predecessor(&self) -> bool {
        self.bound.is_none() && self.tasks.is_empty()
    }

    /// Serves from now on.
    pub(super) fn start(&mut self, common: &Common) -> Result<(), StartError> {
        let _in_runtime = common.runtime.enter();
        let bound = match self.bound.take() {
            Some(bound) => bound,
            None => self.beside_another(common)?,
        };
        let handler = Handler::of(self.serving.clone());
        let tcp = tokio::net::TcpListener::from_std(bound.tcp)?;
        self.tasks.spawn(common.streams.clone().serve(tcp, handler, self.drain.subscribe()));
        for (index, socket) in bound.udp.into_iter().enumerate() {
            self.start_udp(index, socket, common)?;
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn start_udp(&mut self, index: usize, socket: socket2::Socket, common: &Common) -> io::Result<()> {
        use crate::sockets::udp::Worker;

        if common.sockets == UdpSockets::Portable {
            self.start_portable(socket, common);
            return Ok(());
        }
        let worker = Worker {
            socket: Arc::new(socket),
            serving: self.serving.clone(),
            later: common.later.clone(),
            tally: Tallied::new(&common.metrics, &common.logs),
            turn: index,
            stop: self.stop.clone(),
        };
        self.workers.push(worker.start(format!("udp-{}-{index}", self.address.port()))?);
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn start_udp(&mut self, _index: usize, socket: socket2::Socket, common: &Common) -> io::Result<()> {
        self.start_portable(socket, common);
        Ok(())
    }

    fn start_portable(&mut self, socket: socket2::Socket, common: &Common) {
        let Common { later, counted, .. } = common.clone();
        let served = portable::serve(socket, self.serving.clone(), later, counted, self.drain.subscribe());
        self.tasks.spawn(async move {
            if let Err(error) = served.await {
                tracing::error!(%error, "a UDP socket is not served");
            }
        });
    }

    /// Lets what has arrived be the last.
    pub(super) fn stop(&self) {
        self.drain.send_replace(true);
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits until what has arrived is answered and the sockets are closed. It was told to stop.
    pub(super) async fn ended(mut self) {
        let workers = std::mem::take(&mut self.workers);
        let threads = tokio::task::spawn_blocking(move || {
            for worker in workers {
                // A thread that panicked has said so.
                let _ = worker.join();
            }
        });
        while self.tasks.join_next().await.is_some() {}
        let _ = threads.await;
        // With the last one who answered by them old tables go, slot by slot: nobody's socket waits for that.
        let serving = self.serving.clone();
        drop(self);
        let _ = tokio::task::spawn_blocking(move || drop(serving)).await;
    }
}

/// Its threads end with it, however that comes about.
impl Drop for Listening {
    fn drop(&mut self) {
        self.stop();
    }
}
