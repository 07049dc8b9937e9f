//! The part of a query's path that waits: a cluster of one ExternalName, and an upstream that is played by hand.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use hickory_proto::{
    op::Message,
    rr::{RData, Record, rdata},
};
use tokio::{net::UdpSocket, runtime::Handle, task, task::JoinHandle};

use super::{
    onward::Onward,
    plan::{Listener, Plan, Route, Server, Stages},
    query::Query,
    *,
};
use crate::{
    cache::{
        Cache, Counters as CacheCounters, Options,
        options::{ServeStale, Verify},
    },
    forward::{self, Forwarder, options::To},
    objects::{self, Change, Known, Object, Picture, ServiceSpec},
    records::{name::Name, store::Store, view::ViewOptions, zone::Zone},
    stages::{
        Early,
        hosts::{self, Hosts},
        template::{Template, Templates, line::Line},
        zones::Zones,
    },
};

const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4711);
const ASKED: Asked = Asked { client: CLIENT, transport: Transport::Udp, listener: 0 };

/// Answers for `cluster.local`, where `far.shop` leads to `db.example.com`, and asks `upstream` for the rest.
fn responder(upstream: SocketAddr, change: impl FnOnce(&mut Stages)) -> Arc<Responder> {
    let view = Arc::new(View::new(ViewOptions::new(Zone::parse("cluster.local").unwrap())));
    let mut store = Store::new(vec![view.clone()]);
    let target = objects::Service {
        namespace: "shop".into(),
        name: "far".into(),
        spec: ServiceSpec::External { target: "db.example.com".into(), ips: Box::default() },
        ports: Box::default(),
        selector: Box::default(),
        labels: Box::default(),
    };
    let namespace = objects::Namespace { name: "shop".into(), labels: Box::default() };
    let objects = vec![Object::Namespace(namespace), Object::Service(target)];
    store.apply(Change::Reset(Picture { objects, known: Known::ALL, ..Picture::default() }), 1);
    let options = forward::Options::new(Name::root(), vec![To::Plain(upstream)]);
    let forwarder = Forwarder::new(options, &forward::Counters::default(), &Handle::current()).unwrap();
    let mut stages = Stages { forward: vec![forwarder], ..Stages::default() };
    change(&mut stages);
    Arc::new(Responder::new(Plan {
        servers: vec![Server { view: Some(view), unanswered: code::SERVFAIL, stages, ..Server::default() }],
        listeners: vec![Listener {
            address: ([127, 0, 0, 1], 53).into(),
            any_class: false,
            zones: vec![(Zone::new(Name::root()), 0)],
        }],
        routes: vec![Route { listener: 0, zone: ".".into(), server: 0 }],
        ..Plan::default()
    }))
}

/// A question for A, with a local EDNS option, so that nobody takes two for the same.
fn packet(name: &str, option: u16) -> Vec<u8> {
    let mut packet = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    packet.extend_from_slice(Name::parse(name).unwrap().wire());
    packet.extend_from_slice(&[0, 1, 0, 1, 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 6]);
    packet.extend_from_slice([65_001, 2, option].map(u16::to_be_bytes).as_flattened());
    packet
}

fn resume(responder: &Arc<Responder>, packet: Vec<u8>) -> JoinHandle<Resumed> {
    let responder = responder.clone();
    tokio::spawn(async move { responder.resume(&packet, &ASKED, Ahead::Anew).await.expect("a reply") })
}

/// The reply of an upstream to the query: this address.
fn answered(query: &[u8], last: u8, ttl_secs: u32) -> Vec<u8> {
    let query = Message::from_vec(query).unwrap();
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    let address = RData::A(rdata::A::new(192, 0, 2, last));
    reply.answers.push(Record::from_rdata(query.queries[0].name().clone(), ttl_secs, address));
    reply.queries = query.queries;
    reply.to_vec().unwrap()
}

/// The answer section, as `TTL data`.
fn answers(resumed: &Resumed) -> Vec<String> {
    let message = Message::from_vec(&resumed.reply).unwrap();
    message.answers.iter().map(|record| format!("{} {}", record.ttl, record.data)).collect()
}

// ----------- What is stale -------------------------------------------------

/// A cache that has had `www.example.com A 192.0.2.1` for too long, and asks first.
fn stale(timeout: Duration) -> Arc<Cache> {
    let verify = Some(Verify { timeout: Some(timeout) });
    let for_at_most = Duration::from_secs(3600);
    let serve_stale = Some(ServeStale { for_at_most, verify, ttl_secs: 0, failure_recheck: Duration::ZERO });
    let cache = Arc::new(Cache::new(Options { serve_stale, ..Options::new() }));
    let packet = packet("www.example.com", 0);
    let mut name = QueryName::new();
    let Packet::Question(question) = question::read(&packet, &mut name) else { panic!("a question") };
    let reply = Arc::new(crate::answers::foreign::Foreign::read(&answered(&packet, 1, 60), &question).unwrap());
    let long_ago = Instant::now().checked_sub(Duration::from_secs(120)).expect("a machine that is up so long");
    cache.keep(&question, &name, &reply, long_ago);
    cache
}

