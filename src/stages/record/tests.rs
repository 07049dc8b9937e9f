//! Records, and what is none.

use hickory_proto::op::Message;

use super::*;
use crate::{
    answers::question::{self, Packet, QueryName},
    stages::draft::Draft,
};

/// A record as hickory shows it, which has read its octets.
fn shown(text: &str) -> String {
    let record = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let packet = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x01q\0\0\x01\0\x01";
    let mut name = QueryName::new();
    let Packet::Question(question) = question::read(packet, &mut name) else { panic!("a question") };
    let draft = Draft { answers: vec![record], ..Draft::default() };
    let message: Message = draft.foreign(&question).unwrap().message().unwrap();
    message.answers[0].to_string()
}

fn refused(text: &str) -> String {
    parse(text).expect_err(text)
}

#[test]
fn every_usual_type_is_read() {
    for text in [
        "a.b. 60 IN A 192.0.2.1",
        "a. 60 IN AAAA 2001:db8::1",
        "a. 60 IN CNAME b.c.",
        "a. 60 IN NS b.",
        "1.2.0.192.in-addr.arpa. 60 IN PTR a.",
        "a. 60 IN MX 10 b.",
        "_h._tcp.a. 60 IN SRV 1 2 80 b.",
        "a. 60 IN SOA n. m. 1 2 3 4 5",
        "a. 60 CH A 192.0.2.1",
    ] {
        assert_eq!(shown(text), text);
    }
    for text in ["a. 60 IN TXT \"b c\" d", "a. 60 IN CAA 0 issue \"ca.example\"", "a. 60 IN HINFO CPU OS"] {
        assert!(shown(text).starts_with(&text[..10]), "{}", shown(text));
    }
    let naptr = parse("a. NAPTR 1 2 \"s\" \"SIP+D2U\" \"\" _sip._udp.a.").unwrap();
    assert_eq!(&*naptr.data, b"\0\x01\0\x02\x01s\x07SIP+D2U\0\x04_sip\x04_udp\x01a\0");
}

#[test]
fn what_is_left_out_is_as_coredns_has_it() {
    assert_eq!(shown("a A 192.0.2.1"), "a. 3600 IN A 192.0.2.1");
    assert_eq!(shown("a IN 1m30s cname b"), "a. 90 IN CNAME b.");
    assert_eq!(shown("@ 5 NS @"), ". 5 IN NS .");
    assert_eq!(shown(" a 60 SOA n m (1 2 ; serial\n 3h 4 5)\n"), "a. 60 IN SOA n. m. 1 2 10800 4 5");
}

#[test]
fn strings_may_hold_anything() {
    let data = |text: &str| parse(&format!("a TXT {text}")).unwrap().data;
    assert_eq!(&*data(r#""a;(b" c\;d "\"\065""#), b"\x04a;(b\x03c;d\x02\"A");
    assert_eq!(&*data("\"\""), b"\0");
    assert_eq!(data(&"x".repeat(300))[..2], *b"\xffx");
    assert_eq!(data(&"x".repeat(300)).len(), 302);
}

#[test]
fn data_may_be_octets() {
    let record = parse("a 60 CLASS3 TYPE65280 \\# 3 AB cdEF").unwrap();
    assert_eq!((record.kind, record.class, &*record.data), (65_280, 3, &[0xab, 0xcd, 0xef][..]));
    assert_eq!(refused("a TYPE1 \\# 3 ab"), "there are not 3 octets");
    assert!(refused("a TLSA 1 1 1 ab").starts_with("clusterdns does not read records of type TLSA"));
}

#[test]
fn what_is_no_record_is_refused() {
    for (text, expected) in [
        ("", "something is missing"),
        ("a.test.", "something is missing"),
        ("a..b A 192.0.2.1", "`a..b` is no name"),
        ("a 60 B 192.0.2.1", "`B` is neither a TTL nor a class nor a type"),
        ("a A 192.0.2.256", "`192.0.2.256` is no IPv4 address"),
        ("a AAAA 192.0.2.1", "`192.0.2.1` is no IPv6 address"),
        ("a A 192.0.2.1 192.0.2.2", "`192.0.2.2` is too much"),
        ("a A 192.0.2.1\nb A 192.0.2.2", "there is more than one record"),
        ("a MX 65536 b", "`65536` is no number"),
        ("a TXT \"b", "a quotation mark is never closed"),
        ("a TXT b\\25", "`b\\25` ends within an escape"),
        ("a TXT", "something is missing"),
        ("a SOA b c (1 2 3 4 5", "`(` is never closed"),
        ("a A 192.0.2.1)", "`)` closes nothing"),
        ("a SOA b c 1 2 3 4 x", "`x` is no length of time"),
    ] {
        assert_eq!(refused(text), expected, "{text}");
    }
    assert!(refused(&format!("a HINFO {} b", "x".repeat(256))).starts_with("a string has more than 255"));
    assert!(refused(&format!("a TXT {}", "x".repeat(66_000))).starts_with("it is longer than"));
}
