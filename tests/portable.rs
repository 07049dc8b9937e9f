//! The portable UDP door over loopback.

mod common;

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use clusterdns::{
    respond::{
        Asked, Begun, Exchange, Outcome,
        serving::{Desk, Serving},
    },
    sockets::{
        bind::bind_udp,
        events::Events,
        later::Later,
        portable::{Answer, serve},
    },
};
use common::{A, id_and_rcode, query, responder, service, within};
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::JoinSet,
};

const WEB: &str = "web.shop.svc.cluster.local";

fn cluster() -> Arc<impl Answer> {
    let addresses: Vec<_> = (0..60).map(|host| format!(r#""10.0.0.{host}""#)).collect();
    let slice = format!(
        r#"{{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","addressType":"IPv4",
            "metadata":{{"name":"many-1","namespace":"shop","labels":{{"kubernetes.io/service-name":"many"}}}},
            "endpoints":[{{"addresses":[{}],"conditions":{{"ready":true}}}}]}}"#,
        addresses.join(",")
    );
    Serving::new(responder(&[service("web", "10.96.0.10"), service("many", "None"), slice]), 0)
}

// ----------- Room ----------------------------------------------------------

struct Room {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: JoinSet<std::io::Result<()>>,
    told: mpsc::UnboundedReceiver<Told>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Answered { client: SocketAddr, rcode: u16 },
    Panicked,
}

#[derive(Clone)]
struct Teller(mpsc::UnboundedSender<Told>);

impl Events for Teller {
    fn answered(&self, exchange: &Exchange<'_>, _: Duration) {
        // A test that has seen enough listens no more.
        let _ = self.0.send(Told::Answered { client: exchange.asked.client, rcode: exchange.outcome.rcode });
    }

    fn panicked(&self) {
        let _ = self.0.send(Told::Panicked);
    }
}

impl Room {
    fn open<T: Answer>(address: &str, sockets: usize, answer: Arc<T>) -> Self {
        let sockets = bind_udp(address.parse().unwrap(), sockets).unwrap();
        let address = sockets[0].local_addr().unwrap().as_socket().unwrap();
        let (stop, stopped) = watch::channel(false);
        let (teller, told) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let later = Later::new(Handle::current(), Teller(teller.clone()));
        for socket in sockets {
            tasks.spawn(serve(socket, answer.clone(), later.clone(), Teller(teller.clone()), stopped.clone()));
        }
        Self { address, stop, tasks, told }
    }

    fn client(&self) -> Client {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect((Ipv4Addr::LOCALHOST, self.address.port())).unwrap();
        socket.set_nonblocking(true).unwrap();
        Client(tokio::net::UdpSocket::from_std(socket).unwrap())
    }

    async fn tells(&mut self, expected: Told) {
        assert_eq!(within(self.told.recv()).await, Some(expected));
    }

    async fn close(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = within(self.tasks.join_next()).await {
            ended.unwrap().unwrap();
        }
    }
}

/// A client that takes replies only from the address it asks.
struct Client(tokio::net::UdpSocket);

impl Client {
    async fn send(&self, packet: &[u8]) {
        within(self.0.send(packet)).await.unwrap();
    }

    async fn reply(&self) -> Vec<u8> {
        let mut reply = vec![0; 65_535];
        let octets = within(self.0.recv(&mut reply)).await.unwrap();
        reply.truncate(octets);
        reply
    }

    async fn ask(&self, packet: &[u8]) -> Vec<u8> {
        self.send(packet).await;
        self.reply().await
    }
}

// ----------- Tests ---------------------------------------------------------

#[tokio::test]
async fn a_question_is_answered_and_told_of() {
    let mut room = Room::open("127.0.0.1:0", 1, cluster());
    let client = room.client();
    let reply = client.ask(&query(7, WEB, A)).await;
    assert_eq!(id_and_rcode(&reply), (7, 0));
    assert!(reply.ends_with(&[10, 96, 0, 10]));
    assert_eq!(id_and_rcode(&client.ask(&query(8, "no.shop.svc.cluster.local", A)).await), (8, 3));
    for rcode in [0, 3] {
        room.tells(Told::Answered { client: client.0.local_addr().unwrap(), rcode }).await;
    }
    room.close().await;
}

#[tokio::test]
async fn wildcards_are_served_and_mapped_clients_are_ipv4_clients() {
    for wildcard in ["0.0.0.0:0", "[::]:0"] {
        let mut room = Room::open(wildcard, 1, cluster());
        let client = room.client();
        assert_eq!(id_and_rcode(&client.ask(&query(7, WEB, A)).await), (7, 0));
        room.tells(Told::Answered { client: client.0.local_addr().unwrap(), rcode: 0 }).await;
    }
}

