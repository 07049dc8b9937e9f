//! What a packet may look like (behaviour B3).

use std::sync::LazyLock;

use crate::support::{NODATA, Query, Server, cluster, cluster::Cluster, query::Opt, reply::lines};

const WEB: &str = "web.shop.svc.cluster.local";
const FOUND: [&str; 2] = ["NOERROR AA RD", "answer web.shop.svc.cluster.local. 5 A 10.96.0.1"];

fn shop() -> Cluster {
    cluster().service("shop/web", &["10.96.0.1"], &["http:80/TCP"])
}

fn question() -> Query {
    Query::new(WEB, "A")
}

fn opt(size_octets: u16) -> Opt {
    Opt { size_octets, version: 0, dnssec_ok: false, options: Vec::new() }
}

/// Both paths, for every packet of this file.
fn replies(query: Query, expected: &[&str]) {
    static SERVER: LazyLock<Server> = LazyLock::new(|| shop().start());
    let server = &*SERVER;
    assert_eq!(server.send(&query), expected, "over UDP: {query:?}");
    assert_eq!(server.send_by_tcp(&query), expected, "over TCP: {query:?}");
}

#[test]
fn opcodes_but_query_and_notify_are_not_implemented() {
    for opcode in (1..16).filter(|opcode| *opcode != 4) {
        replies(question().with(|query| query.flags |= opcode << 11), &["NOTIMP RD", "no question"]);
    }
    let mut notified = FOUND;
    notified[0] = "NOERROR AA";
    replies(question().with(|query| query.flags |= 4 << 11), &notified);
}

#[test]
fn flags_that_make_no_sense_in_a_question_do_no_harm() {
    for (flags, head) in [
        (0x0000, "NOERROR AA"),
        (0x0110, "NOERROR AA RD CD"),
        (0x07ef, "NOERROR AA RD"),
        (0x0200, "NOERROR AA"),
        (0x0023, "NOERROR AA"),
    ] {
        replies(question().with(|query| query.flags = flags), &[head, FOUND[1]]);
    }
    replies(question().with(|query| query.flags |= 0x8000), &["silence"]);
}

#[test]
fn counts_that_make_no_sense_are_malformed() {
    for counts in [[0, 0, 0], [2, 0, 0], [1, 2, 0], [1, 0, 2]] {
        replies(question().with(|query| query.counts = counts), &["FORMERR RD", "no question"]);
    }
    let three = question().opt(opt(1232)).opt(opt(1232)).opt(opt(1232));
    replies(three, &["FORMERR RD", "no question"]);
}

#[test]
fn records_that_are_promised_and_missing_are_not_missed() {
    replies(question().with(|query| query.counts = [1, 1, 1]), &FOUND);
}

#[test]
fn of_two_opt_records_the_last_counts() {
    replies(question().opt(opt(512)).opt(opt(4096)), &[FOUND[0], FOUND[1], "edns 4096"]);
}

#[test]
fn octets_behind_the_question_do_no_harm() {
    replies(question().with(|query| query.tail = vec![1, 2, 3]), &FOUND);
}

#[test]
fn options_that_a_server_repeats_are_repeated() {
    let options =
        [(10, vec![1, 2, 3, 4, 5, 6, 7, 8]), (8, vec![0, 1, 24, 0, 10, 0, 0]), (3, vec![]), (65_001, vec![9])];
    let query = question().opt(Opt { dnssec_ok: true, options: options.to_vec(), ..opt(1232) });
    replies(query, &[FOUND[0], FOUND[1], "edns 1232 do 10:0102030405060708 3:"]);
}

#[test]
fn a_cut_option_is_malformed() {
    let mut query = question();
    query.counts = [1, 0, 0];
    let whole = query.clone().opt(Opt { options: vec![(10, vec![1, 2, 3, 4, 5, 6, 7, 8])], ..opt(1232) }).encode();
    let server = shop().start();
    let mut cut = whole.clone();
    let length = cut.len() - 9;
    cut[length] = 9;
    let reply = server.answer(&cut, &mut Default::default()).expect("a reply");
    assert_eq!(lines(&cut, &reply), ["FORMERR RD"]);
}

#[test]
fn another_version_of_edns_is_bad() {
    replies(question().opt(Opt { version: 1, ..opt(1232) }), &["BADVERS RD", "edns 512"]);
}

#[test]
fn other_classes_are_refused() {
    for qclass in [0, 3, 254, 255] {
        replies(question().with(|query| query.qclass = qclass), &["REFUSED RD"]);
    }
}

/// The type that is not there is 0, and so is the class.
#[test]
fn a_question_may_end_early() {
    let server = shop().start();
    let packet = question().encode();
    let answer = |octets: usize| {
        let reply = server.answer(&packet[..octets], &mut Default::default());
        reply.map(|reply| (reply[3] & 15, reply.len()))
    };
    let (formerr, servfail, refused) = (1, 2, 5);
    assert_eq!(answer(packet.len() - 2), Some((refused, packet.len())), "without a class it is class 0");
    assert_eq!(answer(packet.len() - 4), Some((refused, packet.len())));
    assert_eq!(answer(packet.len() - 1), Some((formerr, 12)));
    assert_eq!(answer(packet.len() - 5), Some((formerr, 12)), "the name has no end");
    assert_eq!(answer(12), Some((servfail, 12)));
    assert_eq!(answer(11), None);
}

#[test]
fn names_that_are_no_names_are_malformed() {
    let label = |octets: usize| [vec![octets as u8], vec![b'x'; octets]].concat();
    let long = [label(63), label(63), label(63), label(62), vec![0]].concat();
    for name in [vec![64, 0], vec![0xc0, 12], vec![0x80], long] {
        replies(question().with(|query| query.name = name), &["FORMERR RD", "no question"]);
    }
    let longest = [label(63), label(63), label(63), label(61), vec![0]].concat();
    replies(question().with(|query| query.name = longest), &["REFUSED RD"]);
}

#[test]
fn transfers_are_refused_where_nobody_may_have_them() {
    for qtype in ["AXFR", "IXFR"] {
        replies(Query::new("cluster.local", qtype), &["REFUSED RD"]);
    }
    replies(Query::new(WEB, "TYPE0"), &NODATA);
}
