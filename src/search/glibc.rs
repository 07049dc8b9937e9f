//! glibc: resolv/res_query.c, res_send.c and nss_dns/dns-host.c, sysdeps/posix/getaddrinfo.c.
//!
//! A name with enough dots is asked as it is, then the list, then the name as it is unless that was
//! done. NXDOMAIN, NODATA and SERVFAIL lead to the next domain; everything else ends the list, but
//! not the search. The first error that was heard for the name as it is outlives all others.

use std::borrow::Cow;

use super::{
    Heard, Lookup, Outcome, Reply, Settings, Then, numeric,
    walk::{A, AAAA, Trail},
};
use crate::records::name::Name;

pub(super) fn walk(settings: &Settings, name: &str, lookup: Lookup, trail: &mut Trail) -> Outcome {
    if lookup.is_for_addresses() {
        match numeric::c(name) {
            Some(address) if lookup == Lookup::Ipv6 && address.is_ipv4() => return Outcome::OtherFamily,
            Some(address) if lookup == Lookup::Ipv4 && address.to_canonical().is_ipv6() => return Outcome::OtherFamily,
            Some(_) => return Outcome::Literal,
            None if !is_host_name(name) || lookup == Lookup::Ipv4 && is_failed_address(name) => return Outcome::NoName,
            None => {}
        }
    }
    let mut search = Search { settings, name, lookup, single: settings.single_request, last: Problem::HostNotFound };
    match search.run(trail) {
        Ok(outcome) => outcome,
        Err(problem) => search.outcome(problem),
    }
}

/// `h_errno`.
#[derive(Clone, Copy, PartialEq)]
enum Problem {
    HostNotFound,
    NoData,
    /// No usable reply, but perhaps this one, which decides whether the list goes on.
    TryAgain(Reply),
    NoRecovery,
}

struct Search<'a> {
    settings: &'a Settings,
    name: &'a str,
    lookup: Lookup,
    /// A and AAAA are asked one after the other.
    single: bool,
    /// What came of the last candidate.
    last: Problem,
}

/// What came up in the search list.
#[derive(Default)]
struct Noted {
    no_data: bool,
    servfail: bool,
    /// The list has a `.`, so the name as it is was asked.
    root: bool,
}

