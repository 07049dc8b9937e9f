//! Go: net/dnsclient_unix.go, dnsclient.go and lookup.go.
//!
//! The order is glibc's. Whatever is no answer leads to the next candidate: even NOTIMP, REFUSED and
//! silence. The error that the program sees is that of the name as it is, if that was asked.

use super::{Heard, Lookup, Outcome, Reply, Settings, Then, numeric, walk::Trail};
use crate::records::name::Name;

pub(super) fn walk(settings: &Settings, name: &str, lookup: Lookup, trail: &mut Trail) -> Outcome {
    if lookup.is_for_addresses() {
        match numeric::go(name).map(|address| address.to_canonical()) {
            Some(address) if lookup == Lookup::Ipv6 && address.is_ipv4() => return Outcome::OtherFamily,
            Some(address) if lookup == Lookup::Ipv4 && address.is_ipv6() => return Outcome::OtherFamily,
            Some(_) => return Outcome::Literal,
            None => {}
        }
    }
    if !is_domain_name(name) {
        return Outcome::NoName;
    }
    let as_is = if name.ends_with('.') { name.to_owned() } else { format!("{name}.") };
    let mut error = None;
    for candidate in candidates(settings, name) {
        match ask(&candidate, lookup, trail) {
            Ok(()) => return Outcome::Found,
            // Of addresses the error of the name as it is, or the first one; of records the last one.
            Err(worst) if !lookup.is_for_addresses() || candidate == as_is || error.is_none() => error = Some(worst),
            Err(_) => {}
        }
    }
    // Without a candidate there is no error: each caller makes something else of that.
    error.unwrap_or(match lookup {
        Lookup::Addresses => Outcome::Nothing,
        Lookup::Ipv4 | Lookup::Ipv6 => Outcome::OtherFamily,
        Lookup::Records(_) => Outcome::Failed,
    })
}

/// `nameList`.
fn candidates(settings: &Settings, name: &str) -> Vec<String> {
    if name.ends_with('.') {
        return if is_avoided(name) { Vec::new() } else { vec![name.to_owned()] };
    }
    let has_dots = name.matches('.').count() >= settings.ndots;
    let as_is = format!("{name}.");
    let mut candidates = Vec::new();
    if has_dots && !is_avoided(&as_is) {
        candidates.push(as_is.clone());
    }
    let searched = settings.search.iter().map(|domain| format!("{as_is}{domain}"));
    candidates.extend(searched.filter(|candidate| !is_avoided(candidate) && candidate.len() <= NAME_CHARACTERS_MAX));
    if !has_dots && !is_avoided(&as_is) {
        candidates.push(as_is);
    }
    candidates
}

/// All types of one candidate.
fn ask(candidate: &str, lookup: Lookup, trail: &mut Trail) -> Result<(), Outcome> {
    let Ok(name) = Name::parse(candidate) else {
        trail.not_asked(candidate.to_owned(), Heard::NotAName, Then::GoesOn);
        return Err(Outcome::Failed);
    };
    let replies: Vec<_> = lookup.types().into_iter().map(|qtype| trail.ask(&name, qtype)).collect();
    let heard = heard(&replies);
    let then = if heard == Reply::Answer { Then::Done } else { Then::GoesOn };
    trail.asked(candidate.to_owned(), name, replies, heard, then);
    match heard {
        Reply::Answer => Ok(()),
        Reply::Alias | Reply::NoData | Reply::NxDomain => Err(Outcome::NoName),
        Reply::ServFail | Reply::Timeout => Err(Outcome::TryAgain),
        Reply::Refused | Reply::NotImp | Reply::Other => Err(Outcome::Failed),
    }
}

/// An answer of either type, or the reply that came last. Go does not wait for them in order; an
/// error takes longer than a no, for it is tried again, and silence takes longest.
fn heard(replies: &[(u16, Reply)]) -> Reply {
    let lateness = |reply: &Reply| match reply {
        Reply::NxDomain | Reply::NoData | Reply::Alias => 0,
        Reply::ServFail | Reply::Refused | Reply::NotImp | Reply::Other => 1,
        Reply::Timeout => 2,
        Reply::Answer => 3,
    };
    replies.iter().map(|(_, reply)| *reply).max_by_key(lateness).unwrap_or(Reply::Timeout)
}

/// `avoidDNS`: names of Tor are nobody else's business (RFC 7686).
fn is_avoided(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len().checked_sub(ONION.len()).is_some_and(|at| name.as_bytes()[at..].eq_ignore_ascii_case(ONION))
}

/// `isDomainName`: letters, digits, `-` and `_`, no `-` at either end of a label, and not only digits.
fn is_domain_name(name: &str) -> bool {
    if name == "." {
        return true;
    }
    let relative = name.strip_suffix('.').unwrap_or(name);
    let is_legal = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_';
    let is_label = |label: &str| {
        label.bytes().all(is_legal)
            && !label.starts_with('-')
            && !label.ends_with('-')
            && (1..=63).contains(&label.len())
    };
    let has_letter = relative.bytes().any(|octet| !octet.is_ascii_digit() && octet != b'.');
    relative.len() < NAME_CHARACTERS_MAX && relative.split('.').all(is_label) && has_letter
}

const NAME_CHARACTERS_MAX: usize = 254;
const ONION: &[u8] = b".onion";