#[tokio::test]
async fn of_many_who_ask_for_something_stale_one_asks_upstreams_and_all_hear_of_it() {
    let upstream = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let cache = stale(Duration::from_secs(60));
    let responder = responder(upstream.local_addr().unwrap(), |stages| stages.cache = Some(cache));
    let clients: Vec<_> = (0..50).map(|n| resume(&responder, packet("www.example.com", n))).collect();
    let mut query = [0; 512];
    let (octets, from) = upstream.recv_from(&mut query).await.unwrap();
    // All of them have got as far as they can.
    for _ in 0..100 {
        task::yield_now().await;
    }
    upstream.send_to(&answered(&query[..octets], 2, 300), from).await.unwrap();
    for client in clients {
        let resumed = client.await.unwrap();
        assert_eq!(answers(&resumed), ["300 192.0.2.2"]);
        assert_eq!((resumed.outcome.by, resumed.outcome.looked), (By::Forward, Some(Looked::Missed)));
    }
    assert!(upstream.try_recv(&mut query).is_err(), "one question");
}

#[tokio::test]
async fn whose_patience_ends_gets_what_is_stale() {
    let upstream = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let cache = stale(Duration::from_millis(1));
    let responder = responder(upstream.local_addr().unwrap(), |stages| stages.cache = Some(cache.clone()));
    let clients: Vec<_> = (0..2).map(|n| resume(&responder, packet("www.example.com", n))).collect();
    for client in clients {
        let resumed = client.await.unwrap();
        assert_eq!((answers(&resumed), resumed.outcome.by), (vec!["0 192.0.2.1".to_owned()], By::Cache));
    }
    assert_eq!(cache.counters(), CacheCounters { stale_served: 2, ..cache.counters() });
}

// ----------- What goes wrong -----------------------------------------------

#[tokio::test]
async fn a_target_that_fails_is_told_once_and_its_alias_is_answered() {
    let nobody = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let responder = responder(nobody, |_| {});
    let resumed = resume(&responder, packet("far.shop.svc.cluster.local", 0)).await.unwrap();
    assert_eq!((resumed.outcome.rcode, answers(&resumed)), (code::NOERROR, vec!["5 db.example.com.".to_owned()]));
    let [trouble] = &resumed.troubles[..] else { panic!("{:?}", resumed.troubles) };
    let about = Message::from_vec(&trouble.query).unwrap().queries[0].to_string();
    assert_eq!(
        (&*about, trouble.outcome.rcode, trouble.outcome.route),
        ("db.example.com. IN A", code::SERVFAIL, Some(0))
    );
    assert!(trouble.error.contains(&nobody.to_string()), "{}", trouble.error);
}

#[tokio::test]
async fn a_question_that_fails_is_told_under_its_own_name() {
    let nobody = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let resumed = resume(&responder(nobody, |_| {}), packet("WWW.example.com", 0)).await.unwrap();
    let [trouble] = &resumed.troubles[..] else { panic!("{:?}", resumed.troubles) };
    let about = Message::from_vec(&trouble.query).unwrap().queries[0].to_string();
    assert_eq!((&*about, trouble.outcome.rcode), ("www.example.com. IN A", code::SERVFAIL));
}

#[tokio::test]
async fn a_name_that_leads_on_and_on_is_counted_where_it_has_got_to() {
    let responder = responder("127.0.0.1:9".parse().unwrap(), |_| {});
    let packet = packet("www.example.com", 0);
    let mut name = QueryName::new();
    let Packet::Question(question) = question::read(&packet, &mut name) else { panic!("a question") };
    let onward = Onward::of(responder, &ASKED, &question);
    let Err(unsaid) = onward.hop(Query::onward(&question), 0).await else { panic!("there are no hops left") };
    assert_eq!((unsaid.rcode, unsaid.books.route), (code::SERVFAIL, Some(0)));
}

// ----------- Who had the answer --------------------------------------------

#[tokio::test]
async fn what_stages_answer_is_theirs() {
    let template = |name: &str, rcode| {
        let pattern = crate::stages::pattern::Pattern::parse(name).unwrap();
        let line = Line::record("{{ .Name }} 60 IN A 192.0.2.7", std::slice::from_ref(&pattern)).unwrap();
        let (patterns, answers, fallthrough) = (vec![pattern], vec![line], Zones::all());
        Template { patterns, answers, rcode, fallthrough, ..Template::new(code::CLASS_IN, code::A, Zones::all()) }
    };
    let early = Early {
        templates: Some(Arc::new(Templates::new(vec![
            template("^made[.]", code::NOERROR),
            template("^fails[.]", code::SERVFAIL),
        ]))),
        hosts: Some(Arc::new(Hosts::new(hosts::Options {
            path: "/nowhere".into(),
            inline: "192.0.2.9 known.example.com".into(),
            fallthrough: Zones::all(),
            ..hosts::Options::new(Zones::all())
        }))),
        ..Early::default()
    };
    let nobody = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let responder = responder(nobody, |stages| stages.early = early);
    let mut by = Vec::new();
    for name in ["made.example.com", "fails.example.com", "known.example.com", "other.example.com"] {
        let outcome = resume(&responder, packet(name, 0)).await.unwrap().outcome;
        by.push((outcome.by.name(), outcome.rcode));
    }
    assert_eq!(by, [("template", 0), ("template", 2), ("hosts", 0), ("forward", 2)]);
}
