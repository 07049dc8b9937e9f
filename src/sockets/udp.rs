//! The fast path: one thread, one socket, packets in batches.
//!
//! receive ─► respond ─► send, and nothing else: no allocation, no lock, no task, no log line. What others
//! have to be asked for is handed to [`Later`], and its reply finds its own way back.
//! Several threads share a port by SO_REUSEPORT, so a client's packets stay with one of them.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use socket2::Socket;
use tokio::task::yield_now;

use super::{
    batch::{self, BATCH, Inbox, Outbox, ReturnPath},
    bind,
    events::{Events, Tally},
    guard,
    later::{Crew, Later, Waiting, WayBack},
};
use crate::respond::{
    Asked, Begun, Exchange, Memory, Outcome, Transport,
    serving::{Desk, Serving},
};

/// How long a thread without packets waits before it looks whether it should stop.
const RECEIVE_TIMEOUT: Duration = Duration::from_millis(250);

/// How long a thread that should end goes on while packets keep coming.
const DRAIN_MAX: Duration = Duration::from_secs(1);

/// What a thread needs to answer.
pub struct Worker<T, E> {
    /// Its own socket.
    pub socket: Arc<Socket>,
    /// What answers.
    pub serving: Arc<Serving>,
    /// Who waits for others.
    pub later: Later<E>,
    /// Its own counters.
    pub tally: T,
    /// Where its rotation starts.
    pub turn: usize,
    /// Set when it should answer what has arrived, and end.
    pub stop: Arc<AtomicBool>,
}

impl<T: Tally, E: Events> Worker<T, E> {
    /// Starts the thread.
    ///
    /// # Errors
    /// The socket cannot be set up, or the system has no thread left.
    pub fn start(self, name: String) -> io::Result<JoinHandle<()>> {
        batch::configure(&self.socket, RECEIVE_TIMEOUT)?;
        thread::Builder::new().name(name).spawn(move || self.run())
    }

    fn run(mut self) {
        let (mut inbox, mut outbox) = (Inbox::new(), Outbox::new());
        let (mut memory, mut runs) = (Memory::starting_at(self.turn), Runs::default());
        let back = Arc::new(Back { socket: self.socket.clone(), queue: Mutex::default() });
        let crew = Crew::new(self.later.clone());
        let mut desk = Arc::clone(&self.serving.desk());
        let mut stop_seen: Option<Instant> = None;
        loop {
            // Looked at before the socket: a signal may end the wait while packets are queued.
            let stopping = self.stop.load(Ordering::Relaxed);
            if stopping && stop_seen.is_none() {
                turn_away(&self.socket);
            }
            if stopping && stop_seen.get_or_insert_with(Instant::now).elapsed() > DRAIN_MAX {
                return;
            }
            // An error is about the socket, not about a packet: an ICMP message, or memory. It passes.
            let received = inbox.receive(&self.socket).unwrap_or(0);
            if received > 0 {
                let now = self.serving.desk();
                if !Arc::ptr_eq(&now, &desk) {
                    desk = Arc::clone(&now);
                    self.tally.renew();
                }
                self.answer(&desk, (&crew, &back), &inbox, &mut outbox, &mut memory, &mut runs);
            } else if stopping {
                return;
            }
        }
    }

    fn answer(
        &self,
        desk: &Arc<Desk>,
        (crew, back): (&Crew<E, Way>, &Arc<Back>),
        inbox: &Inbox,
        outbox: &mut Outbox,
        memory: &mut Memory,
        runs: &mut Runs,
    ) {
        let started = Instant::now();
        runs.length = 0;
        for packet in inbox.packets() {
            let mut space = outbox.reply_space();
            if space.is_none() {
                self.flush(outbox);
                space = outbox.reply_space();
            }
            let Some(space) = space else { continue };
            let asked = Asked { client: packet.path.client(), transport: Transport::Udp, listener: desk.listener };
            let begin = || desk.responder.begin(packet.bytes, &asked, started, memory, space);
            let begun = guard::guarded(asked.client, begin).unwrap_or_else(|guard::Panicked| {
                self.tally.panicked();
                *memory = Memory::starting_at(self.turn);
                guard::server_failure(packet.bytes, space).map_or(Begun::Ignored, Begun::Answered)
            });
            let waiting = Waiting { packet: packet.bytes, asked, begun: started };
            match begun {
                Begun::Answered(outcome) => {
                    self.count(&waiting, space, &outcome, runs);
                    outbox.push(packet.path, outcome.reply_octets);
                }
                Begun::Aging(outcome, refresh) => {
                    self.count(&waiting, space, &outcome, runs);
                    outbox.push(packet.path, outcome.reply_octets);
                    self.later.refresh(waiting, desk.clone(), refresh);
                }
                Begun::Waits(ahead) => {
                    let way = Way { back: back.clone(), path: *packet.path };
                    if crew.answer(&waiting, ahead, desk.clone(), way).is_none() {
                        let refused = self.later.turned_away(&waiting, space);
                        refused.into_iter().for_each(|octets| outbox.push(packet.path, octets));
                    }
                }
                Begun::Ignored => self.tally.ignored(packet.bytes),
            }
        }
        let took = started.elapsed();
        for &(route, questions) in runs.as_slice() {
            self.tally.took(route, took, questions);
        }
        self.flush(outbox);
    }

