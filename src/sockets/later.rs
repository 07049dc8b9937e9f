//! Datagrams whose reply is not there at once: a bounded number of them waits, and nobody waits for them.
//!
//! Each question that waits has a task for itself. Tasks that are done wait for another question of the same
//! socket: to make one takes longer than most of what it does.

mod crew;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::Semaphore, time::timeout};

pub use self::crew::{Crew, WayBack};
use super::{events::Events, guard};
use crate::respond::{Ahead, Asked, Exchange, Refresh, serving::Desk};

/// Waits for others on behalf of sockets. Cheap to clone.
pub struct Later<E>(Arc<Office<E>>);

struct Office<E> {
    runtime: Handle,
    /// One permit for each question that waits.
    room: Semaphore,
    events: E,
}

/// The place of a question that waits; free again when it is dropped.
struct Place<E>(Arc<Office<E>>);

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

/// A question that outlives its packet.
struct Kept {
    packet: Vec<u8>,
    asked: Asked,
    begun: Instant,
    desk: Arc<Desk>,
}

/// So many questions may wait at a time: with 8 KiB each, 48 MiB. Beyond it the answer is SERVFAIL at once.
const WAITING_MAX: u32 = 6144;

impl<E: Events> Later<E> {
    /// Nobody waits yet.
    pub fn new(runtime: Handle, events: E) -> Self {
        Self(Arc::new(Office { runtime, room: Semaphore::new(WAITING_MAX as usize), events }))
    }

    /// Has a cache's reply refreshed, if there is room for it.
    pub fn refresh(&self, waiting: Waiting<'_>, desk: Arc<Desk>, refresh: Refresh) {
        let Some(place) = self.place() else { return };
        let question = Kept::new(&waiting, desk);
        self.0.runtime.spawn(async move {
            let _place = place;
            let refreshed = question.desk.responder.refresh(&question.packet, &question.asked, refresh);
            // The client has its reply: nobody but the log is told of a panic.
            let _ = guard::guarded_later(question.asked.client, refreshed).await;
        });
    }

    /// Writes the reply to a question for which there was no room, and counts it. None if there is no reply.
    pub fn turned_away(&self, waiting: &Waiting<'_>, buffer: &mut [u8]) -> Option<usize> {
        let Waiting { packet, asked, begun } = *waiting;
        let outcome = guard::server_failure(packet, buffer)?;
        self.0.events.too_many_wait();
        let reply = &buffer[..outcome.reply_octets];
        self.0.events.answered(&Exchange { asked: &asked, query: packet, reply, outcome: &outcome }, begun.elapsed());
        Some(outcome.reply_octets)
    }

    /// How many questions wait now, those of caches included.
    pub fn waiting(&self) -> u32 {
        WAITING_MAX - self.0.room.available_permits() as u32
    }

    /// Waits until nobody waits any more, or this long.
    pub async fn drained(&self, patience: Duration) -> bool {
        timeout(patience, self.0.room.acquire_many(WAITING_MAX)).await.is_ok()
    }

    fn place(&self) -> Option<Place<E>> {
        self.0.room.try_acquire().ok()?.forget();
        Some(Place(self.0.clone()))
    }
}

impl<E> Clone for Later<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E> Drop for Place<E> {
    fn drop(&mut self) {
        self.0.room.add_permits(1);
    }
}

impl Kept {
    fn new(waiting: &Waiting<'_>, desk: Arc<Desk>) -> Self {
        let Waiting { packet, asked, begun } = *waiting;
        // Whoever answers now may have other listeners than who began.
        let asked = Asked { listener: desk.listener, ..asked };
        Self { packet: packet.to_vec(), asked, begun, desk }
    }

    /// The reply, when it is there, from where its desk says that the question goes on. None where there is none.
    async fn answer(&self, ahead: Ahead, events: &impl Events) -> Option<Vec<u8>> {
        let Self { packet, asked, begun, desk } = self;
        let resumed = guard::guarded_later(asked.client, desk.responder.resume(packet, asked, ahead)).await;
        let (reply, outcome) = match resumed {
            Ok(resumed) => {
                let resumed = resumed?;
                resumed.troubles.iter().for_each(|trouble| events.failed(asked, trouble));
                (resumed.reply, resumed.outcome)
            }
            Err(guard::Panicked) => {
                events.panicked();
                guard::server_failure_apart(packet)?
            }
        };
        events.answered(&Exchange { asked, query: packet, reply: &reply, outcome: &outcome }, begun.elapsed());
        Some(reply)
    }
}
