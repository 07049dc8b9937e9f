//! The fast path: one thread, one socket, packets in batches.
//!
//! receive ─► respond ─► send, and nothing else: no allocation, no lock, no task, no log line.
//! Several threads share a port by SO_REUSEPORT, so a client's packets stay with one of them.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use socket2::Socket;

use super::{
    batch::{self, BATCH, Inbox, Outbox},
    events::Tally,
    guard,
};
use crate::respond::{Asked, Memory, Responder, Transport};

/// How long a thread without packets waits before it looks whether it should stop.
const RECEIVE_TIMEOUT: Duration = Duration::from_millis(250);

/// What a thread needs to answer.
pub struct Worker<T> {
    /// Its own socket.
    pub socket: Socket,
    /// What answers.
    pub responder: Arc<Responder>,
    /// On which listener of the plan.
    pub listener: usize,
    /// Its own counters.
    pub tally: T,
    /// Where its rotation starts.
    pub turn: usize,
    /// Set when it should answer what has arrived, and end.
    pub stop: Arc<AtomicBool>,
}

impl<T: Tally> Worker<T> {
    /// Starts the thread.
    ///
    /// # Errors
    /// The socket cannot be set up, or the system has no thread left.
    pub fn start(self, name: String) -> io::Result<JoinHandle<()>> {
        batch::configure(&self.socket, RECEIVE_TIMEOUT)?;
        thread::Builder::new().name(name).spawn(move || self.run())
    }

    fn run(self) {
        let (mut inbox, mut outbox) = (Inbox::new(), Outbox::new());
        let (mut memory, mut runs) = (Memory::starting_at(self.turn), Runs::default());
        loop {
            // Looked at before the socket: a signal may end the wait while packets are queued.
            let stopping = self.stop.load(Ordering::Relaxed);
            // An error is about the socket, not about a packet: an ICMP message, or memory. It passes.
            let received = inbox.receive(&self.socket).unwrap_or(0);
            if received > 0 {
                self.answer(&inbox, &mut outbox, &mut memory, &mut runs);
            } else if stopping {
                return;
            }
        }
    }

    fn answer(&self, inbox: &Inbox, outbox: &mut Outbox, memory: &mut Memory, runs: &mut Runs) {
        let started = Instant::now();
        runs.length = 0;
        for packet in inbox.packets() {
            let mut space = outbox.reply_space();
            if space.is_none() {
                self.flush(outbox);
                space = outbox.reply_space();
            }
            let Some(space) = space else { continue };
            let asked = Asked { client: packet.path.client(), transport: Transport::Udp, listener: self.listener };
            let answered = guard::guarded(asked.client, || self.responder.answer(packet.bytes, &asked, memory, space));
            let outcome = answered.unwrap_or_else(|guard::Panicked| {
                self.tally.panicked();
                *memory = Memory::starting_at(self.turn);
                guard::server_failure(packet.bytes, space)
            });
            match outcome {
                Some(outcome) => {
                    self.tally.answered(&asked, packet.bytes.len(), &outcome);
                    runs.add(outcome.route);
                    outbox.push(packet.path, outcome.reply_octets);
                }
                None => self.tally.ignored(packet.bytes),
            }
        }
        let took = started.elapsed();
        for &(route, questions) in runs.as_slice() {
            self.tally.took(route, took, questions);
        }
        self.flush(outbox);
    }

    fn flush(&self, outbox: &mut Outbox) {
        let failed = outbox.flush(&self.socket).failed;
        if failed > 0 {
            self.tally.unsent(failed);
        }
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
