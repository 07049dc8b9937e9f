//! The line of a real upstream.

use bytes::Bytes;
use tokio::time::Instant;

use super::{
    asking::Over,
    https::Https,
    line::{Line, Lost},
    message::Query,
    ports::Ports,
    stream::Pool,
    tls::{Tcp, Tls},
    udp,
};

/// See the module.
pub(super) enum Wire {
    /// UDP and TCP.
    Plain(Plain),
    /// TLS, whatever was asked for.
    Tls(Pool<Tls>),
    /// HTTPS, the same.
    Https(Pool<Https>),
}

/// A way without encryption.
pub(super) struct Plain {
    pub(super) udp: Ports,
    pub(super) tcp: Pool<Tcp>,
}

impl Line for Wire {
    async fn exchange(&self, query: &Query, over: Over, until: Instant) -> Result<Bytes, Lost> {
        match (self, over) {
            (Self::Plain(plain), Over::Udp) => udp::exchange(&plain.udp, query, until).await,
            // Most questions go over UDP: those that do need no room for what streams do.
            (Self::Plain(plain), Over::Tcp) => Box::pin(plain.tcp.exchange(query, until)).await,
            (Self::Tls(pool), _) => Box::pin(pool.exchange(query, until)).await,
            (Self::Https(pool), _) => Box::pin(pool.exchange(query, until)).await,
        }
    }
}
