//! The line of a question: CoreDNS's text, or JSON.

use std::{
    fmt::{self, Write},
    net::IpAddr,
    time::Duration,
};

use serde::Serialize;

use super::{super::families::RCODE_NAMES, record::Record, rules::Rules};
use crate::{
    config::logging::{Piece, Value},
    records::name::write_labels,
    respond::{
        Transport,
        messages::{class_name, type_name},
    },
};

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// As CoreDNS writes them.
    #[default]
    Text,
    /// An object for each.
    Json,
}

/// Writes the line of a record with its end.
pub(super) fn write(out: &mut String, form: Form, record: &Record, rules: &Rules) {
    // Writing to a string cannot fail.
    let _ = match form {
        Form::Text => text(out, record, rules),
        Form::Json => json(out, record),
    };
    out.push('\n');
}

fn text(out: &mut String, record: &Record, rules: &Rules) -> fmt::Result {
    out.push_str("[INFO] ");
    for piece in rules.log(record).map_or(&[][..], |log| &log.format) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Value(wanted) => value(out, *wanted, record, rules)?,
        }
    }
    Ok(())
}

fn value(out: &mut String, wanted: Value, record: &Record, rules: &Rules) -> fmt::Result {
    match wanted {
        Value::Type => out.write_str(&type_name(record.qtype)),
        Value::Name => name(out, record.name()),
        Value::Class => out.write_str(&class_name(record.qclass)),
        Value::Protocol => out.write_str(protocol(record)),
        Value::Size => write!(out, "{}", record.query_octets),
        Value::Remote => address(out, record.client.ip()),
        Value::Port => write!(out, "{}", record.client.port()),
        Value::Local => rules.local(record).map_or(Ok(()), |local| address(out, local)),
        Value::Rcode => out.write_str(&rcode(record.rcode)),
        Value::ReplySize => write!(out, "{}", record.reply_octets),
        Value::Duration => seconds(out, record.took),
        Value::ReplyFlags => out.write_str(&flags(record.reply_flags)),
        Value::Id => write!(out, "{}", record.id),
        Value::Opcode => write!(out, "{}", record.opcode),
        Value::DnssecOk => write!(out, "{}", record.dnssec_ok),
        Value::BufferSize => write!(out, "{}", record.buffer_octets),
    }
}

/// What JSON has of a question, whatever the format.
#[derive(Serialize)]
struct Object<'r> {
    level: &'static str,
    log: &'static str,
    remote: IpAddr,
    port: u16,
    id: u16,
    opcode: u8,
    r#type: &'r str,
    class: &'r str,
    name: &'r str,
    proto: &'r str,
    size: u32,
    r#do: bool,
    bufsize: u16,
    rcode: &'r str,
    rflags: &'r str,
    rsize: u32,
    duration: f64,
}

fn json(out: &mut String, record: &Record) -> fmt::Result {
    let mut text = String::new();
    name(&mut text, record.name())?;
    let object = Object {
        level: "info",
        log: "query",
        remote: record.client.ip(),
        port: record.client.port(),
        id: record.id,
        opcode: record.opcode,
        r#type: &type_name(record.qtype),
        class: &class_name(record.qclass),
        name: &text,
        proto: protocol(record),
        size: record.query_octets,
        r#do: record.dnssec_ok,
        bufsize: record.buffer_octets,
        rcode: &rcode(record.rcode),
        rflags: &flags(record.reply_flags),
        rsize: record.reply_octets,
        duration: record.took.as_secs_f64(),
    };
    out.write_str(&serde_json::to_string(&object).map_err(|_| fmt::Error)?)
}

/// A name in wire form, escaped as in zone files: it cannot end a line.
pub(super) fn name(out: &mut impl Write, wire: &[u8]) -> fmt::Result {
    if wire == [0] { out.write_char('.') } else { write_labels(out, wire) }
}

fn protocol(record: &Record) -> &'static str {
    match record.transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    }
}

/// As in a URL (RFC 3986).
fn address(out: &mut String, address: IpAddr) -> fmt::Result {
    match address {
        IpAddr::V4(address) => write!(out, "{address}"),
        IpAddr::V6(address) => write!(out, "[{address}]"),
    }
}

/// The shortest number that is the same.
fn seconds(out: &mut String, took: Duration) -> fmt::Result {
    write!(out, "{}s", took.as_secs_f64())
}

/// The last name stands for all others.
fn rcode(rcode: u16) -> String {
    let named = RCODE_NAMES[..RCODE_NAMES.len() - 1].get(usize::from(rcode)).filter(|name| !name.starts_with("RCODE"));
    named.map_or_else(|| rcode.to_string(), |name| (*name).to_owned())
}

/// The flags that are set, in their order.
fn flags(header: u16) -> String {
    const FLAGS: [(u16, &str); 8] = [
        (0x8000, "qr"),
        (0x0400, "aa"),
        (0x0200, "tc"),
        (0x0100, "rd"),
        (0x0080, "ra"),
        (0x0040, "z"),
        (0x0020, "ad"),
        (0x0010, "cd"),
    ];
    let set = FLAGS.iter().filter(|(flag, _)| header & flag != 0).map(|(_, name)| *name);
    set.collect::<Vec<_>>().join(",")
}
