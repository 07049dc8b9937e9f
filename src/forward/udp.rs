//! One question over UDP, from a socket and a port of its own.
//!
//! The system gives each question a port at random, and the socket is connected: what others send to it
//! is dropped by the kernel. Wrong replies are counted and do not end the wait, so whoever guesses
//! gets no second question to guess at. A spoofer has to hit one of 28,000 ports and of 65,536 ids
//! within the milliseconds of one question, of which never two of a kind are under way.

use std::{
    cell::RefCell,
    fmt,
    io::{self, Read},
    time::Duration,
};

use bytes::Bytes;
use socket2::SockRef;
use tokio::{
    io::Interest,
    net::UdpSocket,
    time::{Instant, timeout_at},
};

use super::{
    counters::Counter,
    line::{Lost, Why},
    message::{Query, Wrong},
    ports::Ports,
    random,
};

/// How long a right answer is still waited for behind one to another question: either somebody has
/// guessed our id, or the upstream is confused, which should not cost its client the whole wait.
const MISMATCH_PATIENCE: Duration = Duration::from_millis(200);
/// So many wrong replies are read for one question. At 100,000 guesses a second that is over soon, and a
/// question that is given up cannot be answered by a guess.
const WRONG_REPLIES_MAX: u32 = 64;
/// The longest datagram.
const DATAGRAM_OCTETS_MAX: usize = 65_535;

thread_local! {
    /// One for each thread, not for each question that waits.
    static DATAGRAM: RefCell<Box<[u8]>> = RefCell::new(vec![0; DATAGRAM_OCTETS_MAX].into());
}

/// Asks an upstream.
pub(super) async fn exchange(
    ports: &Ports,
    query: &Query,
    until: Instant,
    wrong_replies: &Counter,
) -> Result<Bytes, Lost> {
    let to = ports.to;
    let socket = ports.open().map_err(|error| Lost::new(why(&error), format_args!("dial udp {to}: {error}")))?;
    let id = random::id();
    let mut message = Vec::with_capacity(query.len());
    query.write(id, &mut message);
    let lost = |verb: &str, why, error: &dyn fmt::Display| {
        let from = socket.local_addr().map(|from| from.to_string()).unwrap_or_default();
        Lost::new(why, format_args!("{verb} udp {from}->{to}: {error}"))
    };
    // Such a socket has room for a datagram: nobody has to wait for that.
    SockRef::from(&socket).send(&message).map_err(|error| lost("write", why(&error), &error))?;
    let mut until = until;
    let mut mismatched = false;
    for _ in 0..WRONG_REPLIES_MAX {
        let reply = match timeout_at(until, receive(&socket)).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => return Err(lost("read", why(&error), &error)),
            Err(_) if mismatched => break,
            Err(_) => return Err(lost("read", Why::Silent, &"i/o timeout")),
        };
        match query.check(id, &reply) {
            Ok(()) => {
                ports.close(socket);
                return Ok(reply);
            }
            Err(Wrong::Stray) => {}
            Err(Wrong::Mismatched) => {
                mismatched = true;
                until = until.min(Instant::now() + MISMATCH_PATIENCE);
            }
        }
        wrong_replies.add();
    }
    Err(lost("read", Why::Mismatched, &"replies to other questions"))
}

async fn receive(socket: &UdpSocket) -> io::Result<Bytes> {
    // Who is not interested in errors is not told that the port is closed.
    let interest = Interest::READABLE | Interest::ERROR;
    let received = || {
        DATAGRAM.with_borrow_mut(|datagram| {
            let length = (&*SockRef::from(socket)).read(datagram)?;
            Ok(Bytes::copy_from_slice(&datagram[..length]))
        })
    };
    socket.async_io(interest, received).await
}

/// Whose fault an error is. Neither a machine that has run out of something nor a query that is too long
/// says anything of an upstream.
pub(super) fn why(error: &io::Error) -> Why {
    const OURS: [i32; 6] =
        [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::EADDRNOTAVAIL, libc::EMSGSIZE];
    match error.raw_os_error() {
        Some(code) if OURS.contains(&code) => Why::Ours,
        _ if error.kind() == io::ErrorKind::TimedOut => Why::Silent,
        _ => Why::Failed,
    }
}
