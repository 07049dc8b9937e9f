//! Upstreams with sockets, on a port that the system has picked.

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    runtime::Handle,
    task::JoinSet,
};

use super::{
    super::{
        Forwarder,
        asking::{Answer, Asking, Failure, Over},
        counters::Counters,
        options::{Options, To},
    },
    query,
};
use crate::records::name::Name;

/// Any port.
const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// An upstream. It ends when it is dropped.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    tasks: JoinSet<()>,
}

impl Server {
    /// Answers questions over UDP, each with any number of messages.
    pub(super) async fn udp<F>(replies: F) -> Self
    where
        F: FnMut(&[u8], SocketAddr) -> Vec<Vec<u8>> + Send + 'static,
    {
        let socket = UdpSocket::bind(ANY).await.unwrap();
        let mut server = Self { address: socket.local_addr().unwrap(), tasks: JoinSet::new() };
        server.receive(socket, replies);
        server
    }

    /// Answers over UDP, and does something with each connection over TCP at the same port.
    pub(super) async fn udp_and_tcp<R, F, C>(replies: R, serve: F) -> Self
    where
        R: FnMut(&[u8], SocketAddr) -> Vec<Vec<u8>> + Send + 'static,
        F: FnMut(TcpStream) -> C + Send + 'static,
        C: Future<Output = ()> + Send + 'static,
    {
        let (socket, listener) = loop {
            let listener = TcpListener::bind(ANY).await.unwrap();
            // Somebody else may have that port of UDP.
            if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()).await {
                break (socket, listener);
            }
        };
        let mut server = Self { address: socket.local_addr().unwrap(), tasks: JoinSet::new() };
        server.receive(socket, replies);
        server.accept(listener, serve);
        server
    }

    /// Does something with each connection over TCP.
    pub(super) async fn tcp<F, C>(serve: F) -> Self
    where
        F: FnMut(TcpStream) -> C + Send + 'static,
        C: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let mut server = Self { address: listener.local_addr().unwrap(), tasks: JoinSet::new() };
        server.accept(listener, serve);
        server
    }

    fn receive<F>(&mut self, socket: UdpSocket, mut replies: F)
    where
        F: FnMut(&[u8], SocketAddr) -> Vec<Vec<u8>> + Send + 'static,
    {
        self.tasks.spawn(async move {
            let mut message = [0; 4096];
            loop {
                let (length, client) = socket.recv_from(&mut message).await.unwrap();
                for reply in replies(&message[..length], client) {
                    // A client that has what it wants is gone.
                    let _ = socket.send_to(&reply, client).await;
                }
            }
        });
    }

    fn accept<F, C>(&mut self, listener: TcpListener, mut serve: F)
    where
        F: FnMut(TcpStream) -> C + Send + 'static,
        C: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream));
            }
        });
    }
}

/// Reads a message behind its length; none at the end.
pub(super) async fn read(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<Vec<u8>> {
    let length = stream.read_u16().await.ok()?;
    let mut message = vec![0; length.into()];
    stream.read_exact(&mut message).await.ok()?;
    Some(message)
}

/// Writes a message behind its length.
pub(super) async fn write(stream: &mut (impl AsyncWriteExt + Unpin), message: &[u8]) {
    let framed = [&(message.len() as u16).to_be_bytes(), message].concat();
    stream.write_all(&framed).await.unwrap();
    stream.flush().await.unwrap();
}

/// Answers every question of a connection.
pub(super) async fn echo(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin) {
    while let Some(query) = read(&mut stream).await {
        write(&mut stream, &reply(&query)).await;
    }
}

/// NODATA for a query.
pub(super) fn reply(query: &[u8]) -> Vec<u8> {
    let mut reply = query.to_vec();
    reply[2] |= 0x80;
    reply
}

/// The same, cut off.
pub(super) fn truncated(query: &[u8]) -> Vec<u8> {
    let mut reply = reply(query);
    reply[2] |= 2;
    reply
}

/// The options of `forward .` with these upstreams, and others perhaps.
pub(super) fn options(to: Vec<To>, set: impl FnOnce(&mut Options)) -> Options {
    let mut options = Options::new(Name::root(), to);
    options.attempts_max = Some(1);
    options.read_timeout = Duration::from_secs(5);
    set(&mut options);
    options
}

pub(super) fn forwarder(options: Options, counters: &Counters) -> Arc<Forwarder> {
    Forwarder::new(options, counters, &Handle::current()).unwrap()
}

/// Plain upstreams.
pub(super) fn to<const N: usize>(servers: [&Server; N]) -> Vec<To> {
    servers.map(|server| To::Plain(server.address)).into()
}

pub(super) async fn ask(forwarder: &Forwarder, name: &str, over: Over) -> Result<Answer, Failure> {
    forwarder.ask(&Asking { query: &query(name), over, reply_octets_max: 512 }).await
}

/// Asks for names that differ, all at once.
pub(super) async fn ask_at_once(forwarder: &Forwarder, questions: usize) -> usize {
    let names: Vec<_> = (0..questions).map(|number| format!("n{number}.example")).collect();
    let answers = join_all(names.iter().map(|name| ask(forwarder, name, Over::Tcp))).await;
    answers.iter().filter(|answer| answer.is_ok()).count()
}
