//! A TCP room on a port of its own, clients of it, and answers that wait or break when asked to.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use clusterdns::{
    respond::{Exchange, Outcome, general::Streamed},
    sockets::{
        bind::bind_tcp,
        events::{Closed, Events, Refused},
        tcp::{Answer, Streams, TcpLimits},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::common::within;

// ----------- Room ----------------------------------------------------------

/// A server.
pub(crate) struct Room {
    pub(crate) address: SocketAddr,
    pub(crate) streams: Arc<Streams<Teller>>,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) serving: JoinHandle<()>,
    told: mpsc::UnboundedReceiver<Told>,
}

/// What the room told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Answered { rcode: u16, query_octets: usize, reply_octets: usize },
    Panicked,
    Opened,
    Closed(Closed),
    Refused(Refused),
}

/// Passes events on to the test.
#[derive(Clone)]
pub(crate) struct Teller(mpsc::UnboundedSender<Told>);

impl Room {
    pub(crate) fn open(answer: impl Answer, limits: TcpLimits) -> Self {
        Self::open_at("127.0.0.1:0", answer, limits)
    }

    pub(crate) fn open_at(address: &str, answer: impl Answer, limits: TcpLimits) -> Self {
        let (teller, told) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let listener = bind_tcp(address.parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let streams = Streams::new(limits, Teller(teller));
        let listener = TcpListener::from_std(listener).unwrap();
        let serving = tokio::spawn(streams.clone().serve(listener, answer, stopped));
        Self { address, streams, stop, serving, told }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client(within(TcpStream::connect(self.address)).await.unwrap())
    }

    /// A client that has this address.
    pub(crate) async fn connect_from(&self, ip: [u8; 4]) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((IpAddr::from(ip), 0).into()).unwrap();
        Client(within(socket.connect(self.address)).await.unwrap())
    }

    /// Waits until the room tells this; what it tells before is passed over.
    pub(crate) async fn tells(&mut self, expected: Told) {
        within(async { while self.told.recv().await.expect("the room is open") != expected {} }).await;
    }

    /// Ends the room, and returns when it has ended.
    pub(crate) async fn close(self) {
        self.stop.send_replace(true);
        within(self.serving).await.unwrap();
    }
}

impl Events for Teller {
    fn answered(&self, exchange: &Exchange<'_>, _: Duration) {
        let (rcode, reply_octets) = (exchange.outcome.rcode, exchange.outcome.reply_octets);
        let query_octets = exchange.query.len();
        self.tell(Told::Answered { rcode, query_octets, reply_octets });
    }

    fn panicked(&self) {
        self.tell(Told::Panicked);
    }

    fn opened(&self) {
        self.tell(Told::Opened);
    }

    fn closed(&self, why: Closed) {
        self.tell(Told::Closed(why));
    }

    fn refused(&self, why: Refused) {
        self.tell(Told::Refused(why));
    }
}

impl Teller {
    fn tell(&self, told: Told) {
        // A test that has seen enough listens no more.
        let _ = self.0.send(told);
    }
}

// ----------- Client --------------------------------------------------------

/// A client's end of a connection.
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    /// Sends messages, all in one write.
    pub(crate) async fn send(&mut self, messages: &[Vec<u8>]) {
        let framed: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
        within(self.0.write_all(&framed)).await.unwrap();
    }

    /// The next reply.
    pub(crate) async fn reply(&mut self) -> Vec<u8> {
        within(self.try_reply()).await.expect("a reply")
    }

    async fn try_reply(&mut self) -> io::Result<Vec<u8>> {
        let mut message = vec![0; usize::from(self.0.read_u16().await?)];
        self.0.read_exact(&mut message).await?;
        Ok(message)
    }

    pub(crate) async fn ask(&mut self, message: Vec<u8>) -> Vec<u8> {
        self.send(&[message]).await;
        self.reply().await
    }

    /// Waits for the end of the connection, before which nothing may come.
    pub(crate) async fn is_closed(&mut self) {
        let how = self.closed().await;
        assert!(matches!(how, io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset), "not closed: {how}");
    }

    /// The same, and how it ended.
    pub(crate) async fn closed(&mut self) -> io::ErrorKind {
        within(self.0.read_u8()).await.expect_err("the end").kind()
    }
}

/// A message with its length.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

// ----------- Answers -------------------------------------------------------

/// Answers every question with its own header. A name that begins with `panic` makes it panic; a
/// transfer waits for [`Scripted::let_go`] and is as long as was said.
#[derive(Clone)]
pub(crate) struct Scripted {
    messages_of_transfer: usize,
    gate: Arc<(Mutex<bool>, Condvar)>,
    begun: mpsc::UnboundedSender<()>,
}

pub(crate) const AXFR: u16 = 252;
/// Octets of each message of a transfer of several.
pub(crate) const LONG_OCTETS: usize = 60_000;

impl Scripted {
    /// And a receiver that hears of each transfer that is begun.
    pub(crate) fn new(messages_of_transfer: usize) -> (Self, mpsc::UnboundedReceiver<()>) {
        let (begun, begins) = mpsc::unbounded_channel();
        (Self { messages_of_transfer, gate: Arc::default(), begun }, begins)
    }

    /// Lets all transfers go on.
    pub(crate) fn let_go(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }

    fn transfer(&self, header: &[u8]) -> Vec<Vec<u8>> {
        self.begun.send(()).unwrap();
        // A test that fails lets nothing go; its runtime waits for this thread.
        let gate = self.gate.0.lock().unwrap();
        drop(self.gate.1.wait_timeout_while(gate, Duration::from_secs(30), |open| !*open).unwrap());
        match self.messages_of_transfer {
            1 => vec![header.to_vec()],
            many => vec![[header, &vec![0; LONG_OCTETS - header.len()]].concat(); many],
        }
    }
}

impl Answer for Scripted {
    fn answer(&self, message: &[u8], _: SocketAddr) -> Streamed {
        assert!(!message[12..].starts_with(b"\x05panic"), "as asked");
        let mut header = message[..12].to_vec();
        header[2] |= 0x80;
        let qtype = u16::from_be_bytes([message[message.len() - 4], message[message.len() - 3]]);
        let messages = if qtype == AXFR { self.transfer(&header) } else { vec![header] };
        let reply_octets = messages.iter().map(Vec::len).sum();
        Streamed::Messages(messages, Outcome { route: Some(0), qtype, reply_octets, ..Outcome::default() })
    }
}
