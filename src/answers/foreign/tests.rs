//! Replies of others, as they come and as they go.

mod hostile;
mod kinds;
mod writing;

use super::{Foreign, Shown, Ttl, Unfit};
use crate::{
    answers::{
        code,
        question::{Edns, QR, Question, RA, RD},
    },
    records::name::Name,
};

/// A message that is put together octet by octet.
#[derive(Clone)]
struct Wire(Vec<u8>);

impl Wire {
    /// The header and the question `www.example.com A`.
    fn new(rcode: u16) -> Self {
        let mut octets = [7, QR | RD | RA | rcode, 1, 0, 0, 0].map(u16::to_be_bytes).as_flattened().to_vec();
        octets.extend_from_slice(WWW);
        octets.extend_from_slice(&[0, 1, 0, 1]);
        Self(octets)
    }

    /// One more record of a section, counted from 0.
    fn record(mut self, section: usize, owner: &[u8], kind: u16, ttl_secs: u32, data: &[u8]) -> Self {
        let count = &mut self.0[6 + 2 * section..8 + 2 * section];
        count.copy_from_slice(&(u16::from_be_bytes([count[0], count[1]]) + 1).to_be_bytes());
        self.0.extend_from_slice(owner);
        self.0.extend_from_slice([kind, code::CLASS_IN].map(u16::to_be_bytes).as_flattened());
        self.0.extend_from_slice(&ttl_secs.to_be_bytes());
        self.0.extend_from_slice(&(data.len() as u16).to_be_bytes());
        self.0.extend_from_slice(data);
        self
    }

    fn a(self, owner: &[u8], last: u8) -> Self {
        self.record(0, owner, code::A, 300, &[192, 0, 2, last])
    }

    fn cname(self, owner: &str, target: &str) -> Self {
        self.record(0, &wire(owner), code::CNAME, 60, &wire(target))
    }

    fn soa(self, ttl_secs: u32, minimum_secs: u32) -> Self {
        let mut data = [wire("ns.example.com"), wire("host.example.com")].concat();
        data.extend_from_slice([1, 2, 3, 4, minimum_secs].map(u32::to_be_bytes).as_flattened());
        self.record(1, &wire("example.com"), code::SOA, ttl_secs, &data)
    }

    /// An OPT record with the upper bits of an rcode.
    fn opt(mut self, rcode_high: u8, options: &[u8]) -> Self {
        let start = self.0.len();
        self = self.record(2, &[0], code::OPT, 0, options);
        self.0[start + 5] = rcode_high;
        self
    }

    fn read(&self) -> Result<Foreign, Unfit> {
        Foreign::read(&self.0, &question(WWW))
    }

    fn reply(&self) -> Foreign {
        self.read().expect("a reply")
    }
}

/// A question for addresses, as a stub resolver asks it.
fn question(name: &[u8]) -> Question<'_> {
    Question { id: 42, flags: RD, name, qtype: code::A, qclass: code::CLASS_IN, edns: None, has_soa: false }
}

fn with_edns(name: &[u8]) -> Question<'_> {
    let edns = Edns { size_octets: 1232, version: 0, dnssec_ok: false, options: &[] };
    Question { edns: Some(edns), ..question(name) }
}

fn write(reply: &Foreign, question: &Question<'_>, shown: &Shown, limit_octets: usize) -> Vec<u8> {
    let mut buffer = vec![0; 65_535];
    let length = reply.write(question, shown, limit_octets, &mut buffer);
    buffer.truncate(length);
    buffer
}

fn wire(name: &str) -> Vec<u8> {
    Name::parse(name).expect("a name").wire().to_vec()
}

const PLAIN: Shown = Shown { authoritative: false, authenticated: false, ttl: Ttl::AsIs, turn: None };
const WWW: &[u8] = b"\x03www\x07example\x03com\0";
/// A pointer to the question.
const ASKED: &[u8] = &[0xc0, 12];
