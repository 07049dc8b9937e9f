//! Sentences about what stands beside the tables: rewrite, template, hosts, forward.

use std::net::SocketAddr;

use crate::{
    forward::options::{Https, To},
    respond::{messages::type_name, way::Station},
    stages::hosts::Entry,
};

/// What became of a question about `name` of this type on its way. Empty where the tables had it.
pub(super) fn of(way: &[Station], name: &str, qtype: u16, unasked: bool) -> String {
    let sentences: Vec<_> = way.iter().map(|station| sentence(station, name, qtype, unasked)).collect();
    sentences.join("; ")
}

fn sentence(station: &Station, name: &str, qtype: u16, unasked: bool) -> String {
    match station {
        Station::Rewritten { name: new, qtype: kind, rules } => {
            let rules: Vec<_> = rules.iter().map(|rule| format!("`rewrite {rule}`")).collect();
            let by = rules.join(" and ");
            match (same(new, name), *kind == qtype) {
                (true, true) => format!("changed by {by}"),
                (true, false) => format!("rewritten to type {} by {by}", type_name(*kind)),
                (false, true) => format!("rewritten to {new} by {by}"),
                (false, false) => format!("rewritten to {new} {} by {by}", type_name(*kind)),
            }
        }
        Station::Failed(why) => format!("rewrite fails: {why}"),
        Station::Template { of, matches: true } => format!("the template for {of} answers it"),
        Station::Template { of, matches: false } => {
            format!("the template for {of} has no match for it, and hands nothing on")
        }
        Station::Hosts(Some(Entry { path: Some(path), line })) => {
            format!("hosts answers it from {}, line {line}", path.display())
        }
        Station::Hosts(Some(Entry { path: None, line })) => {
            format!("hosts answers it from the configuration, entry {line}")
        }
        Station::Hosts(None) => "hosts has no entry for it, and hands nothing on".into(),
        Station::Led(target) => format!("it leads to {target}"),
        Station::Forward(to) => forwarded(to, unasked),
    }
}

/// "forwarded to 10.0.0.53:53, which is not asked here".
fn forwarded(to: &[To], unasked: bool) -> String {
    let names: Vec<_> = to.iter().take(SHOWN_MAX).map(upstream).collect();
    let more = if to.len() > SHOWN_MAX { format!(" and {} more", to.len() - SHOWN_MAX) } else { String::new() };
    let not = match (unasked, to.len()) {
        (false, _) => "",
        (true, 1) => ", which is not asked here",
        (true, _) => ", which are not asked here",
    };
    format!("forwarded to {}{more}{not}", names.join(", "))
}

fn upstream(to: &To) -> String {
    let tls = |address: &SocketAddr| format!("tls://{address}");
    match to {
        To::Plain(address) => address.to_string(),
        To::Tls(address, Some(name)) => format!("{}%{name}", tls(address)),
        To::Tls(address, None) => tls(address),
        To::Https(Https { address, name: Some(name), path }) => format!("https://{address}%{name}{path}"),
        To::Https(Https { address, name: None, path }) => format!("https://{address}{path}"),
        To::ResolvConf(path) => format!("the name servers of {}", path.display()),
    }
}

fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
}

/// Upstreams that are named.
const SHOWN_MAX: usize = 3;
