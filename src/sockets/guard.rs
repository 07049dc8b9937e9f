//! A panic while answering: the client gets SERVFAIL, the thread lives on.
//!
//! A bug that one packet finds must not take the service from everybody else. The panic is counted
//! by the caller and logged here, once a minute at most, since whoever found the packet can send it
//! again.

use std::{
    any::Any,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use futures_util::FutureExt;

use super::seldom::Seldom;
use crate::{
    answers::{
        code,
        question::{self, HEADER_OCTETS, QR, Rejection},
        reply,
    },
    respond::Outcome,
};

/// Answering panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panicked;

/// Runs `answer` and stops a panic of it. What `answer` was changing may be half changed then: the
/// caller must replace it.
pub fn guarded<T>(client: SocketAddr, answer: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(answer)).map_err(|panic| said(client, &*panic))
}

/// The same of an answer that waits.
pub fn guarded_later<T>(
    client: SocketAddr,
    answer: impl Future<Output = T>,
) -> impl Future<Output = Result<T, Panicked>> {
    AssertUnwindSafe(answer).catch_unwind().map(move |answer| answer.map_err(|panic| said(client, &*panic)))
}

fn said(client: SocketAddr, panic: &(dyn Any + Send)) -> Panicked {
    if LOGGED.is_due(Instant::now()) {
        let message = message_of(panic);
        tracing::error!(%client, panic = message, "answering a question panicked; its client got SERVFAIL");
    }
    Panicked
}

/// Writes the SERVFAIL of a question that is not answered. None if there is no header to reply to.
pub fn server_failure(message: &[u8], buffer: &mut [u8]) -> Option<Outcome> {
    Some(Outcome::rejected(code::SERVFAIL, reply::reject(failure(message)?, buffer)))
}

/// The same in memory of its own.
pub fn server_failure_apart(message: &[u8]) -> Option<(Vec<u8>, Outcome)> {
    let reply = reply::rejected(failure(message)?);
    let outcome = Outcome::rejected(code::SERVFAIL, reply.len());
    Some((reply, outcome))
}

fn failure(message: &[u8]) -> Option<Rejection<'_>> {
    let header = message.first_chunk::<HEADER_OCTETS>()?;
    let id = u16::from_be_bytes([header[0], header[1]]);
    let kept = u16::from_be_bytes([header[2], header[3]]) & FLAGS_KEPT;
    // Clients pass over a reply to no question, and wait.
    Some(Rejection { id, flags: QR | kept | code::SERVFAIL, question: question::section(message) })
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

static LOGGED: Seldom = Seldom::new();

/// Opcode, RD and CD: what a reply repeats.
const FLAGS_KEPT: u16 = 0x7910;

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

    #[test]
    fn a_panic_stops_at_the_guard() {
        assert_eq!(guarded(CLIENT, || 7), Ok(7));
        assert_eq!(guarded(CLIENT, || -> u8 { panic!("on purpose") }), Err(Panicked));
    }

    #[test]
    fn the_failure_repeats_id_opcode_rd_and_cd_and_nothing_else() {
        let mut query = [0xff; 40];
        query[..4].copy_from_slice(&[0xab, 0xcd, 0x7f, 0xff]);
        let (reply, outcome) = server_failure_apart(&query).unwrap();
        assert_eq!((outcome.rcode, outcome.reply_octets), (2, 12));
        assert_eq!(reply, [0xab, 0xcd, 0xf9, 0x12, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(server_failure_apart(&query[..11]), None);
    }

    #[test]
    fn the_failure_is_to_the_question_that_was_asked() {
        let query = b"\xab\xcd\x01\0\0\x01\0\0\0\0\0\x01\x01A\x02bc\0\0\x01\0\x01\0\0\x29";
        let (reply, _) = server_failure_apart(query).unwrap();
        assert_eq!(reply, b"\xab\xcd\x81\x02\0\x01\0\0\0\0\0\0\x01A\x02bc\0\0\x01\0\x01");
    }
}
