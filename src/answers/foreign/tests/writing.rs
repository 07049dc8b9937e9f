//! What clients get.

use hickory_proto::{
    op::{Edns as HickoryEdns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{
        Name as HickoryName, RData, Record, RecordType,
        rdata::{A, AAAA, CNAME, MX, SOA, SRV, TXT},
    },
};
use proptest::prelude::*;

use super::*;

fn name(text: &str) -> HickoryName {
    HickoryName::from_ascii(text).expect("a name")
}

fn drawn_record() -> impl Strategy<Value = Record> {
    let names = || prop::sample::select(&["www.example.com.", "a.example.com.", "b.a.example.com.", "other.", "."][..]);
    let data = prop_oneof![
        any::<[u8; 4]>().prop_map(|ip| RData::A(A(ip.into()))),
        any::<[u8; 16]>().prop_map(|ip| RData::AAAA(AAAA(ip.into()))),
        names().prop_map(|target| RData::CNAME(CNAME(name(target)))),
        names().prop_map(|target| RData::MX(MX::new(5, name(target)))),
        names().prop_map(|target| RData::SRV(SRV::new(1, 2, 3, name(target)))),
        names().prop_map(|server| RData::SOA(SOA::new(name(server), name("host.example.com."), 1, 2, 3, 4, 5))),
        "[a-z]{1,40}".prop_map(|text| RData::TXT(TXT::new(vec![text]))),
    ];
    (names(), any::<u32>(), data).prop_map(|(owner, ttl, data)| Record::from_rdata(name(owner), ttl, data))
}

fn drawn_message() -> impl Strategy<Value = Message> {
    let records = || prop::collection::vec(drawn_record(), 0..8);
    (records(), records(), records(), any::<bool>()).prop_map(|(answers, authorities, additionals, has_edns)| {
        let mut message = Message::new(7, MessageType::Response, OpCode::Query);
        message.metadata.recursion_available = true;
        message.metadata.response_code = ResponseCode::NoError;
        message.add_query(Query::query(name("www.example.com."), RecordType::A));
        (message.answers, message.authorities, message.additionals) = (answers, authorities, additionals);
        message.edns = has_edns.then(HickoryEdns::new);
        message
    })
}

proptest! {
    #[test]
    fn what_another_server_said_is_said_again(sent in drawn_message()) {
        let reply = Foreign::read(&sent.to_vec().expect("octets"), &question(WWW)).expect("a reply");
        let spelled = b"\x03wWw\x07eXample\x03cOM\0";
        let octets = write(&reply, &with_edns(spelled), &PLAIN, 65_535);
        prop_assert_eq!(&octets[12..12 + spelled.len()], spelled);
        let seen = Message::from_vec(&octets).expect("a message");
        prop_assert_eq!((seen.metadata.id, seen.metadata.recursion_available), (42, true));
        prop_assert_eq!((&seen.answers, &seen.authorities), (&sent.answers, &sent.authorities));
        prop_assert_eq!(&seen.additionals, &sent.additionals);
        prop_assert_eq!(seen.edns.map(|edns| edns.max_payload()), Some(1232));
        let again = Foreign::from_message(&reply.message().expect("a message")).expect("a reply");
        prop_assert_eq!((again.kind(), again.min_ttl_secs()), (reply.kind(), reply.min_ttl_secs()));
    }

    #[test]
    fn a_reply_that_is_cut_has_as_many_of_its_first_records_as_fit(sent in drawn_message()) {
        let reply = Foreign::read(&sent.to_vec().expect("octets"), &question(WWW)).expect("a reply");
        let whole = write(&reply, &question(WWW), &PLAIN, 65_535);
        let ends: Vec<usize> = (0..reply.ttls.len()).map(|record| reply.record_end(record)).collect();
        for limit in 33..=whole.len() {
            let cut = write(&reply, &question(WWW), &PLAIN, limit);
            let fitting = ends.iter().filter(|end| **end <= limit).count();
            prop_assert_eq!(cut.len(), if fitting == 0 { 33 } else { ends[fitting - 1] });
            prop_assert_eq!(&cut[12..], &whole[12..cut.len()]);
            let seen = Message::from_vec(&cut).expect("a message");
            prop_assert_eq!(seen.all_sections().count(), fitting);
            prop_assert_eq!(seen.metadata.truncation, fitting < ends.len());
        }
    }
}

#[test]
fn ttls_stay_or_become_one() {
    let reply = Wire::new(code::NOERROR).cname("www.example.com", "y").a(&wire("y"), 1).soa(9, 9).reply();
    let ttls = |ttl: Ttl| {
        let octets = write(&reply, &question(WWW), &Shown { ttl, ..PLAIN }, 512);
        let message = Message::from_vec(&octets).expect("a message");
        message.all_sections().map(|record| record.ttl).collect::<Vec<_>>()
    };
    assert_eq!(ttls(Ttl::AsIs), [60, 300, 9]);
    assert_eq!(ttls(Ttl::All(7)), [7, 7, 7]);
}

#[test]
fn flags_are_the_clients_and_what_is_shown() {
    let reply = Wire::new(code::NOERROR).reply();
    let flags = |question: Question<'_>, shown: Shown| {
        let octets = write(&reply, &question, &shown, 512);
        u16::from_be_bytes([octets[2], octets[3]])
    };
    assert_eq!(flags(question(WWW), PLAIN), 0x8180, "RD, RA");
    assert_eq!(flags(Question { flags: 0x0010, ..question(WWW) }, PLAIN), 0x8090, "CD, RA");
    assert_eq!(flags(question(WWW), Shown { authoritative: true, authenticated: true, ..PLAIN }), 0x85a0, "AA, AD too");
}

