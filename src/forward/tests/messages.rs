//! Which octets are a reply.

use proptest::prelude::*;

use super::{
    super::message::{Query, Wrong},
    query,
};

fn asked() -> Query {
    Query::read(&query("WWW.example")).unwrap()
}

/// A reply with one A record, whose owner points to the question.
fn reply(id: u16, name: &str) -> Vec<u8> {
    let mut reply = query(name);
    reply[..2].copy_from_slice(&id.to_be_bytes());
    reply[2] |= 0x80;
    reply[7] = 1;
    reply.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
    reply
}

#[test]
fn a_reply_has_our_id_and_our_question_in_any_case() {
    for name in ["www.example", "WWW.EXAMPLE"] {
        assert_eq!(asked().check(7, &reply(7, name)), Ok(()));
    }
    assert_eq!(asked().check(8, &reply(7, "www.example")), Err(Wrong::Stray));
    assert_eq!(asked().check(7, &reply(7, "www.examplf")), Err(Wrong::Mismatched));
    assert_eq!(asked().check(7, &reply(7, "xwww.example")), Err(Wrong::Mismatched));
}

#[test]
fn another_type_or_class_is_another_question() {
    let kind = query("www.example").len() - 4;
    for at in kind..kind + 4 {
        let mut reply = reply(7, "www.example");
        reply[at] ^= 1;
        assert_eq!(asked().check(7, &reply), Err(Wrong::Mismatched));
    }
}

#[test]
fn a_query_is_no_reply() {
    let mut query = query("www.example");
    query[1] = 7;
    assert_eq!(asked().check(7, &query), Err(Wrong::Stray));
}

#[test]
fn a_reply_holds_the_records_that_it_counts() {
    let whole = reply(7, "www.example");
    for end in 12..whole.len() {
        assert_eq!(asked().check(7, &whole[..end]), Err(Wrong::Mismatched), "{end} octets");
    }
    for end in 0..12 {
        assert_eq!(asked().check(7, &whole[..end]), Err(Wrong::Stray), "{end} octets");
    }
    let mut without_question = whole.clone();
    without_question[5] = 0;
    assert_eq!(asked().check(7, &without_question), Err(Wrong::Mismatched));
    assert_eq!(asked().or_anything().check(7, &without_question), Ok(()));
}

#[test]
fn only_queries_are_forwarded() {
    for opcode in 1..16u8 {
        let mut update = query("www.example");
        update[2] = update[2] & 0x87 | opcode << 3;
        assert!(Query::read(&update).is_none(), "opcode {opcode}");
    }
    assert!(Query::read(&reply(7, "www.example")).is_none());
}

proptest! {
    #[test]
    fn any_octets_are_a_reply_or_none(tail in prop::collection::vec(any::<u8>(), 0..80), counts in any::<[u8; 6]>()) {
        let mut message = reply(7, "www.example");
        message.truncate(query("www.example").len());
        message[6..12].copy_from_slice(&counts);
        message.extend_from_slice(&tail);
        let checked = asked().check(7, &message);
        let records = [counts[1], counts[3], counts[5]].iter().map(|&count| usize::from(count)).sum::<usize>();
        let records = records + 256 * usize::from(counts[0]) + 256 * usize::from(counts[2]) + 256 * usize::from(counts[4]);
        // A record has eleven octets at least.
        prop_assert!(checked.is_err() || records * 11 <= tail.len());
    }
}
