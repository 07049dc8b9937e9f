//! A small cluster, a question, and the answer as lines of text: what tests of answers are made of.
//!
//! [`cluster`] is built by calls that read like a sentence, [`Server::ask`] gives a reply as
//! `RCODE FLAGS` and one line for each record, with its section in front. Whatever is asked, the
//! reply is checked as one: see [`reply`].

#![allow(dead_code, reason = "every test binary uses a part of it")]

pub(crate) mod cluster;
pub(crate) mod query;
pub(crate) mod reply;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use clusterdns::{
    objects::Change,
    records::{
        store::Store,
        view::{View, ViewOptions},
        zone::Zone,
    },
    respond::{
        Asked, Memory, REPLY_OCTETS_MAX, Responder, Transport,
        general::Handler,
        plan::{Listener, Plan, Route, Server as PlanServer},
    },
    search::finish::{Completion, SearchList},
};

pub(crate) use cluster::cluster;
pub(crate) use query::Query;

/// A server of one view and one listener.
pub(crate) struct Server {
    pub(crate) view: Arc<View>,
    pub(crate) responder: Arc<Responder>,
    store: Mutex<Store>,
}

/// Reads what follows the changes: any time, for serials are shown as they are.
pub(crate) const NOW: u32 = 1;
/// Who asks.
pub(crate) const ASKED: Asked = Asked { client: CLIENT, transport: Transport::Udp, listener: 0 };
const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3)), 5353);

/// The authority of every negative answer.
pub(crate) const SOA: &str =
    "authority cluster.local. 5 SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5";
/// The name exists, and has no such record.
pub(crate) const NODATA: [&str; 2] = ["NOERROR AA RD", SOA];
/// The name does not exist.
pub(crate) const NXDOMAIN: [&str; 2] = ["NXDOMAIN AA RD", SOA];
/// Nobody knows yet.
pub(crate) const UNKNOWN: [&str; 2] = ["SERVFAIL AA RD", SOA];

impl Server {
    /// A server of this view, with nothing in it.
    pub(crate) fn new(options: ViewOptions, rotate: bool, finish: (Option<SearchList>, Option<Completion>)) -> Self {
        let zones = options.zones.iter().map(|zone| zone.apex.to_string()).collect::<Vec<_>>();
        let view = Arc::new(View::new(options));
        let servers = vec![PlanServer {
            view: Some(view.clone()),
            transfer: None,
            rotate,
            unanswered: SERVFAIL,
            ..PlanServer::default()
        }];
        let zones: Vec<_> = zones.iter().map(|zone| (&**zone, 0)).collect();
        let (search, completion) = finish;
        let plan = Plan { search, completion, ..plan(servers, &[(&zones, false)]) };
        let responder = Arc::new(Responder::new(plan));
        Self { store: Mutex::new(Store::new(vec![view.clone()])), view, responder }
    }

    /// The cluster changes.
    pub(crate) fn apply(&self, change: Change) {
        self.store.lock().expect("no test panicked").apply(change, NOW);
    }

    /// The reply over UDP to a plain question, with recursion desired.
    pub(crate) fn ask(&self, name: &str, qtype: &str) -> Vec<String> {
        self.send(&Query::new(name, qtype))
    }

    /// The same for who asks from this address.
    pub(crate) fn ask_from(&self, client: &str, name: &str, qtype: &str) -> Vec<String> {
        let packet = Query::new(name, qtype).encode();
        let asked = Asked { client: SocketAddr::new(client.parse().expect("an address"), 5353), ..ASKED };
        let mut reply = vec![0xaa; REPLY_OCTETS_MAX];
        let outcome = self.responder.answer(&packet, &asked, &mut Memory::default(), &mut reply).expect("a reply");
        reply::lines(&packet, &reply[..outcome.reply_octets])
    }

    /// The reply over UDP to a question; `["silence"]` where there is none.
    pub(crate) fn send(&self, query: &Query) -> Vec<String> {
        let packet = query.encode();
        match self.answer(&packet, &mut Memory::default()) {
            Some(reply) => reply::lines(&packet, &reply),
            None => vec!["silence".to_owned()],
        }
    }

    /// The reply over TCP.
    pub(crate) fn send_by_tcp(&self, query: &Query) -> Vec<String> {
        let packet = query.encode();
        let answered = Handler::new(self.responder.clone(), 0).answer_stream(&packet, CLIENT);
        let Some(messages) = answered.messages() else { return vec!["silence".to_owned()] };
        messages.iter().flat_map(|message| reply::lines(&packet, message)).collect()
    }

    /// The octets of the reply over UDP.
    pub(crate) fn answer(&self, packet: &[u8], memory: &mut Memory) -> Option<Vec<u8>> {
        let mut reply = vec![0xaa; REPLY_OCTETS_MAX];
        let outcome = self.responder.answer(packet, &ASKED, memory, &mut reply)?;
        reply.truncate(outcome.reply_octets);
        Some(reply)
    }
}

/// A plan of servers and of listeners, each with its zones and whose they are, and whether it takes
/// any class.
pub(crate) fn plan(servers: Vec<PlanServer>, listeners: &[(&[(&str, usize)], bool)]) -> Plan {
    let mut plan = Plan { servers, tells_why: true, ..Plan::default() };
    for (index, (zones, any_class)) in listeners.iter().enumerate() {
        let mut routed = Vec::new();
        for &(zone, server) in *zones {
            routed.push((Zone::parse(zone).expect("a zone").remove(0), plan.routes.len()));
            plan.routes.push(Route { listener: index, zone: zone.to_owned(), server });
        }
        routed.sort_by_key(|(zone, _)| std::cmp::Reverse(zone.labels));
        plan.listeners.push(Listener { address: ([0, 0, 0, 0], 53).into(), any_class: *any_class, zones: routed });
    }
    plan
}

const SERVFAIL: u16 = 2;
