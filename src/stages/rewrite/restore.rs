//! What is done to the reply of a question that was another one.

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{Name, RData, Record},
    serialize::binary::{BinDecodable, BinEncodable},
};

use super::{
    super::{
        pattern::{Pattern, Replacement},
        text,
    },
    matches::{Match, Rename},
};

/// A change of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restore {
    /// Whose records they are.
    Owner(Revert),
    /// The names that they hold.
    Value(Revert),
    /// Bounds of their TTLs.
    Ttl {
        /// The lowest, in seconds.
        secs_min: u32,
        /// The highest.
        secs_max: u32,
    },
    /// Another rcode.
    Rcode {
        /// In place of this,
        from: u16,
        /// this.
        to: u16,
    },
    /// Another target of a CNAME: whoever asks must look it up.
    Target(Rename),
}

/// Names that become again what they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revert {
    /// A name, and what is below it.
    Name {
        /// In place of this,
        from: String,
        /// this.
        to: String,
    },
    /// The end of names.
    Suffix {
        /// In place of this,
        from: String,
        /// this.
        to: String,
    },
    /// Names in which a pattern is found.
    Pattern(Pattern, Replacement),
}

impl Revert {
    /// What undoes a renaming of `before` to `after`. That of an end undoes it for all names that end so.
    pub(super) fn of(rename: &Rename, before: &str, after: &str) -> Self {
        match &rename.of {
            Match::Suffix(end) => Self::Suffix { from: rename.to.expand(None), to: end.clone() },
            _ => Self::Name { from: after.to_owned(), to: before.to_owned() },
        }
    }

    /// What a name becomes. None where it stays.
    fn apply(&self, name: &str) -> Option<String> {
        match self {
            Self::Name { from, to } => {
                let front = name.strip_suffix(&**from)?;
                (front.is_empty() || front.ends_with('.')).then(|| front.to_owned() + to)
            }
            Self::Suffix { from, to } => Some(name.strip_suffix(&**from)?.to_owned() + to),
            Self::Pattern(pattern, to) => Some(to.expand(Some(&pattern.captures(name)?))),
        }
    }

    fn name(&self, name: &mut Name) -> Option<()> {
        let before = text::of_wire(&name.to_bytes().ok()?);
        if let Some(after) = self.apply(&before).filter(|after| *after != before) {
            *name = Name::from_bytes(&text::wire(&after)?).ok()?;
        }
        Some(())
    }
}

impl Restore {
    /// Changes a reply. None where a name of it would be none any more.
    pub fn apply(&self, reply: &mut Message) -> Option<()> {
        let Message { answers, authorities, additionals, metadata, .. } = reply;
        let mut records = answers.iter_mut().chain(authorities).chain(additionals);
        match self {
            Self::Owner(revert) => records.try_for_each(|record| revert.name(&mut record.name)),
            Self::Value(revert) => records.filter_map(held).try_for_each(|name| revert.name(name)),
            Self::Ttl { secs_min, secs_max } => {
                records.for_each(|record| record.ttl = record.ttl.clamp(*secs_min, *secs_max));
                Some(())
            }
            Self::Rcode { .. } => {
                let rcode = self.rcode(metadata.response_code.into());
                metadata.response_code = ResponseCode::from((rcode >> 4) as u8, (rcode & 15) as u8);
                Some(())
            }
            Self::Target(_) => Some(()),
        }
    }

    /// What an rcode becomes.
    pub fn rcode(&self, is: u16) -> u16 {
        match self {
            Self::Rcode { from, to } if is == *from => *to,
            _ => is,
        }
    }
}

impl Rename {
    /// The first CNAME of a reply whose target becomes another, and the other in wire form.
    pub fn target(&self, reply: &Message) -> Option<(usize, Vec<u8>)> {
        reply.answers.iter().enumerate().find_map(|(index, record)| {
            let RData::CNAME(target) = &record.data else { return None };
            let target = text::of_wire(&target.0.to_bytes().ok()?).to_ascii_lowercase();
            Some((index, text::wire(&self.apply(&target)?)?))
        })
    }
}

/// The name that a record holds.
fn held(record: &mut Record) -> Option<&mut Name> {
    match &mut record.data {
        RData::CNAME(cname) => Some(&mut cname.0),
        RData::NS(ns) => Some(&mut ns.0),
        RData::PTR(ptr) => Some(&mut ptr.0),
        RData::MX(mx) => Some(&mut mx.exchange),
        RData::SRV(srv) => Some(&mut srv.target),
        RData::SOA(soa) => Some(&mut soa.mname),
        RData::NAPTR(naptr) => Some(&mut naptr.replacement),
        _ => None,
    }
}
