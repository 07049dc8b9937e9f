//! The upstream that forwarding is measured with: it knows every name, answers at once or after a fixed
//! time, and costs little. What it says follows from the first letter of a name: `n` does not exist,
//! `c` is an alias, all others have addresses. It naps where others would wait for a packet: to wake it is
//! work that a sender over a network does not have.

use std::{
    io,
    net::SocketAddr,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use clusterdns::sockets::batch::{self, Inbox, Outbox, ReturnPath};
use socket2::{Domain, Protocol, Socket, Type};

/// A reply that is not due yet.
struct Late {
    due: Instant,
    path: ReturnPath,
    reply: Vec<u8>,
}

/// Answers until the process ends.
pub(crate) fn serve(listen: SocketAddr, delay: Duration) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP))?;
    batch::configure(&socket, Duration::from_secs(1))?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_OCTETS)?;
    socket.bind(&listen.into())?;
    let (late, due) = mpsc::channel();
    let sender = socket.try_clone()?;
    thread::spawn(move || send_when_due(&sender, due));
    let (mut inbox, mut outbox) = (Inbox::new(), Outbox::new());
    loop {
        // Where a client has gone the kernel says so by an error, which is no end.
        if inbox.receive(&socket).unwrap_or(0) == 0 {
            thread::sleep(NAP);
        }
        let now = Instant::now();
        for packet in inbox.packets() {
            let Some(space) = outbox.reply_space() else { break };
            let Some(octets) = answer(packet.bytes, space) else { continue };
            if delay.is_zero() {
                outbox.push(packet.path, octets);
            } else {
                let reply = space[..octets].to_vec();
                late.send(Late { due: now + delay, path: *packet.path, reply }).map_err(io::Error::other)?;
            }
        }
        outbox.flush(&socket);
    }
}

/// All have the same delay, so they are due in the order in which they come.
fn send_when_due(socket: &Socket, due: mpsc::Receiver<Late>) {
    let mut outbox = Outbox::new();
    for late in due {
        thread::sleep(late.due.saturating_duration_since(Instant::now()));
        if let Some(space) = outbox.reply_space() {
            space[..late.reply.len()].copy_from_slice(&late.reply);
            outbox.push(&late.path, late.reply.len());
            outbox.flush(socket);
        }
    }
}

/// Writes the reply to a query into `space`; its length.
fn answer(query: &[u8], space: &mut [u8]) -> Option<usize> {
    let name = query.get(HEADER_OCTETS..)?;
    let label = 1 + usize::from(*name.first()?);
    let name_octets = name.iter().take(NAME_OCTETS_MAX).position(|&octet| octet == 0)? + 1;
    let question_end = HEADER_OCTETS + name_octets + 4;
    let qtype = u16::from_be_bytes([*name.get(name_octets)?, *name.get(name_octets + 1)?]);
    let question = query.get(..question_end)?;
    let parent = 0xc000 | (HEADER_OCTETS + label.min(name_octets - 1)) as u16;
    let mut reply = Writer { space, octets: 0 };
    reply.put(question);
    let (rcode, answers, authority) = match (name.get(1)?, qtype) {
        (b'n', _) => {
            reply.soa(parent);
            (3, 0, 1)
        }
        (b'c', A) => {
            let alias = [&[3][..], b"www", &parent.to_be_bytes()].concat();
            let target = 0xc000 | (question_end + FIXED_OCTETS) as u16;
            reply.record(NAME, CNAME, &alias);
            reply.record(target, A, &[192, 0, 2, 1]);
            (0, 2, 0)
        }
        (b'a' | b'w', A) => {
            reply.record(NAME, A, &[192, 0, 2, 1]);
            (0, 1, 0)
        }
        (b'a' | b'w', AAAA) => {
            reply.record(NAME, AAAA, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
            (0, 1, 0)
        }
        _ => {
            reply.soa(parent);
            (0, 0, 1)
        }
    };
    let octets = reply.octets;
    space[2..HEADER_OCTETS].copy_from_slice(&[0x81, 0x80 | rcode, 0, 1, 0, answers, 0, authority, 0, 0]);
    Some(octets)
}

struct Writer<'s> {
    space: &'s mut [u8],
    octets: usize,
}

impl Writer<'_> {
    fn put(&mut self, octets: &[u8]) {
        self.space[self.octets..self.octets + octets.len()].copy_from_slice(octets);
        self.octets += octets.len();
    }

    fn record(&mut self, owner: u16, kind: u16, data: &[u8]) {
        self.put([owner, kind, CLASS_IN].map(u16::to_be_bytes).as_flattened());
        self.put(&TTL_SECS.to_be_bytes());
        self.put(&(data.len() as u16).to_be_bytes());
        self.put(data);
    }

    /// Both names are the root.
    fn soa(&mut self, owner: u16) {
        let numbers = [1, 7200, 1800, 86400, TTL_SECS].map(u32::to_be_bytes);
        self.record(owner, SOA, &[&[0, 0], numbers.as_flattened()].concat());
    }
}

/// What it adds to each question; the system makes it a little longer.
const NAP: Duration = Duration::from_micros(20);
const HEADER_OCTETS: usize = 12;
const NAME_OCTETS_MAX: usize = 255;
/// Owner, type, class, TTL and length, where the owner is a pointer.
const FIXED_OCTETS: usize = 12;
/// A pointer to the name that was asked for.
const NAME: u16 = 0xc00c;
const A: u16 = 1;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const AAAA: u16 = 28;
const CLASS_IN: u16 = 1;
/// Longer than caches here keep anything.
const TTL_SECS: u32 = 300;
/// Room for a flood that the other process on this core sends.
const RECEIVE_BUFFER_OCTETS: usize = 4 << 20;
