//! UDP where the batched door cannot be: any system that tokio knows, one packet at a time.
//!
//! A socket is one task with its own memory, so answering allocates nothing here either. On Linux
//! this door can be chosen too, which is how it is tested.
//!
//! What it cannot do: on a wildcard address the system picks the address that a reply leaves from,
//! for no safe interface carries the one that was asked in and out. On a host with several addresses
//! a client may so get a reply from an address it did not ask, and drop it: listen on each address
//! by itself there.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use socket2::Socket;
use tokio::{net::UdpSocket, select, sync::watch, task, time::sleep};

use super::{
    events::Events,
    guard,
    later::{Crew, Later, Waiting, WayBack},
    seldom::Seldom,
    stop,
};
use crate::respond::{
    Ahead, Asked, Begun, Exchange, Memory, REPLY_OCTETS_MAX, Transport,
    serving::{Desk, Serving},
};

/// What answers datagrams.
pub trait Answer: Send + Sync + 'static {
    /// What answering needs of its own, one for each socket. Thrown away if answering panics.
    type Memory: Default + Send;

    /// Which listener of its plan answers.
    fn listener(&self) -> usize;

    /// Writes the reply into `reply`, which has room for any, if it is there at once.
    fn begin(&self, packet: &[u8], asked: &Asked, memory: &mut Self::Memory, reply: &mut [u8]) -> Begun;

    /// Who answers what waits.
    fn desk(&self) -> Option<Arc<Desk>>;
}

impl Answer for Serving {
    type Memory = Memory;

    fn listener(&self) -> usize {
        self.desk().listener
    }

    fn begin(&self, packet: &[u8], asked: &Asked, memory: &mut Memory, reply: &mut [u8]) -> Begun {
        let desk = Self::desk(self);
        let asked = Asked { listener: desk.listener, ..*asked };
        desk.responder.begin(packet, &asked, Instant::now(), memory, reply)
    }

    fn desk(&self) -> Option<Arc<Desk>> {
        Some(Arc::clone(&Self::desk(self)))
    }
}

/// Serves a socket until `stop` says so. Then the packets that wait in the socket are answered and it is
/// closed, as soon as nobody waits any more who asked through it.
pub async fn serve<A: Answer, E: Events>(
    socket: Socket,
    answer: Arc<A>,
    later: Later<E>,
    events: E,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let way_back = Arc::new(socket.try_clone()?.into());
    let socket = UdpSocket::from_std(socket.into())?;
    let mut clerk = Clerk::new(answer, later, events, way_back);
    loop {
        select! {
            biased;
            () = stop::requested(&mut stop) => break,
            ready = socket.readable() => match ready {
                Ok(()) => clerk.serve_round(&socket).await,
                Err(error) => clerk.bear(&error).await,
            },
        }
    }
    // The runtime's socket goes by what it was told last; the system's own knows.
    clerk.drain(&socket.into_std()?);
    Ok(())
}

/// One socket's memory.
struct Clerk<A: Answer, E> {
    answer: Arc<A>,
    crew: Crew<E, Way>,
    events: E,
    /// Where replies go that were waited for.
    way_back: Arc<std::net::UdpSocket>,
    memory: A::Memory,
    packet: Vec<u8>,
    reply: Vec<u8>,
    failure_logged: Seldom,
}

/// The way back of one question.
struct Way {
    socket: Arc<std::net::UdpSocket>,
    client: SocketAddr,
}

impl WayBack for Way {
    async fn send(&self, reply: &[u8]) {
        let _ = self.socket.send_to(reply, self.client);
    }
}

/// Packets answered before other tasks have their turn.
const ROUND: usize = 64;
/// How long to answer packets that still come after the end: what waited is answered in far less.
const DRAIN: Duration = Duration::from_secs(1);
/// How long to leave a system alone that cannot receive.
const RECEIVE_PAUSE: Duration = Duration::from_millis(100);

impl<A: Answer, E: Events> Clerk<A, E> {
    fn new(answer: Arc<A>, later: Later<E>, events: E, way_back: Arc<std::net::UdpSocket>) -> Self {
        let (packet, reply) = (vec![0; PACKET_OCTETS_MAX], vec![0; REPLY_OCTETS_MAX]);
        Self {
            answer,
            crew: Crew::new(later),
            events,
            way_back,
            memory: A::Memory::default(),
            packet,
            reply,
            failure_logged: Seldom::new(),
        }
    }

    async fn serve_round(&mut self, socket: &UdpSocket) {
        for _ in 0..ROUND {
            let received = match socket.try_recv_from(&mut self.packet) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => return self.bear(&error).await,
            };
            if let Some((reply, client)) = self.reply(received)
                && socket.send_to(reply, client).await.is_err()
            {
                self.events.unsent();
            }
        }
        task::yield_now().await;
    }

    /// Answers what waits in the socket, and does not wait for more.
    fn drain(&mut self, socket: &std::net::UdpSocket) {
        let begun = Instant::now();
        while begun.elapsed() < DRAIN
            && let Ok(received) = socket.recv_from(&mut self.packet)
        {
            if let Some((reply, client)) = self.reply(received)
                && socket.send_to(reply, client).is_err()
            {
                self.events.unsent();
            }
        }
    }

    /// The reply to the packet that was received, and where it goes.
    fn reply(&mut self, (octets, sender): (usize, SocketAddr)) -> Option<(&[u8], SocketAddr)> {
        let packet = &self.packet[..octets];
        // To logs and lists a mapped address is the IPv4 address it is.
        let client = SocketAddr::new(sender.ip().to_canonical(), sender.port());
        let asked = Asked { client, transport: Transport::Udp, listener: self.answer.listener() };
        let begun = Instant::now();
        let answer = || self.answer.begin(packet, &asked, &mut self.memory, &mut self.reply);
        let answered = guard::guarded(client, answer).unwrap_or_else(|guard::Panicked| {
            self.memory = A::Memory::default();
            self.events.panicked();
            guard::server_failure(packet, &mut self.reply).map_or(Begun::Ignored, Begun::Answered)
        });
        let waiting = Waiting { packet, asked, begun };
        let outcome = match answered {
            Begun::Answered(outcome) => outcome,
            Begun::Aging(outcome, refresh) => {
                if let Some(desk) = self.answer.desk() {
                    self.crew.later().refresh(waiting, desk, refresh);
                }
                outcome
            }
            Begun::Ignored => return None,
            Begun::Waits(_) => {
                let (desk, way) = (self.answer.desk()?, Way { socket: self.way_back.clone(), client: sender });
                // Who answers now may be another one.
                if self.crew.answer(&waiting, Ahead::Anew, desk, way).is_some() {
                    return None;
                }
                let refused = self.crew.later().turned_away(&waiting, &mut self.reply)?;
                return Some((&self.reply[..refused], sender));
            }
        };
        let reply = &self.reply[..outcome.reply_octets];
        self.events.answered(&Exchange { asked: &asked, query: packet, reply, outcome: &outcome }, begun.elapsed());
        Some((reply, sender))
    }

    /// Goes on after a failed receive. Some systems report here that an earlier reply did not arrive.
    async fn bear(&mut self, error: &io::Error) {
        if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused | ErrorKind::Interrupted) {
            return;
        }
        if self.failure_logged.is_due(Instant::now()) {
            tracing::error!(%error, "a UDP socket cannot receive; trying again ten times a second");
        }
        sleep(RECEIVE_PAUSE).await;
    }
}

/// What a datagram can carry: none is cut.
const PACKET_OCTETS_MAX: usize = 65_535;
