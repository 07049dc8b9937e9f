//! What fuzzers and property tests do with a reply: read it, write it for clients that take more and
//! less, and look whether what they get can be read.

use super::{
    super::{
        code,
        question::{Edns, HEADER_OCTETS, Question},
    },
    Foreign, MESSAGE_OCTETS_MAX, Shown, Ttl, walk,
};

/// Panics where octets are taken for a reply that clients cannot read.
pub fn fuzz(octets: &[u8]) {
    let Some(question) = walk::first_question(octets) else { return };
    let Ok(reply) = Foreign::read(octets, &question) else { return };
    // hickory may refuse what we pass on; it must not fall over it.
    let _ = reply.message().map(|message| Foreign::from_message(&message));
    let edns = Edns { size_octets: 1232, version: 0, dnssec_ok: true, options: &[0, 10, 0, 2, 1, 2] };
    let shown = Shown { authoritative: false, authenticated: true, ttl: Ttl::All(u32::MAX), turn: Some(1) };
    let mut buffer = vec![0; MESSAGE_OCTETS_MAX];
    for edns in [None, Some(edns)] {
        let question = Question { edns, ..question };
        for limit_octets in [0, 512, 1232, octets.len(), MESSAGE_OCTETS_MAX] {
            let length = reply.write(&question, &shown, limit_octets, &mut buffer);
            check(&reply, &question, limit_octets, &buffer[..length]);
        }
    }
}

/// Whether it can be read, is no longer than it may be, and has the first records of the reply, all or fewer.
fn check(reply: &Foreign, question: &Question<'_>, limit_octets: usize, written: &[u8]) {
    let least = HEADER_OCTETS + question.name.len() + 4 + if question.edns.is_some() { 17 } else { 0 };
    assert!(written.len() <= limit_octets.max(least), "{} octets of {limit_octets}", written.len());
    let again = Foreign::read(written, question).expect("what was written can be read");
    assert_eq!(again.is_truncated(), reply.is_truncated() || again.ttls.len() < reply.ttls.len());
    assert_eq!(again.ttls[..], reply.ttls[..again.ttls.len()], "other places");
    let is_shown = reply.rcode < 16 || question.edns.is_some();
    assert_eq!(again.rcode, if is_shown { reply.rcode } else { code::SERVFAIL });
    assert!(again.answers() <= reply.answers());
}
