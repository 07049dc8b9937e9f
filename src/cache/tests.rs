//! What is kept, what is shown, and for how long.

mod limits;
mod renewal;
mod rules;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Cache, Hit, Look, Options, RENEWALS_MAX,
    options::{Kept, Prefetch, ServeStale, Verify},
};
use crate::{
    answers::{
        code,
        foreign::{Foreign, Shown, Ttl},
        question::{AD, CD, Edns, QR, QueryName, Question, RA, RD, TC},
    },
    records::name::Name,
};

/// A cache, a clock that is set by hand, and a client.
struct Bench {
    cache: Cache,
    now: Instant,
}

impl Bench {
    fn new(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::new();
        change(&mut options);
        Self { cache: Cache::new(options), now: Instant::now() }
    }

    fn wait(&mut self, secs: u64) {
        self.now += Duration::from_secs(secs);
    }

    /// Keeps a reply and says which TTL it goes out with.
    fn keep(&self, asked: &Asked, reply: Said) -> u32 {
        ttl_secs(&self.cache.keep(&asked.question(), &asked.read(), &reply.to(asked), self.now))
    }

    fn look(&self, asked: &Asked) -> Look {
        self.cache.look(&asked.question(), &asked.read(), self.now)
    }

    /// The TTL of a reply that holds.
    fn fresh(&self, asked: &Asked) -> Option<u32> {
        match self.look(asked) {
            Look::Hit(hit) => Some(ttl_secs(&hit.shown)),
            _ => None,
        }
    }

    fn hit(&self, asked: &Asked) -> Hit {
        match self.look(asked) {
            Look::Hit(hit) => hit,
            other => panic!("{other:?}"),
        }
    }

    fn stale(&self, asked: &Asked) -> Hit {
        match self.look(asked) {
            Look::Stale(hit) => hit,
            other => panic!("{other:?}"),
        }
    }

    /// What comes of a refresh that upstreams answer so: whether it is shown.
    fn renew(&self, hit: Hit, asked: &Asked, reply: Option<Said>) -> bool {
        let refresh = hit.refresh.expect("the right to renew");
        let reply = reply.map(|reply| reply.to(asked));
        self.cache.renew(refresh, &asked.question(), &asked.read(), reply.as_ref(), self.now).is_some()
    }
}

/// A question.
#[derive(Clone)]
struct Asked {
    name: Vec<u8>,
    flags: u16,
    qtype: u16,
    qclass: u16,
    dnssec_ok: bool,
}

impl Asked {
    fn new(name: &str) -> Self {
        let name = Name::parse(name).expect("a name").wire().to_vec();
        Self { name, flags: RD, qtype: code::A, qclass: code::CLASS_IN, dnssec_ok: false }
    }

    fn question(&self) -> Question<'_> {
        let edns = Edns { size_octets: 1232, version: 0, dnssec_ok: true, options: &[] };
        Question {
            id: 1,
            flags: self.flags,
            name: &self.name,
            qtype: self.qtype,
            qclass: self.qclass,
            edns: self.dnssec_ok.then_some(edns),
            has_soa: false,
        }
    }

    fn read(&self) -> QueryName {
        let mut name = QueryName::new();
        name.read(&self.name).expect("a name");
        name
    }
}

/// What an upstream says.
#[derive(Clone)]
struct Said {
    flags: u16,
    /// Section, type, TTL, data.
    records: Vec<(usize, u16, u32, Vec<u8>)>,
}

impl Said {
    fn rcode(rcode: u16) -> Self {
        Self { flags: QR | RD | RA | rcode, records: Vec::new() }
    }

    fn a(ttl_secs: u32) -> Self {
        Self::rcode(code::NOERROR).with(0, code::A, ttl_secs, &[192, 0, 2, 1])
    }

    fn dangling() -> Self {
        Self::rcode(code::NOERROR).with(0, code::CNAME, 300, b"\x01y\0")
    }

    fn nxdomain(ttl_secs: u32) -> Self {
        Self::rcode(code::NXDOMAIN).soa(ttl_secs)
    }

    fn soa(self, ttl_secs: u32) -> Self {
        self.with(1, code::SOA, ttl_secs, &[&[0; 18][..], &ttl_secs.to_be_bytes()].concat())
    }

    fn with(mut self, section: usize, kind: u16, ttl_secs: u32, data: &[u8]) -> Self {
        self.records.push((section, kind, ttl_secs, data.to_vec()));
        self
    }

    fn flag(mut self, flag: u16) -> Self {
        self.flags |= flag;
        self
    }

    fn to(&self, asked: &Asked) -> Arc<Foreign> {
        let count = |section| self.records.iter().filter(|record| record.0 == section).count() as u16;
        let header = [9, self.flags, 1, count(0), count(1), count(2)].map(u16::to_be_bytes);
        let mut octets = [header.as_flattened(), &asked.name].concat();
        octets.extend_from_slice([asked.qtype, asked.qclass].map(u16::to_be_bytes).as_flattened());
        for (_, kind, ttl_secs, data) in &self.records {
            octets.extend_from_slice([0xc00c, *kind, asked.qclass].map(u16::to_be_bytes).as_flattened());
            octets.extend_from_slice(&ttl_secs.to_be_bytes());
            octets.extend_from_slice(&(data.len() as u16).to_be_bytes());
            octets.extend_from_slice(data);
        }
        Arc::new(Foreign::read(&octets, &asked.question()).expect("a reply"))
    }
}

fn ttl_secs(shown: &Shown) -> u32 {
    match shown.ttl {
        Ttl::All(secs) => secs,
        Ttl::AsIs => panic!("TTLs as they came"),
    }
}

fn www() -> Asked {
    Asked::new("www.example.com")
}
