//! Counts what the socket rooms tell.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

use crate::{
    config::Config,
    observe::{
        cells::Cells,
        events::Events as Counters,
        log::{Logs, Pen, Rules},
        metrics::{Metrics, SharedCells},
    },
    respond::{Asked, Exchange, Trouble, plan::Plan},
    sockets::{
        events::{Closed, Events, Refused, Tally},
        later::Later,
    },
};

/// The counters of tasks: all of them share one set of cells.
#[derive(Clone)]
pub(super) struct Counted {
    cells: SharedCells,
    counters: Counters,
    logs: Arc<Logs>,
}

impl Counted {
    pub(super) fn new(metrics: &Metrics, logs: &Arc<Logs>) -> Self {
        Self { cells: metrics.shared(), counters: metrics.events.clone(), logs: logs.clone() }
    }
}

impl Events for Counted {
    fn answered(&self, exchange: &Exchange<'_>, took: Duration) {
        self.cells.record(exchange.asked, exchange.query.len(), exchange.outcome, took);
        self.logs.answered(exchange, took);
    }

    fn failed(&self, _: &Asked, trouble: &Trouble) {
        self.logs.failed(trouble);
    }

    fn panicked(&self) {
        self.cells.record_panic();
    }

    fn too_many_wait(&self) {
        self.counters.waiting_refused.inc();
    }

    fn opened(&self) {
        self.counters.tcp_connections.inc();
    }

    fn closed(&self, _: Closed) {
        self.counters.tcp_connections.dec();
    }

    fn unsent(&self) {
        self.cells.record_unsent();
    }

    fn refused(&self, why: Refused) {
        match why {
            Refused::Connections => self.counters.tcp_refused_full.inc(),
            Refused::ConnectionsOfClient => self.counters.tcp_refused_client.inc(),
        }
    }
}

/// The counters of one thread, and its pen where questions are logged.
pub(super) struct Tallied {
    cells: Arc<Cells>,
    pen: Option<Pen>,
    metrics: Arc<Metrics>,
    logs: Arc<Logs>,
}

impl Tallied {
    pub(super) fn new(metrics: &Arc<Metrics>, logs: &Arc<Logs>) -> Self {
        Self { cells: metrics.cells(), pen: logs.pen(), metrics: metrics.clone(), logs: logs.clone() }
    }
}

impl Tally for Tallied {
    fn renew(&mut self) {
        self.cells = self.metrics.cells();
        self.pen = self.logs.pen();
    }

    #[inline]
    fn answered(&self, exchange: &Exchange<'_>, begun: Instant) {
        self.cells.record(exchange.asked, exchange.query.len(), exchange.outcome);
        if let Some(pen) = &self.pen {
            pen.answered(exchange, || begun.elapsed());
        }
    }

    fn took(&self, route: Option<usize>, took: Duration, questions: u64) {
        self.cells.record_duration(route, took, questions);
    }

    fn ignored(&self, packet: &[u8]) {
        self.cells.record_ignored(packet);
    }

    fn unsent(&self, replies: usize) {
        self.cells.dropped.unsent.add(replies as u64);
    }

    fn panicked(&self) {
        self.cells.panics.add(1);
    }
}

/// From now on questions are counted and logged by this plan: call it before threads answer by it.
pub(super) fn use_plan(metrics: &Metrics, logs: &Logs, config: &Config, plan: &Plan) -> io::Result<()> {
    metrics.use_plan(plan);
    logs.use_rules(Rules::new(config, plan))
}

/// Shows what is going on now: who waits, and what the runtime has to do.
pub(super) fn watch(metrics: &Metrics, runtime: &Handle, later: &Later<Counted>) {
    let later = later.clone();
    metrics
        .watch("clusterdns_waiting", "Questions over UDP that wait for upstreams now.", move || later.waiting().into());
    let runtime = runtime.metrics();
    metrics.watch(
        "go_goroutines",
        "Tasks of the runtime: this server has no goroutines, and dashboards ask for them.",
        move || runtime.num_alive_tasks() as u64,
    );
}
