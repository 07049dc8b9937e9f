//! What the server finishes itself, so that a client need not walk its search list.
//!
//! Two kinds of clients leave names unfinished. One has no search list (`dig @server web`): the
//! server walks its own, [`SearchList`]. The other has a list and begins with its first domain:
//! `www.example.com.shop.svc.cluster.local` is what a pod of `shop` asks first for
//! `www.example.com`. That name carries its own evidence ([`Evidence`]), so the rest of the list can
//! be walked at once, whoever asks and from wherever. Where Pods are watched for their names, a client that is one
//! of them tells its namespace by its address too: then only what its own list begins is completed.

use crate::{
    answers::{question::QueryName, service::SVC},
    records::{
        name::{Labels, Name, in_front_of},
        zone::Zone,
    },
};

/// A search list for clients without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchList {
    /// In their order.
    pub domains: Vec<Name>,
    /// Names with fewer dots are looked for in the domains.
    pub ndots: u8,
}

impl SearchList {
    /// Whether a name is looked for in the domains before it is asked as it is: if programs ask
    /// for this type. Resolvers that walk down the tree ask for others, and mean what they write.
    #[inline]
    pub fn applies(&self, name: &QueryName, qtype: u16) -> bool {
        (1..=usize::from(self.ndots)).contains(&name.labels()) && LOOKED_UP.contains(&qtype)
    }
}

/// How names are completed that carry their evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// In these namespaces nothing is completed. Labels in wire form and lower case.
    pub except_namespaces: Vec<Box<[u8]>>,
    /// Whether a name may be found in a namespace that is called like a top-level domain: then
    /// whoever owns a namespace `com` could answer for `example.com` (CVE-2022-2837).
    pub top_level_namespaces: bool,
    /// What stands in the search lists of Pods behind the domains of the cluster.
    pub node_domains: Vec<Name>,
    /// Whether a client that is a Pod, by its address, is completed in its own namespace alone. Views without verified
    /// Pods know of none.
    pub by_address: bool,
}

/// What became of a name that was not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// Found in a domain of the server's own search list.
    Expanded,
    /// Found further down the client's list.
    Completed,
    /// The namespace is excepted.
    Excepted,
    /// The client is a Pod of another namespace: the name is whole as it is.
    Foreign,
    /// It would have been found in a namespace that is called like a top-level domain.
    TopLevel,
    /// The rest of the list lies outside of what is served here.
    Outside,
    /// The whole list has no such name.
    Nowhere,
}

impl Finished {
    /// All of them, in their order.
    pub const ALL: [Self; 7] =
        [Self::Expanded, Self::Completed, Self::Excepted, Self::Foreign, Self::TopLevel, Self::Outside, Self::Nowhere];

    /// What metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expanded => "expanded",
            Self::Completed => "completed",
            Self::Excepted => "excepted_namespace",
            Self::Foreign => "foreign_namespace",
            Self::TopLevel => "top_level_namespace",
            Self::Outside => "outside",
            Self::Nowhere => "nowhere",
        }
    }
}

/// Whether labels in wire form end as names of the world do.
pub fn is_top_level(labels: &[u8]) -> bool {
    let last = Labels(labels).last();
    last.and_then(|label| std::str::from_utf8(label).ok()).is_some_and(tld::exist)
}

/// A, CNAME, PTR, MX, TXT, AAAA, SRV, NAPTR, SVCB, HTTPS.
const LOOKED_UP: [u16; 10] = [1, 5, 12, 15, 16, 28, 33, 35, 64, 65];

/// A name of the form `BASE.NAMESPACE.svc.ZONE`.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'n> {
    /// What was looked for, in wire form without the root label: at least two labels, for a single
    /// one is a Service of the namespace or nothing.
    pub base: &'n [u8],
    /// From where, as one label in wire form.
    pub namespace: &'n [u8],
}

impl<'n> Evidence<'n> {
    /// The evidence of a name that `zone` does not have.
    #[inline]
    pub fn of(name: &'n QueryName, zone: &Zone) -> Option<Self> {
        let below = name.labels() - zone.labels;
        if below < 4 || zone.reverse || name.label(below - 1) != SVC {
            return None;
        }
        Some(Self { base: name.span(0, below - 2), namespace: name.label(below - 2) })
    }

    /// Whether the base itself says that it belongs to the cluster: such a name never leaves it.
    pub fn stays(&self, zone: &Zone) -> bool {
        let apex = zone.apex.wire();
        // Of the apex too the root label is left away.
        [SVC, &apex[..apex.len() - 1]].into_iter().any(|end| in_front_of(self.base, end).is_some())
    }
}
