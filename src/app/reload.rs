//! Taking over another configuration while the old one serves: sockets, tables, caches and counters stay
//! where the new one wants the same.
//!
//! ```text
//! Config ─► stages, views, Plan ─► sockets that are missing ─► one pointer for each listener ─► the old ones end
//!           what is equal is kept   what fails leaves the old one in service
//! ```
//!
//! Where all addresses become one of them, or one becomes all, the new sockets stand beside the old ones for a
//! moment, and both answer. Over TCP the kernel resets a connection that is being made while its listener closes.

use std::{net::SocketAddr, sync::Arc};

use thiserror::Error;

use super::{
    Feed, Server,
    cluster::{self, Cluster, ClusterError},
    compile,
    doors::Door,
    events,
    listening::Listening,
    shown, stages,
};
use crate::{
    config::Config,
    explain::Explainer,
    forward,
    records::store::Store,
    respond::{Responder, plan::Plan},
    sockets::bind::{self, BindError},
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
    /// An admin address.
    #[error("metrics, health and readiness: {0}")]
    Admin(BindError),
    /// The cluster would be read from standard input, where nothing is left.
    #[error(
        "standard input is read once, at the start: write the cluster into a file and name that, or restart clusterdns"
    )]
    StandardInput,
    /// Somebody has lost interest.
    #[error("it was given up before the cluster was read")]
    GivenUp,
    /// It has other tables, which did not become complete in time. Those of before are.
    #[error("the cluster was not read completely within startup_timeout: try again when the API server answers")]
    Incomplete,
    /// Threads, file descriptors.
    #[error("the system does not let it be served: {0}")]
    System(#[from] std::io::Error),
}

impl Server {
    /// Takes over another configuration. `cluster` is replaced where it comes from elsewhere now; `is_over` is asked
    /// while that is waited for whether somebody has lost interest.
    ///
    /// # Errors
    /// It cannot be: nothing has changed.
    pub fn reload(
        &mut self,
        config: &Config,
        cluster: &mut Cluster,
        is_over: impl FnMut() -> bool,
    ) -> Result<(), ReloadError> {
        let same_cluster = is_same_cluster(&self.config, config);
        let before = Some((&self.config, self.responder.plan()));
        let stages = stages::build(config, &self.common.metrics.forward, self.runtime.handle(), before)?;
        let views = if same_cluster { self.feed.views() } else { Vec::new() };
        let plan = compile::plan(config, &compile::interface_addresses(), stages, views);
        let followed = if same_cluster { None } else { Some(self.follow(config, &plan, is_over)?) };
        let responder = Arc::new(Responder::new(plan));
        let (fresh, doors) = match self.prepared(config, &responder) {
            Ok(prepared) => prepared,
            Err(error) => {
                if let Some((feed, new)) = followed {
                    drop(new);
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
            if let Cluster::Files(_) = cluster {
                // Files are followed as soon as they are read.
                self.feed.source().lag.clear();
            }
        }
        self.show(config, doors);
        self.readiness.monitor_continuously(config.ready_continuously);
        self.config = config.clone();
        Ok(())
    }

    /// Feeds tables of their own from where the cluster comes from now, while the old ones are in service.
    fn follow(
        &self,
        config: &Config,
        plan: &Plan,
        is_over: impl FnMut() -> bool,
    ) -> Result<(Feed, Cluster), ReloadError> {
        if cluster::reads_standard_input(config) {
            return Err(ReloadError::StandardInput);
        }
        let store = Store::new(plan.views().cloned().collect());
        let feed = Feed::new(store, plan, self.common.metrics.clone(), self.readiness.clone());
        let cluster = Cluster::start(config, feed.clone()).inspect_err(|_| feed.leave())?;
        let was_waited_for = cluster.wait(config, is_over);
        let is_complete = |feed: &Feed| feed.views().iter().all(|view| view.is_complete());
        let failure = match was_waited_for {
            false => ReloadError::GivenUp,
            true if is_complete(&self.feed) && !is_complete(&feed) => ReloadError::Incomplete,
            true => return Ok((feed, cluster)),
        };
        drop(cluster);
        feed.leave();
        Err(failure)
    }

    /// Takes the addresses that are missing, and counts and logs by the new plan. Nobody is served by it yet.
    fn prepared(
        &mut self,
        config: &Config,
        responder: &Arc<Responder>,
    ) -> Result<(Vec<Listening>, Vec<Door>), ReloadError> {
        let doors = self.doors.bind(config).map_err(ReloadError::Admin)?;
        let mut fresh = Vec::new();
        let counted = self
            .bind_missing(responder, &mut fresh)
            .and_then(|()| Ok(events::use_plan(&self.common.metrics, &self.common.logs, config, responder.plan())?));
        match counted {
            Ok(()) => Ok((fresh, doors)),
            Err(error) => {
                self.give_up(fresh);
                Err(error)
            }
        }
    }

    fn bind_missing(&self, responder: &Arc<Responder>, fresh: &mut Vec<Listening>) -> Result<(), ReloadError> {
        let listeners = &responder.plan().listeners;
        let stays = |old: &Listening| listeners.iter().any(|listener| listener.address == old.configured);
        let goes = |old: &&Listening| !stays(old);
        let is_ours = |address| self.listening.iter().filter(goes).any(|old| bind::overlap(old.address, address));
        let is_missing = |address: SocketAddr| !self.listening.iter().any(|old| old.configured == address);
        let missing = listeners.iter().enumerate().filter(|(_, listener)| is_missing(listener.address));
        let mut missing: Vec<_> =
            missing.map(|(index, listener)| (is_ours(listener.address), index, listener)).collect();
        // Those come last to which questions come from now on.
        missing.sort_by_key(|(is_ours, ..)| *is_ours);
        for (is_ours, index, listener) in missing {
            fresh.push(Listening::bind_now(listener.address, responder, index, &self.common, is_ours)?);
        }
        Ok(())
    }

    /// What has come to sockets that are given up again is answered as before.
    fn give_up(&mut self, fresh: Vec<Listening>) {
        for mut listening in fresh {
            let mut others = self.listening.iter();
            let Some(old) = others.find(|old| bind::overlap(old.address, listening.address)) else { continue };
            let desk = old.serving.desk();
            listening.serving.replace(desk.responder.clone(), desk.listener);
            if listening.start(&self.common).is_ok() {
                self.retire(listening);
            }
        }
    }

    /// Lets what has arrived be the last. It is waited for at the end, if it takes so long.
    fn retire(&mut self, listening: Listening) {
        listening.stop();
        while self.retired.try_join_next().is_some() {}
        self.retired.spawn_on(listening.ended(), self.runtime.handle());
    }

    /// From now on the admin addresses are those of this configuration, and show what it says.
    fn show(&mut self, config: &Config, doors: Vec<Door>) {
        let explainer = Explainer::new(self.responder.clone(), self.feed.store.clone());
        self.api = self.api.by(explainer, self.feed.sources.clone(), config.admin_hosts.clone());
        self.pages.show(shown(config, &self.api, &self.common.metrics, &self.readiness));
        self.doors.open(config, doors);
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
            self.retire(listening);
        }
        self.listening = kept.into_iter().chain(fresh).collect();
        self.responder = responder;
    }

    /// Names what only a restart takes over.
    fn tell_what_waits(&self, config: &Config) {
        let old = &self.config;
        let waits = [("[udp]", old.udp != config.udp), ("[tcp]", old.tcp != config.tcp)];
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
