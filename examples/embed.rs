//! A program that embeds the server: objects in, changes, answers out, and an end.
//!
//! ```text
//! cargo run --example embed
//! ```

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use clusterdns::{
    Config, Server,
    objects::{Change, Key, Kind, Known, Namespace, Object, Picture, Port, Service, ServiceSpec},
};
use hickory_proto::{
    op::{Message, Query},
    rr::{Name, RecordType},
};

fn main() -> Result<(), Box<dyn Error>> {
    // The default, on a port that the system picks, and without an address for metrics.
    let mut config = Config::default();
    config.servers[0].listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    config.admin_listen.clear();
    let mut server = Server::bind(&config)?;
    let address = server.addresses()[0];

    // What there is. Before a whole picture is there, a missing name is SERVFAIL and not NXDOMAIN.
    let cluster = server.feed();
    let objects = vec![namespace("shop"), service("shop", "web", [10, 96, 0, 10])];
    cluster.apply(Change::Reset(Picture { objects, known: Known::ALL }));
    server.start()?;
    println!("{}", ask(address, "web.shop.svc.cluster.local.")?);

    // What changes is served from the next question on.
    cluster.apply(Change::Apply(service("shop", "api", [10, 96, 0, 11])));
    cluster.apply(Change::Delete(Key { kind: Kind::Service, namespace: "shop".into(), name: "web".into() }));
    println!("{}", ask(address, "api.shop.svc.cluster.local.")?);
    println!("{}", ask(address, "web.shop.svc.cluster.local.")?);

    // Answers what has arrived, then closes.
    server.shutdown();
    Ok(())
}

fn namespace(name: &str) -> Object {
    Object::Namespace(Namespace { name: name.into(), labels: Box::default() })
}

/// A Service with a cluster IP. `objects::decode` makes the same of the API's JSON.
fn service(namespace: &str, name: &str, cluster_ip: [u8; 4]) -> Object {
    Object::Service(Service {
        namespace: namespace.into(),
        name: name.into(),
        spec: ServiceSpec::Cluster { ips: [IpAddr::from(cluster_ip)].into(), chosen: false },
        ports: [Port { name: "http".into(), protocol: "TCP".into(), number: Some(80) }].into(),
        selector: Box::default(),
        labels: Box::default(),
    })
}

/// The rcode and the addresses of a name, as any client would see them.
fn ask(server: SocketAddr, name: &str) -> Result<String, Box<dyn Error>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut question = Message::query();
    question.add_query(Query::query(Name::from_ascii(name)?, RecordType::A));
    socket.send_to(&question.to_vec()?, server)?;
    let mut reply = [0; 512];
    let octets = socket.recv(&mut reply)?;
    let reply = Message::from_vec(&reply[..octets])?;
    let addresses: Vec<_> = reply.answers.iter().map(|record| record.data.to_string()).collect();
    Ok(format!("{name} {} {}", reply.metadata.response_code, addresses.join(" ")))
}
