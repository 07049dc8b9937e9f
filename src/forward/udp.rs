//! One question over UDP.
//!
//! A spoofer has to hit one of 28,000 ports and of 65,536 ids within the milliseconds of one question. Of a kind there
//! is one under way at a time, and a second where the first may be lost: at another port.

use std::{fmt, io, time::Duration};

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::{
    line::{Lost, Why},
    message::Query,
    port::Heard,
    ports::Ports,
};

/// How long a right answer is still waited for behind one to another question: either somebody has
/// guessed our id, or the upstream is confused, which should not cost its client the whole wait.
const MISMATCH_PATIENCE: Duration = Duration::from_millis(200);

/// Asks an upstream.
pub(super) async fn exchange(ports: &Ports, query: &Query, mut until: Instant) -> Result<Bytes, Lost> {
    let to = ports.to;
    let asked = ports.ask(query).map_err(|error| Lost::new(why(&error), format_args!("dial udp {to}: {error}")))?;
    let lost = |verb: &str, why, error: &dyn fmt::Display| {
        Lost::new(why, format_args!("{verb} udp {}->{to}: {error}", asked.local_address()))
    };
    asked.send().await;
    let mismatched = || lost("read", Why::Mismatched, &"replies to other questions");
    let mut is_mismatched = false;
    loop {
        match timeout_at(until, &asked).await {
            Ok(Heard::Reply(reply)) => return Ok(reply),
            Ok(Heard::Mismatch) if is_mismatched => {}
            Ok(Heard::Mismatch) => {
                is_mismatched = true;
                until = until.min(Instant::now() + MISMATCH_PATIENCE);
            }
            Ok(Heard::Garbage) => return Err(mismatched()),
            Ok(Heard::Unsent(error)) => return Err(lost("write", why(&error), &error)),
            Ok(Heard::Failed(error)) => return Err(lost("read", why(&error), &error)),
            Err(_) if is_mismatched => return Err(mismatched()),
            Err(_) => return Err(lost("read", Why::Silent, &"i/o timeout")),
        }
    }
}

/// Whose fault an error is. Neither a machine that has run out of something nor a query that is too long
/// says anything of an upstream.
pub(super) fn why(error: &io::Error) -> Why {
    const OURS: [i32; 7] =
        [libc::EAGAIN, libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::EADDRNOTAVAIL, libc::EMSGSIZE];
    match error.raw_os_error() {
        Some(code) if OURS.contains(&code) => Why::Ours,
        _ if error.kind() == io::ErrorKind::TimedOut => Why::Silent,
        _ => Why::Failed,
    }
}
