//! Forwarding to upstreams that do as they are told: well, late, wrong or not at all.

mod course;
mod encrypted;
mod files;
mod flights;
mod http;
mod https;
mod loops;
mod messages;
mod multiplexed;
mod script;
mod server;
mod streams;
mod wire;

use super::message::Query;
use crate::records::name::Name;

/// A query message for A of a name.
fn query(name: &str) -> Vec<u8> {
    let mut message = Vec::new();
    Query::ours(Name::parse(name).unwrap().wire(), 1, true).write(0, &mut message);
    message
}
