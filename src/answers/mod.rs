//! What the wire says.
//!
//! Pure: bytes in, bytes out, no allocation, no clock. [`question`] reads a packet in place,
//! [`find`] looks its name up in a [`View`](crate::records::view::View) and shows the records to a
//! [`Sink`](sink::Sink), and [`reply`] is the sink that writes them into a packet.
//!
//! A miss is not an answer yet: [`find::Found`] says what the tables know, and `respond` decides
//! what becomes of it.

pub mod chain;
pub mod find;
pub mod foreign;
pub mod nameserver;
pub mod place;
pub mod plain;
pub mod question;
pub mod reply;
pub mod reverse;
pub mod service;
pub mod sink;
pub mod why;

/// Numbers of RFC 1035 and its successors that occur in questions and answers.
#[allow(missing_docs)]
pub mod code {
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const CNAME: u16 = 5;
    pub const SOA: u16 = 6;
    pub const PTR: u16 = 12;
    pub const TXT: u16 = 16;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const OPT: u16 = 41;
    pub const DS: u16 = 43;
    pub const IXFR: u16 = 251;
    pub const AXFR: u16 = 252;
    pub const ANY: u16 = 255;

    pub const CLASS_IN: u16 = 1;
    pub const CLASS_ANY: u16 = 255;

    /// The EDNS option of RFC 8914.
    pub const EXTENDED_ERROR: u16 = 15;

    pub const OPCODE_QUERY: u8 = 0;
    pub const OPCODE_NOTIFY: u8 = 4;

    pub const NOERROR: u16 = 0;
    pub const FORMERR: u16 = 1;
    pub const SERVFAIL: u16 = 2;
    pub const NXDOMAIN: u16 = 3;
    pub const NOTIMP: u16 = 4;
    pub const REFUSED: u16 = 5;
    pub const BADVERS: u16 = 16;
}
