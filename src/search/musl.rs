//! musl: src/network/lookup_name.c, res_msend.c, res_mkquery.c and res_query.c.
//!
//! A name with enough dots is asked as it is and never with the list. In the list only NXDOMAIN leads
//! to the next domain: NODATA ends the search, and so does silence. Errors of a server count as
//! silence. `res_search` does not search.

use super::{Heard, Lookup, Outcome, Reply, Settings, Then, numeric, walk::Trail};
use crate::records::name::Name;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Version {
    Until123,
    Since124,
}

pub(super) fn walk(settings: &Settings, name: &str, lookup: Lookup, version: Version, trail: &mut Trail) -> Outcome {
    let search = Search { name, lookup, version };
    match lookup {
        Lookup::Records(_) => search.records(trail),
        _ => search.addresses(settings, trail),
    }
}

struct Search<'a> {
    name: &'a str,
    lookup: Lookup,
    version: Version,
}

impl Search<'_> {
    /// `__lookup_name` and `name_from_dns_search`.
    fn addresses(&self, settings: &Settings, trail: &mut Trail) -> Outcome {
        if self.name.is_empty() || self.name.len() > NAME_CHARACTERS_MAX {
            return Outcome::NoName;
        }
        if let Some(address) = numeric::c(self.name) {
            let is_other = if address.is_ipv4() { self.lookup == Lookup::Ipv6 } else { self.lookup == Lookup::Ipv4 };
            return if is_other { self.no_data() } else { Outcome::Literal };
        }
        let relative = self.name.strip_suffix('.').unwrap_or(self.name);
        if relative.is_empty() || relative.ends_with('.') {
            return Outcome::NoName;
        }
        let is_searched = self.name.matches('.').count() < settings.ndots && relative == self.name;
        let domains = settings.search.iter().filter(|_| is_searched);
        // Longer candidates are left out, of which some shorter ones are no names either.
        let domains = domains.filter(|domain| relative.len() + 1 + domain.len() < CANDIDATE_CHARACTERS_END);
        let candidates = domains.map(|domain| format!("{relative}.{domain}")).chain([self.name.to_owned()]);
        for candidate in candidates {
            if let Some(outcome) = self.candidate(candidate, trail) {
                return outcome;
            }
        }
        Outcome::NoName
    }

    /// `name_from_dns`: none where the search goes on.
    fn candidate(&self, candidate: String, trail: &mut Trail) -> Option<Outcome> {
        let Ok(name) = Name::parse(&candidate) else {
            if self.is_broken(&candidate) {
                trail.not_asked(candidate, Heard::BrokenPacket, Then::Ends);
                return Some(Outcome::TryAgain);
            }
            let (then, outcome) = match self.version {
                Version::Until123 => (Then::Ends, Some(Outcome::NoName)),
                Version::Since124 => (Then::GoesOn, None),
            };
            trail.not_asked(candidate, Heard::NotAName, then);
            return outcome;
        };
        let replies: Vec<_> = self.lookup.types().into_iter().map(|qtype| trail.ask(&name, qtype)).collect();
        let heard = heard(&replies);
        let (then, outcome) = match heard {
            Reply::Answer => (Then::Done, Some(Outcome::Found)),
            Reply::NxDomain => (Then::GoesOn, None),
            Reply::NoData | Reply::Alias => (Then::Ends, Some(self.no_data())),
            _ => (Then::Ends, Some(Outcome::TryAgain)),
        };
        trail.asked(candidate, name, replies, heard, then);
        outcome
    }

    /// `res_query`, whose other name is `res_search`.
    fn records(&self, trail: &mut Trail) -> Outcome {
        let Lookup::Records(qtype) = self.lookup else { return Outcome::Failed };
        let Some(name) = Name::parse(self.name).ok().filter(|_| qtype <= TYPE_MAX) else {
            if self.is_broken(self.name) {
                trail.not_asked(self.name.to_owned(), Heard::BrokenPacket, Then::Ends);
                return Outcome::TryAgain;
            }
            trail.not_asked(self.name.to_owned(), Heard::NotAName, Then::Ends);
            return Outcome::Failed;
        };
        let replies = vec![trail.ask(&name, qtype)];
        let heard = heard(&replies);
        let (then, outcome) = match heard {
            Reply::Answer | Reply::Alias => (Then::Done, Outcome::Found),
            Reply::NxDomain => (Then::Ends, Outcome::NoName),
            Reply::NoData => (Then::Ends, Outcome::NoData),
            _ => (Then::Ends, Outcome::TryAgain),
        };
        trail.asked(self.name.to_owned(), name, replies, heard, then);
        outcome
    }

    /// `res_mkquery` does not notice a second dot at the end, and writes it where the root label belongs.
    fn is_broken(&self, candidate: &str) -> bool {
        let rest = candidate.strip_suffix("..").filter(|rest| !rest.is_empty() && !rest.ends_with('.'));
        self.version == Version::Until123 && rest.is_some_and(|rest| Name::parse(rest).is_ok())
    }

    /// What a program is told where there is a name and no address of the family.
    fn no_data(&self) -> Outcome {
        match self.version {
            Version::Until123 => Outcome::NoName,
            Version::Since124 => Outcome::NoData,
        }
    }
}

/// The replies are looked at in order, and the first one that is not NOERROR decides: an answer beside
/// an NXDOMAIN is thrown away.
fn heard(replies: &[(u16, Reply)]) -> Reply {
    let all = || replies.iter().map(|(_, reply)| *reply);
    let is_noerror = |reply: &Reply| matches!(reply, Reply::Answer | Reply::Alias | Reply::NoData);
    all()
        .find(|reply| !is_noerror(reply))
        .or_else(|| all().find(|reply| *reply == Reply::Answer))
        .unwrap_or_else(|| all().find(|reply| *reply == Reply::Alias).unwrap_or(Reply::NoData))
}

const NAME_CHARACTERS_MAX: usize = 254;
/// `canon` has 256 octets with the last one.
const CANDIDATE_CHARACTERS_END: usize = 256;
/// `res_mkquery` takes a type for an octet.
const TYPE_MAX: u16 = 255;
