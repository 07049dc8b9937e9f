//! Taking over another configuration while the old one serves: sockets, tables, caches and counters stay
//! where the new one wants the same.
//!
//! ```text
//! Config ─► stages, views, Plan ─► sockets that are missing ─► one pointer for each listener ─► the old ones end
//!           what is equal is kept   what fails leaves the old one in service
//! ```

use std::{net::SocketAddr, sync::Arc};

use thiserror::Error;

use super::{
    Feed, Server,
    cluster::{Cluster, ClusterError},
    compile, events,
    listening::Listening,
    stages,
};
use crate::{
    config::Config,
    explain::Explainer,
    forward,
    records::store::Store,
    respond::{Responder, plan::Plan},
    sockets::bind::BindError,
};

/// Why another configuration cannot be taken over. The old one is in service.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// What others are asked with.
    #[error(transparent)]
    Forward(#[from] forward::StartError),
    /// Where the cluster comes from.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// An address to listen on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// It has other tables, which did not become complete in time. Those of before are.
    #[error("the cluster was not read completely within startup_timeout: try again when the API server answers")]
    Incomplete,
    /// Threads, file descriptors.
    #[error("the system does not let it be served: {0}")]
    System(#[from] std::io::Error),
}

impl Server {
    /// Takes over another configuration. `cluster` is replaced where it comes from elsewhere now.
    ///
    /// # Errors
    /// It cannot be: nothing has changed.
    pub fn reload(&mut self, config: &Config, cluster: &mut Cluster) -> Result<(), ReloadError> {
        let same_cluster = is_same_cluster(&self.config, config);
        let before = Some((&self.config, self.responder.plan()));
        let stages = stages::build(config, &self.common.metrics.forward, self.runtime.handle(), before)?;
        let views = if same_cluster { self.feed.views() } else { Vec::new() };
        let plan = compile::plan(config, &compile::interface_addresses(), stages, views);
        let followed = if same_cluster { None } else { Some(self.follow(config, &plan)?) };
        let responder = Arc::new(Responder::new(plan));
        let fresh = match self.prepared(config, &responder) {
            Ok(fresh) => fresh,
            Err(error) => {
                if let Some((feed, _)) = followed {
                    feed.leave();
                }
                return Err(error);
            }
        };
        if followed.is_none() {
            self.feed.show(responder.plan());
        }
        self.tell_what_waits(config);
        self.take_over(responder, fresh);
        if let Some((feed, new)) = followed {
            // The old one says no more of what is known before nobody asks what it knows.
            drop(std::mem::replace(cluster, new));
            std::mem::replace(&mut self.feed, feed).leave();
        }
        self.explainer.store(Arc::new(Explainer::new(self.responder.clone(), self.feed.store.clone())));
        self.readiness.monitor_continuously(config.ready_continuously);
        self.config = config.clone();
        Ok(())
    }

    /// Feeds tables of their own from where the cluster comes from now, while the old ones are in service.
    fn follow(&self, config: &Config, plan: &Plan) -> Result<(Feed, Cluster), ReloadError> {
        let store = Store::new(plan.views().cloned().collect());
        let feed = Feed::new(store, plan, self.common.metrics.clone(), self.readiness.clone());
        let cluster = Cluster::start(config, feed.clone()).inspect_err(|_| feed.leave())?;
        cluster.wait(config, || false);
        let was_complete = self.feed.views().iter().all(|view| view.is_complete());
        if was_complete && !feed.views().iter().all(|view| view.is_complete()) {
            drop(cluster);
            feed.leave();
            return Err(ReloadError::Incomplete);
        }
        Ok((feed, cluster))
    }

    /// Takes the addresses that are missing, and counts and logs by the new plan. Nobody is served by it yet.
    fn prepared(&self, config: &Config, responder: &Arc<Responder>) -> Result<Vec<Listening>, ReloadError> {
        let is_missing = |address: SocketAddr| !self.listening.iter().any(|old| old.configured == address);
        let missing =
            responder.plan().listeners.iter().enumerate().filter(|(_, listener)| is_missing(listener.address));
        let bound = missing.map(|(index, listener)| Listening::bind(listener.address, responder, index, &self.common));
        let fresh = bound.collect::<Result<Vec<_>, _>>()?;
        events::use_plan(&self.common.metrics, &self.common.logs, config, responder.plan())?;
        Ok(fresh)
    }

    /// From here on nothing fails but threads that the system does not have.
    fn take_over(&mut self, responder: Arc<Responder>, mut fresh: Vec<Listening>) {
        for listening in &mut fresh {
            if let Err(error) = listening.start(&self.common) {
                tracing::error!(%error, "{} is not served", listening.configured);
            }
        }
        let place =
            |old: &Listening| responder.plan().listeners.iter().position(|listener| listener.address == old.configured);
        let (kept, gone): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.listening).into_iter().partition(|old| place(old).is_some());
        for listening in &kept {
            if let Some(index) = place(listening) {
                listening.serving.replace(responder.clone(), index);
            }
        }
        for listening in gone {
            listening.stop();
            self.runtime.spawn(listening.ended());
        }
        self.listening = kept.into_iter().chain(fresh).collect();
        self.responder = responder;
    }

    /// Names what only a restart takes over.
    fn tell_what_waits(&self, config: &Config) {
        let old = &self.config;
        let waits = [
            ("the admin addresses", old.admin_listen != config.admin_listen),
            ("[udp]", old.udp != config.udp),
            ("[tcp]", old.tcp != config.tcp),
        ];
        for (what, _) in waits.into_iter().filter(|(_, differs)| *differs) {
            tracing::warn!("{what} changed in the configuration: that takes effect when clusterdns is restarted");
        }
    }
}

/// Whether the cluster comes from the same place, and as much of it.
fn is_same_cluster(old: &Config, new: &Config) -> bool {
    let of =
        |config: &Config| (config.has_cluster(), config.asks(), config.kubernetes.clone(), config.snapshot.clone());
    of(old) == of(new)
}