#[tokio::test]
async fn every_client_is_served_by_one_of_the_sockets() {
    let room = Room::open("127.0.0.1:0", 4, cluster());
    for id in 0..50 {
        assert_eq!(id_and_rcode(&room.client().ask(&query(id, WEB, A)).await), (id, 0));
    }
    room.close().await;
}

#[tokio::test]
async fn responses_and_fragments_get_no_reply() {
    let room = Room::open("127.0.0.1:0", 1, cluster());
    let client = room.client();
    let mut response = query(1, WEB, A);
    response[2] |= 0x80;
    for packet in [&response[..], &query(2, WEB, A)[..11], &[]] {
        client.send(packet).await;
    }
    assert_eq!(id_and_rcode(&client.ask(&query(3, WEB, A)).await), (3, 0), "the first reply there is");
}

#[tokio::test]
async fn a_reply_is_no_longer_than_the_client_can_take() {
    let room = Room::open("127.0.0.1:0", 1, cluster());
    let client = room.client();
    let question = query(1, "many.shop.svc.cluster.local", A);
    let is_cut = |reply: &[u8]| reply[2] & 2 != 0;
    let reply = client.ask(&question).await;
    assert!(reply.len() <= 512 && is_cut(&reply), "{} octets", reply.len());
    // With an OPT record that allows 4,096 octets.
    let mut edns = [&question[..], &[0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0]].concat();
    edns[11] = 1;
    let reply = client.ask(&edns).await;
    assert!(reply.len() > 512 && !is_cut(&reply), "{} octets", reply.len());
}

#[tokio::test]
async fn a_long_packet_is_read_whole() {
    let room = Room::open("127.0.0.1:0", 1, cluster());
    let question = query(1, WEB, A);
    // An option of padding: 60,000 octets.
    let head = [0, 0, 41, 0xff, 0xff, 0, 0, 0, 0, 0xea, 0x64, 0, 12, 0xea, 0x60];
    let mut padded = [&question[..], &head, &vec![0; 60_000]].concat();
    padded[11] = 1;
    assert_eq!(id_and_rcode(&room.client().ask(&padded).await), (1, 0));
}

#[tokio::test]
async fn a_packet_that_breaks_the_answering_gets_servfail_and_the_next_its_answer() {
    /// Answers with the header, and panics when asked for the root.
    struct Fragile;

    impl Answer for Fragile {
        type Memory = usize;

        fn listener(&self) -> usize {
            0
        }

        fn begin(&self, packet: &[u8], _: &Asked, answered: &mut usize, reply: &mut [u8]) -> Begun {
            *answered += 1;
            assert!(packet[12] != 0, "as asked");
            reply[..12].copy_from_slice(&packet[..12]);
            (reply[2], reply[11]) = (0x80, *answered as u8);
            Begun::Answered(Outcome { reply_octets: 12, ..Outcome::default() })
        }

        fn desk(&self) -> Option<Arc<Desk>> {
            None
        }
    }

    let mut room = Room::open("127.0.0.1:0", 1, Arc::new(Fragile));
    let client = room.client();
    let from = client.0.local_addr().unwrap();
    assert_eq!(client.ask(&query(1, "well", A)).await[11], 1);
    room.tells(Told::Answered { client: from, rcode: 0 }).await;
    let failure = [0xab, 0xcd, 0x81, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1];
    assert_eq!(client.ask(&query(0xabcd, "", A)).await, failure, "SERVFAIL to the question that was asked");
    room.tells(Told::Panicked).await;
    room.tells(Told::Answered { client: from, rcode: 2 }).await;
    assert_eq!(client.ask(&query(2, "well", A)).await[11], 1, "with memory that is new");
    room.close().await;
}

#[tokio::test]
async fn what_waits_in_the_socket_at_the_end_is_answered() {
    let room = Room::open("127.0.0.1:0", 1, cluster());
    let client = room.client();
    // Nobody has run since the room was opened: its end comes before its first packet.
    let socket = client.0.into_std().unwrap();
    for id in 0..100 {
        socket.send(&query(id, WEB, A)).unwrap();
    }
    let address = room.address;
    room.close().await;
    for id in 0..100 {
        let mut reply = [0; 512];
        let octets = socket.recv(&mut reply).unwrap();
        assert_eq!(id_and_rcode(&reply[..octets]), (id, 0));
    }
    bind_udp(address, 1).expect("the port is free again");
}