#[test]
fn addresses_take_turns_and_records_stay() {
    let reply = Wire::new(code::NOERROR)
        .cname("www.example.com", "y")
        .a(&wire("y"), 1)
        .a(&wire("Y"), 2)
        .a(&wire("y"), 3)
        .a(&wire("z"), 9)
        .reply();
    let addresses = |turn: u32, limit: usize| {
        let octets = write(&reply, &question(WWW), &Shown { turn: Some(turn), ..PLAIN }, limit);
        let message = Message::from_vec(&octets).expect("a message");
        let data = message.answers.iter().filter_map(|record| match &record.data {
            RData::A(ip) => Some(ip.octets()[3]),
            _ => None,
        });
        data.collect::<Vec<_>>()
    };
    assert_eq!(addresses(0, 512), [1, 2, 3, 9]);
    assert_eq!(addresses(1, 512), [2, 3, 1, 9]);
    assert_eq!(addresses(5, 512), [3, 1, 2, 9]);
    assert_eq!(addresses(2, 104), [3, 1], "where not all fit, each comes in its turn");
}

#[test]
fn nothing_takes_turns_in_an_error() {
    let reply = Wire::new(code::NXDOMAIN).a(ASKED, 1).a(ASKED, 2).reply();
    let turned = write(&reply, &question(WWW), &Shown { turn: Some(1), ..PLAIN }, 512);
    assert_eq!(turned, write(&reply, &question(WWW), &PLAIN, 512));
}

/// What stands behind it moves, and pointers among that with it.
#[test]
fn an_opt_record_is_taken_out_wherever_it_is() {
    let wire = Wire::new(code::NOERROR).opt(0, &[0, 10, 0, 1, 7]);
    let start = wire.0.len() as u8;
    let wire = wire
        .record(2, b"\x02ns\xc0\x10", code::A, 60, &[192, 0, 2, 1])
        .record(2, &[0xc0, start], code::A, 60, &[192, 0, 2, 2])
        .record(2, b"\x04mail\xc0\x0c", code::CNAME, 60, &[0xc0, start]);
    let octets = write(&wire.reply(), &question(WWW), &PLAIN, 512);
    let message = Message::from_vec(&octets).expect("a message");
    let seen: Vec<_> = message.additionals.iter().map(|record| record.name.to_string()).collect();
    assert_eq!(seen, ["ns.example.com.", "ns.example.com.", "mail.www.example.com."]);
    assert_eq!(message.additionals[2].data, RData::CNAME(CNAME(name("ns.example.com."))));
    assert!(message.edns.is_none());
}

