//! The walk itself: what every resolver has in common, and the words for it.

use std::fmt;

use super::{ResolvConf, Resolver, glibc, go, musl};
use crate::records::name::Name;

/// What a program asks its resolver for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lookup {
    /// Addresses of any family: `getaddrinfo` of `AF_UNSPEC`, `net.LookupHost`. A and AAAA are asked
    /// together.
    Addresses,
    /// Addresses of IPv4: `getaddrinfo` of `AF_INET`.
    Ipv4,
    /// Addresses of IPv6: `getaddrinfo` of `AF_INET6`.
    Ipv6,
    /// Records of one type (QTYPE): `res_search`, `net.LookupSRV`.
    Records(u16),
}

/// What a name server says to one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// NOERROR with records of the type that was asked for.
    Answer,
    /// NOERROR with a CNAME, behind which there is nothing of the type.
    Alias,
    /// NOERROR without an answer.
    NoData,
    /// The name does not exist.
    NxDomain,
    /// The server does not know.
    ServFail,
    /// The server does not want to.
    Refused,
    /// The server cannot.
    NotImp,
    /// Any other RCODE.
    Other,
    /// Nothing came, to none of the attempts.
    Timeout,
}

/// Where a search went, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// Whose search it is.
    pub resolver: Resolver,
    /// What for.
    pub lookup: Lookup,
    /// Every candidate that came up, in order.
    pub steps: Vec<Step>,
    /// What the program gets.
    pub outcome: Outcome,
}

/// One candidate for the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The name as the resolver put it together.
    pub candidate: String,
    /// The name that was asked for; none where the candidate is no name and nothing was sent.
    pub name: Option<Name>,
    /// The types that were asked for, and what came.
    pub replies: Vec<(u16, Reply)>,
    /// What the resolver took the replies for.
    pub heard: Heard,
    /// What it did then.
    pub then: Then,
}

/// What a resolver takes the replies to one candidate for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Heard {
    /// One reply stands for them all.
    Reply(Reply),
    /// The candidate is no name: nothing was sent.
    NotAName,
    /// musl up to 1.2.3 sends a packet that nobody can read when the candidate ends in two dots.
    BrokenPacket,
}

/// Where a resolver goes from a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Then {
    /// It has what it wants.
    Done,
    /// To the next candidate.
    GoesOn,
    /// Past the rest of the search list, to the name as it is.
    LeavesList,
    /// Nowhere.
    Ends,
}

/// What a program gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The last step's records.
    Found,
    /// The name is an address: nothing was asked.
    Literal,
    /// The name is an address of another family: nothing was asked.
    OtherFamily,
    /// The name does not exist, as far as the program can tell.
    NoName,
    /// It exists without such records.
    NoData,
    /// Nobody knows; it may work later.
    TryAgain,
    /// It went wrong in a way that will not get better.
    Failed,
    /// Neither records nor an error: Go, where it has no candidate at all.
    Nothing,
}

/// A question of a search: a name, and the types that are asked for together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name.
    pub name: Name,
    /// QTYPEs.
    pub types: Vec<u16>,
}

/// Follows a resolver through the search for a name. `answer` says what a name server replies.
pub fn walk(
    conf: &ResolvConf,
    name: &str,
    resolver: Resolver,
    lookup: Lookup,
    mut answer: impl FnMut(&Name, u16) -> Reply,
) -> Walk {
    // C ends a text there.
    let name = name.split('\0').next().unwrap_or_default();
    let settings = conf.settings(resolver);
    let mut trail = Trail { answer: &mut answer, steps: Vec::new() };
    let outcome = match resolver {
        Resolver::Glibc | Resolver::GlibcOld => glibc::walk(&settings, name, lookup, &mut trail),
        Resolver::Musl => musl::walk(&settings, name, lookup, musl::Version::Since124, &mut trail),
        Resolver::MuslOld => musl::walk(&settings, name, lookup, musl::Version::Until123, &mut trail),
        Resolver::Go => go::walk(&settings, name, lookup, &mut trail),
    };
    let mut steps = trail.steps;
    if let Some(last) = steps.last_mut().filter(|last| last.then != Then::Done) {
        last.then = Then::Ends;
    }
    Walk { resolver, lookup, steps, outcome }
}

/// Every question that a name can lead to: those asked where no name exists.
pub fn questions(conf: &ResolvConf, name: &str, resolver: Resolver, lookup: Lookup) -> Vec<Question> {
    let walk = walk(conf, name, resolver, lookup, |_, _| Reply::NxDomain);
    let asked = walk.steps.into_iter().filter_map(|step| {
        Some(Question { name: step.name?, types: step.replies.into_iter().map(|(qtype, _)| qtype).collect() })
    });
    asked.collect()
}

