//! What a reply is.

use super::{super::Kind, *};

#[test]
fn kinds_are_those_of_coredns() {
    let ns = |wire: Wire| wire.record(1, ASKED, code::NS, 60, ASKED);
    let cases = [
        (Wire::new(code::NOERROR).a(ASKED, 1), Kind::NoError),
        (Wire::new(code::NOERROR), Kind::NoError),
        (Wire::new(code::NOERROR).soa(60, 60), Kind::NoData),
        (ns(Wire::new(code::NOERROR)), Kind::Delegation),
        (ns(Wire::new(code::NOERROR)).soa(60, 60), Kind::NoData),
        (Wire::new(code::NXDOMAIN), Kind::NameError),
        (Wire::new(code::NXDOMAIN).soa(60, 60), Kind::NameError),
        (Wire::new(code::NXDOMAIN).a(ASKED, 1), Kind::OtherError),
        (Wire::new(code::SERVFAIL), Kind::ServerError),
        (Wire::new(code::NOTIMP), Kind::ServerError),
        (Wire::new(code::REFUSED), Kind::OtherError),
        (Wire::new(code::FORMERR).soa(60, 60), Kind::OtherError),
    ];
    for (wire, kind) in cases {
        assert_eq!(wire.reply().kind(), kind, "{:02x?}", wire.0);
    }
}

#[test]
fn a_transfer_is_no_answer() {
    let mut wire = Wire::new(code::NOERROR).a(ASKED, 1);
    wire.0[30] = code::AXFR as u8;
    let question = Question { qtype: code::AXFR, ..question(WWW) };
    assert_eq!(Foreign::read(&wire.0, &question).expect("a reply").kind(), Kind::Meta);
}

#[test]
fn a_question_is_answered_at_the_end_of_its_chain_only() {
    let noerror = || Wire::new(code::NOERROR);
    let cases = [
        ("the name itself", noerror().a(b"\x03WWW\x07example\x03com\0", 1), true),
        ("another name", noerror().a(&wire("other.example.com"), 1), false),
        ("nothing", noerror(), false),
        ("NXDOMAIN", Wire::new(code::NXDOMAIN).a(ASKED, 1), false),
        ("a chain", noerror().cname("www.example.com", "Y").cname("y", "z").a(&wire("Z"), 1), true),
        ("a chain in disorder", noerror().a(&wire("z"), 1).cname("y", "z").cname("www.example.com", "y"), true),
        ("a chain that stops", noerror().cname("www.example.com", "y").cname("y", "z"), false),
        ("a chain that is left", noerror().cname("www.example.com", "y").a(ASKED, 1), false),
        ("a fork", noerror().cname("www.example.com", "y").cname("www.example.com", "z").a(&wire("y"), 1), false),
        (
            "the same twice",
            noerror().cname("www.example.com", "y").cname("www.example.com", "Y").a(&wire("y"), 1),
            true,
        ),
        ("a loop", noerror().cname("www.example.com", "y").cname("y", "www.example.com").a(&wire("y"), 1), false),
    ];
    for (what, wire, answers) in cases {
        assert_eq!(wire.reply().answers_question(), answers, "{what}");
    }
}

#[test]
fn the_lowest_ttl_is_that_of_all_sections_but_opt() {
    let reply = Wire::new(code::NOERROR).a(ASKED, 1).record(2, ASKED, code::A, 20, &[1, 2, 3, 4]).opt(0, &[]).reply();
    assert_eq!(reply.min_ttl_secs(), Some(20));
    assert_eq!(Wire::new(code::NOERROR).opt(0, &[]).reply().min_ttl_secs(), None);
}

#[test]
fn a_denial_lasts_no_longer_than_its_soa_says() {
    let reply = Wire::new(code::NXDOMAIN).soa(900, 30).reply();
    assert_eq!((reply.min_ttl_secs(), reply.denial_ttl_secs()), (Some(900), Some(30)));
    let reply = Wire::new(code::NXDOMAIN).soa(20, 30).reply();
    assert_eq!(reply.denial_ttl_secs(), Some(20));
}

#[test]
fn the_rcode_has_twelve_bits() {
    assert_eq!(Wire::new(7).opt(1, &[]).reply().rcode(), 23);
    assert_eq!(Wire::new(code::NOERROR).opt(1, &[]).reply().kind(), Kind::OtherError);
}

#[test]
fn another_question_is_told_from_nonsense() {
    let reply = Wire::new(code::NOERROR).a(ASKED, 1);
    let read = |question: Question<'_>| Foreign::read(&reply.0, &question).map(|_| ());
    assert_eq!(read(question(b"\x03WWW\x07Example\x03com\0")), Ok(()));
    assert_eq!(read(question(b"\x03wwv\x07example\x03com\0")), Err(Unfit::OtherQuestion));
    assert_eq!(read(Question { qtype: code::AAAA, ..question(WWW) }), Err(Unfit::OtherQuestion));
    assert_eq!(read(Question { qclass: 3, ..question(WWW) }), Err(Unfit::OtherQuestion));
    let with = |at: usize, octet: u8| {
        let mut octets = reply.0.clone();
        octets[at] = octet;
        Foreign::read(&octets, &question(WWW)).map(|_| ())
    };
    assert_eq!(with(2, 0x01), Err(Unfit::Malformed), "no response");
    assert_eq!(with(2, 0xa1), Err(Unfit::Malformed), "another opcode");
    assert_eq!(with(5, 2), Err(Unfit::OtherQuestion), "two questions");
    assert_eq!(with(7, 2), Err(Unfit::Malformed), "a record that is not there");
}

/// Some servers say nothing but that they refuse; an answer without its question could be to anything.
#[test]
fn a_refusal_needs_no_question_and_an_answer_does() {
    let bare = |rcode: u8| [0, 7, 0x81, 0x80 | rcode, 0, 0, 0, 0, 0, 0, 0, 0];
    let reply = Foreign::read(&bare(5), &question(WWW)).expect("a refusal");
    let written = write(&reply, &question(WWW), &PLAIN, 512);
    assert_eq!(written, [b"\0\x2a\x81\x85\0\x01\0\0\0\0\0\0", WWW, b"\0\x01\0\x01"].concat());
    for rcode in [0, 3] {
        assert_eq!(Foreign::read(&bare(rcode), &question(WWW)).map(|_| ()), Err(Unfit::OtherQuestion));
    }
}
