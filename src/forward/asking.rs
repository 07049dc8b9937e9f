//! What is asked of a [`Forwarder`](super::Forwarder), and what comes of it.

use std::{fmt, net::SocketAddr};

use bytes::Bytes;

use super::message;
use crate::answers::code;

/// A question for upstreams.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'q> {
    /// The whole message as upstreams get it. Its id is not used.
    pub query: &'q [u8],
    /// What the client asked over.
    pub over: Over,
    /// How long a reply its client takes: a reply that was cut below that is fetched over TCP.
    pub reply_octets_max: usize,
}

/// A transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Over {
    /// Datagrams.
    Udp,
    /// Streams, encrypted or not.
    Tcp,
}

/// An upstream's message: its question is the one that was asked. The id is not the client's.
#[derive(Clone, Debug)]
pub struct Answer {
    /// As it came.
    pub message: Bytes,
    /// Who sent it.
    pub upstream: SocketAddr,
}

/// Why there is no answer. The text is what CoreDNS's error lines have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// As many questions as there may be are in flight.
    Overloaded {
        /// So many.
        questions_max: usize,
    },
    /// No upstream is there, and none is to be tried.
    AllDown,
    /// Every upstream leads back to this server.
    Looping,
    /// An upstream was the last to be tried and did not answer.
    NoReply {
        /// Which.
        upstream: SocketAddr,
        /// What happened.
        why: String,
    },
    /// It answered something else.
    Mismatch {
        /// Which.
        upstream: SocketAddr,
    },
    /// That was no query.
    NoQuery,
}

impl Answer {
    /// RCODE of its header.
    pub fn rcode(&self) -> u16 {
        message::rcode(&self.message)
    }
}

impl Failure {
    /// What the client is told.
    pub fn rcode(&self) -> u16 {
        match self {
            Self::Overloaded { .. } => code::REFUSED,
            Self::AllDown | Self::Looping | Self::NoReply { .. } => code::SERVFAIL,
            Self::Mismatch { .. } | Self::NoQuery => code::FORMERR,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overloaded { questions_max } => write!(f, "concurrent queries exceeded maximum {questions_max}"),
            Self::AllDown => f.write_str("no healthy proxies"),
            Self::Looping => f.write_str("no healthy proxies: all upstreams lead back to this server"),
            Self::NoReply { why, .. } => f.write_str(why),
            Self::Mismatch { upstream } => write!(f, "{upstream} answers another question than it was asked"),
            Self::NoQuery => f.write_str("proxy: invalid request"),
        }
    }
}

impl std::error::Error for Failure {}