impl Search<'_> {
    /// `__res_context_search`.
    fn run(&mut self, trail: &mut Trail) -> Result<Outcome, Problem> {
        let dots = self.name.matches('.').count();
        let is_absolute = self.name.ends_with('.');
        let as_is_first = dots >= self.settings.ndots || is_absolute;
        let mut of_as_is = None;
        if as_is_first {
            match self.candidate(self.name.to_owned(), trail) {
                Ok(outcome) => return Ok(outcome),
                Err(problem) if is_absolute => return Err(problem),
                Err(problem) => of_as_is = Some(problem),
            }
        }
        let mut noted = Noted::default();
        if let Some(outcome) = self.list(&mut noted, trail) {
            return Ok(outcome);
        }
        let is_left_out = dots == 0 && self.settings.no_tld_query && !self.settings.search.is_empty();
        if !as_is_first
            && !noted.root
            && !is_left_out
            && let Ok(outcome) = self.candidate(self.name.to_owned(), trail)
        {
            return Ok(outcome);
        }
        Err(match of_as_is {
            Some(problem) => problem,
            None if noted.no_data => Problem::NoData,
            None if noted.servfail => Problem::TryAgain(Reply::ServFail),
            None => self.last,
        })
    }

    /// The search list, as far as it goes.
    fn list(&mut self, noted: &mut Noted, trail: &mut Trail) -> Option<Outcome> {
        for domain in &self.settings.search {
            let domain = domain.strip_prefix('.').unwrap_or(domain);
            noted.root |= domain.is_empty();
            match self.candidate(format!("{}.{domain}", self.name), trail) {
                Ok(outcome) => return Some(outcome),
                Err(Problem::HostNotFound) => {}
                Err(Problem::NoData) => noted.no_data = true,
                Err(Problem::TryAgain(Reply::ServFail)) => noted.servfail = true,
                Err(_) => {
                    trail.leaves_list();
                    break;
                }
            }
        }
        None
    }

    /// `__res_context_querydomain`: one candidate, all types.
    fn candidate(&mut self, candidate: String, trail: &mut Trail) -> Result<Outcome, Problem> {
        let name = unescaped(&candidate).and_then(|text| Name::parse(&text).ok());
        let Some(name) = name.filter(|_| !candidate.is_empty()) else {
            trail.not_asked(candidate, Heard::NotAName, Then::GoesOn);
            self.last = Problem::NoRecovery;
            return Err(self.last);
        };
        let replies = self.ask(&name, trail);
        let heard = self.heard(&replies);
        let then = match heard {
            Reply::Answer => Then::Done,
            Reply::Alias if !self.lookup.is_for_addresses() => Then::Done,
            _ => Then::GoesOn,
        };
        trail.asked(candidate, name, replies, heard, then);
        self.last = match heard {
            Reply::Answer => return Ok(Outcome::Found),
            // A CNAME is an answer, until somebody looks for addresses in it.
            Reply::Alias => {
                return Ok(match self.lookup {
                    Lookup::Records(_) => Outcome::Found,
                    Lookup::Ipv4 => Outcome::NoData,
                    Lookup::Addresses | Lookup::Ipv6 => Outcome::NoName,
                });
            }
            Reply::NoData => Problem::NoData,
            Reply::NxDomain => Problem::HostNotFound,
            Reply::Other => Problem::NoRecovery,
            Reply::ServFail | Reply::Refused | Reply::NotImp | Reply::Timeout => Problem::TryAgain(heard),
        };
        Err(self.last)
    }

    /// `send_dg`: both types at once, or the second after the first.
    fn ask(&mut self, name: &Name, trail: &mut Trail) -> Vec<(u16, Reply)> {
        let types = match self.lookup {
            Lookup::Addresses if self.settings.no_aaaa => vec![A],
            _ if self.asks_a_for_aaaa() => vec![A],
            lookup => lookup.types(),
        };
        let mut replies = Vec::new();
        for qtype in types {
            if self.single && replies.last().is_some_and(|(_, reply)| is_useless(*reply)) {
                break;
            }
            replies.push(trail.ask(name, qtype));
        }
        // Who answers one of two questions may mind that there are two.
        let timeouts = replies.iter().filter(|(_, reply)| *reply == Reply::Timeout).count();
        self.single |= timeouts == 1 && replies.iter().any(|(_, reply)| !is_useless(*reply));
        replies
    }

    /// `__res_context_query`: one of two replies is enough if the other is an error. If the first one
    /// stays away, glibc asks for it alone until it gives up.
    fn heard(&self, replies: &[(u16, Reply)]) -> Reply {
        let all = || replies.iter().map(|(_, reply)| *reply);
        let useful = || all().filter(|reply| !is_useless(*reply));
        let heard = match all().next() {
            Some(Reply::Timeout) if useful().next().is_some() => Reply::Timeout,
            _ => useful()
                .find(|reply| *reply == Reply::Answer)
                .or_else(|| useful().find(|reply| *reply == Reply::Alias))
                .or_else(|| useful().find(|reply| *reply != Reply::NoData))
                .or_else(|| useful().next())
                .or_else(|| all().find(|reply| *reply != Reply::Timeout))
                .unwrap_or(Reply::Timeout),
        };
        match heard {
            // `__res_handle_no_aaaa` hides what it got, and that it got nothing.
            Reply::Answer | Reply::Alias | Reply::Timeout if self.asks_a_for_aaaa() => Reply::NoData,
            heard => heard,
        }
    }

    /// With `no-aaaa` a question for A shows whether the name exists.
    fn asks_a_for_aaaa(&self) -> bool {
        self.settings.no_aaaa && matches!(self.lookup, Lookup::Ipv6 | Lookup::Records(AAAA))
    }

    /// What `getaddrinfo` or `res_search` make of `h_errno`.
    fn outcome(&self, problem: Problem) -> Outcome {
        // gethostbyname, which is asked for IPv4 alone, looks at what came last.
        let is_last = matches!(self.last, Problem::TryAgain(_));
        match problem {
            Problem::TryAgain(_) if self.lookup == Lookup::Ipv4 && !is_last => Outcome::NoName,
            Problem::HostNotFound | Problem::NoRecovery if self.lookup == Lookup::Ipv4 && is_last => Outcome::NoData,
            Problem::HostNotFound => Outcome::NoName,
            Problem::NoData => Outcome::NoData,
            Problem::TryAgain(_) => Outcome::TryAgain,
            Problem::NoRecovery if self.lookup.is_for_addresses() => Outcome::NoName,
            Problem::NoRecovery => Outcome::Failed,
        }
    }
}

/// A reply after which glibc tries the next server, and goes by the other type's if there is one.
fn is_useless(reply: Reply) -> bool {
    matches!(reply, Reply::ServFail | Reply::Refused | Reply::NotImp | Reply::Timeout)
}

/// `__libc_res_hnok`: nothing else may be the name of a host.
fn is_host_name(name: &str) -> bool {
    let Some(text) = unescaped(name) else { return false };
    let is_legal = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    text.chars().all(is_legal) && !text.starts_with('-') && Name::parse(&text).is_ok()
}

/// `__nss_hostname_digits_dots`: nothing but digits and dots, and yet no address.
fn is_failed_address(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.')
        && !name.ends_with('.')
}

/// Text behind backslashes as `ns_name_pton` takes it. An escaped dot or an octet beyond ASCII is
/// taken for no name, which is right for hosts.
fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('\\') {
        return Some(text.into());
    }
    let (mut plain, mut rest) = (String::new(), text.chars());
    while let Some(character) = rest.next() {
        plain.push(match character {
            '\\' => escaped(&mut rest).filter(|octet| *octet != '.' && octet.is_ascii())?,
            _ => character,
        });
    }
    Some(plain.into())
}

/// One character behind a backslash, or three digits.
fn escaped(rest: &mut std::str::Chars) -> Option<char> {
    let first = rest.next()?;
    let Some(hundreds) = first.to_digit(10) else { return Some(first) };
    let number = (hundreds * 10 + rest.next()?.to_digit(10)?) * 10 + rest.next()?.to_digit(10)?;
    char::from_u32(number).filter(|_| number <= 255)
}
