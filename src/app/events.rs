//! Counts what the socket rooms tell.

use std::{sync::Arc, time::Duration};

use tokio::runtime::Handle;

use crate::{
    observe::{
        cells::Cells,
        events::Events as Counters,
        metrics::{Metrics, SharedCells},
    },
    respond::{Asked, Outcome},
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
}

impl Counted {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self { cells: metrics.shared(), counters: metrics.events.clone() }
    }
}

impl Events for Counted {
    fn answered(&self, asked: &Asked, query_octets: usize, outcome: &Outcome, took: Duration) {
        self.cells.record(asked, query_octets, outcome, took);
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

/// The counters of one thread.
pub(super) struct Tallied {
    cells: Arc<Cells>,
    metrics: Arc<Metrics>,
}

impl Tallied {
    pub(super) fn new(metrics: &Arc<Metrics>) -> Self {
        Self { cells: metrics.cells(), metrics: metrics.clone() }
    }
}

impl Tally for Tallied {
    fn renew(&mut self) {
        self.cells = self.metrics.cells();
    }

    #[inline]
    fn answered(&self, asked: &Asked, query_octets: usize, outcome: &Outcome) {
        self.cells.record(asked, query_octets, outcome);
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
