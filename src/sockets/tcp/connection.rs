//! One connection: read, answer, write, in one task.
//!
//! ```text
//! Inbox ─► plain question ─► replies ─► one write
//!      └─► transfer ─► a thread of its own ─► message by message, others in between
//! ```
//!
//! Plain questions are answered where they are read, in their order, and what one read brought is
//! answered by one write. What takes its time is done elsewhere, and what comes behind it overtakes
//! it (RFC 7766 section 6.2.1.1). Nothing is read while replies cannot be written, nor while as much
//! is in flight as may be: a client that does not take its answers is not asked for more questions.
//!
//! An end has its order too: the questions that may still be answered are counted down to none
//! ([`Connection::end`]), and the connection closes behind the last reply.

#[cfg(test)]
mod tests;

use std::{convert::Infallible, future, io, ops::Range, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    select,
    sync::watch,
    task::coop,
    time::{Instant, sleep_until, timeout},
};

use super::{
    TcpLimits,
    connections::Ticket,
    frames::{self, Inbox, TooShort},
    respondent::{Answer, Respondent, is_transfer},
    transfers::{Transfer, Transfers},
};
use crate::{
    answers::question::QueryName,
    sockets::{
        events::{Closed, Events},
        stop,
    },
};

/// A connection that was taken on.
pub(super) struct Connection<S, A, E> {
    stream: S,
    respondent: Respondent<A, E>,
    ticket: Ticket,
    stop: watch::Receiver<bool>,
    inbox: Inbox,
    name: QueryName,
    /// Framed and not yet written.
    replies: Vec<u8>,
    transfers: Transfers,
    /// How many more questions are answered here.
    questions_left: u64,
    has_asked: bool,
    recycle_at: Option<Instant>,
    /// When the message that is arriving began to, or we began to read it.
    message_begun: Option<Instant>,
    ending: Option<Ending>,
}

/// No question is begun any more.
#[derive(Clone, Copy)]
struct Ending {
    why: Closed,
    /// Whether replies were on their way when it was decided.
    had_work: bool,
}

