//! One port of ours, and the questions that wait at it for replies of one upstream.
//!
//! The socket is connected: what others send to it is dropped by the kernel. A reply is handed to its question
//! only where id and question are right; wrong ones are counted and do not end the wait, but a port at which
//! too many come is given up, with all that wait there. So is one of which the system says that nobody is at its
//! other end.
//!
//! What is taken at a time goes out at a time, in one system call.

mod socket;

use std::{
    cell::RefCell,
    io::{self, Read},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use socket2::SockRef;
use tokio::{io::Interest, net::UdpSocket, task::AbortHandle};

use self::socket::{Message, is_disconnected, is_empty, is_of_the_peer, send};
use super::{
    counters::{Counter, Counters},
    message::{self, Query, Wrong},
    random,
};

/// See the module.
pub(super) struct Port {
    socket: UdpSocket,
    desk: Mutex<Desk>,
    reader: OnceLock<AbortHandle>,
    counters: Counters,
}

/// What waits at a port.
#[derive(Default)]
struct Desk {
    waiting: Vec<Waiting>,
    /// Ids of questions that have left. What comes to them is late, and nobody's guess.
    left: Vec<u16>,
    wrong_replies: u32,
    /// It takes no further questions, and hears nothing.
    is_over: bool,
}

struct Waiting {
    id: u16,
    query: Query,
    is_sent: bool,
    heard: Option<Heard>,
    is_answered: bool,
    waker: Option<Waker>,
}

/// What became of a question.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    /// This answers it.
    Reply(Bytes),
    /// There was a reply with its id to another question. The right one may still come.
    Mismatch,
    /// Too much that came was no reply to anything.
    Garbage,
    /// The system says why it was not sent.
    Unsent(Arc<io::Error>),
    /// The system says why nothing will come.
    Failed(Arc<io::Error>),
}

/// A question's place at a port.
pub(super) struct Taken {
    pub(super) id: u16,
    /// When it is sent, with what is not sent by then.
    pub(super) sent: Sent,
}

/// When a question is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It is the first of those that are not: when others have had time to take a place.
    Soon,
    /// With the first.
    With,
    /// It has the last place.
    Now,
}

/// How a question left its port.
pub(super) struct Left {
    /// Nobody waits there now.
    pub(super) was_last: bool,
    /// It had its reply.
    pub(super) was_answered: bool,
}

/// So many questions that overlap share a port, one after the other and at once. Each is as hard to guess as with
/// a port of its own: its id is at one port, of 28,000. Who finds that port some other way has sixteen questions of it.
const QUESTIONS_MAX: usize = 16;
/// So many wrong replies are read at a port. At 100,000 guesses a second that is over soon, and questions that are
/// given up cannot be answered by a guess.
const WRONG_REPLIES_MAX: u32 = 64;
/// The longest datagram.
const DATAGRAM_OCTETS_MAX: usize = 65_535;

thread_local! {
    /// One for each thread, not for each port.
    static DATAGRAM: RefCell<Box<[u8]>> = RefCell::new(vec![0; DATAGRAM_OCTETS_MAX].into());
}

impl Port {
    /// A port that somebody reads from, until it is [closed](Self::close).
    pub(super) fn new(socket: UdpSocket, counters: &Counters) -> Arc<Self> {
        let desk = Mutex::default();
        let port = Arc::new(Self { socket, desk, reader: OnceLock::new(), counters: counters.clone() });
        let reader = tokio::spawn(read(port.clone()));
        let _ = port.reader.set(reader.abort_handle());
        port
    }

    /// Takes a question, under an id that nobody else had here. None where it takes no more, and where the same
    /// waits already: what is lost on one way is asked again on another, and nobody has two ids to guess.
    pub(super) fn take(&self, query: &Query) -> Option<Taken> {
        let mut desk = self.desk();
        let waits = |waiting: &Waiting| Arc::ptr_eq(waiting.query.message(), query.message());
        if desk.is_over || desk.taken() == QUESTIONS_MAX || desk.waiting.iter().any(waits) {
            return None;
        }
        let id = loop {
            let id = random::id();
            if desk.waiting.iter().all(|waiting| waiting.id != id) && !desk.left.contains(&id) {
                break id;
            }
        };
        let is_first = desk.waiting.iter().all(|waiting| waiting.is_sent);
        let sent = match is_first {
            _ if desk.taken() + 1 == QUESTIONS_MAX => Sent::Now,
            true => Sent::Soon,
            false => Sent::With,
        };
        let query = query.clone();
        desk.waiting.push(Waiting { id, query, is_sent: false, heard: None, is_answered: false, waker: None });
        Some(Taken { id, sent })
    }

    /// Sends all questions that it has taken. Those that cannot be sent hear why.
    pub(super) fn send(&self) {
        let unsent = self.desk().unsent();
        let mut left = &unsent[..];
        while let Some(((id, _), others)) = left.split_first() {
            // Of an error behind the first the system speaks only if it is still there when that one is tried again:
            // of an ICMP message in between nobody hears, as where the network sends none.
            match send(&self.socket, left) {
                Ok(sent) => left = &left[sent.clamp(1, left.len())..],
                Err(error) => {
                    let goes_on = self.desk().goes_on_without(u16::from_be_bytes(*id), error);
                    left = if goes_on { others } else { &[] };
                }
            }
        }
    }

