//! What a program's resolver makes of a name: which questions it asks, in which order, and where it
//! stops.
//!
//! ```text
//! resolv.conf ─► Settings ─┐
//! name, Lookup ────────────┼─► walk ─► steps, each with the replies and what was made of them
//! answers (a closure) ─────┘           └► what the program sees
//! ```
//!
//! Most of what reaches a cluster's DNS server are names that pods did not mean: their resolver puts
//! each search domain behind a name until one answers. Which one answers, and whether a reply ends
//! the search, differs between the C libraries and Go: NODATA ends it in musl and not in glibc, a
//! REFUSED makes glibc leave its list and Go go on. "It works on Debian and not on Alpine" is
//! explained here, and a server that completes names itself must do what the client would have done.
//!
//! Pure: no file is read and nothing is sent. What decides is taken from the sources of the
//! resolvers and held against the real ones by `tests/resolvers.rs`: glibc 2.36, musl 1.2.3 and Go
//! 1.26, hundreds of lookups each. That test takes the musl and the Go that the machine has; 1.2.5
//! and 1.24 passed it too. What only [`Resolver::GlibcOld`] does is taken from its source.
//!
//! Out of scope: `/etc/hosts` and other sources of nsswitch.conf (where `localhost` comes from; no
//! resolver here treats that name specially), the variables LOCALDOMAIN, RES_OPTIONS and HOSTALIASES,
//! AI_ADDRCONFIG, TCP, and which of several servers is asked how often.
//!
//! ```
//! use clusterdns::search::{Lookup, Reply, ResolvConf, Resolver, walk};
//!
//! // A pod of the namespace `shop` looks up `web.shop`, which has an IPv4 address only.
//! let conf = ResolvConf::for_pod("shop", "cluster.local", &[]);
//! let walk = walk(&conf, "web.shop", Resolver::Glibc, Lookup::Addresses, |name, qtype| {
//!     match (&*name.to_string(), qtype) {
//!         ("web.shop.svc.cluster.local.", 1) => Reply::Answer,
//!         ("web.shop.svc.cluster.local.", _) => Reply::NoData,
//!         _ => Reply::NxDomain,
//!     }
//! });
//! let steps: Vec<_> = walk.steps.iter().map(|step| format!("{} {step}", step.candidate)).collect();
//! assert_eq!(steps, [
//!     "web.shop.shop.svc.cluster.local NXDOMAIN: goes on",
//!     "web.shop.svc.cluster.local an answer: done",
//! ]);
//! assert_eq!(walk.program_sees(), "addresses");
//! ```

pub mod finish;
mod glibc;
mod go;
mod musl;
mod numeric;
mod read;
mod resolv_conf;
mod walk;

pub use read::Settings;
pub use resolv_conf::ResolvConf;
pub use walk::{Heard, Lookup, Outcome, Question, Reply, Step, Then, Walk, questions, walk};

use std::{fmt, str::FromStr};

/// Whose rules are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resolver {
    /// glibc from 2.26 (2017) on.
    Glibc,
    /// glibc up to 2.25: no more than 6 search domains in 255 characters. Taken from its source.
    GlibcOld,
    /// musl from 1.2.4 (2023, Alpine 3.18) on.
    Musl,
    /// musl from 1.1.13 to 1.2.3.
    MuslOld,
    /// Go's own from 1.24 on, which static Go programs use.
    Go,
}

impl Resolver {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Glibc, Self::GlibcOld, Self::Musl, Self::MuslOld, Self::Go];

    /// The name in commands: `glibc`, `glibc-2.25`, `musl`, `musl-1.2.3`, `go`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Glibc => "glibc",
            Self::GlibcOld => "glibc-2.25",
            Self::Musl => "musl",
            Self::MuslOld => "musl-1.2.3",
            Self::Go => "go",
        }
    }
}

impl fmt::Display for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Resolver {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|resolver| resolver.name() == text).ok_or_else(|| format!("not one of {}", names()))
    }
}

#[cfg(test)]
mod tests;
