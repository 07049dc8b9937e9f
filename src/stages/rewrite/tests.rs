//! What rules make of questions, and what is restored in replies.

use hickory_proto::{
    op::{Message, OpCode, ResponseCode},
    rr::{RData, Record, rdata},
};

use super::*;
use crate::{
    answers::question::{self, Packet, QueryName},
    records::name::Name,
};

fn rewriter(rules: &[(Change, bool)]) -> Rewriter {
    Rewriter::new(rules.iter().map(|(change, goes_on)| rule(change, *goes_on)).collect())
}

fn rule(change: &Change, goes_on: bool) -> Rule {
    Rule { change: change.clone(), goes_on, text: String::new() }
}

fn name(of: Match, to: &str, auto: bool) -> Change {
    let to = match &of {
        Match::Regex(pattern) => Replacement::parse(to, pattern).unwrap(),
        _ => Replacement::plain(to),
    };
    Change::Name { rename: Rename { of, to }, auto, answers: Vec::new() }
}

fn exact(from: &str, to: &str) -> Change {
    name(Match::Exact(from.into()), to, true)
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

/// What is made of a question of type A, or why nothing is. Whatever changes is touched.
fn apply(rewriter: &Rewriter, text: &str) -> Result<Option<Rewritten>, String> {
    apply_with(rewriter, text, &[])
}

fn apply_with(rewriter: &Rewriter, text: &str, options: &[u8]) -> Result<Option<Rewritten>, String> {
    let mut packet = b"\0\0\x01\0\0\x01\0\0\0\0\0\x01".to_vec();
    packet.extend_from_slice(Name::parse(text).unwrap().wire());
    packet.extend_from_slice(&[0, 1, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, options.len() as u8]);
    packet.extend_from_slice(options);
    let mut name = QueryName::new();
    let Packet::Question(question) = question::read(&packet, &mut name) else { panic!("{text}") };
    let client = "[fd00:1:2:3::4]:5353".parse().unwrap();
    let applied =
        rewriter.apply(&Inquiry { question: &question, name: &name, client, over_tcp: false, port: 53, listener: 0 });
    let is_touched = rewriter.touches(&Spelled::new(&name), &question);
    assert!(is_touched || matches!(applied, Ok(None)), "{text}: {applied:?}");
    applied
}

fn renamed(rewriter: &Rewriter, text: &str) -> Option<String> {
    apply(rewriter, text).unwrap().map(|rewritten| text::of_wire(&rewritten.name))
}

#[test]
fn names_become_others() {
    let one = |change: Change| rewriter(&[(change, false)]);
    let to = |change: Change, text: &str| renamed(&one(change), text);
    assert_eq!(to(exact("a.b.", "c."), "A.b").as_deref(), Some("c."));
    assert_eq!(to(exact("a.b.", "c."), "x.a.b"), None);
    let of = |of: Match| name(of, "new.", false);
    assert_eq!(to(of(Match::Prefix("a.".into())), "a.b").as_deref(), Some("new.b."));
    assert_eq!(to(of(Match::Suffix(".b.".into())), "a.b").as_deref(), Some("anew."));
    assert_eq!(to(of(Match::Substring("b.".into())), "ab.b.c").as_deref(), Some("anew.new.c."));
    let regex = |to: &str| name(Match::Regex(pattern(r"^(.*)-(us|eu)\.b\.$")), to, false);
    assert_eq!(to(regex("{1}.x.{2}.c."), "ftp-us.b").as_deref(), Some("ftp.x.us.c."));
    assert_eq!(to(regex("{1}.x.{2}.c."), "ftp-as.b"), None);
}

#[test]
fn the_first_rule_counts_unless_it_goes_on() {
    let both = |goes_on| rewriter(&[(exact("a.", "b."), goes_on), (exact("b.", "c."), false)]);
    assert_eq!(renamed(&both(false), "a").as_deref(), Some("b."));
    assert_eq!(renamed(&both(true), "a").as_deref(), Some("c."));
    assert_eq!(renamed(&both(true), "b").as_deref(), Some("c."));
    assert_eq!(renamed(&both(true), "d"), None);
}

#[test]
fn a_name_that_is_none_is_refused() {
    let long = name(Match::Suffix(".b.".into()), &format!(".{}.", "x".repeat(64)), false);
    let refused = apply(&rewriter(&[(long, false)]), "a.b").unwrap_err();
    assert!(refused.starts_with("invalid name after rewrite: a.xxx"), "{refused}");
}

#[test]
fn class_and_type_become_others() {
    let rules = [
        (Change::Type { from: 1, to: 28 }, true),
        (Change::Class { from: 1, to: 3 }, true),
        (Change::Type { from: 15, to: 1 }, false),
    ];
    let rewritten = apply(&rewriter(&rules), "a").unwrap().unwrap();
    assert_eq!((rewritten.qtype, rewritten.qclass, rewritten.restores), (28, 3, Vec::new()));
    assert!(apply(&rewriter(&rules[2..]), "a").unwrap().is_none());
}

#[test]
fn options_are_put_and_taken_out() {
    let local = |action, data| Change::Option(OptionRule { action, what: What::Local(0xffee, data) });
    let abc = || Data::Octets(b"abc".into());
    let options = |change: Change, before: &[u8]| {
        apply_with(&rewriter(&[(change, false)]), "a", before).unwrap().map(|rewritten| rewritten.options.unwrap())
    };
    let with = b"\xff\xee\0\x01x\0\x0a\0\0";
    assert_eq!(options(local(Action::Set, abc()), b"").unwrap(), b"\xff\xee\0\x03abc");
    assert_eq!(options(local(Action::Set, abc()), with).unwrap(), b"\xff\xee\0\x03abc\0\x0a\0\0");
    assert_eq!(options(local(Action::Replace, abc()), with).unwrap(), b"\xff\xee\0\x03abc\0\x0a\0\0");
    assert_eq!(options(local(Action::Unset, abc()), with).unwrap(), b"\0\x0a\0\0");
    assert_eq!(
        (options(local(Action::Replace, abc()), b""), options(local(Action::Append, abc()), with)),
        (None, None)
    );
    let data = |data| options(local(Action::Set, data), b"").unwrap()[4..].to_vec();
    assert_eq!((data(Data::Name), data(Data::Type)), (b"a.".to_vec(), vec![0, 1]));
    assert_eq!((data(Data::ClientPort), data(Data::ServerPort)), (5353_u16.to_be_bytes().into(), vec![0, 53]));
    assert_eq!((data(Data::ClientAddress).len(), data(Data::Protocol)), (16, b"udp".to_vec()));
    let what = |what| options(Change::Option(OptionRule { action: Action::Set, what }), b"").unwrap();
    assert_eq!(what(What::Nsid), [0, 3, 0, 0]);
    assert_eq!(what(What::Subnet { v4_bits: 24, v6_bits: 60 })[2..], [0, 12, 0, 2, 60, 0, 0xfd, 0, 0, 1, 0, 2, 0, 0]);
    assert_eq!(what(What::Subnet { v4_bits: 24, v6_bits: 47 })[2..], [0, 10, 0, 2, 47, 0, 0xfd, 0, 0, 1, 0, 2]);
}

/// A reply with a SRV and the address of its target.
fn reply() -> Message {
    let name = |text: &str| text.parse().unwrap();
    let mut reply = Message::response(1, OpCode::Query);
    let srv = RData::SRV(rdata::SRV::new(0, 1, 80, name("x.web.new.")));
    reply.answers.push(Record::from_rdata(name("web.new."), 5, srv));
    reply.additionals.push(Record::from_rdata(name("x.web.new."), 50, RData::A(rdata::A::new(192, 0, 2, 1))));
    reply.authorities.push(Record::from_rdata(name("other.new."), 500, RData::NS(rdata::NS(name("xweb.new.")))));
    reply
}

/// The records of the reply as they are restored.
fn restored(rewritten: &Rewritten) -> Vec<String> {
    let mut reply = reply();
    rewritten.restores.iter().for_each(|restore| restore.apply(&mut reply).unwrap());
    let records = reply.answers.iter().chain(&reply.authorities).chain(&reply.additionals);
    records.map(|record| format!("{} {} {}", record.name, record.ttl, record.data)).collect()
}

#[test]
fn a_whole_name_is_restored_and_what_is_below_it() {
    let rewritten = apply(&rewriter(&[(exact("old.", "web.new."), false)]), "old").unwrap().unwrap();
    assert_eq!(restored(&rewritten), ["old. 5 0 1 80 x.old.", "other.new. 500 xweb.new.", "x.old. 50 192.0.2.1"]);
}

#[test]
fn the_end_of_names_is_restored_for_all_names() {
    let change = name(Match::Suffix(".old.".into()), ".new.", true);
    let rewritten = apply(&rewriter(&[(change, false)]), "web.old").unwrap().unwrap();
    assert_eq!(
        restored(&rewritten),
        ["web.old. 5 0 1 80 x.web.old.", "other.old. 500 xweb.old.", "x.web.old. 50 192.0.2.1"]
    );
}

#[test]
fn records_may_be_restored_by_rules() {
    let to = |from: &str, to: &str| (pattern(from), Replacement::parse(to, &pattern(from)).unwrap());
    let ((owner, owner_to), (value, value_to)) = (to(r"^(.*)\.new\.$", "{1}.old."), to(r"^x\.(.*)$", "y.{1}"));
    let answers = vec![Answer::Owner(owner, owner_to), Answer::Value(value, value_to)];
    let rename = Rename { of: Match::Substring("old".into()), to: Replacement::plain("new") };
    let change = Change::Name { rename, auto: false, answers };
    let rewritten = apply(&rewriter(&[(change, false)]), "web.old").unwrap().unwrap();
    assert_eq!(
        restored(&rewritten),
        ["web.old. 5 0 1 80 y.web.new.", "other.old. 500 xweb.new.", "x.web.old. 50 192.0.2.1"]
    );
}

#[test]
fn what_was_changed_last_is_restored_first() {
    let rules = [(exact("a.", "b."), true), (exact("b.", "web.new."), true)];
    let rewritten = apply(&rewriter(&rules), "a").unwrap().unwrap();
    assert_eq!(restored(&rewritten)[0], "a. 5 0 1 80 x.a.");
}

#[test]
fn ttls_have_bounds_and_rcodes_become_others() {
    let of = || Match::Suffix("a.".into());
    let rules = [
        (Change::Ttl { of: of(), secs_min: 30, secs_max: 60 }, true),
        (Change::Rcode { of: of(), from: 2, to: 0 }, true),
        (Change::Rcode { of: Match::Exact("b.".into()), from: 0, to: 3 }, true),
    ];
    let rewritten = apply(&rewriter(&rules), "b.a").unwrap().unwrap();
    let ttls: Vec<_> = restored(&rewritten).iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!((ttls, rewritten.name), (vec!["30".into(), "60".into(), "50".into()], b"\x01b\x01a\0".to_vec()));
    let mut reply = reply();
    reply.metadata.response_code = ResponseCode::ServFail;
    rewritten.restores.iter().for_each(|restore| restore.apply(&mut reply).unwrap());
    assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
    assert_eq!(rewritten.restores.iter().fold(3, |rcode, restore| restore.rcode(rcode)), 3);
}

#[test]
fn a_name_that_would_be_none_is_no_reply() {
    let long = Restore::Owner(Revert::Name { from: "web.new.".into(), to: format!("{}.", "x".repeat(64)) });
    assert_eq!(long.apply(&mut reply()), None);
}

#[test]
fn a_tree_is_free_where_no_rule_is_for_it() {
    let tree = Name::parse("svc.cluster.local").unwrap();
    let reaches = |change: Change| rewriter(&[(change, false)]).reaches(tree.wire());
    for (change, expected) in [
        (exact("alias.test.", "web.shop.svc.cluster.local."), false),
        (exact("web.shop.svc.cluster.local.", "alias.test."), true),
        (name(Match::Suffix(".test.".into()), ".local.", true), false),
        (name(Match::Suffix(".local.".into()), ".test.", true), true),
        (name(Match::Suffix(".shop.svc.cluster.local.".into()), ".test.", true), true),
        (name(Match::Regex(pattern("x")), "y.", false), true),
        (Change::Type { from: 255, to: 13 }, false),
        (Change::Type { from: 28, to: 1 }, true),
        (Change::Class { from: 3, to: 1 }, false),
        (Change::Ttl { of: Match::Exact("a.".into()), secs_min: 0, secs_max: 1 }, false),
    ] {
        assert_eq!(reaches(change.clone()), expected, "{change:?}");
    }
}
