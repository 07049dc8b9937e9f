//! What the socket rooms tell of themselves: the seam to metrics.
//!
//! The rooms know nothing of counters. Whoever runs them passes a cheap handle that counts; each
//! method does nothing unless it is written.

use std::time::{Duration, Instant};

use crate::respond::{Asked, Exchange, Trouble};

/// Somebody who wants to know. Called from many tasks, so it must not wait.
pub trait Events: Clone + Send + Sync + 'static {
    /// A question was answered; `took` runs from the whole question to the finished reply.
    fn answered(&self, _exchange: &Exchange<'_>, _took: Duration) {}

    /// Answering panicked. The client got SERVFAIL, which is counted as answered too.
    fn panicked(&self) {}

    /// What others were asked for went wrong. The client got an answer all the same.
    fn failed(&self, _asked: &Asked, _trouble: &Trouble) {}

    /// So many questions wait for others that this one was turned away.
    fn too_many_wait(&self) {}

    /// A connection was taken on.
    fn opened(&self) {}

    /// A connection that was taken on is gone.
    fn closed(&self, _why: Closed) {}

    /// A connection was turned away at the door.
    fn refused(&self, _why: Refused) {}

    /// The system could not give us a connection that a client has made: no descriptors, no memory.
    fn accept_failed(&self) {}

    /// A datagram could not be sent: its client cannot be reached or gave a false address.
    fn unsent(&self) {}
}

/// Somebody who counts for one thread of the hot path: each call is a few instructions.
pub trait Tally: Send + 'static {
    /// From now on the routes are those of another plan.
    fn renew(&mut self) {}

    /// A question that came in a batch was answered, which was begun then.
    fn answered(&self, exchange: &Exchange<'_>, begun: Instant);

    /// So many questions of a route were answered within a batch that took so long.
    fn took(&self, route: Option<usize>, took: Duration, questions: u64);

    /// A packet has no reply.
    fn ignored(&self, packet: &[u8]);

    /// So many replies could not be sent.
    fn unsent(&self, replies: usize);

    /// Answering panicked. The client got SERVFAIL, which is counted as answered too.
    fn panicked(&self);
}

/// Nobody wants to know.
impl Events for () {}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closed {
    /// The client was finished.
    ByClient,
    /// Nothing was asked for the idle timeout.
    Idle,
    /// A message was begun and not finished within the read timeout.
    SlowSender,
    /// Replies were not taken within the write timeout.
    SlowReader,
    /// A length that no message has.
    Malformed,
    /// It has had its questions or its age: the client may connect again, perhaps to another replica.
    Recycled,
    /// It was the one idle for longest when room was needed for another.
    Evicted,
    /// The server stops.
    Drained,
    /// The system says that it is broken.
    Broken,
    /// It was still busy when the drain timeout was over.
    CutOff,
}

/// Why a connection was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// All connections there may be are open, and none of them is idle.
    Connections,
    /// This client has all the connections it may have, and none of them is idle.
    ConnectionsOfClient,
}