    /// What a question has heard.
    pub(super) fn poll_heard(&self, id: u16, context: &mut Context<'_>) -> Poll<Heard> {
        let mut desk = self.desk();
        let Some(waiting) = desk.of(id) else { return Poll::Pending };
        match waiting.heard.take() {
            Some(heard) => {
                waiting.is_answered = matches!(heard, Heard::Reply(_));
                Poll::Ready(heard)
            }
            None => {
                match &mut waiting.waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    waker => *waker = Some(context.waker().clone()),
                }
                Poll::Pending
            }
        }
    }

    /// A question waits no more.
    pub(super) fn leave(&self, id: u16) -> Left {
        let mut desk = self.desk();
        let place = desk.waiting.iter().position(|waiting| waiting.id == id);
        let waited = place.map(|place| desk.waiting.swap_remove(place));
        desk.left.push(id);
        Left { was_last: desk.waiting.is_empty(), was_answered: waited.is_some_and(|waiting| waiting.is_answered) }
    }

    /// Takes its port away, where the system can, when the last question has left. Whether it may be opened anew: only
    /// if nothing has come that nobody waited for, because the next question must not hear it.
    pub(super) fn disconnect(&self) -> bool {
        let mut desk = self.desk();
        let is_new = !desk.is_over && is_disconnected(&self.socket) && is_empty(&self.socket);
        desk.left.clear();
        desk.wrong_replies = 0;
        desk.is_over = !is_new;
        is_new
    }

    /// Connects it anew, at another port.
    pub(super) fn connect(&self, to: SocketAddr) -> io::Result<()> {
        SockRef::from(&self.socket).connect(&to.into())
    }

    /// Nobody reads from it any more. What holds it is all that keeps its socket.
    pub(super) fn close(&self) {
        self.reader.get().into_iter().for_each(AbortHandle::abort);
    }

    /// For what the log says.
    pub(super) fn local_address(&self) -> String {
        self.socket.local_addr().map(|from| from.to_string()).unwrap_or_default()
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads one datagram. Nobody takes the port away meanwhile, or gives it to others.
    ///
    /// # Errors
    /// Nothing has come; or the socket has failed, of which all that wait have heard.
    fn receive(&self) -> io::Result<()> {
        DATAGRAM.with_borrow_mut(|datagram| {
            let mut desk = self.desk();
            match (&*SockRef::from(&self.socket)).read(datagram) {
                Ok(length) => desk.hear(&datagram[..length], &self.counters.wrong_replies),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                Err(error) => {
                    let kind = error.kind();
                    desk.end(&Heard::Failed(Arc::new(error)));
                    return Err(kind.into());
                }
            }
            Ok(())
        })
    }
}

/// Hands replies to those who wait, until the socket fails.
async fn read(port: Arc<Port>) {
    // Who is not interested in errors is not told that the port is closed.
    let interest = Interest::READABLE | Interest::ERROR;
    while port.socket.async_io(interest, || port.receive()).await.is_ok() {}
}

impl Desk {
    /// Questions since it was opened.
    fn taken(&self) -> usize {
        self.waiting.len() + self.left.len()
    }

    /// What is to be sent now.
    fn unsent(&mut self) -> Vec<Message> {
        if self.is_over {
            return Vec::new();
        }
        let mut unsent = Vec::with_capacity(self.waiting.len());
        unsent.extend(self.waiting.iter_mut().filter(|waiting| !waiting.is_sent).map(Waiting::leaves));
        unsent
    }

    /// A question cannot be sent; whether others can. Where nobody is at the other end, all that wait hear of it: the
    /// system says so to whoever comes next.
    fn goes_on_without(&mut self, id: u16, error: io::Error) -> bool {
        let error = Arc::new(error);
        if is_of_the_peer(&error) {
            self.end(&Heard::Failed(error.clone()));
        }
        self.of(id).into_iter().for_each(|waiting| waiting.hears(Heard::Unsent(error.clone())));
        !self.is_over
    }

    fn of(&mut self, id: u16) -> Option<&mut Waiting> {
        self.waiting.iter_mut().find(|waiting| waiting.id == id)
    }

    fn hear(&mut self, reply: &[u8], wrong_replies: &Counter) {
        if self.is_over {
            return;
        }
        let id = message::id(reply);
        if id.is_some_and(|id| self.left.contains(&id)) {
            return;
        }
        let waiting = id.and_then(|id| self.of(id)).filter(|waiting| waiting.is_sent);
        let checked = waiting.map(|waiting| (waiting.query.check(waiting.id, reply), waiting));
        match checked {
            Some((Ok(()), waiting)) => return waiting.hears(Heard::Reply(Bytes::copy_from_slice(reply))),
            Some((Err(Wrong::Mismatched), waiting)) => waiting.hears(Heard::Mismatch),
            Some((Err(Wrong::Stray), _)) | None => {}
        }
        wrong_replies.add();
        self.wrong_replies += 1;
        if self.wrong_replies == WRONG_REPLIES_MAX {
            self.end(&Heard::Garbage);
        }
    }

    /// Nothing more comes.
    fn end(&mut self, heard: &Heard) {
        self.is_over = true;
        self.waiting.iter_mut().for_each(|waiting| waiting.hears(heard.clone()));
    }
}

impl Waiting {
    /// It is on its way from now on, as this.
    fn leaves(&mut self) -> Message {
        self.is_sent = true;
        (self.id.to_be_bytes(), self.query.clone())
    }

    /// A reply is not taken back by what comes behind it.
    fn hears(&mut self, heard: Heard) {
        if !matches!(self.heard, Some(Heard::Reply(_))) {
            self.heard = Some(heard);
        }
        self.waker.take().into_iter().for_each(Waker::wake);
    }
}