    #[inline]
    fn count(&self, asking: &Waiting<'_>, space: &[u8], outcome: &Outcome, runs: &mut Runs) {
        let reply = &space[..outcome.reply_octets];
        let exchange = Exchange { asked: &asking.asked, query: asking.packet, reply, outcome };
        self.tally.answered(&exchange, asking.begun);
        runs.add(outcome.route);
    }

    fn flush(&self, outbox: &mut Outbox) {
        let failed = outbox.flush(&self.socket).failed;
        if failed > 0 {
            self.tally.unsent(failed);
        }
    }
}

/// Has the system give this socket no further packets, so that none is lost between the last look and its
/// end: those of other threads, or of a successor, get them. A socket that is connected hears only its peer,
/// and nobody sends from this one. Where the system does not let it there is that moment.
fn turn_away(socket: &Socket) {
    let local = socket.local_addr().ok().and_then(|address| address.as_socket());
    let _ = local.map(|local| socket.connect(&SocketAddr::new(bind::reachable(local).ip(), DISCARD).into()));
}

/// A port that nobody sends from.
const DISCARD: u16 = 9;

/// The way back of one question.
struct Way {
    back: Arc<Back>,
    path: ReturnPath,
}

impl WayBack for Way {
    async fn send(&self, reply: &[u8]) {
        self.back.send(&self.path, reply).await;
    }
}

/// The way back for replies that were waited for: through the socket that the question came by.
struct Back {
    socket: Arc<Socket>,
    queue: Mutex<Queue>,
}

/// Replies that go together: those that are ready when the first of them is.
#[derive(Default)]
struct Queue {
    /// Made for the first.
    outbox: Option<Outbox>,
    /// Whether somebody sends it soon.
    is_sent_soon: bool,
}

impl Back {
    async fn send(&self, path: &ReturnPath, reply: &[u8]) {
        if self.put(path, reply) {
            // Others that wait for nothing any more come first.
            yield_now().await;
            let mut queue = self.queue();
            queue.is_sent_soon = false;
            queue.flush(&self.socket);
        }
    }

    /// Whether the caller is to send what is in the queue.
    fn put(&self, path: &ReturnPath, reply: &[u8]) -> bool {
        let mut queue = self.queue();
        if queue.outbox().reply_space().is_none() {
            queue.flush(&self.socket);
        }
        let outbox = queue.outbox();
        if let Some(space) = outbox.reply_space() {
            space[..reply.len()].copy_from_slice(reply);
            outbox.push(path, reply.len());
        }
        !std::mem::replace(&mut queue.is_sent_soon, true)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn outbox(&mut self) -> &mut Outbox {
        self.outbox.get_or_insert_default()
    }

    fn flush(&mut self, socket: &Socket) {
        self.outbox().flush(socket);
    }
}

/// How many packets of a batch took which route, one entry for each change of route.
struct Runs {
    runs: [(Option<usize>, u64); BATCH],
    length: usize,
}

impl Default for Runs {
    fn default() -> Self {
        Self { runs: [(None, 0); BATCH], length: 0 }
    }
}

impl Runs {
    #[inline]
    fn add(&mut self, route: Option<usize>) {
        if self.length == 0 || self.runs[self.length - 1].0 != route {
            self.runs[self.length] = (route, 0);
            self.length += 1;
        }
        self.runs[self.length - 1].1 += 1;
    }

    fn as_slice(&self) -> &[(Option<usize>, u64)] {
        &self.runs[..self.length]
    }
}
