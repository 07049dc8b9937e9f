//! What others are asked for, from socket to socket: forwarding, the cache, names that lead outside.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clusterdns::{
    Config, Server, cache,
    config::Completion,
    forward::{self, options::To},
    objects::{
        Change, Known, Picture,
        decode::{self, Decoded},
    },
    records::{name::Name as OurName, view::Pods, zone::Zone},
};
use hickory_proto::{
    op::{Edns, Message, MessageType, Query, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{CNAME, SOA},
    },
};

/// Answers `www.example.com A`, has less to say of some other names, says NXDOMAIN to the rest, and counts.
struct Upstream {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Upstream {
    fn start() -> Self {
        // A port may be free for UDP and taken for TCP.
        let (socket, streams) = (0..16).find_map(|_| sockets().ok()).expect("a port for UDP and TCP");
        let (address, asked) = (socket.local_addr().unwrap(), Arc::<AtomicUsize>::default());
        let counted = asked.clone();
        thread::spawn(move || {
            for stream in streams.incoming().map_while(Result::ok) {
                // A client that closes its connection has its replies.
                let _ = whole(stream);
            }
        });
        thread::spawn(move || {
            let mut packet = [0; 4096];
            while let Ok((octets, client)) = socket.recv_from(&mut packet) {
                counted.fetch_add(1, Ordering::SeqCst);
                let query = Message::from_vec(&packet[..octets]).unwrap();
                socket.send_to(&reply(&query).to_vec().unwrap(), client).unwrap();
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn sockets() -> io::Result<(UdpSocket, TcpListener)> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let streams = TcpListener::bind(socket.local_addr()?)?;
    Ok((socket, streams))
}

/// Over a stream, the name that is cut elsewhere has many addresses.
fn whole(mut stream: TcpStream) -> io::Result<()> {
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query)?;
        let mut reply = reply(&Message::from_vec(&query).unwrap());
        reply.metadata.truncation = false;
        let name = reply.queries[0].name().clone();
        let address = |host| RData::A(Ipv4Addr::new(198, 51, 100, host).into());
        reply.answers = (0..100).map(|host| Record::from_rdata(name.clone(), 300, address(host))).collect();
        let reply = reply.to_vec().unwrap();
        stream.write_all(&[&(reply.len() as u16).to_be_bytes(), &reply[..]].concat())?;
    }
}

fn reply(query: &Message) -> Message {
    let question = query.queries[0].clone();
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.metadata.recursion_desired = query.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    match (question.name().to_ascii().to_lowercase().as_str(), question.query_type()) {
        ("www.example.com.", RecordType::A) => {
            let address = RData::A("192.0.2.1".parse().unwrap());
            reply.answers.push(Record::from_rdata(question.name().clone(), 300, address));
        }
        ("www.example.com.", _) => reply.authorities.push(soa()),
        ("alias.example.com.", RecordType::A) => {
            let target: Name = "www.example.com.".parse().unwrap();
            let alias = RData::CNAME(CNAME(target.clone()));
            reply.answers.push(Record::from_rdata(question.name().clone(), 600, alias));
            let address = RData::A("192.0.2.1".parse().unwrap());
            reply.answers.push(Record::from_rdata(target, 30, address));
        }
        ("fails.example.com.", _) => reply.metadata.response_code = ResponseCode::ServFail,
        ("refuses.example.com.", _) => reply.metadata.response_code = ResponseCode::Refused,
        ("cut.example.com.", _) => reply.metadata.truncation = true,
        _ => {
            reply.metadata.response_code = ResponseCode::NXDomain;
            reply.authorities.push(soa());
        }
    }
    reply.queries.push(question);
    reply
}

fn soa() -> Record {
    let name = |text: &str| text.parse().unwrap();
    let soa = SOA::new(name("ns.example.com."), name("admin.example.com."), 1, 7200, 1800, 86400, 60);
    Record::from_rdata(name("example.com."), 60, RData::SOA(soa))
}

struct Running {
    address: SocketAddr,
    upstream: Upstream,
    _server: Server,
}

impl Running {
    fn start(change: impl FnOnce(&mut Config)) -> Self {
        let upstream = Upstream::start();
        let mut config = Config { search: None, admin_listen: Vec::new(), ..Config::default() };
        config.servers[0].listen = vec!["127.0.0.1:0".parse().unwrap()];
        config.servers[0].forward = vec![forward::Options::new(OurName::root(), vec![To::Plain(upstream.address)])];
        change(&mut config);
        let mut server = Server::bind(&config).unwrap();
        let namespace = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}"#.to_owned();
        let far = |name: &str, target: &str| {
            format!(
                r#"{{"apiVersion":"v1","kind":"Service","metadata":{{"name":"{name}","namespace":"shop"}},
                     "spec":{{"type":"ExternalName","externalName":"{target}"}}}}"#
            )
        };
        let web = r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"shop"},
                      "spec":{"clusterIP":"10.96.0.10"}}"#
            .to_owned();
        let aliases =
            ["www", "fails", "refuses", "cut", "nowhere"].map(|name| far(name, &format!("{name}.example.com")));
        let near = [far("near", "web.shop.svc.example.com"), far("twice", "www.shop.svc.cluster.local")];
        let objects = aliases.into_iter().chain(near).chain([namespace, web]);
        let pods = [("shop", "127.0.0.5"), ("other", "127.0.0.6")].map(|(namespace, ip)| {
            format!(
                r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"asker","namespace":"{namespace}"}},
                     "status":{{"podIP":"{ip}"}}}}"#
            )
        });
        let objects = objects.chain(pods);
        let objects = objects.filter_map(|json| match decode::object(&json, config.needs()).unwrap() {
            Decoded::Object(object) => Some(object),
            _ => None,
        });
        let picture = Picture { objects: objects.collect(), known: Known::ALL, ..Picture::default() };
        server.feed().apply(Change::Reset(picture));
        server.start().unwrap();
        Self { address: server.addresses()[0], upstream, _server: server }
    }

    fn ask(&self, name: &str, kind: RecordType) -> Message {
        self.ask_for(name, kind, None)
    }

    /// Asks as one who takes so long a reply.
    fn ask_for(&self, name: &str, kind: RecordType, octets_max: Option<u16>) -> Message {
        self.ask_from("127.0.0.1", name, kind, octets_max)
    }

    fn ask_from(&self, client: &str, name: &str, kind: RecordType, octets_max: Option<u16>) -> Message {
        let socket = UdpSocket::bind((client, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut query = Message::query();
        query.metadata.id = 7;
        query.metadata.message_type = MessageType::Query;
        query.metadata.recursion_desired = true;
        query.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        query.edns = octets_max.map(|octets_max| {
            let mut edns = Edns::new();
            edns.set_max_payload(octets_max);
            edns
        });
        socket.send_to(&query.to_vec().unwrap(), self.address).unwrap();
        let mut reply = [0; 4096];
        let octets = socket.recv(&mut reply).unwrap();
        let reply = Message::from_vec(&reply[..octets]).unwrap();
        assert_eq!((reply.metadata.id, &reply.queries), (7, &query.queries));
        reply
    }

    /// Asserts that of an ExternalName there is the CNAME, and nothing that tells of others.
    fn is_alias_alone(&self, name: &str, is_cut: bool) {
        let reply = self.ask(&format!("{name}.shop.svc.cluster.local."), RecordType::A);
        let flags = &reply.metadata;
        assert_eq!((flags.response_code, flags.authoritative), (ResponseCode::NoError, true), "{name}");
        assert_eq!((flags.recursion_available, flags.truncation), (false, is_cut), "{name}");
        let answers: Vec<_> = reply.answers.iter().map(|record| record.data.to_string()).collect();
        assert_eq!(answers, [format!("{name}.example.com.")]);
    }

    /// The answer section, as text.
    fn answers(&self, name: &str) -> Vec<String> {
        let reply = self.ask(name, RecordType::A);
        assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
        reply.answers.iter().map(|record| format!("{} {}", record.name, record.data)).collect()
    }
}

#[test]
fn names_of_others_are_asked_of_others() {
    let running = Running::start(|_| {});
    assert_eq!(running.answers("WWW.example.com."), ["WWW.example.com. 192.0.2.1"]);
    assert_eq!(running.answers("web.shop.svc.cluster.local."), ["web.shop.svc.cluster.local. 10.96.0.10"]);
    let missing = running.ask("nowhere.example.com.", RecordType::A);
    assert_eq!(missing.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(missing.authorities.len(), 1);
    assert_eq!(running.upstream.asked(), 2);
}

#[test]
fn what_an_upstream_cuts_is_fetched_for_who_takes_more() {
    let running = Running::start(|_| {});
    let heard = |octets_max| {
        let reply = running.ask_for("cut.example.com.", RecordType::A, octets_max);
        (reply.metadata.truncation, reply.answers.len())
    };
    assert_eq!([None, Some(1232), Some(4096)].map(heard), [(true, 0), (true, 0), (false, 100)]);
}

#[test]
fn a_cache_asks_once() {
    let running = Running::start(|config| config.servers[0].cache = Some(cache::Options::new()));
    for _ in 0..3 {
        assert_eq!(running.answers("www.example.com."), ["www.example.com. 192.0.2.1"]);
        let missing = running.ask("nowhere.example.com.", RecordType::A);
        assert_eq!(missing.metadata.response_code, ResponseCode::NXDomain);
    }
    assert_eq!(running.upstream.asked(), 2);
}

#[test]
fn an_external_name_is_followed_out_of_the_cluster() {
    let running = Running::start(|_| {});
    assert_eq!(
        running.answers("www.shop.svc.cluster.local."),
        ["www.shop.svc.cluster.local. www.example.com.", "www.example.com. 192.0.2.1"]
    );
    assert_eq!(
        running.answers("twice.shop.svc.cluster.local."),
        [
            "twice.shop.svc.cluster.local. www.shop.svc.cluster.local.",
            "www.shop.svc.cluster.local. www.example.com.",
            "www.example.com. 192.0.2.1"
        ]
    );
}

#[test]
fn an_external_name_is_followed_into_another_zone_of_the_cluster() {
    let running = Running::start(|config| {
        config.servers[0].forward.clear();
        let view = config.servers[0].kubernetes.as_mut().unwrap();
        view.zones.extend(Zone::parse("example.com").unwrap());
    });
    assert_eq!(
        running.answers("near.shop.svc.cluster.local."),
        ["near.shop.svc.cluster.local. web.shop.svc.example.com.", "web.shop.svc.example.com. 10.96.0.10"]
    );
    assert_eq!(running.answers("www.shop.svc.cluster.local."), ["www.shop.svc.cluster.local. www.example.com."]);
    assert_eq!(running.upstream.asked(), 0);
}

#[test]
fn an_alias_exists_whatever_becomes_of_its_target() {
    let running = Running::start(|_| {});
    for name in ["fails", "refuses", "nowhere"] {
        running.is_alias_alone(name, false);
    }
    running.is_alias_alone("cut", true);
    Running::start(|config| config.servers[0].forward = vec![dead()]).is_alias_alone("www", false);
}

#[test]
fn a_closed_port_is_not_waited_for() {
    let running = Running::start(|config| config.servers[0].forward = vec![dead()]);
    let begun = Instant::now();
    let failed = running.ask("www.example.com.", RecordType::A);
    assert_eq!(failed.metadata.response_code, ResponseCode::ServFail);
    assert!(begun.elapsed() < dead().read_timeout);
}

/// Where nobody listens.
fn dead() -> forward::Options {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    forward::Options::new(OurName::root(), vec![To::Plain(nobody)])
}

#[test]
fn what_a_cache_has_shortened_stays_short_behind_an_alias() {
    let running = Running::start(|config| {
        let cache = config.servers[0].cache.insert(cache::Options::new());
        cache.success.ttl_secs_max = 30;
        config.completion = Some(completion());
    });
    for _ in ["asked", "kept"] {
        let reply = running.ask("www.example.com.shop.svc.cluster.local.", RecordType::A);
        assert_eq!(reply.answers.iter().map(|record| record.ttl).collect::<Vec<_>>(), [30, 30]);
    }
    assert_eq!(running.upstream.asked(), 2, "the node's domain, and the name as it is");
}

fn completion() -> Completion {
    Completion {
        except_namespaces: Vec::new(),
        top_level_namespaces: false,
        node_domains: vec![OurName::parse("corp.example").unwrap()],
        resolv_conf: None,
        by_address: false,
    }
}

#[test]
fn a_name_of_a_search_list_is_completed_with_those_of_others() {
    let running = Running::start(|config| config.completion = Some(completion()));
    let asked = "www.example.com.shop.svc.cluster.local.";
    assert_eq!(running.answers(asked), [format!("{asked} www.example.com."), "www.example.com. 192.0.2.1".into()]);
    let other_type = running.ask(asked, RecordType::AAAA);
    assert_eq!((other_type.metadata.response_code, other_type.answers.len()), (ResponseCode::NoError, 0));
    let nowhere = running.ask("no.example.com.shop.svc.cluster.local.", RecordType::A);
    assert_eq!(nowhere.metadata.response_code, ResponseCode::NXDomain);
}

/// A Pod of `shop`, one of another namespace, and somebody else.
#[test]
fn a_client_that_is_a_pod_is_completed_in_its_own_namespace_alone() {
    let running = Running::start(|config| {
        config.completion = Some(Completion { by_address: true, node_domains: Vec::new(), ..completion() });
        config.servers[0].kubernetes.as_mut().unwrap().pods = Pods::Verified;
    });
    let heard = |client: &str| {
        let before = running.upstream.asked();
        let replies = [RecordType::A, RecordType::AAAA].map(|kind| {
            let reply = running.ask_from(client, "www.example.com.shop.svc.cluster.local.", kind, None);
            (reply.metadata.response_code, reply.answers.len())
        });
        (replies, running.upstream.asked() - before)
    };
    let completed = ([(ResponseCode::NoError, 2), (ResponseCode::NoError, 0)], 2);
    assert_eq!(heard("127.0.0.5"), completed);
    assert_eq!(heard("127.0.0.6"), ([(ResponseCode::NXDomain, 0); 2], 0));
    assert_eq!(heard("127.0.0.1"), completed);
}

#[test]
fn an_alias_of_completion_lasts_as_long_as_what_it_points_at() {
    let running = Running::start(|config| config.completion = Some(completion()));
    let reply = running.ask("alias.example.com.shop.svc.cluster.local.", RecordType::A);
    assert_eq!(reply.answers.iter().map(|record| record.ttl).collect::<Vec<_>>(), [600, 600, 30]);
}

#[test]
fn whole_zones_are_not_asked_of_others() {
    let running = Running::start(|_| {});
    let refused = running.ask("example.com.", RecordType::AXFR);
    assert_eq!((refused.metadata.response_code, running.upstream.asked()), (ResponseCode::Refused, 0));
}