/// Some servers point at the target of a SRV, which may not be compressed itself.
#[test]
fn names_inside_of_data_are_pointed_at() {
    let wire = Wire::new(code::NOERROR);
    let target = wire.0.len() as u8 + 18;
    let wire = wire.record(0, ASKED, code::SRV, 60, b"\0\x01\0\x02\0\x03\x03web\x03lan\0").record(
        2,
        &[0xc0, target],
        code::A,
        60,
        &[192, 0, 2, 1],
    );
    let message = Message::from_vec(&write(&wire.reply(), &question(WWW), &PLAIN, 512)).expect("a message");
    assert_eq!(message.additionals[0].name, name("web.lan."));
}

#[test]
fn an_extended_error_is_repeated_to_who_may_know_it() {
    let option = [&[0, 15, 0, 8, 0, 22][..], b"no way"].concat();
    let reply = Wire::new(code::SERVFAIL).opt(0, &option).reply();
    assert_eq!(reply.error(), Some((22, &b"no way"[..])));
    let has_error = |question: &Question<'_>, limit: usize| {
        write(&reply, question, &PLAIN, limit).windows(option.len()).any(|octets| octets == option)
    };
    assert!(has_error(&with_edns(WWW), 512));
    assert!(!has_error(&question(WWW), 512), "without EDNS");
    assert!(!has_error(&with_edns(WWW), 33 + 11 + 11), "without room");
    let long = [&[0, 15, 1, 2, 0, 22][..], b"x", "ä".repeat(127).as_bytes(), b"y"].concat();
    let reply = Wire::new(code::SERVFAIL).opt(0, &long).reply();
    assert_eq!(reply.error().map(|(_, text)| text.len()), Some(199), "cut between two characters");
}

#[test]
fn options_are_repeated_as_in_our_own_answers() {
    let options = [0, 8, 0, 1, 1, 0, 10, 0, 2, 3, 4];
    let edns = Edns { size_octets: 4096, version: 0, dnssec_ok: true, options: &options };
    let reply = Wire::new(code::NOERROR).a(ASKED, 1).reply();
    let octets = write(&reply, &Question { edns: Some(edns), ..question(WWW) }, &PLAIN, 512);
    assert!(octets.ends_with(&[0, 0, 41, 16, 0, 0, 0, 0x80, 0, 0, 6, 0, 10, 0, 2, 3, 4]), "the cookie, not the subnet");
    let cut = write(&reply, &Question { edns: Some(edns), ..question(WWW) }, &PLAIN, 33 + 16 + 16);
    assert_eq!((cut.len(), cut[2] & 2), (33 + 17, 2), "records give way to it");
}

/// Its lower bits alone would say something else.
#[test]
fn an_rcode_that_needs_edns_is_a_failure_without_it() {
    let reply = Wire::new(code::NOERROR).opt(1, &[]).reply();
    assert_eq!(write(&reply, &question(WWW), &PLAIN, 512)[3] & 15, code::SERVFAIL as u8);
    let octets = write(&reply, &with_edns(WWW), &PLAIN, 512);
    assert_eq!((octets[3] & 15, octets[33 + 5]), (0, 1));
}

/// Pointers would lead elsewhere.
#[test]
fn a_question_of_another_length_gets_no_records() {
    let reply = Wire::new(code::NOERROR).a(ASKED, 1).reply();
    let octets = write(&reply, &question(b"\x01x\0"), &PLAIN, 512);
    assert_eq!((octets.len(), octets[3] & 15, octets[7]), (12 + 3 + 4, code::SERVFAIL as u8, 0));
}
