//! Real sockets on loopback: what a client sees is what counts.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};

use super::*;

#[test]
fn a_reply_leaves_from_the_ipv4_address_that_was_asked() {
    let mut server = Server::start(Domain::IPV4, "0.0.0.0:0");
    let client = client("127.0.0.1:0");
    client.send_to(b"where", server.at(Ipv4Addr::new(127, 0, 0, 2))).unwrap();
    assert_eq!(server.echo(), [Seen::by(&client, "127.0.0.2", b"where")]);
    assert_eq!(reply(&client), (b"where".to_vec(), server.at(Ipv4Addr::new(127, 0, 0, 2))));
}

#[test]
fn a_reply_leaves_from_the_ipv6_address_that_was_asked() {
    let mut server = Server::start(Domain::IPV6, "[::]:0");
    let client = client("[::1]:0");
    client.send_to(b"where", server.at(Ipv6Addr::LOCALHOST)).unwrap();
    assert_eq!(server.echo(), [Seen::by(&client, "::1", b"where")]);
    assert_eq!(reply(&client), (b"where".to_vec(), server.at(Ipv6Addr::LOCALHOST)));
}

#[test]
fn an_ipv4_client_of_a_dual_stack_socket_is_an_ipv4_client() {
    let mut server = Server::start(Domain::IPV6, "[::]:0");
    let client = client("127.0.0.1:0");
    client.send_to(b"where", server.at(Ipv4Addr::new(127, 0, 0, 2))).unwrap();
    assert_eq!(server.echo(), [Seen::by(&client, "127.0.0.2", b"where")]);
    assert_eq!(reply(&client), (b"where".to_vec(), server.at(Ipv4Addr::new(127, 0, 0, 2))));
}

#[test]
fn one_inbox_and_one_outbox_serve_sockets_of_both_families() {
    let mut v4 = Server::start(Domain::IPV4, "127.0.0.1:0");
    let mut v6 = Server::start(Domain::IPV6, "[::1]:0");
    for _ in 0..2 {
        for server in [&mut v4, &mut v6] {
            let client = client(&format!("{}", SocketAddr::new(server.address.ip(), 0)));
            client.send_to(b"turn", server.address).unwrap();
            assert_eq!(server.echo(), [Seen::by(&client, &server.address.ip().to_string(), b"turn")]);
            assert_eq!(reply(&client).1, server.address);
        }
        mem::swap(&mut v4.inbox, &mut v6.inbox);
        mem::swap(&mut v4.outbox, &mut v6.outbox);
    }
}

#[test]
fn more_than_a_batch_comes_in_two() {
    let mut server = Server::start(Domain::IPV4, "127.0.0.1:0");
    let client = client("127.0.0.1:0");
    let query = |index: usize| format!("query {index}").repeat(1 + index % 3).into_bytes();
    for index in 0..100 {
        client.send_to(&query(index), server.address).unwrap();
    }
    assert_eq!(server.echo().len(), BATCH);
    assert_eq!(server.echo().len(), 100 - BATCH);
    for index in 0..100 {
        assert_eq!(reply(&client).0, query(index));
    }
}

#[test]
fn a_failed_send_does_not_lose_its_neighbours() {
    let mut server = Server::start(Domain::IPV4, "127.0.0.1:0");
    let client = client("127.0.0.1:0");
    for query in [b"1", b"2", b"3", b"4"] {
        client.send_to(query, server.address).unwrap();
    }
    server.inbox.receive(&server.socket).unwrap();
    for packet in server.inbox.packets() {
        // The server's socket is not connected, so this path leads nowhere.
        let path = if matches!(packet.bytes, b"2" | b"4") { &ReturnPath::CONNECTED } else { packet.path };
        write(&mut server.outbox, path, packet.bytes);
    }
    let flushed = server.outbox.flush(&server.socket);
    assert_eq!((flushed.sent, flushed.failed), (2, 2));
    assert_eq!(flushed.last_error.unwrap().raw_os_error(), Some(libc::EDESTADDRREQ));
    assert_eq!(reply(&client).0, b"1");
    assert_eq!(reply(&client).0, b"3");
}

#[test]
fn a_packet_longer_than_its_slot_is_marked() {
    let mut server = Server::start(Domain::IPV4, "127.0.0.1:0");
    let client = client("127.0.0.1:0");
    for octets in [SLOT_OCTETS, SLOT_OCTETS + 1, 1] {
        client.send_to(&vec![7; octets], server.address).unwrap();
    }
    server.inbox.receive(&server.socket).unwrap();
    let seen: Vec<_> = server.inbox.packets().map(|packet| (packet.bytes.len(), packet.truncated)).collect();
    assert_eq!(seen, [(SLOT_OCTETS, false), (SLOT_OCTETS, true), (1, false)]);
}

