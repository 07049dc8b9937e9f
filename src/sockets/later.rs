//! Datagrams whose reply is not there at once: a bounded number of them waits, each as a task, and nobody
//! waits for them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::Semaphore, time::timeout};

use super::{events::Events, guard};
use crate::respond::{Asked, Exchange, Outcome, Refresh, serving::Desk};

/// Waits for others on behalf of sockets. Cheap to clone.
#[derive(Clone)]
pub struct Later<E> {
    runtime: Handle,
    /// One permit for each question that waits.
    room: Arc<Semaphore>,
    events: E,
}

/// A question that cannot be answered at once.
#[derive(Clone, Copy)]
pub struct Waiting<'p> {
    /// Its packet.
    pub packet: &'p [u8],
    /// Where it came from.
    pub asked: Asked,
    /// When.
    pub begun: Instant,
}

/// So many questions may wait at a time: with 8 KiB each, 48 MiB. Beyond it the answer is SERVFAIL at once.
const WAITING_MAX: u32 = 6144;

impl<E: Events> Later<E> {
    /// Nobody waits yet.
    pub fn new(runtime: Handle, events: E) -> Self {
        Self { runtime, room: Arc::new(Semaphore::new(WAITING_MAX as usize)), events }
    }

    /// Answers a question in its own time. None if too many wait: then `send` was not called, and will not be.
    pub fn answer<S>(
        &self,
        waiting: Waiting<'_>,
        desk: Arc<Desk>,
        send: impl FnOnce(Vec<u8>) -> S + Send + 'static,
    ) -> Option<()>
    where
        S: Future<Output = ()> + Send,
    {
        let permit = self.room.clone().try_acquire_owned().ok()?;
        let Waiting { packet, asked, begun } = waiting;
        // Whoever answers now may have other listeners than who began.
        let asked = Asked { listener: desk.listener, ..asked };
        let (packet, events) = (packet.to_vec(), self.events.clone());
        self.runtime.spawn(async move {
            let _permit = permit;
            let resumed = guard::guarded_later(asked.client, desk.responder.resume(&packet, &asked)).await;
            let (reply, outcome) = match resumed {
                Ok(Some(resumed)) => {
                    resumed.troubles.iter().for_each(|trouble| events.failed(&asked, trouble));
                    (resumed.reply, resumed.outcome)
                }
                Ok(None) => return,
                Err(guard::Panicked) => {
                    events.panicked();
                    let Some(failure) = failure(&packet) else { return };
                    failure
                }
            };
            let exchange = Exchange { asked: &asked, query: &packet, reply: &reply, outcome: &outcome };
            events.answered(&exchange, begun.elapsed());
            send(reply).await;
        });
        Some(())
    }

    /// Has a cache's reply refreshed, if there is room for it.
    pub fn refresh(&self, waiting: Waiting<'_>, desk: Arc<Desk>, refresh: Refresh) {
        let Ok(permit) = self.room.clone().try_acquire_owned() else { return };
        let (packet, asked) = (waiting.packet.to_vec(), Asked { listener: desk.listener, ..waiting.asked });
        self.runtime.spawn(async move {
            let _permit = permit;
            let refreshed = desk.responder.refresh(&packet, &asked, refresh);
            // The client has its reply: nobody but the log is told of a panic.
            let _ = guard::guarded_later(asked.client, refreshed).await;
        });
    }

    /// Writes the reply to a question for which there was no room, and counts it. None if there is no reply.
    pub fn turned_away(&self, waiting: &Waiting<'_>, buffer: &mut [u8]) -> Option<usize> {
        let Waiting { packet, asked, begun } = *waiting;
        let outcome = guard::server_failure(packet, buffer)?;
        self.events.too_many_wait();
        let reply = &buffer[..outcome.reply_octets];
        self.events.answered(&Exchange { asked: &asked, query: packet, reply, outcome: &outcome }, begun.elapsed());
        Some(outcome.reply_octets)
    }

    /// How many questions wait now, those of caches included.
    pub fn waiting(&self) -> u32 {
        WAITING_MAX - self.room.available_permits() as u32
    }

    /// Waits until nobody waits any more, or this long.
    pub async fn drained(&self, patience: Duration) -> bool {
        timeout(patience, self.room.acquire_many(WAITING_MAX)).await.is_ok()
    }
}

/// What is said where answering panicked.
fn failure(packet: &[u8]) -> Option<(Vec<u8>, Outcome)> {
    let mut header = vec![0; crate::answers::question::HEADER_OCTETS];
    let outcome = guard::server_failure(packet, &mut header)?;
    Some((header, outcome))
}
