//! Many packets in one system call, each reply from the address that was asked.
//!
//! A query costs the kernel about 11,000 instructions and a good answer path 600, so what pays in a
//! socket loop is to enter the kernel less often: `recvmmsg` and `sendmmsg` save a quarter of the
//! whole. A server that listens on a wildcard address must also say where a reply leaves from, or
//! the client sees an answer from a stranger; `IP_PKTINFO` and `IPV6_PKTINFO` carry that address in
//! beside each packet and out again beside its reply. No safe crate offers both together, which is
//! why this is the one file of the crate that may say `unsafe`; `benches/load` shows what it buys.
//!
//! ```text
//! Inbox::receive ─► packets() ─► Packet { bytes, path } ─► Outbox::reply_space, push ─► flush
//! ```
//!
//! The two halves are apart so that a caller can read a packet while writing its reply. All memory
//! is taken once, when they are built: a call allocates nothing and clears nothing, it puts back
//! only the lengths that the kernel changed. An IPv4 socket, an IPv6 socket and a dual-stack one,
//! whose IPv4 clients the kernel shows as mapped addresses, all work the same.

#![cfg(target_os = "linux")]
#![allow(unsafe_code)]

mod path;
#[cfg(test)]
mod tests;

use std::{
    ffi::{c_int, c_long, c_uint},
    io, mem,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    ptr,
    time::Duration,
};

use libc::{iovec, mmsghdr};
use socket2::{Domain, Socket};

pub use path::ReturnPath;

// ----------- Setting up ----------------------------------------------------

/// Makes a UDP socket ready for an [`Inbox`]: each packet comes with the address it was sent to,
/// and a receive that finds nothing gives up after `receive_timeout`, so that its thread can look
/// around.
pub fn configure(socket: &Socket, receive_timeout: Duration) -> io::Result<()> {
    socket.set_read_timeout(Some(receive_timeout))?;
    // A dual-stack socket reports the addresses of its IPv4 packets by the IPv6 option too.
    match socket.domain()? {
        Domain::IPV6 => switch_on(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
        _ => switch_on(socket.as_fd(), libc::IPPROTO_IP, libc::IP_PKTINFO),
    }
}

fn switch_on(socket: BorrowedFd<'_>, level: c_int, option: c_int) -> io::Result<()> {
    let on: c_int = 1;
    let on_octets = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: the option's value is `on`, which outlives the call, with its true size.
    match unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const on).cast(), on_octets) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

// ----------- Inbox ---------------------------------------------------------

/// Room for one batch of received packets.
pub struct Inbox {
    slots: Vec<Slot>,
    headers: Vec<mmsghdr>,
    received: usize,
}

/// One packet as the kernel writes it. Path and octets lie together: slots of a round 2,048 octets
/// would put the head of every packet into the same few lines of the processor's cache.
#[derive(Clone)]
#[repr(C)]
struct Slot {
    envelope: Envelope,
    octets: [u8; SLOT_OCTETS],
}

/// What a header of the kernel points at.
#[derive(Clone)]
#[repr(C)]
struct Envelope {
    path: ReturnPath,
    /// Leads to the octets.
    vector: iovec,
}

/// A received packet.
pub struct Packet<'a> {
    /// What was sent, or its first [`SLOT_OCTETS`].
    pub bytes: &'a [u8],
    /// Who asked and at which address. Copied, it can outlive the batch.
    pub path: &'a ReturnPath,
    /// The packet was longer than a slot.
    pub truncated: bool,
}

// SAFETY: the pointers in headers and envelopes lead only to heap memory that this value owns and
// that nothing else refers to; they move between threads with it.
unsafe impl Send for Inbox {}

