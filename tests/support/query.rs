//! Questions as octets, whether or not anybody would send such.

use std::str::FromStr;

use clusterdns::records::name::Name;
use hickory_proto::rr::RecordType;

/// A message with one question.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) id: u16,
    pub(crate) flags: u16,
    /// Questions, answers, authorities; additionals follow from the rest.
    pub(crate) counts: [u16; 3],
    /// In wire form.
    pub(crate) name: Vec<u8>,
    pub(crate) qtype: u16,
    pub(crate) qclass: u16,
    pub(crate) opts: Vec<Opt>,
    /// Behind everything else.
    pub(crate) tail: Vec<u8>,
}

/// An OPT record.
#[derive(Clone, Debug)]
pub(crate) struct Opt {
    pub(crate) size_octets: u16,
    pub(crate) version: u8,
    pub(crate) dnssec_ok: bool,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

impl Query {
    /// As a stub resolver asks: recursion desired.
    pub(crate) fn new(name: &str, qtype: &str) -> Self {
        let qtype = match qtype {
            "IXFR" => 251,
            "TYPE0" => 0,
            known => RecordType::from_str(known).expect("a record type").into(),
        };
        Self {
            id: 0x1234,
            flags: 0x0100,
            counts: [1, 0, 0],
            name: Name::parse(name).expect("a name").wire().to_vec(),
            qtype,
            qclass: 1,
            opts: Vec::new(),
            tail: Vec::new(),
        }
    }

    /// With EDNS and this payload size.
    pub(crate) fn edns(self, size_octets: u16) -> Self {
        self.opt(Opt { size_octets, version: 0, dnssec_ok: false, options: Vec::new() })
    }

    /// With one more OPT record.
    pub(crate) fn opt(mut self, opt: Opt) -> Self {
        self.opts.push(opt);
        self
    }

    /// With the changes of `change`.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let [questions, answers, authorities] = self.counts;
        let mut packet = Vec::new();
        for word in [self.id, self.flags, questions, answers, authorities, self.opts.len() as u16] {
            packet.extend(word.to_be_bytes());
        }
        packet.extend(&self.name);
        packet.extend(self.qtype.to_be_bytes());
        packet.extend(self.qclass.to_be_bytes());
        for opt in &self.opts {
            let options: Vec<u8> = opt
                .options
                .iter()
                .flat_map(|(code, data)| [&code.to_be_bytes(), &(data.len() as u16).to_be_bytes(), &data[..]].concat())
                .collect();
            packet.extend([0, 0, 41]);
            packet.extend(opt.size_octets.to_be_bytes());
            packet.extend([0, opt.version, if opt.dnssec_ok { 0x80 } else { 0 }, 0]);
            packet.extend((options.len() as u16).to_be_bytes());
            packet.extend(options);
        }
        packet.extend(&self.tail);
        packet
    }
}
