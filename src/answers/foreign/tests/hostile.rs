//! Replies that nobody sends by accident.

use proptest::prelude::*;

use super::{super::fuzz, *};

fn is_refused(wire: &Wire) -> bool {
    wire.read().map(|_| ()) == Err(Unfit::Malformed)
}

#[test]
fn a_pointer_leads_back_to_a_name_or_nowhere() {
    let owner = |to: u8| is_refused(&Wire::new(code::NOERROR).a(ASKED, 1).a(&[0xc0, to], 2));
    assert!(!owner(12) && !owner(16), "the question, and its second label");
    assert!(!owner(33), "a pointer");
    assert!(owner(2), "the header");
    assert!(owner(13), "inside of a label");
    assert!(owner(39), "a TTL, which changes");
    assert!(owner(45), "an address");
    assert!(owner(49), "itself");
    assert!(owner(50) && owner(60), "forward");
}

#[test]
fn a_name_has_255_octets_and_no_more() {
    let label = [&[62][..], &[b'x'; 62]].concat();
    let with = |last: usize| {
        let longest = [label.repeat(3), vec![last as u8], vec![b'y'; last], b"\x07example\x03com\0".to_vec()].concat();
        Wire::new(code::NOERROR).record(0, &longest, code::A, 1, &[0; 4])
    };
    assert!(!is_refused(&with(52)), "255 octets");
    assert!(is_refused(&with(53)), "256 octets");
    let pointed = |octets: usize| [label.repeat(3), vec![octets as u8], vec![b'y'; octets], vec![0xc0, 16]].concat();
    let read = |octets| is_refused(&Wire::new(code::NOERROR).a(&pointed(octets), 1));
    assert!(!read(52) && read(53), "by a pointer");
}

/// Each leads to the one before it: who follows them all does so for ever.
#[test]
fn a_thousand_pointers_to_pointers_are_read_once_each() {
    let mut wire = Wire::new(code::NOERROR);
    let mut to = 12;
    for _ in 0..1000 {
        let at = wire.0.len();
        wire = wire.a(&[0xc0 | (to >> 8) as u8, to as u8], 1);
        to = at;
    }
    let reply = wire.reply();
    assert_eq!(reply.answers(), 1000);
    assert!(reply.answers_question());
}

#[test]
fn nothing_points_at_what_is_taken_out() {
    let wire = Wire::new(code::NOERROR).opt(0, &[]);
    assert!(is_refused(&wire.record(2, &[0xc0, 33], code::A, 60, &[0; 4])));
}

#[test]
fn records_that_are_for_us_are_few() {
    let with = |count: usize| is_refused(&(0..count).fold(Wire::new(code::NOERROR), |wire, _| wire.opt(0, &[])));
    assert!(!with(2) && with(3));
}

#[test]
fn data_of_other_lengths_than_its_type_has_is_refused() {
    let with = |kind: u16, data: &[u8]| is_refused(&Wire::new(code::NOERROR).record(0, ASKED, kind, 1, data));
    assert!(with(code::A, &[1, 2, 3]) && with(code::A, &[1, 2, 3, 4, 5]) && !with(code::A, &[1, 2, 3, 4]));
    assert!(with(code::AAAA, &[0; 15]) && !with(code::AAAA, &[0; 16]));
    assert!(with(code::CNAME, &[]) && with(code::CNAME, &[0, 0]) && with(code::CNAME, &[1, b'a']));
    assert!(with(code::SOA, &[0; 21]) && !with(code::SOA, &[0; 22]));
    assert!(with(code::SRV, &[0; 6]) && !with(code::SRV, &[0; 7]));
    assert!(with(35, &[0, 0, 0, 0, 200]) && !with(35, &[0, 0, 0, 0, 1, b'a', 0, 0, 0]), "NAPTR");
    assert!(with(code::OPT, &[]), "OPT in the answer");
    assert!(!with(999, &[1, 2, 3]), "what is not known is passed on");
}

#[test]
fn a_reply_that_was_cut_in_a_record_is_cut_before_it() {
    let mut wire = Wire::new(code::NOERROR).a(ASKED, 1).a(ASKED, 2);
    wire.0.truncate(wire.0.len() - 3);
    assert!(is_refused(&wire));
    wire.0[2] |= 2;
    let reply = wire.reply();
    assert!(reply.is_truncated());
    assert_eq!(reply.answers(), 1);
}

proptest! {
    #[test]
    fn no_octets_are_too_odd(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let question = Wire::new(code::NOERROR).0;
        fuzz(&octets);
        fuzz(&[&question[..6], &[0, 3, 0, 2, 0, 1], &question[12..], &octets[..]].concat());
    }

    #[test]
    fn no_change_of_a_reply_makes_one_that_cannot_be_read(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut octets = Wire::new(code::NOERROR)
            .cname("www.example.com", "y")
            .a(&wire("y"), 1)
            .a(&[0xc0, 49], 2)
            .soa(60, 30)
            .opt(0, &[0, 15, 0, 3, 0, 9, b'x'])
            .record(2, &[0xc0, 49], code::AAAA, 60, &[0; 16])
            .0;
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        if let Some(cut) = cut {
            octets.truncate(cut.index(octets.len()));
        }
        fuzz(&octets);
    }
}
