//! The admin addresses of a server. Each is served by itself, so that another configuration can move one.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use tokio::{
    runtime::Handle,
    sync::watch,
    task::{AbortHandle, JoinSet},
};

use super::health;
use crate::{
    admin::{Admin, Pages},
    config::Config,
    observe::events::Events,
    sockets::bind::{self, BindError},
};

/// See the module.
pub(super) struct Doors {
    pages: Arc<Pages>,
    runtime: Handle,
    events: Events,
    open: Vec<Door>,
    /// With the ports that they have.
    pub(super) addresses: Vec<SocketAddr>,
    /// Asks `/health` at this address.
    check: Option<(SocketAddr, AbortHandle)>,
    serving: JoinSet<()>,
}

/// One address.
pub(super) struct Door {
    /// As it is configured.
    configured: SocketAddr,
    /// With the port that it has.
    address: SocketAddr,
    /// What is not served yet.
    listener: Option<TcpListener>,
    /// Tells it to close.
    close: watch::Sender<bool>,
}

impl Doors {
    /// None is open yet.
    pub(super) fn new(pages: Arc<Pages>, runtime: Handle, events: Events) -> Self {
        Self { pages, runtime, events, open: Vec::new(), addresses: Vec::new(), check: None, serving: JoinSet::new() }
    }

    /// Takes the addresses of a configuration that are missing, or none. What comes to them waits.
    pub(super) fn bind(&self, config: &Config) -> Result<Vec<Door>, BindError> {
        let listen = &config.admin_listen;
        let is_open = |address: &SocketAddr| self.open.iter().any(|door| door.configured == *address);
        let goes = |door: &&Door| !listen.contains(&door.configured);
        let is_ours = |address| self.open.iter().filter(goes).any(|door| bind::overlap(door.address, address));
        let missing = listen.iter().filter(|address| !is_open(address));
        missing.map(|&address| Door::bind(address, is_ours(address), config.shares_addresses)).collect()
    }

    /// Serves what was bound for this configuration, and closes what it does not have.
    pub(super) fn open(&mut self, config: &Config, bound: Vec<Door>) {
        while self.serving.try_join_next().is_some() {}
        for mut door in bound {
            self.serve(&mut door);
            self.open.push(door);
        }
        self.open.retain(|door| {
            let stays = config.admin_listen.contains(&door.configured);
            if !stays {
                door.close.send_replace(true);
            }
            stays
        });
        self.addresses = self.open.iter().map(|door| door.address).collect();
        self.check(config);
    }

    fn serve(&mut self, door: &mut Door) {
        let Some(listener) = door.listener.take() else { return };
        let (pages, mut close) = (self.pages.clone(), door.close.subscribe());
        let serve = async move {
            let closed = async move { drop(close.wait_for(|&close| close).await) };
            if let Err(error) = Admin::new(vec![listener]).serve(pages, closed).await {
                tracing::error!(%error, "the admin address is not served");
            }
        };
        self.serving.spawn_on(serve, &self.runtime);
    }

    /// Asks where this configuration wants it, and nowhere else.
    fn check(&mut self, config: &Config) {
        let address = health::address(config, self.open.iter().map(|door| (door.configured, door.address)));
        if self.check.as_ref().map(|(address, _)| *address) == address {
            return;
        }
        if let Some((_, old)) = self.check.take() {
            old.abort();
        }
        let watch = |address| self.runtime.spawn(health::watch(address, self.events.clone())).abort_handle();
        self.check = address.map(|address| (address, watch(address)));
    }

    /// Closes all of them.
    pub(super) fn close(&self) {
        for door in &self.open {
            door.close.send_replace(true);
        }
    }
}

impl Door {
    /// Where it `is_ours` it is in use by another one of this server, which goes. Where it `shares` a predecessor may
    /// have it, which ends.
    fn bind(configured: SocketAddr, is_ours: bool, shares: bool) -> Result<Self, BindError> {
        let listener = match bind::bind_tcp(configured) {
            Err(BindError::InUse { .. }) if is_ours || shares => bind::bind_tcp_beside(configured),
            bound => bound,
        }?;
        let address = listener.local_addr().unwrap_or(configured);
        Ok(Self { configured, address, listener: Some(listener), close: watch::channel(false).0 })
    }
}
