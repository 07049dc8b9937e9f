//! Plays a run: makes its changes, asks its questions, judges the replies.
//!
//! What is kept in a cache ages. CoreDNS was asked without delay, and where we take longer, the TTLs that are expected
//! are lower by as many seconds.

use std::fmt;
use std::time::{Duration, Instant};

use super::case::{Case, Change, Reply, Run, Transport};
use super::compare::{aged, compare, misplaced, transferred, truncated};
use super::differences::{self, Difference};
use super::packet;
use super::server::Server;

/// How a case is treated.
pub(crate) enum Treatment {
    Compared,
    /// We differ in these ways.
    Deliberate(Vec<&'static Difference>),
}

/// Sends a query and gives the messages that come back.
pub(crate) type Exchange<'a> = dyn Fn(&[u8], Transport) -> Vec<Vec<u8>> + 'a;

/// Cases by treatment, and what was wrong.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) compared: usize,
    pub(crate) deliberate: usize,
    pub(crate) failures: Vec<String>,
}

/// Plays all of a run to an instance.
pub(crate) fn play(run: &Run, server: &Server, tally: &mut Tally) {
    let (began, mut waited) = (Instant::now(), Duration::ZERO);
    for case in &run.cases {
        for change in &case.before {
            make(change, server);
            waited += if let Change::Wait(time) = change { *time } else { Duration::ZERO };
        }
        let late_secs = || if run.uses("cache") { began.elapsed().as_secs() - waited.as_secs() } else { 0 };
        let complaints = judge(
            run,
            case,
            &|query, transport| server.ask(run.on_loopback(case.from()), query, transport),
            &late_secs,
        );
        tally.count(run, case, complaints);
    }
}

/// What is wrong with the replies to one case. `late_secs` says how much older they may be than CoreDNS's.
pub(crate) fn judge(run: &Run, case: &Case, ask: &Exchange<'_>, late_secs: &dyn Fn() -> u64) -> Vec<String> {
    let query = packet::query(case);
    let messages = ask(&query, case.transport);
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
    let over_tcp = || packet::reply(&query, &ask(&query, Transport::Tcp));
    let unread = |error| vec![format!("over TCP: {error}")];
    // What is kept would be asked for twice.
    let is_once = case.transport == Transport::Tcp || case.is_transfer() || run.uses("cache");
    let differs = |theirs: &Reply| match treatment(run, case) {
        Treatment::Deliberate(differences) => differences::complaints(&differences, run, theirs, &ours),
        _ if theirs.has("TC") => {
            over_tcp().map_or_else(unread, |whole| truncated(theirs, &ours, &whole, case.octets_max()))
        }
        _ if is_zone => [transferred(&ours), compare(theirs, &ours)].concat(),
        _ if is_once => compare(theirs, &ours),
        _ => [compare(theirs, &ours), over_tcp().map_or_else(unread, |streamed| compare(&ours, &streamed))].concat(),
    };
    let mut complaints = differs(theirs);
    if (1..=late_secs() as u32).any(|secs| differs(&aged(theirs, secs)).is_empty()) {
        complaints.clear();
    }
    if !is_zone {
        complaints.extend(misplaced(&ours));
    }
    complaints
}

/// How a case is treated; it depends on the data alone.
pub(crate) fn treatment(run: &Run, case: &Case) -> Treatment {
    let differences = differences::of(run, case);
    if differences.is_empty() { Treatment::Compared } else { Treatment::Deliberate(differences) }
}

fn make(change: &Change, server: &Server) {
    match change {
        Change::Put(object) => server.put(object),
        Change::Delete { kind, namespace, name } => server.delete(kind, namespace.as_deref(), name),
        Change::Wait(time) => std::thread::sleep(*time),
    }
}

impl Tally {
    /// Adds a case that was judged.
    pub(crate) fn count(&mut self, run: &Run, case: &Case, complaints: Vec<String>) {
        match treatment(run, case) {
            Treatment::Compared => self.compared += 1,
            Treatment::Deliberate(_) => self.deliberate += 1,
        }
        if !complaints.is_empty() {
            self.failures.push(format!("{} {}\n    {}", run.name, case.title(), complaints.join("\n    ")));
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { compared, deliberate, failures } = self;
        for failure in failures.iter().take(FAILURES_SHOWN) {
            writeln!(f, "{failure}")?;
        }
        write!(f, "{compared} cases compared, {deliberate} deliberate differences; ")?;
        write!(f, "{} wrong", failures.len())
    }
}

/// Enough to see a pattern, not so many that the last line is lost.
const FAILURES_SHOWN: usize = 60;
