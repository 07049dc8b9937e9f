//! The one way into the tables: whatever a source knows of the cluster comes through here.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::unix_secs;
use crate::{
    admin::{
        api::Sources,
        readiness::{Faults, Latch, Readiness},
    },
    objects::{Change, Known, Object, ServiceSpec},
    observe::{
        events::Events,
        metrics::Metrics,
        source::{ServiceKind, Source},
        tables,
    },
    records::{store::Store, view::View},
    respond::plan::Plan,
};

/// Where changes of the cluster go. Cheap to clone.
#[derive(Clone)]
pub struct Feed {
    pub(super) store: Arc<Mutex<Store>>,
    pub(super) sources: Sources,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    faults: Arc<Faults>,
    shown: Arc<Mutex<Vec<Shown>>>,
}

/// A view that is kept up to date, and what holds readiness until it is complete.
struct Shown {
    view: Arc<View>,
    latch: Latch,
}

/// A change with its times.
#[derive(Debug)]
pub struct News {
    /// What changed.
    pub change: Change,
    /// When it arrived.
    pub received: Instant,
    /// When it came about in the cluster, if that is told; in Unix seconds.
    pub triggered_unix_secs: Option<f64>,
}

/// A change of one Service, to be timed when it is served.
struct Timed {
    of: Of,
    received: Instant,
    triggered_unix_secs: Option<f64>,
}

/// Which Service changed.
enum Of {
    /// This one, by namespace and name: nobody knows it yet.
    Named(Box<str>, Box<str>),
    /// One of this kind: it may be gone, or another one, when it is timed.
    Kind(ServiceKind),
}

impl Feed {
    pub(super) fn new(store: Store, plan: &Plan, metrics: Arc<Metrics>, readiness: Arc<Readiness>) -> Self {
        let store = Arc::new(Mutex::new(store));
        let faults = Arc::new(readiness.faults());
        let feed = Self { store, sources: Sources::default(), metrics, readiness, faults, shown: Arc::default() };
        *feed.shown() = plan.views().map(|view| feed.show_one(view)).collect();
        feed
    }

    /// From now on these views are kept up to date: what is known is in them when this comes back.
    pub(super) fn show(&self, plan: &Plan) {
        let views: Vec<_> = plan.views().cloned().collect();
        self.store().show(views.clone(), unix_secs());
        let mut shown = self.shown();
        let (kept, gone) = shown.drain(..).partition::<Vec<_>, _>(|one| views.iter().any(|view| one.is(view)));
        gone.iter().for_each(|gone| gone.latch.ready());
        let fresh = views.iter().filter(|view| !kept.iter().any(|one| one.is(view))).map(|view| self.show_one(view));
        let fresh: Vec<_> = fresh.collect();
        shown.extend(kept.into_iter().chain(fresh));
        drop(shown);
        self.tell();
    }

    fn show_one(&self, view: &Arc<View>) -> Shown {
        let latch = self.readiness.latch("kubernetes", "nothing of the cluster is known yet");
        Shown { view: view.clone(), latch }
    }

    /// What is kept up to date.
    pub(super) fn views(&self) -> Vec<Arc<View>> {
        self.shown().iter().map(|shown| shown.view.clone()).collect()
    }

    /// Nobody reads any more what is fed here: what is missing holds up nothing, and what is wrong is of no interest.
    pub(super) fn leave(&self) {
        self.shown().iter().for_each(|shown| shown.latch.ready());
        self.faults.end();
    }

    /// Takes one step from the cluster as we knew it to the cluster as it is.
    pub fn apply(&self, change: Change) {
        self.store().apply(change, unix_secs());
        self.tell();
    }

    /// Takes many steps at once, and notes how long each took to be served.
    pub fn apply_all(&self, news: Vec<News>) {
        let has_picture = news.iter().any(|news| matches!(news.change, Change::Reset(_)));
        let mut store = self.store();
        let timed: Vec<Timed> = news.iter().filter_map(|news| Timed::of(news, &store)).collect();
        store.apply_all(news.into_iter().map(|news| news.change), unix_secs());
        for timed in &timed {
            timed.observe(&store, &self.metrics.source);
        }
        drop(store);
        // Only a whole picture makes anything known.
        if has_picture {
            self.tell();
        }
    }

    /// Publishes everything that is known once more.
    pub(super) fn publish_all(&self) {
        self.store().publish_all(unix_secs());
    }

    /// Says what is known completely, where something else than a picture tells.
    pub(super) fn vouch(&self, known: Known) {
        self.store().vouch(known);
        self.tell();
    }

    /// Says whether what is served is a state that was saved before.
    pub(super) fn set_stale(&self, stale: bool) {
        self.store().set_stale(stale);
    }

    /// Says from where the cluster is read, in words. Only the first call counts.
    pub fn reads_from(&self, sources: Vec<String>) {
        let _ = self.sources.set(sources);
    }

    /// Says that a whole picture was read.
    pub fn loaded(&self) {
        self.metrics.events.source_loads_ok.inc();
        self.metrics.events.source_loaded_timestamp_seconds.set(i64::from(unix_secs()));
    }

    /// Says that a whole picture cannot be read.
    pub fn not_loaded(&self) {
        self.metrics.events.source_loads_failed.inc();
    }

    /// Shows what is wrong with a part of the source; what was known of it stays in service.
    pub fn fault(&self, part: &str, why: &str) {
        self.faults.fault(part, why);
    }

    /// Says that nothing is wrong with it any more.
    pub fn clear(&self, part: &str) {
        self.faults.clear(part);
    }

    /// What happens seldom is counted here.
    pub(super) fn events(&self) -> &Events {
        &self.metrics.events
    }

    /// What watching the cluster takes.
    pub(super) fn source(&self) -> &Source {
        &self.metrics.source
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> MutexGuard<'_, Vec<Shown>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        for Shown { view, latch } in &*self.shown() {
            latch.update(tables::incomplete(view));
        }
    }
}

impl Shown {
    fn is(&self, view: &Arc<View>) -> bool {
        Arc::ptr_eq(&self.view, view)
    }
}

impl Timed {
    fn of(news: &News, store: &Store) -> Option<Self> {
        let of = match &news.change {
            Change::Apply(Object::Service(service)) => Of::Kind(kind(&service.spec)),
            Change::Apply(Object::Endpoints(endpoints)) => {
                let (namespace, service) = (&endpoints.namespace, endpoints.service.as_ref()?);
                let known = store.service_spec(namespace, service);
                known.map_or_else(|| Of::Named(namespace.clone(), service.clone()), |spec| Of::Kind(kind(spec)))
            }
            Change::Delete(key) => Of::Kind(kind(store.spec_behind(key)?)),
            _ => return None,
        };
        let News { received, triggered_unix_secs, .. } = *news;
        Some(Self { of, received, triggered_unix_secs })
    }

    fn observe(&self, store: &Store, source: &Source) {
        let kind = match &self.of {
            Of::Named(namespace, service) => store.service_spec(namespace, service).map(kind),
            Of::Kind(kind) => Some(*kind),
        };
        let Some(kind) = kind else { return };
        source.published(kind, self.received.elapsed());
        if let Some(triggered_unix_secs) = self.triggered_unix_secs {
            source.programmed(kind, triggered_unix_secs);
        }
    }
}

fn kind(spec: &ServiceSpec) -> ServiceKind {
    match spec {
        ServiceSpec::Cluster { .. } => ServiceKind::ClusterIp,
        ServiceSpec::Headless => ServiceKind::Headless,
        ServiceSpec::External { .. } => ServiceKind::ExternalName,
    }
}
