//! Asks at a fixed rate and notes how long each answer takes.
//!
//! An open loop: a server that is slow gets no fewer questions. What is not answered in time counts as
//! taking for ever, so losses show in the percentiles.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use socket2::{Domain, Protocol, Socket, Type};
use std::net::SocketAddr;

use crate::{questions::Questions, table::sorted};

/// Questions to one server at a steady rate.
pub(crate) struct Stream<'a> {
    socket: Socket,
    questions: &'a Questions,
    interval: Duration,
    /// By message ID: the question and when it was asked, until it is answered.
    asked: Vec<Option<(usize, Instant)>>,
    next_id: u16,
    next_at: Instant,
    heard: Heard,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) asked: u64,
    /// Milliseconds to each answer that was as it should be.
    latencies_ms: Vec<f64>,
    /// Other answers.
    pub(crate) refused: u64,
}

/// How many milliseconds so many in a hundred take at most.
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(server: SocketAddr, questions: &'a Questions, per_second: f64) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(server), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER_OCTETS)?;
        socket.set_nonblocking(true)?;
        socket.connect(&server.into())?;
        Ok(Self {
            socket,
            questions,
            interval: Duration::from_secs_f64(1.0 / per_second),
            asked: vec![None; IDS],
            next_id: 0,
            next_at: Instant::now(),
            heard: Heard::default(),
        })
    }

    /// Sends what is due, no more than a burst at a time.
    fn send(&mut self, now: Instant) {
        let mut packet = [0; 512];
        for _ in 0..BURST {
            if self.next_at > now {
                return;
            }
            self.next_at += self.interval;
            let number = self.questions.next();
            let octets = self.questions.write(number, &mut packet);
            packet[..2].copy_from_slice(&self.next_id.to_be_bytes());
            self.asked[usize::from(self.next_id)] = Some((number, Instant::now()));
            self.next_id = self.next_id.wrapping_add(1);
            self.heard.asked += 1;
            // What cannot be sent is never answered, and so counted.
            let _ = self.socket.send(&packet[..octets]);
        }
        // Behind by more than that, this program was kept from running: those questions are left out.
        self.next_at = self.next_at.max(now);
    }

    fn receive(&mut self) -> usize {
        let mut reply = [0; 2048];
        let mut received = 0;
        while let Ok(octets) = io::Read::read(&mut &self.socket, &mut reply) {
            received += 1;
            let reply = &reply[..octets];
            let Some(&[high, low]) = reply.first_chunk() else { continue };
            let Some((number, asked_at)) = self.asked[usize::from(u16::from_be_bytes([high, low]))].take() else {
                continue;
            };
            if self.questions.expected(number).fits(reply) {
                self.heard.latencies_ms.push(asked_at.elapsed().as_secs_f64() * 1e3);
            } else {
                self.heard.refused += 1;
            }
        }
        received
    }

    /// What came of the questions so far. What is not answered by now never is.
    fn finish(&mut self) -> Heard {
        self.asked.fill(None);
        std::mem::take(&mut self.heard)
    }
}

/// Keeps all streams up for a while; what comes in `patience` after that counts. Those of the same rate take turns,
/// question by question.
pub(crate) fn run(streams: &mut [Stream<'_>], duration: Duration, patience: Duration) -> Vec<Heard> {
    let start = Instant::now();
    let count = streams.len() as u32;
    for (place, stream) in (0..).zip(streams.iter_mut()) {
        stream.next_at = start + stream.interval * place / count;
    }
    loop {
        let now = Instant::now();
        let asking = now - start < duration;
        let received: usize = streams.iter_mut().map(Stream::receive).sum();
        if asking {
            streams.iter_mut().for_each(|stream| stream.send(now));
        }
        let answered = |stream: &Stream<'_>| stream.heard.asked == stream.heard.answers();
        if !asking && (now - start > duration + patience || streams.iter().all(answered)) {
            return streams.iter_mut().map(Stream::finish).collect();
        }
        if received == 0 {
            thread::sleep(NAP);
        }
    }
}

impl Heard {
    /// Answers of any kind.
    fn answers(&self) -> u64 {
        self.latencies_ms.len() as u64 + self.refused
    }

    /// Questions without any.
    pub(crate) fn lost(&self) -> u64 {
        self.asked - self.answers()
    }

    /// Over all questions; those without a good answer took for ever.
    pub(crate) fn percentiles(&self) -> Percentiles {
        let sorted = sorted(self.latencies_ms.iter().copied());
        let at = |share: f64| {
            let index = (self.asked as f64 * share) as usize;
            sorted.get(index.min(self.asked.saturating_sub(1) as usize)).copied().unwrap_or(f64::INFINITY)
        };
        Percentiles { p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

/// All that an ID can tell apart.
const IDS: usize = 1 << 16;
/// At 2,000 a second the questions of 8 milliseconds.
const BURST: usize = 16;
const NAP: Duration = Duration::from_micros(50);
const RECEIVE_BUFFER_OCTETS: usize = 1 << 20;
