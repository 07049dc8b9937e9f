//! When a reply of ours counts as the one CoreDNS gave.
//!
//! Code, flags, question and EDNS must be equal, each section must hold the same records (order does not count, letter
//! case does), and ours must not be longer. A truncated answer is held against our own whole one, since where it is cut
//! depends on how names are compressed; see [`truncated`].

use super::case::Reply;

/// What differs, one line each; nothing if the replies are as good as equal.
pub(crate) fn compare(theirs: &Reply, ours: &Reply) -> Vec<String> {
    let mut complaints = heads(theirs, ours);
    for ((name, theirs), (_, ours)) in sections(theirs).into_iter().zip(sections(ours)) {
        complaints.extend(without(theirs, ours).into_iter().map(|record| format!("{name} lacks {record}")));
        complaints.extend(without(ours, theirs).into_iter().map(|record| format!("{name} has also {record}")));
    }
    if let (Some(theirs), Some(ours)) = (theirs.octets, ours.octets)
        && ours > theirs
    {
        complaints.push(format!("{ours} octets instead of at most {theirs}"));
    }
    complaints
}

/// The same for an answer that did not fit: every record is one of the whole answer, nothing that follows is kept once
/// a section is cut, and ours holds at least what theirs does, because names cost us no more room.
pub(crate) fn truncated(theirs: &Reply, ours: &Reply, whole: &Reply, octets_max: usize) -> Vec<String> {
    let mut complaints = heads(theirs, ours);
    if whole.has("TC") {
        complaints.push("the whole answer, over TCP, has TC too".to_owned());
    }
    let mut cut = false;
    for (((name, theirs), (_, ours)), (_, whole)) in
        sections(theirs).into_iter().zip(sections(ours)).zip(sections(whole))
    {
        let strays = without(ours, whole).into_iter().chain(without(theirs, whole));
        complaints.extend(strays.map(|record| format!("{name}: the whole answer lacks {record}")));
        if ours.len() < theirs.len() {
            complaints.push(format!("{name} keeps {} of {} records, theirs {}", ours.len(), whole.len(), theirs.len()));
        }
        if cut && !ours.is_empty() {
            complaints.push(format!("{name} is kept though the section before it is cut"));
        }
        cut |= ours.len() < whole.len();
    }
    if !cut {
        complaints.push("TC is set though nothing is missing".to_owned());
    }
    if ours.octets.is_some_and(|octets| octets > octets_max) {
        complaints.push(format!("{:?} octets, the client takes {octets_max}", ours.octets));
    }
    complaints
}

/// A transferred zone begins and ends with its SOA.
pub(crate) fn transferred(ours: &Reply) -> Vec<String> {
    let is_soa = |record: Option<&String>| record.is_some_and(|record| record.contains(" SOA "));
    if ours.answer.len() >= 2 && is_soa(ours.answer.first()) && is_soa(ours.answer.last()) {
        Vec::new()
    } else {
        vec!["a zone must be listed from SOA to SOA".to_owned()]
    }
}

/// Aliases that stand behind what they lead to: some resolvers read an answer once, from its beginning.
pub(crate) fn misplaced(ours: &Reply) -> Vec<String> {
    let alias = |record: &String| record.split_once(" CNAME ").map(|(_, target)| format!("{target} "));
    let follows = |(place, record): (usize, &String)| {
        let target = alias(record)?;
        let early = ours.answer[..place].iter().any(|before| before.starts_with(&target));
        early.then(|| format!("{record} stands behind what it leads to"))
    };
    ours.answer.iter().enumerate().filter_map(follows).collect()
}

/// Their reply after a while in a cache.
pub(crate) fn aged(theirs: &Reply, secs: u32) -> Reply {
    let mut reply = theirs.clone();
    for record in [&mut reply.answer, &mut reply.authority, &mut reply.additional].into_iter().flatten() {
        *record = with_ttl(record, |ttl| ttl.saturating_sub(secs));
    }
    reply
}

/// A record with another TTL.
pub(crate) fn with_ttl(record: &str, change: impl Fn(u32) -> u32) -> String {
    match record.splitn(3, ' ').collect::<Vec<_>>()[..] {
        [owner, ttl, data] => format!("{owner} {} {data}", change(ttl.parse().expect("a TTL"))),
        _ => panic!("{record}: too short"),
    }
}

fn heads(theirs: &Reply, ours: &Reply) -> Vec<String> {
    let pairs = [
        ("code", theirs.rcode.clone(), ours.rcode.clone()),
        ("flags", theirs.flags.join(" "), ours.flags.join(" ")),
        ("question", theirs.question.clone(), ours.question.clone()),
        ("EDNS", theirs.edns.clone().unwrap_or_default(), ours.edns.clone().unwrap_or_default()),
    ];
    let differ = pairs.into_iter().filter(|(_, theirs, ours)| theirs != ours);
    differ.map(|(what, theirs, ours)| format!("{what} `{ours}` instead of `{theirs}`")).collect()
}

fn sections(reply: &Reply) -> [(&'static str, &[String]); 3] {
    [("answer", &reply.answer), ("authority", &reply.authority), ("additional", &reply.additional)]
}

/// The records that are left of `these` once each of `those` has taken one away.
fn without<'a>(these: &'a [String], those: &[String]) -> Vec<&'a String> {
    let mut those: Vec<&String> = those.iter().collect();
    let is_left = |record: &&String| match those.iter().position(|other| other == record) {
        Some(place) => {
            those.swap_remove(place);
            false
        }
        None => true,
    };
    these.iter().filter(is_left).collect()
}
