//! All metrics of the process, and their text.
//!
//! Every thread counts in [`Cells`] of its own, made for the routes of one plan. They are summed
//! when somebody asks. After a reload the threads count in new cells; the old ones are added to a
//! sum of the past once their thread has let go of them, so counters never run backwards and
//! reloads leave nothing behind but series that were in use.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus::{Registry, TextEncoder, proto::MetricFamily};

use super::{
    cells::{Cell, Cells, Dropped, RouteCells},
    events::Events,
    families,
    source::Source,
};
use crate::{
    forward::Counters,
    records::view::View,
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

/// Cells for many writers, one at a time: the asynchronous side, where a task has no thread of its own.
pub struct SharedCells(Mutex<Arc<Cells>>);

/// What is summed.
struct Counted {
    served: Served,
    live: Vec<Live>,
    past: Totals,
}

/// What metrics say of a plan.
#[derive(Default)]
pub(super) struct Served {
    /// By route, the last for what came to none.
    labels: Arc<[Labels]>,
    /// The stages of each route.
    pub(super) stages: BTreeMap<Labels, Vec<&'static str>>,
    /// Every view once.
    pub(super) views: Vec<Arc<View>>,
}

/// Cells in use and what their routes are called.
struct Live {
    labels: Arc<[Labels]>,
    cells: Arc<Cells>,
}

/// What a route is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Labels {
    /// As CoreDNS calls it: `dns://:53` for a wildcard address, `dns://127.0.0.1:53` for another.
    pub(super) server: String,
    /// With a dot at its end; [`DROPPED`] for none.
    pub(super) zone: String,
}

/// Sums over cells.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) routes: BTreeMap<Labels, RouteCells>,
    pub(super) panics: Cell,
    pub(super) dropped: Dropped,
}

/// The zone of what came to no route: without a dot at its end it is no zone's name.
pub(super) const DROPPED: &str = "dropped";

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
            counted: Mutex::new(Counted { served: Served::by(plan), live: Vec::new(), past: Totals::default() }),
        }
    }

    /// From now on [`cells`](Self::cells) are for the routes of this plan: call it before the
    /// threads that will answer by it take theirs.
    pub fn use_plan(&self, plan: &Plan) {
        self.counted().served = Served::by(plan);
    }

    /// Cells for one thread, as long as it answers by the present plan.
    pub fn cells(&self) -> Arc<Cells> {
        let mut counted = self.counted();
        counted.retire();
        let labels = counted.served.labels.clone();
        let cells = Arc::new(Cells::new(labels.len() - 1));
        counted.live.push(Live { labels, cells: cells.clone() });
        cells
    }

    /// Cells for many tasks, as long as they answer by the present plan.
    pub fn shared(&self) -> SharedCells {
        SharedCells(Mutex::new(self.cells()))
    }

    /// Everything in Prometheus's text format 0.0.4.
    pub fn render(&self) -> String {
        let mut families = self.registry.gather();
        families.extend(self.counted_families());
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
        for (labels, cells) in live.labels.iter().zip(live.cells.routes()) {
            self.route(labels).absorb(cells);
        }
    }

    fn route(&mut self, labels: &Labels) -> &RouteCells {
        self.routes.entry(labels.clone()).or_default()
    }
}

impl Served {
    fn by(plan: &Plan) -> Self {
        let server = |listener: usize| match plan.listeners.get(listener).map(|listener| listener.address) {
            Some(address) if address.ip().is_unspecified() => format!("dns://:{}", address.port()),
            Some(address) => format!("dns://{address}"),
            None => "dns://".to_owned(),
        };
        let mut labels = Vec::new();
        let mut stages = BTreeMap::new();
        for route in &plan.routes {
            let dot = if route.zone.ends_with('.') { "" } else { "." };
            let route_labels = Labels { server: server(route.listener), zone: format!("{}{dot}", route.zone) };
            let named = &plan.servers[route.server];
            let present = [
                ("loadbalance", named.rotate),
                ("transfer", named.transfer.is_some()),
                ("kubernetes", named.view.is_some()),
            ];
            let present = present.iter().filter(|(_, present)| *present).map(|(name, _)| *name);
            stages.insert(route_labels.clone(), present.collect());
            labels.push(route_labels);
        }
        labels.push(Labels { server: server(0), zone: DROPPED.to_owned() });

        let mut views: Vec<Arc<View>> = Vec::new();
        for view in plan.servers.iter().filter_map(|server| server.view.as_ref()) {
            if !views.iter().any(|other| Arc::ptr_eq(other, view)) {
                views.push(view.clone());
            }
        }
        Self { labels: labels.into(), stages, views }
    }
}

#[cfg(test)]
mod tests;
