//! What fuzzers and property tests do with a packet: ask it of a small cluster, by both paths, and
//! look whether what comes back is a reply.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, LazyLock},
};

use hickory_proto::{
    op::Message,
    serialize::binary::{BinDecodable, BinDecoder},
};

use super::{
    Asked, Memory, REPLY_OCTETS_MAX, Responder, Transport,
    general::Handler,
    plan::{Listener, Plan, Route, Server},
};
use crate::{
    answers::{
        code,
        question::{self, HEADER_OCTETS, Packet, QR, QueryName},
    },
    objects::{
        Change, Needs,
        snapshot::{self, Source},
    },
    records::{
        store::Store,
        view::{Pods, View, ViewOptions},
        zone::Zone,
    },
};

/// Panics where any packet is answered with what is no reply to it.
pub fn packet(packet: &[u8]) {
    static RESPONDER: LazyLock<Arc<Responder>> = LazyLock::new(|| Arc::new(example()));
    let asked = Asked { client: CLIENT, transport: Transport::Udp, listener: 0 };
    let mut reply = vec![0; REPLY_OCTETS_MAX];
    let outcome = RESPONDER.answer(packet, &asked, &mut Memory::default(), &mut reply);
    let messages = Handler::new(RESPONDER.clone(), 0).answer_stream(packet, CLIENT).messages();
    assert_eq!(outcome.is_some(), messages.is_some(), "one path is silent where the other is not");
    if let Some(outcome) = outcome {
        check(packet, &reply[..outcome.reply_octets], limit_octets(packet));
    }
    for message in messages.into_iter().flatten() {
        check(packet, &message, REPLY_OCTETS_MAX);
    }
}

/// Whether hickory reads all of it, as a reply to this packet and no longer than the client takes.
fn check(packet: &[u8], reply: &[u8], limit_octets: usize) {
    assert_eq!(reply[..2], packet[..2], "the id");
    assert_ne!(u16::from_be_bytes([reply[2], reply[3]]) & QR, 0, "a reply says that it is one");
    assert!(reply.len() <= limit_octets, "{} octets, where {limit_octets} are taken", reply.len());
    let mut decoder = BinDecoder::new(reply);
    let message = Message::read(&mut decoder);
    assert!(message.is_ok() && decoder.is_empty(), "no message: {message:?} {reply:02x?}");
}

/// The client's size, or what a question and its echoed options need by themselves.
fn limit_octets(packet: &[u8]) -> usize {
    match question::read(packet, &mut QueryName::new()) {
        Packet::Question(question) => question.udp_limit_octets().max(HEADER_OCTETS + 4 + packet.len()),
        // No packet is turned away with more than itself.
        _ => packet.len(),
    }
}

fn example() -> Responder {
    let needs = Needs { pods: true, ..Needs::default() };
    let options = snapshot::Options { needs, service_cidr: None };
    let loaded = snapshot::load(&[Source::example()], &options, &mut |_| {}).expect("the example is a snapshot");
    let zones = ["cluster.local", "in-addr.arpa", "ip6.arpa"].map(|zone| Zone::parse(zone).expect("a zone").remove(0));
    let view = Arc::new(View::new(ViewOptions {
        pods: Pods::Verified,
        zonal: true,
        local_addresses: vec![CLIENT.ip()],
        ..ViewOptions::new(zones.to_vec())
    }));
    Store::new(vec![view.clone()]).apply(Change::Reset(loaded.picture), 1);
    let server =
        Server { view: Some(view), transfer: None, rotate: true, unanswered: code::REFUSED, ..Server::default() };
    Responder::new(Plan {
        servers: vec![server],
        listeners: vec![Listener {
            address: ([0, 0, 0, 0], 53).into(),
            any_class: true,
            zones: vec![(Zone::parse(".").expect("the root").remove(0), 0)],
        }],
        routes: vec![Route { listener: 0, zone: ".".into(), server: 0 }],
        tells_why: true,
        ..Plan::default()
    })
}

const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)), 5353);
