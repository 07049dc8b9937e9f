//! The entries of a file like /etc/hosts, as they are looked up.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use foldhash::quality::RandomState;

use super::super::zones::Zones;
use crate::{
    answers::question::QueryName,
    records::name::{Name, in_front_of},
};

/// Names with their addresses, and addresses with their names.
#[derive(Debug, Default)]
pub(super) struct Table {
    names: Map<Box<[u8]>, Addresses>,
    /// By what is behind the asterisk.
    wildcards: Map<Box<[u8]>, Addresses>,
    reverse: Map<IpAddr, Reverse>,
    /// Names of addresses and addresses of names, as CoreDNS counts them.
    pub(super) entries: u64,
    pub(super) bad: Bad,
}

/// Lines that are no entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) lines: usize,
    /// Of the first of them, counted from one.
    pub(super) first: usize,
}

/// The addresses of a name, each once and in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    pub(super) v4: Vec<Ipv4Addr>,
    pub(super) v6: Vec<Ipv6Addr>,
    /// Of the first of them, counted from one.
    pub(super) line: usize,
}

/// The names of an address, in the order of the file.
#[derive(Debug, Default)]
struct Reverse {
    names: Vec<Name>,
    /// Of the first of them, counted from one.
    line: usize,
}

type Map<K, V> = HashMap<K, V, RandomState>;

/// Names of one file: with 200 octets for each, some 13 MB.
pub const NAMES_MAX: usize = 65_536;
/// Of one name: two thousand AAAA records fill a message.
const ADDRESSES_MAX: usize = 2_000;

impl Table {
    /// Reads entries: an address, then names. Those outside of `zones` are passed over. None where there
    /// are more than [`NAMES_MAX`] names.
    pub(super) fn read(text: &str, zones: &Zones, reverse: bool) -> Option<Self> {
        let (mut table, mut left) = (Self::default(), NAMES_MAX);
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace().peekable();
            let Some(first) = words.next() else { continue };
            let address = address(first).filter(|_| words.peek().is_some());
            let mut is_good = address.is_some();
            for word in words {
                let (Some(address), Ok(name)) = (address, Name::parse(word)) else {
                    is_good = false;
                    continue;
                };
                left = left.checked_sub(1)?;
                table.add(address, name.to_lower(), index + 1, zones, reverse);
            }
            if !is_good {
                table.bad.lines += 1;
                table.bad.first = if table.bad.first == 0 { index + 1 } else { table.bad.first };
            }
        }
        Some(table)
    }

    fn add(&mut self, address: IpAddr, name: Name, line: usize, zones: &Zones, reverse: bool) {
        if !zones.has_all(name.wire()) {
            return;
        }
        let (addresses, is_wildcard) = match name.wire().strip_prefix(b"\x01*") {
            Some(behind) => (self.wildcards.entry(behind.into()).or_default(), true),
            None => (self.names.entry(name.wire().into()).or_default(), false),
        };
        if !addresses.add(address) {
            return;
        }
        note_first(&mut addresses.line, line);
        self.entries += 1;
        if reverse && !is_wildcard {
            self.entries += 1;
            let known = self.reverse.entry(address).or_default();
            note_first(&mut known.line, line);
            known.names.push(name);
        }
    }

    /// The addresses of a name, and of the wildcard above it that it may fall to.
    pub(super) fn of(&self, name: &QueryName) -> (Option<&Addresses>, Option<&Addresses>) {
        // An asterisk has a name behind it.
        let above = (name.labels() > 1 && !self.wildcards.is_empty()).then(|| &name.wire()[name.start(1)..]);
        (self.names.get(name.wire()), above.and_then(|above| self.wildcards.get(above)))
    }

    /// The names of an address.
    pub(super) fn names(&self, address: IpAddr) -> &[Name] {
        self.reverse.get(&address).map_or(&[], |known| &known.names)
    }

    /// On which line a name gets its first address.
    pub(super) fn line_of(&self, name: &QueryName) -> Option<usize> {
        let (exact, wild) = self.of(name);
        exact.or(wild).map(|addresses| addresses.line)
    }

    /// On which line an address gets its first name.
    pub(super) fn line_of_address(&self, address: IpAddr) -> Option<usize> {
        self.reverse.get(&address).map(|known| known.line)
    }

    /// Whether some name below `tree` has addresses.
    pub(super) fn meets(&self, tree: &[u8]) -> bool {
        let mut names = self.names.keys().chain(self.wildcards.keys());
        names.any(|name| in_front_of(name, tree).is_some())
    }
}

impl Addresses {
    /// Whether it was new, and had room.
    fn add(&mut self, address: IpAddr) -> bool {
        fn push<T: PartialEq>(list: &mut Vec<T>, one: T) -> bool {
            let is_new = list.len() < ADDRESSES_MAX && !list.contains(&one);
            if is_new {
                list.push(one);
            }
            is_new
        }
        match address {
            IpAddr::V4(v4) => push(&mut self.v4, v4),
            IpAddr::V6(v6) => push(&mut self.v6, v6),
        }
    }
}

fn note_first(known: &mut usize, line: usize) {
    if *known == 0 {
        *known = line;
    }
}

/// An address; its interface says nothing to others.
pub(super) fn address(word: &str) -> Option<IpAddr> {
    let address = word.split('%').next().unwrap_or_default();
    address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}