impl Inbox {
    /// An empty one: about 140 KiB, the only memory it will ever take.
    pub fn new() -> Self {
        let envelope = Envelope { path: ReturnPath::CONNECTED, vector: vector(ptr::null_mut(), SLOT_OCTETS) };
        let mut slots = vec![Slot { envelope, octets: [0; SLOT_OCTETS] }; BATCH];
        let base = slots.as_mut_ptr();
        for (index, slot) in slots.iter_mut().enumerate() {
            let octets = base.wrapping_add(index).wrapping_byte_add(mem::offset_of!(Slot, octets));
            slot.envelope.vector.iov_base = octets.cast();
        }
        let envelopes = base.wrapping_byte_add(mem::offset_of!(Slot, envelope)).cast();
        Self { headers: headers(envelopes, size_of::<Slot>()), slots, received: 0 }
    }

    /// Replaces the packets by the next ones: waits for the first, then takes what is there, up to
    /// [`BATCH`]. None came if the socket's timeout passed or a signal interrupted the wait.
    pub fn receive(&mut self, socket: &impl AsFd) -> io::Result<usize> {
        self.received = 0;
        // SAFETY: `headers` holds BATCH headers. Each one leads to a slot of this value, of which
        // there are as many and which never move, with the sizes that its parts have; `&mut self`
        // means that nobody reads them meanwhile.
        let count = unsafe {
            libc::syscall(
                libc::SYS_recvmmsg,
                socket.as_fd().as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH as c_uint,
                libc::MSG_WAITFORONE as c_int,
                ptr::null_mut::<libc::timespec>(),
            )
        };
        self.received = match counted(count) {
            Ok(count) => count,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => 0,
            Err(error) => return Err(error),
        };
        for (header, slot) in self.headers[..self.received].iter_mut().zip(&mut self.slots) {
            let header = &mut header.msg_hdr;
            slot.envelope.path.set_lengths(header.msg_namelen as _, header.msg_controllen as _);
            header.msg_namelen = path::NAME_OCTETS as _;
            header.msg_controllen = path::CONTROL_OCTETS as _;
        }
        Ok(self.received)
    }

    /// What the last [`receive`](Self::receive) brought, in order of arrival.
    #[inline]
    pub fn packets(&self) -> impl ExactSizeIterator<Item = Packet<'_>> {
        self.headers[..self.received].iter().zip(&self.slots).map(|(header, slot)| Packet {
            bytes: &slot.octets[..header.msg_len as usize],
            path: &slot.envelope.path,
            truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        })
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self::new()
    }
}

// ----------- Outbox --------------------------------------------------------

/// Replies on their way out: written one behind the other, sent together.
pub struct Outbox {
    arena: Vec<u8>,
    arena_used: usize,
    envelopes: Vec<Envelope>,
    headers: Vec<mmsghdr>,
    queued: usize,
}

/// What became of the replies of one [`Outbox::flush`].
#[derive(Debug, Default)]
pub struct Flushed {
    /// Taken by the kernel.
    pub sent: usize,
    /// Refused by it, and dropped.
    pub failed: usize,
    /// Why the last of them was refused.
    pub last_error: Option<io::Error>,
}

// SAFETY: as for `Inbox`: all pointers lead to heap memory that this value owns.
unsafe impl Send for Outbox {}

impl Outbox {
    /// An empty one: about 140 KiB, the only memory it will ever take.
    pub fn new() -> Self {
        let envelope = Envelope { path: ReturnPath::CONNECTED, vector: vector(ptr::null_mut(), 0) };
        let mut envelopes = vec![envelope; BATCH];
        let headers = headers(envelopes.as_mut_ptr(), size_of::<Envelope>());
        Self { arena: vec![0; ARENA_OCTETS], arena_used: 0, envelopes, headers, queued: 0 }
    }

    /// Where to write the next reply: at least [`REPLY_OCTETS_MAX`] octets, with whatever an
    /// earlier batch left in them. None until a [`flush`](Self::flush) has made room.
    #[inline]
    pub fn reply_space(&mut self) -> Option<&mut [u8]> {
        let room = self.queued < BATCH && self.arena_used <= ARENA_OCTETS - REPLY_OCTETS_MAX;
        room.then(|| &mut self.arena[self.arena_used..])
    }