#[test]
fn a_long_reply_arrives_whole() {
    let mut server = Server::start(Domain::IPV4, "127.0.0.1:0");
    let client = client("127.0.0.1:0");
    let long: Vec<u8> = (0..60_000u32).map(|index| (index % 251) as u8).collect();
    client.send_to(b"the lot", server.address).unwrap();
    server.inbox.receive(&server.socket).unwrap();
    let packet = server.inbox.packets().next().unwrap();
    write(&mut server.outbox, packet.path, b"short");
    write(&mut server.outbox, packet.path, &long);
    assert_eq!(server.outbox.flush(&server.socket).sent, 2);
    assert_eq!(reply(&client).0, b"short");
    assert!(reply(&client).0 == long);
}

#[test]
fn space_ends_when_the_longest_reply_would_not_fit() {
    let mut outbox = Outbox::new();
    assert_eq!(outbox.reply_space().unwrap().len(), ARENA_OCTETS);
    outbox.push(&ReturnPath::CONNECTED, ARENA_OCTETS - REPLY_OCTETS_MAX);
    assert_eq!(outbox.reply_space().unwrap().len(), REPLY_OCTETS_MAX);
    outbox.push(&ReturnPath::CONNECTED, 1);
    assert!(outbox.reply_space().is_none());
}

#[test]
fn space_ends_with_the_batch_and_returns_with_the_flush() {
    let server = Server::start(Domain::IPV4, "127.0.0.1:0");
    let mut outbox = Outbox::new();
    for _ in 0..BATCH {
        write(&mut outbox, &ReturnPath::CONNECTED, b"x");
    }
    assert!(outbox.reply_space().is_none());
    assert_eq!(outbox.flush(&server.socket).failed, BATCH);
    assert_eq!(outbox.reply_space().unwrap().len(), ARENA_OCTETS);
}

#[test]
fn silence_is_no_packets_and_no_error() {
    let mut server = Server::start(Domain::IPV4, "127.0.0.1:0");
    client("127.0.0.1:0").send_to(b"before", server.address).unwrap();
    assert_eq!(server.inbox.receive(&server.socket).unwrap(), 1);
    server.socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert_eq!(server.inbox.receive(&server.socket).unwrap(), 0);
    assert_eq!(server.inbox.packets().len(), 0);
}

// ----------- Helpers -------------------------------------------------------

struct Server {
    socket: Socket,
    address: SocketAddr,
    inbox: Inbox,
    outbox: Outbox,
}

/// What the server knows about a packet.
#[derive(Debug, PartialEq)]
struct Seen {
    client: SocketAddr,
    local: Option<IpAddr>,
    bytes: Vec<u8>,
}

impl Server {
    fn start(domain: Domain, address: &str) -> Self {
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        if domain == Domain::IPV6 {
            socket.set_only_v6(false).unwrap();
        }
        configure(&socket, PATIENCE).unwrap();
        socket.bind(&address.parse::<SocketAddr>().unwrap().into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        Self { socket, address, inbox: Inbox::new(), outbox: Outbox::new() }
    }

    /// This server, asked at another address.
    fn at(&self, ip: impl Into<IpAddr>) -> SocketAddr {
        SocketAddr::new(ip.into(), self.address.port())
    }

    /// Sends one batch back and tells what was in it.
    fn echo(&mut self) -> Vec<Seen> {
        self.inbox.receive(&self.socket).unwrap();
        for packet in self.inbox.packets() {
            write(&mut self.outbox, packet.path, packet.bytes);
        }
        let flushed = self.outbox.flush(&self.socket);
        assert_eq!((flushed.sent, flushed.failed), (self.inbox.packets().len(), 0));
        let seen = |packet: Packet<'_>| Seen {
            client: packet.path.client(),
            local: packet.path.local(),
            bytes: packet.bytes.to_vec(),
        };
        self.inbox.packets().map(seen).collect()
    }
}

impl Seen {
    fn by(client: &UdpSocket, local: &str, bytes: &[u8]) -> Self {
        Self { client: client.local_addr().unwrap(), local: Some(local.parse().unwrap()), bytes: bytes.to_vec() }
    }
}

fn client(address: &str) -> UdpSocket {
    let client = UdpSocket::bind(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

fn write(outbox: &mut Outbox, path: &ReturnPath, bytes: &[u8]) {
    outbox.reply_space().unwrap()[..bytes.len()].copy_from_slice(bytes);
    outbox.push(path, bytes.len());
}

fn reply(client: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut bytes = vec![0; REPLY_OCTETS_MAX];
    let (octets, from) = client.recv_from(&mut bytes).unwrap();
    bytes.truncate(octets);
    (bytes, from)
}

/// Long enough for a loaded machine; a test that passes never waits for it.
const PATIENCE: Duration = Duration::from_secs(5);
