//! The seam to the server: a run's Corefile becomes a running instance on loopback, and is asked over its sockets.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use clusterdns::config::{Config, corefile::System, error::ConfigError, logging::Classes};
use clusterdns::objects::{Change, Key, Kind, Known, Needs, Object, Picture, decode};

use socket2::{Domain, Socket, Type};

use super::case::{Run, Transport};
use super::packet;

/// One instance, configured by the run's Corefile.
pub(crate) struct Server {
    running: clusterdns::Server,
    needs: Needs,
}

/// The addresses on the interfaces of every run's server.
const LOCAL_ADDRESSES: [Ipv4Addr; 8] = [
    Ipv4Addr::new(10, 244, 0, 53),
    Ipv4Addr::new(10, 240, 0, 1),
    Ipv4Addr::new(10, 244, 1, 11),
    Ipv4Addr::new(10, 244, 1, 12),
    Ipv4Addr::new(10, 244, 2, 21),
    Ipv4Addr::new(10, 0, 0, 10),
    Ipv4Addr::new(10, 244, 0, 20),
    Ipv4Addr::new(172, 16, 9, 9),
];
/// Only a failure takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

impl Server {
    /// Starts an instance for `run` with these objects (a `kind: List`), which it has only seen if the run is synced.
    pub(crate) fn start(run: &Run, objects: &str, upstream: SocketAddr) -> Self {
        let config = config(run, upstream).unwrap_or_else(|errors| panic!("{}: {errors:?}", run.name));
        let mut server = Self { running: clusterdns::Server::bind(&config).expect("loopback"), needs: config.needs() };
        if run.synced {
            let list: serde_json::Value = serde_json::from_str(objects).expect("a list of objects");
            let items = list["items"].as_array().expect("items");
            let mut objects: Vec<_> = items.iter().filter_map(|item| server.object(&item.to_string())).collect();
            if run.uses("autopath") {
                objects.iter_mut().for_each(|object| on_loopback(run, object));
            }
            server.apply(Change::Reset(Picture { objects, known: Known::ALL, ..Picture::default() }));
        }
        server.running.start().expect("threads");
        server
    }

    /// An object appears, or takes the place of its former self.
    pub(crate) fn put(&self, json: &str) {
        self.apply(Change::Apply(self.object(json).expect("an object of a kind that is served")));
    }

    /// An object goes away.
    pub(crate) fn delete(&self, kind: &str, namespace: Option<&str>, name: &str) {
        let kind = match kind {
            "Namespace" => Kind::Namespace,
            "Service" => Kind::Service,
            "EndpointSlice" => Kind::EndpointSlice,
            "Pod" => Kind::Pod,
            other => panic!("no case deletes a {other}"),
        };
        self.apply(Change::Delete(Key { kind, namespace: namespace.unwrap_or_default().into(), name: name.into() }));
    }

    /// The messages that answer a query from this address, without the length that precedes them over TCP; none if there is no reply.
    pub(crate) fn ask(&self, client: Ipv4Addr, query: &[u8], transport: Transport) -> Vec<Vec<u8>> {
        match transport {
            Transport::Udp => self.ask_datagram(client, query).into_iter().collect(),
            Transport::Tcp => self.ask_stream(client, query),
        }
    }

    fn ask_datagram(&self, client: Ipv4Addr, query: &[u8]) -> Option<Vec<u8>> {
        let socket = UdpSocket::bind((client, 0)).expect("a port");
        socket.connect(self.running.addresses()[0]).expect("loopback");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket.send(query).expect("loopback");
        let mut reply = vec![0; 65_535];
        let octets = socket.recv(&mut reply).ok()?;
        reply.truncate(octets);
        Some(reply)
    }

    fn ask_stream(&self, client: Ipv4Addr, query: &[u8]) -> Vec<Vec<u8>> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((client, 0)).into()).expect("a port");
        socket.connect(&self.running.addresses()[0].into()).expect("loopback");
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(&packet::framed(query)).expect("loopback");
        // A server that will be asked nothing more closes behind its last message.
        stream.shutdown(Shutdown::Write).expect("loopback");
        let mut octets = Vec::new();
        stream.read_to_end(&mut octets).expect("whole messages");
        packet::unframed(&octets)
    }

    fn apply(&self, change: Change) {
        self.running.feed().apply(change);
    }

    fn object(&self, json: &str) -> Option<Object> {
        match decode::object(json, self.needs).expect("a legal object") {
            decode::Decoded::Object(object) => Some(object),
            _ => None,
        }
    }
}

/// Pods are where their clients ask from.
fn on_loopback(run: &Run, object: &mut Object) {
    if let Object::Pod(pod) = object
        && let Some(IpAddr::V4(ip)) = &mut pod.ip
    {
        *ip = run.on_loopback(*ip);
    }
}

/// What a run's Corefile says, at a port that the system picks, and with the addresses that CoreDNS had.
pub(crate) fn config(run: &Run, upstream: SocketAddr) -> Result<Config, Vec<ConfigError>> {
    let corefile = run.corefile.replace("UPSTREAM", &upstream.to_string());
    let mut config = Config::parse_corefile(&corefile, "Corefile", &System { port: 53 })?;
    config.listen_on(&[SocketAddr::from(([127, 0, 0, 1], 0))]).expect("one zone, one block");
    config.udp.threads = Some(1);
    // What CoreDNS has not said cannot be compared; that nothing else changes is tested elsewhere.
    config.extended_errors = false;
    for server in &mut config.servers {
        // Thousands of lines that nobody reads.
        server.errors = None;
        server.log.iter_mut().for_each(|log| log.classes = Classes::default());
    }
    if let Some(completion) = &mut config.completion {
        // CoreDNS's resolv.conf had no search list.
        completion.resolv_conf = None;
    }
    for view in config.servers.iter_mut().filter_map(|server| server.kubernetes.as_mut()) {
        view.local_addresses = LOCAL_ADDRESSES.map(IpAddr::V4).to_vec();
    }
    Ok(config)
}
