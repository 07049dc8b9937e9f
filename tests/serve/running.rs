//! A server on ports of its own, and plain sockets to ask it.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use clusterdns::{
    Config, Server,
    objects::{
        Change,
        snapshot::{self, Options, Source},
    },
    records::name::Name,
};

/// Only a failure takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The commonest rcodes.
pub(crate) const NOERROR: u8 = 0;
pub(crate) const SERVFAIL: u8 = 2;
pub(crate) const NXDOMAIN: u8 = 3;
pub(crate) const REFUSED: u8 = 5;

/// QTYPE.
pub(crate) const A: u16 = 1;

/// One server on one port, with an admin address.
pub(crate) const PLAIN: &str = "[admin]\nlisten = [\"127.0.0.1:0\"]\n[[server]]\nlisten = [\"127.0.0.1:0\"]\n";

/// What a configuration says.
pub(crate) fn config(text: &str) -> Config {
    Config::parse(text, "test").unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// A cluster with the Service `web` of `shop` at this address, as a snapshot.
pub(crate) fn cluster(ip: &str) -> String {
    format!(
        r#"{{"apiVersion": "v1", "kind": "List", "items": [
            {{"apiVersion": "v1", "kind": "Service", "metadata": {{"name": "web", "namespace": "shop"}},
              "spec": {{"clusterIP": "{ip}", "ports": [{{"name": "http", "port": 80}}]}}}},
            {{"apiVersion": "v1", "kind": "EndpointsList", "items": []}}]}}"#
    )
}

/// The name of that Service.
pub(crate) const WEB: &str = "web.shop.svc.cluster.local";

/// The picture that a snapshot gives.
pub(crate) fn picture(snapshot: &str) -> Change {
    let source = Source::Text("test".into(), snapshot.as_bytes().into());
    Change::Reset(snapshot::load(&[source], &Options::default(), &mut |_| {}).unwrap().picture)
}

/// A server of this configuration that answers from [`cluster`] at 10.96.0.10.
pub(crate) fn started(config_text: &str) -> Server {
    let mut server = Server::bind(&config(config_text)).unwrap();
    server.feed().apply(picture(&cluster("10.96.0.10")));
    server.start().unwrap();
    server
}

// ----------- Asking --------------------------------------------------------

/// A question of class IN.
pub(crate) fn question(id: u16, name: &str, qtype: u16) -> Vec<u8> {
    let mut message = [&id.to_be_bytes()[..], &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
    message.extend_from_slice(Name::parse(name).expect("a name").wire());
    message.extend([qtype, 1].iter().flat_map(|word| word.to_be_bytes()));
    message
}

/// A UDP socket that talks to the server only.
pub(crate) fn client(server: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(server).unwrap();
    socket
}

pub(crate) fn udp(server: SocketAddr, message: &[u8]) -> Vec<u8> {
    let socket = client(server);
    socket.send(message).unwrap();
    receive(&socket)
}

pub(crate) fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut reply = vec![0; 4096];
    let octets = socket.recv(&mut reply).expect("a reply");
    reply.truncate(octets);
    reply
}

pub(crate) fn tcp(server: SocketAddr, message: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&framed(message)).unwrap();
    receive_frame(&mut stream)
}

/// A message behind its length.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes(), message].concat()
}

pub(crate) fn receive_frame(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).expect("a reply");
    let mut reply = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut reply).expect("the whole reply");
    reply
}

/// The rcode of a reply, and the address that it ends with.
pub(crate) fn seen(reply: &[u8]) -> (u8, Option<[u8; 4]>) {
    let answers = u16::from_be_bytes([reply[6], reply[7]]);
    (reply[3] & 15, reply.last_chunk().copied().filter(|_| answers > 0))
}

/// Asks over UDP for the address of a name.
pub(crate) fn ask(server: SocketAddr, name: &str) -> (u8, Option<[u8; 4]>) {
    seen(&udp(server, &question(7, name, A)))
}

/// Status and body of a page.
pub(crate) fn page(admin: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(admin).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    (head[9..12].parse().unwrap(), body.to_owned())
}

/// Looks again until it is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "it should be so by now: {what}");
    }
}
