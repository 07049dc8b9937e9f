//! What watching the cluster takes: requests, events, failures, and how long a change needs to be
//! served.
//!
//! `coredns_*` have CoreDNS's names, help texts, labels and buckets.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, core, core::Collector,
    exponential_buckets, proto::MetricFamily,
};

/// See the module.
#[derive(Clone, Debug)]
pub struct Source {
    /// Since when something of the cluster is not followed any more.
    pub lag: Lag,
    requests: IntCounterVec,
    request_secs: HistogramVec,
    events: IntCounterVec,
    failures: IntCounterVec,
    left_out: IntCounterVec,
    publication_secs: ByKind,
    programming_secs: ByKind,
}

/// A histogram for each kind of Service. Each is looked up when it is first needed, and then at hand: a look-up takes
/// longer than an observation.
#[derive(Clone, Debug)]
struct ByKind {
    all: HistogramVec,
    found: [OnceLock<Histogram>; 3],
}

/// A moment, or none while everything is followed. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Lag(Arc<AtomicU64>);

/// What a Service is, as metrics call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceKind {
    /// It has cluster IPs.
    ClusterIp,
    /// Its name leads to its endpoints.
    Headless,
    /// Its name leads to another name.
    ExternalName,
}

impl Source {
    pub(super) fn new(registry: &Registry) -> Self {
        let lag = Lag::default();
        register(registry, LagCollector::new(lag.clone()));
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels).expect("names of ours");
            register(registry, counters.clone());
            counters
        };
        let histograms = |name: &str, help: &str, buckets: Vec<f64>, labels: &[&str]| {
            let options = HistogramOpts::new(name, help).buckets(buckets);
            let histograms = HistogramVec::new(options, labels).expect("names of ours");
            register(registry, histograms.clone());
            histograms
        };
        Self {
            lag,
            requests: counters(
                "coredns_kubernetes_rest_client_requests_total",
                "Number of HTTP requests, partitioned by status code, method, and host.",
                &["code", "method", "host"],
            ),
            request_secs: histograms(
                "coredns_kubernetes_rest_client_request_duration_seconds",
                "Request latency in seconds. Broken down by verb and host.",
                prometheus::DEFAULT_BUCKETS.to_vec(),
                &["verb", "host"],
            ),
            events: counters(
                "clusterdns_source_events_total",
                "What watches of the Kubernetes API said, by resource: whole lists, applied and deleted objects.",
                &["resource", "type"],
            ),
            failures: counters(
                "clusterdns_source_failures_total",
                "Requests and watches of the Kubernetes API that failed and were tried again.",
                &["resource", "reason"],
            ),
            left_out: counters(
                "clusterdns_objects_left_out_total",
                "Objects that could not be read: what was known of them stays in service.",
                &["resource"],
            ),
            publication_secs: ByKind::new(histograms(
                "clusterdns_publication_duration_seconds",
                "From the arrival of a change to the first answer that shows it.",
                exponential_buckets(0.000_125, 2.0, 16).expect("growing"),
                &["service_kind"],
            )),
            programming_secs: ByKind::new(histograms(
                "coredns_kubernetes_dns_programming_duration_seconds",
                "Histogram of the time (in seconds) it took to program a dns instance.",
                exponential_buckets(0.001, 2.0, 20).expect("growing"),
                &["service_kind"],
            )),
        }
    }

    /// A request to the API server. Without a code there was no reply, as client-go counts it.
    pub fn requested(&self, host: &str, code: Option<u16>, took: Duration) {
        let code = code.map_or_else(|| "<error>".to_owned(), |code| code.to_string());
        self.requests.with_label_values(&[&*code, "GET", host]).inc();
        self.request_secs.with_label_values(&["GET", host]).observe(took.as_secs_f64());
    }

    /// An event, by its type: `listed`, `applied`, `deleted`.
    pub fn happened(&self, resource: &str, kind: &str) {
        self.events.with_label_values(&[resource, kind]).inc();
    }

    /// A request or watch that failed.
    pub fn failed(&self, resource: &str, reason: &str) {
        self.failures.with_label_values(&[resource, reason]).inc();
    }

    /// An object that could not be read.
    pub fn left_out(&self, resource: &str) {
        self.left_out.with_label_values(&[resource]).inc();
    }

    /// A change of a Service is served now that arrived so long ago.
    pub fn published(&self, kind: ServiceKind, took: Duration) {
        self.publication_secs.of(kind, kind.name()).observe(took.as_secs_f64());
    }

    /// Endpoints are served now that changed in the cluster at this time.
    pub fn programmed(&self, kind: ServiceKind, triggered_unix_secs: f64) {
        // Only endpoints that a selector found tell when they changed.
        let name = match kind {
            ServiceKind::ClusterIp => "cluster_ip",
            ServiceKind::Headless => "headless_with_selector",
            ServiceKind::ExternalName => return,
        };
        self.programming_secs.of(kind, name).observe((unix_secs() - triggered_unix_secs).max(0.0));
    }
}

