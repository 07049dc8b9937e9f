//! One connection to an upstream, in a task of its own.
//!
//! Questions are written as they come and answered in any order (RFC 7766 section 6.2.1.1), each with
//! an id at random in a table of this connection. Reading and writing do not wait for each other, so
//! an upstream that reads slowly still gets to answer.

use std::{collections::HashMap, io};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    select,
    time::{Instant, sleep_until},
};

use super::work::{Idleness, PIPELINE_MAX, Request, Work};
use crate::forward::{
    line::{Lost, Why},
    message, random,
};

/// See the module.
struct Connection<I> {
    work: Work<I>,
    asked: HashMap<u16, Request>,
    inbox: BytesMut,
    outbox: Vec<u8>,
    written: usize,
    is_unflushed: bool,
    /// Since when nothing has come.
    quiet_since: Instant,
}

/// No more is taken on while so much is to be written: one long message, or 600 of the usual length.
const OUTBOX_OCTETS_MAX: usize = 64 * 1024;
/// The length in front of a message.
const LENGTH_OCTETS: usize = 2;

/// Serves a connection to its end.
pub(in crate::forward) async fn serve(stream: impl AsyncRead + AsyncWrite, work: Work<impl Idleness>) {
    Connection::new(work).run(stream).await;
}

impl<I: Idleness> Connection<I> {
    fn new(work: Work<I>) -> Self {
        Self {
            work,
            asked: HashMap::new(),
            inbox: BytesMut::new(),
            outbox: Vec::new(),
            written: 0,
            is_unflushed: false,
            quiet_since: Instant::now(),
        }
    }

    async fn run(mut self, stream: impl AsyncRead + AsyncWrite) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        self.quiet_since = Instant::now();
        let lost = loop {
            let work = &mut self.work;
            let deadline = self.quiet_since + if self.asked.is_empty() { work.expire } else { work.read_timeout };
            let is_writing = self.written < self.outbox.len();
            select! {
                read = reader.read_buf(&mut self.inbox) => match read {
                    Ok(0) => break self.lost(Why::Closed, "EOF"),
                    Ok(_) => {
                        self.quiet_since = Instant::now();
                        if !self.take_replies() {
                            return;
                        }
                    }
                    Err(error) => break self.broken(&error),
                },
                pushed = push(&mut writer, &self.outbox[self.written..]), if is_writing || self.is_unflushed => {
                    match pushed {
                        Ok(octets) => self.pushed(octets),
                        Err(error) => break self.broken(&error),
                    }
                }
                request = work.requests.recv(), if self.outbox.len() < OUTBOX_OCTETS_MAX => match request {
                    Some(request) => self.ask(request),
                    None if self.asked.is_empty() => return,
                    None => break self.lost(Why::Closed, "upstream is not asked any more"),
                },
                () = sleep_until(deadline) => break self.lost(Why::Closed, "i/o timeout"),
            }
        };
        // It takes no more before anybody hears of it, who may ask again.
        self.work.fail(&lost);
        for (_, request) in self.asked {
            request.answer(Err(lost.clone()));
        }
    }

    // ----------- Asking ----------------------------------------------------

    fn ask(&mut self, request: Request) {
        if request.reply.is_closed() {
            return;
        }
        if self.asked.is_empty() {
            self.quiet_since = Instant::now();
            self.work.idleness.works();
        }
        if self.asked.len() >= PIPELINE_MAX {
            // Those who wait are fewer: the others have gone without a reply.
            self.asked.retain(|_, request| !request.reply.is_closed());
        }
        let id = self.free_id();
        // A message has 65,535 octets at most: so it was read.
        self.outbox.extend_from_slice(&(request.query.len() as u16).to_be_bytes());
        request.query.write(id, &mut self.outbox);
        self.asked.insert(id, request);
    }

    fn free_id(&self) -> u16 {
        loop {
            let id = random::id();
            if !self.asked.contains_key(&id) {
                return id;
            }
        }
    }

    fn pushed(&mut self, octets: usize) {
        self.is_unflushed = octets > 0;
        self.written += octets;
        if self.written == self.outbox.len() {
            self.outbox.clear();
            self.written = 0;
        }
    }

    // ----------- Being answered --------------------------------------------

    /// Hands on what has come. Whether the connection may stay.
    fn take_replies(&mut self) -> bool {
        let had_work = !self.asked.is_empty();
        while let Some(length) = message::id(&self.inbox).map(usize::from)
            && self.inbox.len() >= LENGTH_OCTETS + length
        {
            self.inbox.advance(LENGTH_OCTETS);
            let reply = self.inbox.split_to(length);
            // What has no asker comes late.
            if let Some(id) = message::id(&reply)
                && let Some(request) = self.asked.remove(&id)
            {
                let checked = request.query.check(id, &reply);
                let reply = checked.map(|()| Bytes::copy_from_slice(&reply));
                request.answer(reply.map_err(|_| self.lost(Why::Mismatched, "a reply to another question")));
            }
        }
        !(had_work && self.asked.is_empty()) || self.work.idleness.rests()
    }

    fn broken(&self, error: &io::Error) -> Lost {
        let why = match error.kind() {
            // What a peer that has closed sends to those who write nevertheless.
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => Why::Closed,
            _ => Why::Failed,
        };
        self.lost(why, error)
    }

    fn lost(&self, why: Why, error: impl std::fmt::Display) -> Lost {
        Lost::on_stream(self.work.to, why, error)
    }
}

/// Writes what there is; with nothing to write, makes sure that what was written leaves.
async fn push(writer: &mut (impl AsyncWrite + Unpin), octets: &[u8]) -> io::Result<usize> {
    if octets.is_empty() {
        writer.flush().await?;
        return Ok(0);
    }
    match writer.write(octets).await? {
        0 => Err(io::ErrorKind::BrokenPipe.into()),
        written => Ok(written),
    }
}
