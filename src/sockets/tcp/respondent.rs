//! From one message to its replies: the clock, the guard against panics, and who is told.

use std::{net::SocketAddr, sync::Arc};

use tokio::time::Instant;

use super::Streams;
use crate::{
    answers::{
        code,
        question::{self, HEADER_OCTETS, Packet, QueryName},
    },
    respond::{Asked, Outcome, general::Handler},
    sockets::{events::Events, guard},
};

/// What answers the messages of streams.
pub trait Answer: Clone + Send + Sync + 'static {
    /// The messages that answer one, or several for a transfer, each of at most 65,535 octets. None
    /// where there is no reply. Only a transfer may take its time.
    fn answer(&self, message: &[u8], client: SocketAddr) -> Option<(Vec<Vec<u8>>, Outcome)>;
}

impl Answer for Handler {
    fn answer(&self, message: &[u8], client: SocketAddr) -> Option<(Vec<Vec<u8>>, Outcome)> {
        self.answer_stream(message, client)
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
    /// The replies to a message: SERVFAIL if answering panics.
    pub(super) fn replies(&self, message: &[u8]) -> Vec<Vec<u8>> {
        let (begun, events) = (Instant::now(), &self.streams.events);
        let answer = || self.answer.answer(message, self.asked.client);
        let answered = guard::guarded(self.asked.client, answer).unwrap_or_else(|guard::Panicked| {
            events.panicked();
            let mut header = vec![0; HEADER_OCTETS];
            let outcome = guard::server_failure(message, &mut header)?;
            Some((vec![header], outcome))
        });
        let Some((messages, outcome)) = answered else { return Vec::new() };
        events.answered(&self.asked, message.len(), &outcome, begun.elapsed());
        messages
    }
}

/// Whether a message asks for a whole zone, which is not answered in passing.
pub(super) fn is_transfer(message: &[u8], name: &mut QueryName) -> bool {
    let Packet::Question(question) = question::read(message, name) else { return false };
    matches!(question.qtype, code::AXFR | code::IXFR)
}
