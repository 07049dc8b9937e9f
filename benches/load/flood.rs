//! Asks as fast as the server answers, for less than the server spends.
//!
//! A closed loop: a fixed number of queries is on its way, and each answer lets the next one go. So
//! the server is always busy and never far behind. It is cheap because packets are ready made, move
//! 64 at a time, and the thread naps while few answers are there. The nap also spares the server
//! from waking a sleeping receiver once for each reply, which would be counted as its work.

use std::{
    io,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use clap::builder::RangedU64ValueParser;
use clusterdns::sockets::batch::{BATCH, Inbox, Outbox, ReturnPath};
use socket2::{Domain, Protocol, Socket, Type};

use crate::questions::Questions;

/// A load on one server.
pub(crate) struct Flood<'a> {
    questions: &'a Questions,
    lanes: Vec<Lane>,
    inbox: Inbox,
    outbox: Outbox,
    started: Instant,
}

/// One socket and its queries on their way.
struct Lane {
    socket: Socket,
    slots: Vec<Slot>,
}

/// The place of one query on its way. Its number is the low octet of the message ID.
#[derive(Clone, Default)]
struct Slot {
    question: usize,
    /// The high octet of the ID: tells an answer to this query from one that was given up.
    generation: u8,
    sent_at_ms: u64,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) answers: u64,
    /// Those to queries that were given up. The server has worked for them too.
    pub(crate) late: u64,
    /// Answers with another rcode than expected, or with records where none should be and the reverse.
    pub(crate) unexpected: u64,
    /// Queries without an answer in [`PATIENCE_MS`]; they were asked again.
    pub(crate) lost: u64,
    pub(crate) elapsed: Duration,
}

impl Tally {
    pub(crate) fn answers_per_second(&self) -> f64 {
        self.answers as f64 / self.elapsed.as_secs_f64()
    }
}

impl<'a> Flood<'a> {
    /// Sends the first queries, about `outstanding` of them.
    pub(crate) fn start(server: SocketAddr, questions: &'a Questions, outstanding: usize) -> io::Result<Self> {
        let slots = outstanding / LANES;
        let lanes = (0..LANES).map(|_| Lane::connect(server, slots)).collect::<io::Result<_>>()?;
        let (inbox, outbox) = (Inbox::new(), Outbox::new());
        let mut flood = Self { questions, lanes, inbox, outbox, started: Instant::now() };
        for lane in 0..LANES {
            for slot in 0..slots {
                flood.ask_next(lane, slot, 0);
            }
            flood.outbox.flush(&flood.lanes[lane].socket);
        }
        Ok(flood)
    }

    /// Keeps it up for a while.
    pub(crate) fn run(&mut self, duration: Duration) -> io::Result<Tally> {
        let start = Instant::now();
        let mut tally = Tally::default();
        let mut next_sweep = start + SWEEP;
        loop {
            let now = Instant::now();
            if now >= next_sweep {
                self.sweep(now, &mut tally);
                next_sweep = now + SWEEP;
            }
            if now - start >= duration {
                tally.elapsed = now - start;
                return Ok(tally);
            }
            let mut received = 0;
            for lane in 0..LANES {
                received += self.turn(lane, now, &mut tally)?;
            }
            if received < BATCH {
                thread::sleep(NAP);
            }
        }
    }

    /// Takes a batch of answers of one lane and asks as many new questions.
    fn turn(&mut self, lane: usize, now: Instant, tally: &mut Tally) -> io::Result<usize> {
        let received = self.inbox.receive(&self.lanes[lane].socket)?;
        let now_ms = (now - self.started).as_millis() as u64;
        let mut free = [0; BATCH];
        let mut free_count = 0;
        for packet in self.inbox.packets() {
            let Some(slot) = self.lanes[lane].answered(packet.bytes) else {
                tally.late += 1;
                continue;
            };
            tally.answers += 1;
            let question = self.lanes[lane].slots[slot].question;
            tally.unexpected += u64::from(!self.questions.expected(question).fits(packet.bytes));
            // At once, so that a second answer to the same query finds nobody.
            self.lanes[lane].slots[slot].generation = self.lanes[lane].slots[slot].generation.wrapping_add(1);
            free[free_count] = slot;
            free_count += 1;
        }
        for &slot in &free[..free_count] {
            self.ask_next(lane, slot, now_ms);
        }
        self.outbox.flush(&self.lanes[lane].socket);
        Ok(received)
    }

    fn ask_next(&mut self, lane: usize, slot: usize, now_ms: u64) {
        self.lanes[lane].slots[slot].question = self.questions.next();
        self.ask(lane, slot, now_ms);
    }

    /// Queues the question of a slot.
    fn ask(&mut self, lane: usize, slot: usize, now_ms: u64) {
        if self.outbox.reply_space().is_none() {
            self.outbox.flush(&self.lanes[lane].socket);
        }
        let state = &mut self.lanes[lane].slots[slot];
        state.sent_at_ms = now_ms;
        let space = self.outbox.reply_space().expect("room after a flush");
        let octets = self.questions.write(state.question, space);
        space[..2].copy_from_slice(&[state.generation, slot as u8]);
        self.outbox.push(&ReturnPath::CONNECTED, octets);
    }

    /// Asks again what was lost: a loop that waits for lost answers comes to a halt.
    fn sweep(&mut self, now: Instant, tally: &mut Tally) {
        let now_ms = (now - self.started).as_millis() as u64;
        for lane in 0..LANES {
            for slot in 0..self.lanes[lane].slots.len() {
                let state = &mut self.lanes[lane].slots[slot];
                if now_ms - state.sent_at_ms < PATIENCE_MS {
                    continue;
                }
                state.generation = state.generation.wrapping_add(1);
                tally.lost += 1;
                self.ask(lane, slot, now_ms);
            }
            self.outbox.flush(&self.lanes[lane].socket);
        }
    }
}

impl Lane {
    fn connect(server: SocketAddr, slots: usize) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(server), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER_OCTETS)?;
        socket.set_nonblocking(true)?;
        socket.connect(&server.into())?;
        Ok(Self { socket, slots: vec![Slot::default(); slots] })
    }

    /// The slot whose query this packet answers.
    fn answered(&self, packet: &[u8]) -> Option<usize> {
        let &[generation, slot, flags, ..] = packet else { return None };
        let slot = usize::from(slot);
        let expected = self.slots.get(slot)?;
        (flags & 0x80 != 0 && generation == expected.generation).then_some(slot)
    }
}

/// Reads how many queries shall be on their way.
pub(crate) fn outstanding_parser() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(LANES as u64..=(LANES * SLOTS_MAX) as u64)
}

/// On their way at a time, unless told otherwise: some milliseconds of a server's work.
pub(crate) const OUTSTANDING: usize = 1024;

const LANES: usize = 4;

/// What an octet of the ID can number.
const SLOTS_MAX: usize = 256;

/// A query unanswered for so long is lost.
const PATIENCE_MS: u64 = 100;
const SWEEP: Duration = Duration::from_millis(10);

/// A fraction of the time that the queries on their way keep a server busy.
const NAP: Duration = Duration::from_micros(50);

/// Room for all answers on their way to one socket.
const RECEIVE_BUFFER_OCTETS: usize = 1 << 20;
