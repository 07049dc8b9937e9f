//! Processor time: of a change, and of a query while nothing that concerns DNS changes and while it does.
//!
//! Each round has five phases, so that each cost is a difference of neighbours:
//!
//! ```text
//! idle    changes    queries, and changes of other objects    queries and changes    changes, which curl reads too
//! ```
//!
//! The other objects keep the control plane as busy as changes of endpoints do. Without them the last
//! phase would look cheaper: on a busy machine packets wait for the server, and it takes more at a time.

use std::{
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    changes::{Changes, Of, Streamed},
    control_plane::ControlPlane,
    reader::Reader,
    servers::Server,
    usage,
};

/// What a round gave.
pub(crate) struct Round {
    /// Microseconds a second.
    pub(crate) idle: f64,
    /// Microseconds, without what it takes when idle.
    pub(crate) change: f64,
    /// The same with it.
    pub(crate) change_all_in: f64,
    /// None without dnsperf.
    pub(crate) queries: Option<Queries>,
    /// Microseconds of a change that curl takes to read it. None without curl.
    pub(crate) read: Option<f64>,
}

/// Microseconds of a query.
pub(crate) struct Queries {
    /// When nothing happens that concerns DNS.
    pub(crate) quiet: f64,
    /// While changes stream in, without what these take alone.
    pub(crate) changing: f64,
    /// The same with it.
    pub(crate) changing_all_in: f64,
    pub(crate) lost: u64,
}

/// How everything is measured.
pub(crate) struct Plan<'a> {
    pub(crate) plane: &'a ControlPlane,
    /// Of a phase.
    pub(crate) seconds: u32,
    /// Changes a second.
    pub(crate) changes: u32,
    /// Queries a second.
    pub(crate) queries: u32,
    /// For dnsperf.
    pub(crate) questions: &'a Path,
}

/// What dnsperf saw.
struct Load {
    completed: u64,
    lost: u64,
}

pub(crate) fn round(server: &Server, changes: &Changes<'_>, plan: &Plan<'_>) -> Round {
    let duration = Duration::from_secs(plan.seconds.into());
    let (_, idle) = used(server.id(), || thread::sleep(duration));
    let stream = || changes.during(Of::Endpoints, plan.changes, || thread::sleep(duration)).1;
    let (streamed, alone) = used(server.id(), stream);
    // Changes cannot be told from what happens anyway; seconds can.
    let without_idle = alone.micros - idle.a_second() * alone.seconds;
    let of_change = |micros: f64, Streamed { changes, .. }: Streamed| micros / changes as f64;
    Round {
        idle: idle.a_second(),
        change: of_change(without_idle, streamed),
        change_all_in: of_change(alone.micros, streamed),
        queries: queries(server, changes, plan, &idle, alone.a_second()),
        read: Reader::start(plan.plane).map(|reader| {
            let (streamed, read) = used(reader.id(), stream);
            of_change(read.micros, streamed)
        }),
    }
}

fn queries(server: &Server, changes: &Changes<'_>, plan: &Plan<'_>, idle: &Used, changing: f64) -> Option<Queries> {
    let loaded = |of| used(server.id(), || changes.during(of, plan.changes, || load(server, plan)));
    let ((quiet_load, _), quiet) = loaded(Of::Others);
    let quiet_load = quiet_load?;
    let ((both_load, _), both) = loaded(Of::Endpoints);
    let both_load = both_load?;
    let of_query =
        |used: &Used, without: f64, load: &Load| (used.micros - without * used.seconds) / load.completed as f64;
    Some(Queries {
        quiet: of_query(&quiet, idle.a_second(), &quiet_load),
        changing: of_query(&both, changing, &both_load),
        changing_all_in: of_query(&both, idle.a_second(), &both_load),
        lost: quiet_load.lost + both_load.lost,
    })
}

/// Asks at the plan's rate. None without dnsperf.
fn load(server: &Server, plan: &Plan<'_>) -> Option<Load> {
    let mut command = Command::new("dnsperf");
    command.args(["-s", &server.address.ip().to_string(), "-p", &server.address.port().to_string()]);
    command.args(["-l", &plan.seconds.to_string(), "-Q", &plan.queries.to_string(), "-c", "4", "-T", "1"]);
    let output = command.arg("-d").arg(plan.questions).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let number = |words: &str| -> Option<u64> { said.split(words).nth(1)?.split_whitespace().next()?.parse().ok() };
    Some(Load { completed: number("Queries completed:")?, lost: number("Queries lost:")? })
}

/// What a process used while something went on.
struct Used {
    micros: f64,
    seconds: f64,
}

impl Used {
    fn a_second(&self) -> f64 {
        self.micros / self.seconds
    }
}

fn used<T>(process: u32, work: impl FnOnce() -> T) -> (T, Used) {
    let cpu = || usage::cpu(process).expect("its processor time");
    let (started, before) = (Instant::now(), cpu());
    let seen = work();
    let micros = (cpu() - before).as_secs_f64() * 1e6;
    (seen, Used { micros, seconds: started.elapsed().as_secs_f64() })
}
