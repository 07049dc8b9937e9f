//! From one message to its replies: the clock, the guard against panics, and who is told.

use std::{future, net::SocketAddr, sync::Arc};

use tokio::time::Instant;

use super::Streams;
use crate::{
    answers::{
        code,
        question::{self, Packet, QueryName},
    },
    respond::{
        Asked, Exchange, Outcome, Resumed,
        general::{Handler, Streamed},
    },
    sockets::{events::Events, guard},
};

/// What answers the messages of streams.
pub trait Answer: Clone + Send + Sync + 'static {
    /// The messages that answer one, or several for a transfer, each of at most 65,535 octets, if they are
    /// there at once. Only a transfer may take its time.
    fn answer(&self, message: &[u8], client: SocketAddr) -> Streamed;

    /// The reply to a message that waits for others. None where there is none.
    fn resume(&self, _message: &[u8], _client: SocketAddr) -> impl Future<Output = Option<Resumed>> + Send {
        future::ready(None)
    }
}

impl Answer for Handler {
    fn answer(&self, message: &[u8], client: SocketAddr) -> Streamed {
        self.answer_stream(message, client)
    }

    async fn resume(&self, message: &[u8], client: SocketAddr) -> Option<Resumed> {
        self.resume_stream(message, client).await
    }
}

/// Answers for one connection.
#[derive(Clone)]
pub(super) struct Respondent<A, E> {
    pub(super) answer: A,
    pub(super) asked: Asked,
    pub(super) streams: Arc<Streams<E>>,
}

impl<A: Answer, E: Events> Respondent<A, E> {
    /// The replies to a message: SERVFAIL if answering panics. None if they have to be waited for.
    pub(super) fn replies(&self, message: &[u8]) -> Option<Vec<Vec<u8>>> {
        let begun = Instant::now();
        let answer = || self.answer.answer(message, self.asked.client);
        let (messages, outcome) = match guard::guarded(self.asked.client, answer) {
            Ok(Streamed::Messages(messages, outcome)) => (messages, outcome),
            Ok(Streamed::Ignored) => return Some(Vec::new()),
            Ok(Streamed::Waits) => return None,
            Err(guard::Panicked) => match self.failure(message) {
                Some((message, outcome)) => (vec![message], outcome),
                None => return Some(Vec::new()),
            },
        };
        let reply = messages.first().map_or(&[][..], Vec::as_slice);
        self.answered(message, reply, &outcome, begun);
        Some(messages)
    }

    /// The reply to a message that had to be waited for.
    pub(super) async fn resumed(&self, message: &[u8]) -> Option<Vec<u8>> {
        let (begun, events) = (Instant::now(), &self.streams.events);
        let resumed = guard::guarded_later(self.asked.client, self.answer.resume(message, self.asked.client)).await;
        let (reply, outcome) = match resumed {
            Ok(resumed) => {
                let Resumed { reply, outcome, troubles } = resumed?;
                troubles.iter().for_each(|trouble| events.failed(&self.asked, trouble));
                (reply, outcome)
            }
            Err(guard::Panicked) => self.failure(message)?,
        };
        self.answered(message, &reply, &outcome, begun);
        Some(reply)
    }

    fn answered(&self, query: &[u8], reply: &[u8], outcome: &Outcome, begun: Instant) {
        let exchange = Exchange { asked: &self.asked, query, reply, outcome };
        self.streams.events.answered(&exchange, begun.elapsed());
    }

    /// What is said where answering panicked.
    fn failure(&self, message: &[u8]) -> Option<(Vec<u8>, Outcome)> {
        self.streams.events.panicked();
        guard::server_failure_apart(message)
    }
}

/// Whether a message asks for a whole zone, which is not answered in passing.
pub(super) fn is_transfer(message: &[u8], name: &mut QueryName) -> bool {
    let Packet::Question(question) = question::read(message, name) else { return false };
    matches!(question.qtype, code::AXFR | code::IXFR)
}
