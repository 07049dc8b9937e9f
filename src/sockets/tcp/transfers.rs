//! Answers that take their time: zone transfers, computed on threads where that holds up nobody and
//! sent message by message, and what others have to be asked for.
//!
//! A transfer is held in memory from its beginning to its last octet, so each has a permit for that
//! long; there are few ([`TcpLimits::transfers_max`](super::TcpLimits)). Questions that wait for others are
//! small: a connection has so many of both in flight ([`TcpLimits::in_flight_max`](super::TcpLimits)).

use std::collections::VecDeque;

use tokio::{
    sync::OwnedSemaphorePermit,
    task::{self, JoinSet},
};

use super::{
    frames,
    respondent::{Answer, Respondent},
};
use crate::sockets::events::Events;

/// The transfers of one connection.
#[derive(Default)]
pub(super) struct Transfers {
    computing: JoinSet<Option<Transfer>>,
    /// One behind the other: a client need not tell the messages of two apart.
    sending: VecDeque<Transfer>,
}

/// What is left of a transfer.
pub(super) struct Transfer {
    messages: std::vec::IntoIter<Vec<u8>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Transfers {
    /// Has a question answered elsewhere.
    pub(super) fn begin<A: Answer, E: Events>(&mut self, respondent: Respondent<A, E>, message: Vec<u8>) {
        let permits = respondent.streams.transfers.clone();
        self.computing.spawn(async move {
            let permit = permits.acquire_owned().await.ok()?;
            let compute = move || {
                let messages = respondent.replies(&message).unwrap_or_default();
                // One message is no more than any other reply; a refusal holds up no transfer.
                let permit = (messages.len() > 1).then_some(permit);
                Transfer { messages: messages.into_iter(), _permit: permit }
            };
            task::spawn_blocking(compute).await.ok()
        });
    }

    /// Has a question answered that waits for others.
    pub(super) fn resume<A: Answer, E: Events>(&mut self, respondent: Respondent<A, E>, message: Vec<u8>) {
        self.computing.spawn(async move {
            let reply = respondent.resumed(&message).await?;
            Some(Transfer { messages: vec![reply].into_iter(), _permit: None })
        });
    }

    /// How many are in flight.
    pub(super) fn len(&self) -> usize {
        self.computing.len() + self.sending.len()
    }

    /// Whether there is something to send.
    pub(super) fn is_sending(&self) -> bool {
        !self.sending.is_empty()
    }

    /// Waits until one has been computed. None if none is being computed; nothing is lost if the
    /// wait is given up.
    pub(super) async fn computed(&mut self) -> Option<Option<Transfer>> {
        self.computing.join_next().await.map(|computed| computed.ok().flatten())
    }

    /// Puts one that has been computed behind the others.
    pub(super) fn send(&mut self, transfer: Option<Transfer>) {
        self.sending.extend(transfer);
    }

    /// Moves messages to `replies`, until these have so many octets.
    pub(super) fn take(&mut self, replies: &mut Vec<u8>, octets: usize) {
        while replies.len() < octets
            && let Some(transfer) = self.sending.front_mut()
        {
            match transfer.messages.next() {
                Some(message) => frames::push(replies, &message),
                None => drop(self.sending.pop_front()),
            }
        }
    }
}
