//! The line of a real upstream.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use bytes::Bytes;
use tokio::time::Instant;

use super::{
    asking::Over,
    counters::{Counters, Proto, UpstreamCounters},
    line::{Line, Lost},
    message::Query,
    udp,
};

/// See the module.
pub(super) struct Wire {
    pub(super) address: SocketAddr,
    pub(super) source: Option<IpAddr>,
    pub(super) all: Counters,
    pub(super) counters: Arc<UpstreamCounters>,
}

impl Line for Wire {
    async fn exchange(&self, query: &Query, _over: Over, until: Instant) -> Result<Bytes, Lost> {
        self.counters.connections_opened[Proto::Udp as usize].add();
        udp::exchange(self.address, self.source, query, until, &self.all.wrong_replies).await
    }
}
