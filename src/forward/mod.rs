//! Questions that others answer.
//!
//! ```text
//! ask ─► flights ─► course ─► order ─► upstream ─► line ─► UDP, TCP, TLS, HTTPS
//!        each       who is    policy,  what is     octets there,
//!        once       asked,    health   known of    octets back
//!                   hedges             each
//! ```
//!
//! Beside it run, and end with the [`Forwarder`]: health checks of upstreams that fail, and the watch
//! for files that name upstreams.
//!
//! Limits: [`IN_FLIGHT_MAX`] questions, each over within 5 seconds and never with two upstreams at a time
//! but for its one hedge; [`UPSTREAMS_MAX`] upstreams with [`CONNECTIONS_MAX`] connections each.

mod asking;
mod budget;
mod core;
pub mod counters;
mod course;
mod flights;
mod health;
mod https;
mod latency;
mod line;
mod loops;
mod message;
pub mod options;
mod order;
mod port;
mod ports;
mod random;
mod resolv;
mod start;
mod stream;
#[cfg(test)]
mod tests;
mod tls;
mod udp;
mod upstream;
mod wire;

use std::sync::Arc;

use tokio::{runtime::Handle, sync::watch};

pub use self::{
    asking::{Answer, Asking, Failure, Over},
    counters::Counters,
    loops::LoopWatch,
    options::Options,
    start::StartError,
};
use self::{
    core::Core,
    course::Question,
    flights::{Flights, Key},
    message::Query,
    options::To,
    start::Maker,
    wire::Wire,
};
use crate::{answers::question::QueryName, records::name::Name};

/// Questions in flight of one `forward` that has no smaller limit. Each takes a socket, or shares one, twice with its
/// hedge, and some 8 KiB: 32 MiB in all. More are refused; those who wait for a question in flight are not counted, whoever
/// lets them in has a limit for them.
pub const IN_FLIGHT_MAX: usize = 4096;
/// Connections to one upstream over TCP, TLS or HTTPS, idle or not.
pub const CONNECTIONS_MAX: usize = 64;
/// Upstreams of one `forward`: CoreDNS's.
pub const UPSTREAMS_MAX: usize = 15;

/// One `forward`, running. Its tasks end when it is dropped; questions in flight come to their end.
pub struct Forwarder {
    core: Arc<Core<Wire>>,
    flights: Flights,
    from: Zone,
    except: Vec<Zone>,
    _end: watch::Sender<()>,
}

/// A zone as questions are compared with it.
struct Zone {
    lower: Name,
    labels: usize,
}

impl Forwarder {
    /// Starts forwarding.
    ///
    /// # Errors
    /// A file cannot be read, or names nobody to ask.
    pub fn new(options: Options, counters: &Counters, runtime: &Handle) -> Result<Arc<Self>, StartError> {
        // As in CoreDNS, zero is no limit of its own.
        let questions_max = options.max_concurrent.filter(|&max| max > 0).unwrap_or(IN_FLIGHT_MAX).min(IN_FLIGHT_MAX);
        let from = Zone::new(&options.from);
        let except = options.except.iter().map(Zone::new).collect();
        let maker = Maker::new(&options, counters, runtime)?;
        let set = maker.set(&options, start::targets(&options)?, &[])?;
        let has_files = options.to.iter().any(|to| matches!(to, To::ResolvConf(_)));
        let core = Arc::new(Core::new(options, counters.clone(), set));
        let (end, stop) = watch::channel(());
        if has_files {
            runtime.spawn(start::follow_files(core.clone(), maker, stop));
        }
        let flights = Flights::new(questions_max, counters.clone());
        Ok(Arc::new(Self { core, flights, from, except, _end: end }))
    }

    /// What it was told: one that is told the same need not be made anew.
    pub fn options(&self) -> &Options {
        &self.core.options
    }

    /// Whether questions for a name are its business.
    pub fn takes(&self, name: &QueryName) -> bool {
        if !self.from.holds(name) {
            return false;
        }
        // As in CoreDNS, the zone itself is no exception.
        name.wire() == self.from.lower.wire() || !self.except.iter().any(|zone| zone.holds(name))
    }

    /// Whether the next `forward` is to be asked instead of taking this answer.
    pub fn hands_on(&self, answer: &Answer) -> bool {
        let options = self.options();
        options.next.contains(&answer.rcode()) || options.next_on_nodata && message::is_nodata(&answer.message)
    }

    /// Asks upstreams.
    ///
    /// # Errors
    /// There is no answer; the failure has the rcode for the client and the text for the log.
    pub async fn ask(&self, asking: &Asking<'_>) -> Result<Answer, Failure> {
        let query = Query::read(asking.query).ok_or(Failure::NoQuery)?;
        let over = asking.over;
        let takes_more = asking.reply_octets_max > query.udp_octets;
        let key = Key::new(&query, over, takes_more);
        self.flights
            .join(key, || course::run(&self.core, Question::new(query.clone(), over, takes_more, &self.core)))
            .await
    }
}

impl Zone {
    fn new(name: &Name) -> Self {
        Self { lower: name.to_lower(), labels: name.labels().count() }
    }

    fn holds(&self, name: &QueryName) -> bool {
        name.zone_start(self.lower.wire(), self.labels).is_some()
    }
}