/// The steps so far.
pub(super) struct Trail<'a> {
    answer: &'a mut dyn FnMut(&Name, u16) -> Reply,
    pub(super) steps: Vec<Step>,
}

impl Trail<'_> {
    /// What the server says to this question.
    pub(super) fn ask(&mut self, name: &Name, qtype: u16) -> (u16, Reply) {
        (qtype, (self.answer)(name, qtype))
    }

    /// Notes a candidate that was asked for.
    pub(super) fn asked(
        &mut self,
        candidate: String,
        name: Name,
        replies: Vec<(u16, Reply)>,
        heard: Reply,
        then: Then,
    ) {
        self.steps.push(Step { candidate, name: Some(name), replies, heard: Heard::Reply(heard), then });
    }

    /// The last candidate ends the search list.
    pub(super) fn leaves_list(&mut self) {
        if let Some(last) = self.steps.last_mut() {
            last.then = Then::LeavesList;
        }
    }

    /// Notes a candidate that was not.
    pub(super) fn not_asked(&mut self, candidate: String, heard: Heard, then: Then) {
        self.steps.push(Step { candidate, name: None, replies: Vec::new(), heard, then });
    }
}

impl Lookup {
    /// The types that are asked for together.
    pub(super) fn types(self) -> Vec<u16> {
        match self {
            Self::Addresses => vec![A, AAAA],
            Self::Ipv4 => vec![A],
            Self::Ipv6 => vec![AAAA],
            Self::Records(qtype) => vec![qtype],
        }
    }

    /// Whether it goes through `getaddrinfo`, which has a mind of its own, or its like.
    pub(super) fn is_for_addresses(self) -> bool {
        !matches!(self, Self::Records(_))
    }
}

impl Walk {
    /// Whether the program gets what it wants.
    pub fn resolves(&self) -> bool {
        matches!(self.outcome, Outcome::Found | Outcome::Literal)
    }

    /// What the program sees, in the words of its language.
    pub fn program_sees(&self) -> &'static str {
        let is_c = self.resolver != Resolver::Go;
        match (self.outcome, self.lookup.is_for_addresses(), is_c) {
            (Outcome::Found, true, _) => "addresses",
            (Outcome::Found, false, _) => "records",
            (Outcome::Literal, ..) => "the address itself",
            (Outcome::OtherFamily, _, true) => "EAI_ADDRFAMILY",
            (Outcome::OtherFamily, _, false) => "no suitable address found",
            (Outcome::NoName, true, true) => "EAI_NONAME",
            (Outcome::NoName, false, true) => "HOST_NOT_FOUND",
            (Outcome::NoData, true, true) => "EAI_NODATA",
            (Outcome::NoData, false, true) => "NO_DATA",
            (Outcome::TryAgain, true, true) => "EAI_AGAIN",
            (Outcome::TryAgain, false, true) => "TRY_AGAIN",
            (Outcome::Failed, true, true) => "EAI_FAIL",
            (Outcome::Failed, false, true) => "NO_RECOVERY",
            (Outcome::NoName | Outcome::NoData, _, false) => "no such host",
            (Outcome::TryAgain, _, false) => "server misbehaving (temporary), or i/o timeout",
            (Outcome::Failed, _, false) => "server misbehaving",
            (Outcome::Nothing, ..) => "no addresses, and no error",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heard = match self.heard {
            Heard::Reply(Reply::Answer) => "an answer",
            Heard::Reply(Reply::Alias) => "a CNAME to nothing",
            Heard::Reply(Reply::NoData) => "NODATA",
            Heard::Reply(Reply::NxDomain) => "NXDOMAIN",
            Heard::Reply(Reply::ServFail) => "SERVFAIL",
            Heard::Reply(Reply::Refused) => "REFUSED",
            Heard::Reply(Reply::NotImp) => "NOTIMP",
            Heard::Reply(Reply::Other) => "another error",
            Heard::Reply(Reply::Timeout) => "no reply",
            Heard::NotAName => "no legal name, not asked",
            Heard::BrokenPacket => "a broken packet, which nobody answers",
        };
        let then = match self.then {
            Then::Done => "done",
            Then::GoesOn => "goes on",
            Then::LeavesList => "leaves the search list",
            Then::Ends => "ends here",
        };
        write!(f, "{heard}: {then}")
    }
}

/// QTYPEs (RFC 1035, RFC 3596).
pub(super) const A: u16 = 1;
pub(super) const AAAA: u16 = 28;