    /// Queues the first `octets` of the [`reply_space`](Self::reply_space), to go back along `path`.
    ///
    /// # Panics
    /// If there was no such space.
    #[inline]
    pub fn push(&mut self, path: &ReturnPath, octets: usize) {
        assert!(octets <= ARENA_OCTETS - self.arena_used, "a reply outside its space");
        let envelope = &mut self.envelopes[self.queued];
        envelope.path = *path;
        envelope.vector = vector(self.arena.as_mut_ptr().wrapping_add(self.arena_used), octets);
        let header = &mut self.headers[self.queued].msg_hdr;
        header.msg_namelen = envelope.path.name_octets() as _;
        header.msg_controllen = envelope.path.turn_round() as _;
        self.arena_used += octets;
        self.queued += 1;
    }

    /// Sends what is queued and is empty again. A reply that cannot be sent, because its client
    /// cannot be reached or gave a false address, is left out and the others go.
    pub fn flush(&mut self, socket: &impl AsFd) -> Flushed {
        let mut flushed = Flushed::default();
        let mut next = 0;
        while next < self.queued {
            match self.send_from(next, socket.as_fd()) {
                Ok(sent) => {
                    flushed.sent += sent;
                    next += sent;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    flushed.failed += 1;
                    flushed.last_error = Some(error);
                    next += 1;
                }
            }
        }
        self.queued = 0;
        self.arena_used = 0;
        flushed
    }

    /// Sends queued messages from the `first` on until one fails; that one's error if it is the first.
    fn send_from(&mut self, first: usize, socket: BorrowedFd<'_>) -> io::Result<usize> {
        let messages = &mut self.headers[first..self.queued];
        // SAFETY: each header leads to an envelope and, through it, to a part of the arena; both
        // are owned by this value and never move. `push` set the lengths, of the path's parts to
        // no more than they are, and checked that the reply lies within the arena.
        counted(unsafe {
            libc::syscall(
                libc::SYS_sendmmsg,
                socket.as_raw_fd(),
                messages.as_mut_ptr(),
                messages.len() as c_uint,
                0 as c_int,
            )
        })
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}

// ----------- What both have in common --------------------------------------

/// The headers of [`BATCH`] envelopes that lie `stride_octets` apart.
fn headers(first: *mut Envelope, stride_octets: usize) -> Vec<mmsghdr> {
    let header = |index| {
        let envelope = first.wrapping_byte_add(index * stride_octets);
        let path = envelope.wrapping_byte_add(mem::offset_of!(Envelope, path));
        // SAFETY: a header is made of integers and pointers, for which zero is a value.
        let mut header: mmsghdr = unsafe { mem::zeroed() };
        header.msg_hdr.msg_name = path.wrapping_byte_add(ReturnPath::NAME_OFFSET).cast();
        header.msg_hdr.msg_namelen = path::NAME_OCTETS as _;
        header.msg_hdr.msg_iov = envelope.wrapping_byte_add(mem::offset_of!(Envelope, vector)).cast();
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_control = path.wrapping_byte_add(ReturnPath::CONTROL_OFFSET).cast();
        header.msg_hdr.msg_controllen = path::CONTROL_OCTETS as _;
        header
    };
    (0..BATCH).map(header).collect()
}

fn vector(octets: *mut u8, length: usize) -> iovec {
    iovec { iov_base: octets.cast(), iov_len: length }
}

/// A system call's result. The calls are made by number because musl's `sendmmsg` is a loop that
/// enters the kernel once for each message, which is what this module is there to avoid.
fn counted(result: c_long) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Packets in one call. 16 give nearly all that batching gives; 64 still cost no memory to speak of.
pub const BATCH: usize = 64;

/// The longest packet received whole. A query is smaller by far; even one with padding and cookies
/// keeps to the 1,232 octets that pass any network unfragmented.
pub const SLOT_OCTETS: usize = 2048;

/// The longest reply: what UDP can carry and a bit more, the size of any DNS message.
pub const REPLY_OCTETS_MAX: usize = 65_535;

/// 64 replies of 1,024 octets, and still the longest reply behind them.
const ARENA_OCTETS: usize = 128 * 1024;
const _: () = assert!(ARENA_OCTETS >= BATCH * 1024 + REPLY_OCTETS_MAX);