impl ByKind {
    fn new(all: HistogramVec) -> Self {
        Self { all, found: Default::default() }
    }

    /// The histogram of this kind, which has this name there.
    fn of(&self, kind: ServiceKind, name: &str) -> &Histogram {
        self.found[kind as usize].get_or_init(|| self.all.with_label_values(&[name]))
    }
}

impl ServiceKind {
    fn name(self) -> &'static str {
        match self {
            Self::ClusterIp => "cluster_ip",
            Self::Headless => "headless",
            Self::ExternalName => "external_name",
        }
    }
}

impl Lag {
    /// Something is not followed since this time.
    pub fn set_since(&self, since: SystemTime) {
        let millis = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        self.0.store(millis.max(1), Ordering::Relaxed);
    }

    /// Everything is followed.
    pub fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// How long something has not been followed, in seconds; 0 while everything is.
    pub fn secs(&self) -> f64 {
        match self.0.load(Ordering::Relaxed) {
            0 => 0.0,
            since_millis => (unix_secs() - since_millis as f64 / 1e3).max(0.001),
        }
    }
}

/// Reads the lag when it is asked for.
struct LagCollector {
    lag: Lag,
    gauge: Gauge,
}

impl LagCollector {
    fn new(lag: Lag) -> Self {
        let help = "How long changes of the cluster may have gone unseen; 0 while all watches are in step.";
        Self { lag, gauge: Gauge::new("clusterdns_source_stale_seconds", help).expect("a name of ours") }
    }
}

impl Collector for LagCollector {
    fn desc(&self) -> Vec<&core::Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.gauge.set(self.lag.secs());
        self.gauge.collect()
    }
}

fn register(registry: &Registry, collector: impl Collector + 'static) {
    registry.register(Box::new(collector)).expect("names of ours differ");
}

fn unix_secs() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrape(registry: &Registry) -> String {
        prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
    }

    #[test]
    fn the_lag_grows_until_everything_is_followed_again() {
        let registry = Registry::new();
        let source = Source::new(&registry);
        assert!(scrape(&registry).contains("\nclusterdns_source_stale_seconds 0\n"));
        source.lag.set_since(SystemTime::now() - Duration::from_secs(90));
        assert!((90.0..100.0).contains(&source.lag.secs()));
        assert!(scrape(&registry).contains("\nclusterdns_source_stale_seconds 9"));
        source.lag.clear();
        assert_eq!(source.lag.secs(), 0.0);
    }

    #[test]
    fn programming_is_counted_as_coredns_counts_it() {
        let registry = Registry::new();
        let source = Source::new(&registry);
        let triggered = unix_secs() - 0.1;
        source.programmed(ServiceKind::Headless, triggered);
        source.programmed(ServiceKind::ExternalName, triggered);
        let text = scrape(&registry);
        let count = "coredns_kubernetes_dns_programming_duration_seconds_count{service_kind=";
        assert!(text.contains(&format!("{count}\"headless_with_selector\"}} 1")), "{text}");
        assert_eq!(text.matches(count).count(), 1);
    }
}
