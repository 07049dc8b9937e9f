//! One port of ours, and the questions that wait at it for replies of one upstream.
//!
//! The socket is connected: what others send to it is dropped by the kernel. A reply is handed to its question
//! only where id and question are right; wrong ones are counted and do not end the wait, but a port at which
//! too many come is given up, with all that wait there.

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

use super::{
    counters::{Counter, Counters},
    message::{Query, Wrong},
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
    /// Questions since it was opened.
    taken: usize,
    wrong_replies: u32,
    /// It takes no further questions, and hears nothing.
    is_over: bool,
}

struct Waiting {
    id: u16,
    query: Query,
    heard: Option<Heard>,
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
    /// The system says why nothing will come.
    Failed(Arc<io::Error>),
}

/// So many questions that overlap share a port, one after the other and at once. Each is as hard to guess as with
/// a port of its own: its id is at one port, of 28,000. Who finds that out some other way has little of it.
const QUESTIONS_MAX: usize = 16;
/// So many wrong replies are read at a port. At 100,000 guesses a second that is over soon, and questions that are
/// given up cannot be answered by a guess.
const WRONG_REPLIES_MAX: u32 = 64;
/// The longest datagram.
const DATAGRAM_OCTETS_MAX: usize = 65_535;

thread_local! {
    /// One for each thread, not for each port.
    static DATAGRAM: RefCell<Box<[u8]>> = RefCell::new(vec![0; DATAGRAM_OCTETS_MAX].into());
    /// A message on its way.
    static MESSAGE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
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

    /// Takes a question, under an id that nobody else has here. None where it takes no more.
    pub(super) fn take(&self, query: &Query) -> Option<u16> {
        let mut desk = self.desk();
        if desk.is_over || desk.taken == QUESTIONS_MAX {
            return None;
        }
        desk.taken += 1;
        let id = loop {
            let id = random::id();
            if desk.waiting.iter().all(|waiting| waiting.id != id) {
                break id;
            }
        };
        desk.waiting.push(Waiting { id, query: query.clone(), heard: None, waker: None });
        Some(id)
    }

    /// Sends a question that it has taken. An error may be another question's: then all that wait hear of it.
    pub(super) fn send(&self, id: u16, query: &Query) -> Result<(), Arc<io::Error>> {
        let sent = MESSAGE.with_borrow_mut(|message| {
            message.clear();
            query.write(id, message);
            // Such a socket has room for a datagram: nobody has to wait for that.
            SockRef::from(&self.socket).send(message)
        });
        sent.map(drop).map_err(|error| {
            let error = Arc::new(error);
            self.desk().end(&Heard::Failed(error.clone()));
            error
        })
    }

    /// What a question has heard.
    pub(super) fn poll_heard(&self, id: u16, context: &mut Context<'_>) -> Poll<Heard> {
        let mut desk = self.desk();
        let Some(waiting) = desk.of(id) else { return Poll::Pending };
        match waiting.heard.take() {
            Some(heard) => Poll::Ready(heard),
            None => {
                match &mut waiting.waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    waker => *waker = Some(context.waker().clone()),
                }
                Poll::Pending
            }
        }
    }

    /// A question waits no more. Whether it was the last.
    pub(super) fn leave(&self, id: u16) -> bool {
        let mut desk = self.desk();
        desk.waiting.retain(|waiting| waiting.id != id);
        desk.waiting.is_empty()
    }

    /// Takes its port away, where the system can. Whether it may be opened anew: only if nothing has come that
    /// nobody waited for, because the next question must not hear it.
    pub(super) fn disconnect(&self) -> bool {
        let mut desk = self.desk();
        let is_new = !desk.is_over && is_disconnected(&self.socket) && is_empty(&self.socket);
        *desk = Desk { waiting: std::mem::take(&mut desk.waiting), is_over: !is_new, ..Desk::default() };
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

    /// Reads one datagram, as long as nobody takes the port away.
    fn receive(&self) -> io::Result<()> {
        DATAGRAM.with_borrow_mut(|datagram| {
            let mut desk = self.desk();
            let length = (&*SockRef::from(&self.socket)).read(datagram)?;
            desk.hear(&datagram[..length], &self.counters.wrong_replies);
            Ok(())
        })
    }
}

/// Hands replies to those who wait, until the socket fails.
async fn read(port: Arc<Port>) {
    // Who is not interested in errors is not told that the port is closed.
    let interest = Interest::READABLE | Interest::ERROR;
    loop {
        if let Err(error) = port.socket.async_io(interest, || port.receive()).await {
            return port.desk().end(&Heard::Failed(Arc::new(error)));
        }
    }
}

impl Desk {
    fn of(&mut self, id: u16) -> Option<&mut Waiting> {
        self.waiting.iter_mut().find(|waiting| waiting.id == id)
    }

    fn hear(&mut self, reply: &[u8], wrong_replies: &Counter) {
        if self.is_over {
            return;
        }
        let waiting = super::message::id(reply).and_then(|id| self.of(id));
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
    /// A reply is not taken back by what comes behind it.
    fn hears(&mut self, heard: Heard) {
        if !matches!(self.heard, Some(Heard::Reply(_))) {
            self.heard = Some(heard);
        }
        self.waker.take().into_iter().for_each(Waker::wake);
    }
}

/// Takes its port away, if the system can.
#[cfg(target_os = "linux")]
fn is_disconnected(socket: &UdpSocket) -> bool {
    rustix::net::connect_unspec(socket).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn is_disconnected(_: &UdpSocket) -> bool {
    false
}

/// Nothing comes to it any more, so this stays true.
fn is_empty(socket: &UdpSocket) -> bool {
    matches!((&*SockRef::from(socket)).read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}
