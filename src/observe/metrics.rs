//! All metrics of the process, and their text.
//!
//! Every thread counts in [`Cells`] of its own, made for the routes of one plan. They are summed
//! when somebody asks. After a reload the threads count in new cells; the old ones are added to a
//! sum of the past once their thread has let go of them, so counters never run backwards and
//! reloads leave nothing behind but series that were in use.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use prometheus::{Registry, TextEncoder, proto::MetricFamily};

use super::{
    caches::Caches,
    cells::{Cell, Cells, Dropped, RouteCells},
    events::{Events, Watched},
    families, forward,
    served::{Called, Labels, Served},
    source::Source,
};
use crate::{
    forward::Counters,
    respond::{Asked, Outcome, plan::Plan},
};

/// See the module.
pub struct Metrics {
    /// What happens seldom is counted here.
    pub events: Events,
    /// What watching the cluster takes.
    pub source: Source,
    /// What asking others takes.
    pub forward: Counters,
    registry: Registry,
    counted: Mutex<Counted>,
}

/// Cells for many writers, one at a time: the asynchronous side, where a task has no thread of its own. They
/// are those of the present plan. Cheap to clone.
#[derive(Clone)]
pub struct SharedCells(Arc<Mutex<Arc<Cells>>>);

/// What is summed.
#[derive(Default)]
struct Counted {
    served: Served,
    live: Vec<Live>,
    shared: Vec<Weak<Mutex<Arc<Cells>>>>,
    past: Totals,
}

/// Cells in use and what their routes are called.
struct Live {
    routes: Arc<[Called]>,
    cells: Arc<Cells>,
}

/// Sums over cells.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) routes: BTreeMap<Labels, RouteCells>,
    pub(super) caches: Caches,
    pub(super) panics: Cell,
    pub(super) dropped: Dropped,
}

impl Metrics {
    /// Metrics of a server that answers by this plan.
    pub fn new(plan: &Plan) -> Self {
        let registry = Registry::new();
        #[cfg(target_os = "linux")]
        registry
            .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
            .expect("the first to be registered");
        Self {
            events: Events::new(&registry),
            source: Source::new(&registry),
            forward: Counters::default(),
            registry,
            counted: Mutex::new(Counted { served: Served::by(plan), ..Counted::default() }),
        }
    }

    /// From now on [`cells`](Self::cells) are for the routes of this plan: call it before the
    /// threads that will answer by it take theirs.
    pub fn use_plan(&self, plan: &Plan) {
        self.counted().serve(Served::by(plan));
    }

    /// Cells for one thread, as long as it answers by the present plan.
    pub fn cells(&self) -> Arc<Cells> {
        self.counted().cells()
    }

    /// Cells for many tasks.
    pub fn shared(&self) -> SharedCells {
        let mut counted = self.counted();
        let cells = Arc::new(Mutex::new(counted.cells()));
        counted.shared.retain(|shared| shared.strong_count() > 0);
        counted.shared.push(Arc::downgrade(&cells));
        SharedCells(cells)
    }

    /// The configuration that is in force, by its SHA-512 in hexadecimal.
    pub fn configured(&self, hash: &str) {
        self.events.reload_version.reset();
        self.events.reload_version.with_label_values(&["sha512", hash]).set(1);
    }

    /// Shows what is read when somebody asks. Of several with one name the first stays.
    pub fn watch(&self, name: &str, help: &str, read: impl Fn() -> u64 + Send + Sync + 'static) {
        // What fails is to watch the same twice.
        let _ = self.registry.register(Box::new(Watched::new(name, help, read)));
    }

    /// Everything in Prometheus's text format 0.0.4.
    pub fn render(&self) -> String {
        let mut families = self.registry.gather();
        families.extend(self.counted_families());
        families.extend(forward::families(&self.forward));
        text(families)
    }

    /// What is made of cells and tables.
    fn counted_families(&self) -> Vec<MetricFamily> {
        let mut counted = self.counted();
        counted.retire();
        let totals = counted.totals();
        families::of(&totals, &counted.served)
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(mut families: Vec<MetricFamily>) -> String {
    families.sort_by(|one, other| one.name().cmp(other.name()));
    TextEncoder::new().encode_to_string(&families).expect("families have names and metrics")
}

impl SharedCells {
    /// From now on counts are for the routes of the metrics' present plan.
    pub fn renew(&self, metrics: &Metrics) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = metrics.cells();
    }

    /// Counts one answered question that took so long.
    pub fn record(&self, asked: &Asked, query_octets: usize, outcome: &Outcome, took: Duration) {
        let cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cells.record(asked, query_octets, outcome);
        cells.record_duration(outcome.route, took, 1);
    }

    /// Counts a reply that could not be sent.
    pub fn record_unsent(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).dropped.unsent.add(1);
    }

    /// Counts an answer that panicked.
    pub fn record_panic(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).panics.add(1);
    }
}

impl Counted {
    fn cells(&mut self) -> Arc<Cells> {
        self.retire();
        let routes = self.served.routes.clone();
        let cells = Arc::new(Cells::new(routes.len() - 1));
        self.live.push(Live { routes, cells: cells.clone() });
        cells
    }

    /// What caches have counted that are not served any more is kept.
    fn serve(&mut self, served: Served) {
        for (labels, cache) in mem::replace(&mut self.served, served).caches {
            if !self.served.has_cache(&cache) {
                self.past.caches.entry(labels).or_default().add_past(&cache);
            }
        }
        for shared in mem::take(&mut self.shared).iter().filter_map(Weak::upgrade) {
            *shared.lock().unwrap_or_else(PoisonError::into_inner) = self.cells();
            self.shared.push(Arc::downgrade(&shared));
        }
    }

    /// Moves what nobody counts in any more to the past.
    fn retire(&mut self) {
        for mut live in mem::take(&mut self.live) {
            // Not `strong_count`: this also sees what was counted before the thread let go.
            if Arc::get_mut(&mut live.cells).is_some() {
                self.past.absorb(&live);
            } else {
                self.live.push(live);
            }
        }
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        totals.panics.add(self.past.panics.get());
        totals.dropped.absorb(&self.past.dropped);
        for (labels, cells) in &self.past.routes {
            totals.route(labels).absorb(cells);
        }
        for (labels, cache) in &self.past.caches {
            totals.caches.entry(labels.clone()).or_default().absorb(cache);
        }
        for (labels, cache) in &self.served.caches {
            totals.caches.entry(labels.clone()).or_default().add(&cache.counters());
        }
        for live in &self.live {
            totals.absorb(live);
        }
        totals
    }
}

impl Totals {
    fn absorb(&mut self, live: &Live) {
        self.panics.add(live.cells.panics.get());
        self.dropped.absorb(&live.cells.dropped);
        for (called, cells) in live.routes.iter().zip(live.cells.routes()) {
            self.route(&called.labels).absorb(cells);
            if let Some(labels) = &called.cache {
                self.caches.entry(labels.clone()).or_default().absorb_looked(&cells.looked);
            }
        }
    }

    fn route(&mut self, labels: &Labels) -> &RouteCells {
        self.routes.entry(labels.clone()).or_default()
    }
}

#[cfg(test)]
mod tests;
