//! Plays a run: makes its changes, asks its questions, judges the replies.
//!
//! A case that CoreDNS answered with an upstream's help is asked nothing, but its changes are made, since later cases
//! build on them. Which cases these are is told from the data alone; see [`needs_upstream`].

use std::fmt;
use std::net::IpAddr;

use super::case::{Case, Change, Run, Transport};
use super::compare::{compare, transferred, truncated};
use super::differences::{self, Difference};
use super::packet;
use super::server::Server;

/// How a case is treated.
pub(crate) enum Treatment {
    Compared,
    Upstream,
    Deliberate(&'static Difference),
}

/// Sends a packet from an address and gives the messages that come back.
pub(crate) type Exchange<'a> = dyn Fn(&[u8], IpAddr, Transport) -> Vec<Vec<u8>> + 'a;

/// Cases by treatment, and what was wrong.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) compared: usize,
    pub(crate) upstream: usize,
    pub(crate) deliberate: usize,
    pub(crate) failures: Vec<String>,
}

/// Plays all of a run to an instance.
pub(crate) fn play(run: &Run, server: &Server, tally: &mut Tally) {
    for case in &run.cases {
        case.before.iter().for_each(|change| make(change, server));
        let complaints = judge(run, case, &|packet, client, transport| server.ask(packet, client, transport));
        tally.count(run, case, complaints);
    }
}

/// What is wrong with the replies to one case.
pub(crate) fn judge(run: &Run, case: &Case, ask: &Exchange<'_>) -> Vec<String> {
    let treatment = treatment(run, case);
    if matches!(treatment, Treatment::Upstream) {
        return Vec::new();
    }
    let query = packet::query(case);
    let messages = ask(&query, case.client, case.transport);
    let Some(theirs) = &case.reply else {
        return if messages.is_empty() { Vec::new() } else { vec!["a reply came, CoreDNS sent none".to_owned()] };
    };
    let mut ours = match packet::reply(&query, &messages) {
        Ok(ours) => ours,
        Err(error) => return vec![error],
    };
    let is_zone = case.is_transfer() && !theirs.answer.is_empty();
    if is_zone {
        // How a zone is cut into messages is up to the sender.
        ours.octets = None;
    }
    match treatment {
        Treatment::Deliberate(difference) => difference.complaints(run, theirs, &ours),
        _ if theirs.has("TC") => match packet::reply(&query, &ask(&query, case.client, Transport::Tcp)) {
            Ok(whole) => truncated(theirs, &ours, &whole, case.octets_max()),
            Err(error) => vec![format!("over TCP: {error}")],
        },
        _ if is_zone => [transferred(&ours), compare(theirs, &ours)].concat(),
        _ => compare(theirs, &ours),
    }
}

/// How a case is treated; it depends on the data alone.
pub(crate) fn treatment(run: &Run, case: &Case) -> Treatment {
    if needs_upstream(run, case) {
        return Treatment::Upstream;
    }
    differences::of(run, case).map_or(Treatment::Compared, Treatment::Deliberate)
}

/// Whether CoreDNS had to ask its upstream for this answer:
/// - RA is set, which it never is on an answer from the cluster's own zones;
/// - a record's owner is outside these zones, so a CNAME was followed out of the cluster;
/// - SERVFAIL without AA for a name outside these zones, where the upstream was asked in vain.
///
/// A CNAME that leads out of the cluster and is answered alone does not count: it is what is left when the upstream
/// knows nothing, and we can give it without asking.
pub(crate) fn needs_upstream(run: &Run, case: &Case) -> bool {
    let Some(reply) = &case.reply else { return false };
    if reply.has("RA") {
        return true;
    }
    let in_vain = reply.rcode == "SERVFAIL" && !reply.has("AA");
    run.blocks.iter().any(|block| block.forward())
        && (reply.answer.iter().any(|record| !is_ours(run, owner(record)))
            || in_vain && !is_ours(run, owner(&reply.question)))
}

/// Whether a name is in a zone that `kubernetes` serves. A zone given as a CIDR counts as the whole reverse tree here:
/// what was forwarded from there shows by its RA.
fn is_ours(run: &Run, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    run.blocks.iter().filter_map(|block| block.kubernetes.as_ref()).flat_map(|facts| &facts.zones).any(|zone| {
        let zone = match zone.split_once('/') {
            Some((address, _)) if address.contains(':') => "ip6.arpa",
            Some(_) => "in-addr.arpa",
            None => zone.as_str(),
        };
        name.trim_end_matches('.').strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

fn owner(record: &str) -> &str {
    record.split(' ').next().unwrap_or_default()
}

fn make(change: &Change, server: &Server) {
    match change {
        Change::Put(object) => server.put(object),
        Change::Delete { kind, namespace, name } => server.delete(kind, namespace.as_deref(), name),
        Change::Wait(seconds) => std::thread::sleep(std::time::Duration::from_secs_f64(*seconds)),
    }
}

impl Tally {
    /// Adds a case that was judged.
    pub(crate) fn count(&mut self, run: &Run, case: &Case, complaints: Vec<String>) {
        match treatment(run, case) {
            Treatment::Compared => self.compared += 1,
            Treatment::Upstream => self.upstream += 1,
            Treatment::Deliberate(_) => self.deliberate += 1,
        }
        if !complaints.is_empty() {
            self.failures.push(format!("{} {}\n    {}", run.name, case.title(), complaints.join("\n    ")));
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { compared, upstream, deliberate, failures } = self;
        for failure in failures.iter().take(FAILURES_SHOWN) {
            writeln!(f, "{failure}")?;
        }
        write!(f, "{compared} cases compared, {upstream} left to upstream, {deliberate} deliberate differences; ")?;
        write!(f, "{} wrong", failures.len())
    }
}

/// Enough to see a pattern, not so many that the last line is lost.
const FAILURES_SHOWN: usize = 60;
