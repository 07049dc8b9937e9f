//! Two paths, one answer; and a reply to everything that is asked.
//!
//! A datagram is answered by [`Responder::answer`](clusterdns::respond::Responder::answer), the
//! same question over TCP or in a program that mounts us by hickory's messages. Clusters and
//! questions are drawn at random, from few names, so that they meet.

mod support;

#[path = "paths/draw.rs"]
mod draw;

use std::sync::{Arc, Mutex};

use clusterdns::respond::{Memory, fuzz, general::Handler};
use hickory_proto::{rr::Record, serialize::binary::BinEncoder};
use hickory_server::{
    net::{NetError, runtime::TokioTime, xfer::Protocol},
    server::{Request, RequestHandler, ResponseHandler, ResponseInfo},
    zone_handler::MessageResponse,
};
use proptest::prelude::*;
use support::{ASKED, Server, reply};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    /// Flags, rcode, question, every record in its order, and the OPT record.
    #[test]
    fn both_paths_give_the_same_answer(drawn in draw::cluster(), queries in draw::queries()) {
        drawn.serve(|server| {
            for query in &queries {
                let packet = query.encode();
                let fast = server.answer(&packet, &mut Memory::default());
                let general = by_hickory(server, &packet);
                let [fast, general] = [fast, general].map(|reply| reply.map(|reply| whole(&packet, &reply)));
                prop_assert_eq!(fast, general, "{:?}", query);
            }
            Ok(())
        })?;
    }

    /// A datagram has what a stream has, or a part of each section and TC.
    #[test]
    fn what_is_cut_is_cut_from_the_end_and_says_so(drawn in draw::cluster(), queries in draw::queries()) {
        drawn.serve(|server| {
            for query in &queries {
                let packet = query.encode();
                let Some(datagram) = server.answer(&packet, &mut Memory::default()) else { continue };
                let limit = query.opts.first().map_or(0, |opt| opt.size_octets).max(512);
                prop_assert!(datagram.len() <= usize::from(limit), "{} octets for {:?}", datagram.len(), query);
                let cut = datagram[2] & TC != 0;
                let (whole, sent) = (server.send_by_tcp(query), reply::lines(&packet, &datagram));
                prop_assert_eq!(!cut, sent == whole, "{:?} {:?} {:?}", query, sent, whole);
                for section in ["answer", "authority", "additional"] {
                    let of = |lines: &[String]| -> Vec<String> {
                        lines.iter().filter(|line| line.starts_with(section)).cloned().collect()
                    };
                    prop_assert!(of(&whole).starts_with(&of(&sent)), "{:?} {:?}", query, sent);
                }
                for stray in whole.iter().filter(|line| line.starts_with("additional ") && !has_target(&whole, line)) {
                    prop_assert!(false, "{} belongs to nobody: {:?}", stray, whole);
                }
            }
            Ok(())
        })?;
    }
}

/// In the header's third octet.
const TC: u8 = 0x02;

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_are_answered_or_ignored(octets in prop::collection::vec(any::<u8>(), 0..64)) {
        fuzz::packet(&octets);
    }

    /// Octets replaced, cut and added in a packet that once was a question.
    #[test]
    fn a_broken_question_is_answered_or_ignored(
        query in draw::query(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        end in any::<prop::sample::Index>(),
        tail in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut packet = query.encode();
        for (place, octet) in changes {
            let at = place.index(packet.len());
            packet[at] = octet;
        }
        fuzz::packet(&packet);
        packet.truncate(end.index(packet.len() + 1));
        packet.extend(tail);
        fuzz::packet(&packet);
    }
}

/// Whether a record of the answer points at the owner of an additional record.
fn has_target(lines: &[String], additional: &str) -> bool {
    let owner = additional.split(' ').nth(1).expect("an owner");
    lines.iter().any(|line| line.starts_with("answer ") && line.ends_with(&format!(" {owner}")))
}

/// The flags as octets, and the reply as text.
fn whole(packet: &[u8], reply: &[u8]) -> (u16, Vec<String>) {
    (u16::from_be_bytes([reply[2], reply[3]]), reply::lines(packet, reply))
}

/// The reply of a hickory server that mounts us, over UDP.
fn by_hickory(server: &Server, packet: &[u8]) -> Option<Vec<u8>> {
    let request = Request::from_bytes(packet.to_vec(), ASKED.client, Protocol::Udp).expect("a question hickory reads");
    let handler = Handler::new(server.responder.clone(), 0);
    let sent = Sent::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(handler.handle_request::<_, TokioTime>(&request, sent.clone()));
    sent.0.lock().expect("no test panicked").pop()
}

/// Keeps the messages that hickory would send.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<Vec<u8>>>>);

#[async_trait::async_trait]
impl ResponseHandler for Sent {
    async fn send_response<'a>(
        &mut self,
        response: MessageResponse<
            '_,
            'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
        >,
    ) -> Result<ResponseInfo, NetError> {
        let mut octets = Vec::new();
        let info = response.destructive_emit(&mut BinEncoder::new(&mut octets))?;
        self.0.lock().expect("no test panicked").push(octets);
        Ok(info)
    }
}
