//! What every connection to an upstream is given: the questions that come to it, and what it keeps to.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::forward::{line::Lost, message::Query};

/// A question for a connection.
pub(in crate::forward) struct Request {
    pub(in crate::forward) query: Query,
    pub(in crate::forward) reply: oneshot::Sender<Result<Bytes, Lost>>,
}

impl Request {
    /// Tells who asked. Who does not listen any more has another answer.
    pub(in crate::forward) fn answer(self, reply: Result<Bytes, Lost>) {
        let _ = self.reply.send(reply);
    }
}

/// What a connection tells the pool of.
pub(in crate::forward) trait Idleness: Send {
    /// It has nothing more to do. Whether it may stay.
    fn rests(&mut self) -> bool;
    /// It has.
    fn works(&mut self);
    /// Its peer takes so many questions at a time.
    fn takes(&mut self, questions: usize);
}

/// See the module.
pub(in crate::forward) struct Work<I> {
    /// Closed by a connection that takes no more: others are asked then.
    pub(in crate::forward) requests: mpsc::Receiver<Request>,
    pub(in crate::forward) idleness: I,
    pub(in crate::forward) to: SocketAddr,
    /// How long it may have nothing to do.
    pub(in crate::forward) expire: Duration,
    /// How long nothing may come while something should.
    pub(in crate::forward) read_timeout: Duration,
}

/// Questions at a time. With all connections that there may be that is [`IN_FLIGHT_MAX`](crate::forward::IN_FLIGHT_MAX).
pub(in crate::forward) const PIPELINE_MAX: usize = 64;

impl<I> Work<I> {
    /// Nothing can be asked: whoever waits is told.
    pub(super) fn fail(mut self, lost: &Lost) {
        self.requests.close();
        while let Ok(request) = self.requests.try_recv() {
            request.answer(Err(lost.clone()));
        }
    }
}
