//! The way to one upstream: octets there, octets back.

use std::{fmt, future::Future, net::SocketAddr};

use bytes::Bytes;
use tokio::time::Instant;

use super::{asking::Over, message::Query};

/// How an upstream is reached. Tests have lines of their own.
pub(super) trait Line: Send + Sync + 'static {
    /// Asks once, and waits for the reply until then. What is returned answers the query.
    fn exchange(&self, query: &Query, over: Over, until: Instant) -> impl Future<Output = Result<Bytes, Lost>> + Send;
}

/// There was no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) why: Why,
    /// As CoreDNS would say it.
    pub(super) text: String,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Nothing came in time.
    Silent,
    /// What came was no answer to it.
    Mismatched,
    /// The upstream, or what is between, refused.
    Failed,
    /// The stream was closed by its peer, as any may be that was idle.
    Closed,
    /// It never left: this machine has no socket or no way.
    Ours,
}

impl Lost {
    pub(super) fn new(why: Why, text: impl fmt::Display) -> Self {
        Self { why, text: text.to_string() }
    }

    /// On a connection, whatever is spoken there.
    pub(super) fn on_stream(to: SocketAddr, why: Why, error: impl fmt::Display) -> Self {
        Self::new(why, format_args!("read tcp ->{to}: {error}"))
    }
}