/// Replies are written when there are so many octets of them, or no more questions.
const REPLIES_OCTETS: usize = 16 * 1024;
/// What an idle connection keeps of that.
const REPLIES_IDLE_OCTETS: usize = 1024;
/// How long a client that still sends may go on while it reads its last replies.
const LINGER: Duration = Duration::from_secs(1);
/// How long a connection must have been silent at the end. The runtime tells of what has arrived in
/// some microseconds, where it gets a processor.
const RECEIVE_AT_STOP: Duration = Duration::from_millis(50);
/// How long a client may take to its first question at the end.
const FIRST_AT_STOP: Duration = Duration::from_millis(400);
/// How much is read at the end of those questions that are there already.
const INBOX_AT_STOP_OCTETS: usize = 64 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin, A: Answer, E: Events> Connection<S, A, E> {
    pub(super) fn new(
        stream: S,
        respondent: Respondent<A, E>,
        ticket: Ticket,
        stop: watch::Receiver<bool>,
        now: Instant,
    ) -> Self {
        let TcpLimits { queries_per_connection_max, age_max, .. } = respondent.streams.limits;
        Self {
            stream,
            respondent,
            ticket,
            stop,
            inbox: Inbox::default(),
            name: QueryName::new(),
            replies: Vec::new(),
            transfers: Transfers::default(),
            questions_left: queries_per_connection_max.unwrap_or(u64::MAX),
            has_asked: false,
            recycle_at: age_max.map(|age| now + age),
            message_begun: None,
            ending: None,
        }
    }

    /// Serves the connection to its end.
    pub(super) async fn run(mut self) -> Closed {
        let Err(closed) = self.serve().await;
        if self.lingers(closed) {
            self.linger().await;
        }
        closed
    }

    async fn serve(&mut self) -> Result<Infallible, Closed> {
        loop {
            self.answer_received().await;
            self.transfers.take(&mut self.replies, REPLIES_OCTETS);
            self.write_replies().await?;
            if self.questions_left == 0 && self.transfers.len() == 0 {
                return Err(self.ending.map_or(Closed::Recycled, |ending| ending.why));
            }
            self.wait().await?;
        }
    }

    // ----------- Answering -------------------------------------------------

    /// Answers what has arrived as a whole, as far as there is room for replies.
    async fn answer_received(&mut self) {
        while self.may_begin() && self.replies.len() < REPLIES_OCTETS {
            match self.inbox.next() {
                Ok(Some(message)) => self.answer(message),
                Ok(None) => break,
                Err(TooShort) => self.give_up(Closed::Malformed),
            }
            coop::consume_budget().await;
        }
    }

    fn answer(&mut self, message: Range<usize>) {
        self.questions_left -= 1;
        self.has_asked = true;
        self.message_begun = None;
        let message = self.inbox.octets(message);
        if is_transfer(message, &mut self.name) {
            self.transfers.begin(self.respondent.clone(), message.to_vec());
        } else {
            match self.respondent.replies(message) {
                Some(replies) => replies.iter().for_each(|reply| frames::push(&mut self.replies, reply)),
                None => self.transfers.resume(self.respondent.clone(), message.to_vec()),
            }
        }
    }

    async fn write_replies(&mut self) -> Result<(), Closed> {
        if self.replies.is_empty() {
            return Ok(());
        }
        let written = async {
            self.stream.write_all(&self.replies).await?;
            self.stream.flush().await
        };
        match timeout(self.respondent.streams.limits.write_timeout, written).await {
            Ok(Ok(())) => self.replies.clear(),
            Ok(Err(_)) => return Err(Closed::Broken),
            Err(_) => return Err(Closed::SlowReader),
        }
        Ok(())
    }

    // ----------- Waiting ---------------------------------------------------

    /// Waits for something to do, which may be there already.
    async fn wait(&mut self) -> Result<(), Closed> {
        let now = Instant::now();
        // The clock of a message stands still while none is read.
        let arriving = self.may_begin() && self.inbox.has_begun() && !self.inbox.has_message();
        self.message_begun = arriving.then(|| self.message_begun.unwrap_or(now));
        let idle = self.transfers.len() == 0 && !self.inbox.has_begun();
        if idle {
            self.replies.shrink_to(REPLIES_IDLE_OCTETS);
            self.ticket.set_idle(now);
        }
        let (deadline, overdue) = self.deadline(now);
        // A busy connection has something to read each time and would never see to these.
        let happened = if self.ending.is_none() && stop::is_requested(&self.stop) {
            Event::Stop
        } else if deadline.is_some_and(|deadline| deadline <= now) {
            Event::Overdue(overdue)
        } else {
            self.next_event(deadline, overdue).await
        };
        if idle && !self.ticket.set_busy() {
            return Err(Closed::Evicted);
        }
        match happened {
            Event::Work => {}
            Event::Received(Ok(0)) => self.give_up(Closed::ByClient),
            Event::Received(Ok(_)) => {}
            Event::Received(Err(_)) => return Err(Closed::Broken),
            Event::Computed(transfer) => self.transfers.send(transfer),
            Event::Overdue(Closed::Recycled) => self.end(Closed::Recycled),
            Event::Overdue(why) => return Err(why),
            Event::Evicted => return Err(Closed::Evicted),
            Event::Stop => {
                self.receive_what_is_there().await;
                self.end(Closed::Drained);
            }
        }
        Ok(())
    }

    async fn next_event(&mut self, deadline: Option<Instant>, overdue: Closed) -> Event {
        let may_read = self.may_begin() && !self.inbox.has_message();
        let has_work = self.transfers.is_sending() || self.may_begin() && self.inbox.has_message();
        let may_stop = self.ending.is_none();
        // In this order: what was received before the end is answered.
        select! {
            biased;
            received = self.inbox.fill(&mut self.stream), if may_read => Event::Received(received),
            Some(transfer) = self.transfers.computed() => Event::Computed(transfer),
            () = stop::requested(&mut self.stop), if may_stop => Event::Stop,
            () = self.ticket.evicted() => Event::Evicted,
            () = future::ready(()), if has_work => Event::Work,
            () = until(deadline) => Event::Overdue(overdue),
        }
    }

    /// How long to wait, and what it means when nothing happens.
    fn deadline(&self, now: Instant) -> (Option<Instant>, Closed) {
        let limits = &self.respondent.streams.limits;
        let overdue = match self.message_begun {
            Some(begun) => Some((begun + limits.read_timeout, Closed::SlowSender)),
            None if self.transfers.len() == 0 => Some((now + limits.idle_timeout, Closed::Idle)),
            _ => None,
        };
        let recycled = self.recycle_at.filter(|_| self.ending.is_none()).map(|at| (at, Closed::Recycled));
        let first = overdue.into_iter().chain(recycled).min_by_key(|&(at, _)| at);
        (first.map(|(at, _)| at), first.map_or(Closed::Idle, |(_, why)| why))
    }

    /// Whether another question may be begun.
    fn may_begin(&self) -> bool {
        self.questions_left > 0 && self.transfers.len() < self.respondent.streams.limits.in_flight_max
    }

    // ----------- Ending ----------------------------------------------------

    /// Lets the questions that have begun to arrive be the last.
    fn end(&mut self, why: Closed) {
        let (whole, another) = self.inbox.count();
        self.let_be_last(whole + u64::from(another), why);
    }

    /// The same where nothing more can be read.
    fn give_up(&mut self, why: Closed) {
        let whole = if why == Closed::Malformed { 0 } else { self.inbox.count().0 };
        self.let_be_last(whole, why);
    }

    fn let_be_last(&mut self, questions: u64, why: Closed) {
        self.questions_left = self.questions_left.min(questions);
        let had_work = self.questions_left > 0 || self.transfers.len() > 0 || !self.replies.is_empty();
        self.ending.get_or_insert(Ending { why, had_work });
    }

    /// Reads what the system holds for us. A socket tells what arrived up to the last time that some
    /// thread of the runtime asked the system, so they get a moment to ask once more. A client that has just
    /// connected is about to ask.
    async fn receive_what_is_there(&mut self) {
        if !self.has_asked && self.inbox.len() == 0 {
            let first = self.inbox.fill(&mut self.stream);
            // A client that does not ask is not waited for.
            let _ = timeout(FIRST_AT_STOP, first).await;
        }
        let received = async {
            while self.inbox.len() < INBOX_AT_STOP_OCTETS && matches!(self.inbox.fill(&mut self.stream).await, Ok(1..))
            {
            }
        };
        // Nor is one that goes on asking.
        let _ = timeout(RECEIVE_AT_STOP, received).await;
    }

    /// A socket that is closed with unread octets takes replies back that the client has not read.
    fn lingers(&self, closed: Closed) -> bool {
        matches!(closed, Closed::Recycled | Closed::Drained | Closed::Malformed)
            && self.ending.is_none_or(|ending| ending.had_work)
    }

    /// Says that nothing more will come, and waits for the client to say so too.
    async fn linger(&mut self) {
        let farewell = async {
            self.stream.shutdown().await?;
            while self.inbox.fill(&mut self.stream).await? > 0 {
                self.inbox.clear();
            }
            io::Result::Ok(())
        };
        // Whether it did or not, that was the end.
        let _ = timeout(LINGER, farewell).await;
    }
}

enum Event {
    /// There is something to do without waiting.
    Work,
    Received(io::Result<usize>),
    Computed(Option<Transfer>),
    Overdue(Closed),
    Evicted,
    Stop,
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => future::pending().await,
    }
}
