//! Counters and gauges of what happens seldom.
//!
//! The rooms that it happens in count here directly: a locked instruction costs nothing beside
//! opening a stream or reading a snapshot. All series are there from the start, so that an alert on
//! their rate sees the first event.

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::{Collector, Desc},
    exponential_buckets,
    proto::MetricFamily,
};

/// See the module.
#[derive(Clone, Debug)]
pub struct Events {
    /// Streams that are open now.
    pub tcp_connections: IntGauge,
    /// Streams refused because all places were taken.
    pub tcp_refused_full: IntCounter,
    /// Streams refused because their client had its share.
    pub tcp_refused_client: IntCounter,
    /// Pictures of the cluster that were read and are served.
    pub source_loads_ok: IntCounter,
    /// Pictures of the cluster that could not be read; the last good one is served.
    pub source_loads_failed: IntCounter,
    /// Unix time of the last picture that was read; 0 before the first.
    pub source_loaded_timestamp_seconds: IntGauge,
    /// Configurations that were not taken over.
    pub reloads_failed: IntCounter,
    /// Which configuration is in force, by its hash.
    pub(super) reload_version: IntGaugeVec,
    /// Questions turned away because too many waited for others.
    pub waiting_refused: IntCounter,
    /// How long `/health` takes when the server asks itself.
    pub health_secs: Histogram,
    /// How often it did not answer itself.
    pub health_failures: IntCounter,
    /// Lines about questions for which there was no room.
    pub log_dropped_queries: IntCounter,
    /// Lines about questions that failed for which there was no room.
    pub log_dropped_errors: IntCounter,
    /// States that were saved.
    pub state_saves_ok: IntCounter,
    /// States that could not be saved; the one before is kept.
    pub state_saves_failed: IntCounter,
    /// Unix time of the last state that was saved; 0 before the first.
    pub state_saved_timestamp_seconds: IntGauge,
    /// Connections to the admin address that were cut off to make room for newer ones.
    pub admin_connections_cut: IntCounter,
}

impl Events {
    /// Counters that the registry knows.
    pub(super) fn new(registry: &Registry) -> Self {
        let refused = counters(
            registry,
            "clusterdns_tcp_refused_total",
            "TCP connections refused: all places taken (full), or the client's share of them (client).",
            "reason",
        );
        let loads = counters(
            registry,
            "clusterdns_source_loads_total",
            "Pictures of the cluster that were read (ok) or could not be (failed).",
            "result",
        );
        let saves = counters(
            registry,
            "clusterdns_state_saves_total",
            "States of the cluster that were saved to a file (ok) or could not be (failed).",
            "result",
        );
        let dropped = counters(
            registry,
            "clusterdns_log_dropped_total",
            "Lines of the log for which there was no room: about questions (queries), or those that failed (errors).",
            "log",
        );
        // CoreDNS shows it too where nobody asks for such names.
        counter(registry, "coredns_local_localhost_requests_total", "Counter of special localhost subdomain requests.");
        Self {
            tcp_connections: gauge(registry, "clusterdns_tcp_connections", "TCP connections open now."),
            tcp_refused_full: refused.with_label_values(&["full"]),
            tcp_refused_client: refused.with_label_values(&["client"]),
            source_loads_ok: loads.with_label_values(&["ok"]),
            source_loads_failed: loads.with_label_values(&["failed"]),
            source_loaded_timestamp_seconds: gauge(
                registry,
                "clusterdns_source_loaded_timestamp_seconds",
                "Unix time of the last picture of the cluster that was read; 0 before the first.",
            ),
            reloads_failed: counter(
                registry,
                "coredns_reload_failed_total",
                "Counter of the number of failed reload attempts.",
            ),
            reload_version: gauges(
                registry,
                "coredns_reload_version_info",
                "A metric with a constant '1' value labeled by hash, and value which type of hash generated.",
                &["hash", "value"],
            ),
            waiting_refused: counter(
                registry,
                "clusterdns_waiting_refused_total",
                "Questions answered with SERVFAIL because too many waited for upstreams.",
            ),
            health_secs: histogram(
                registry,
                "coredns_health_request_duration_seconds",
                "Histogram of the time (in seconds) each request took.",
                exponential_buckets(0.000_25, 10.0, 5).expect("growing"),
            ),
            health_failures: counter(
                registry,
                "coredns_health_request_failures_total",
                "The number of times the health check failed.",
            ),
            log_dropped_queries: dropped.with_label_values(&["queries"]),
            log_dropped_errors: dropped.with_label_values(&["errors"]),
            state_saves_ok: saves.with_label_values(&["ok"]),
            state_saves_failed: saves.with_label_values(&["failed"]),
            state_saved_timestamp_seconds: gauge(
                registry,
                "clusterdns_state_saved_timestamp_seconds",
                "Unix time of the last state of the cluster that was saved to a file; 0 before the first.",
            ),
            admin_connections_cut: counter(
                registry,
                "clusterdns_admin_connections_cut_total",
                "Connections to the admin address cut off to make room for newer ones.",
            ),
        }
    }
}

fn counters(registry: &Registry, name: &str, help: &str, label: &str) -> IntCounterVec {
    let counters = IntCounterVec::new(Opts::new(name, help), &[label]).expect("a name and a label of ours");
    registry.register(Box::new(counters.clone())).expect("names of ours differ");
    counters
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    let counter = IntCounter::new(name, help).expect("a name of ours");
    registry.register(Box::new(counter.clone())).expect("names of ours differ");
    counter
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    let gauge = IntGauge::new(name, help).expect("a name of ours");
    registry.register(Box::new(gauge.clone())).expect("names of ours differ");
    gauge
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    let gauges = IntGaugeVec::new(Opts::new(name, help), labels).expect("a name and labels of ours");
    registry.register(Box::new(gauges.clone())).expect("names of ours differ");
    gauges
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: Vec<f64>) -> Histogram {
    let options = HistogramOpts::new(name, help).buckets(buckets);
    let histogram = Histogram::with_opts(options).expect("a name of ours");
    registry.register(Box::new(histogram.clone())).expect("names of ours differ");
    histogram
}

/// A gauge that is read when somebody asks.
pub(super) struct Watched<F> {
    gauge: IntGauge,
    read: F,
}

impl<F: Fn() -> u64 + Send + Sync> Watched<F> {
    pub(super) fn new(name: &str, help: &str, read: F) -> Self {
        Self { gauge: IntGauge::new(name, help).expect("a name of ours"), read }
    }
}

impl<F: Fn() -> u64 + Send + Sync> Collector for Watched<F> {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.gauge.set((self.read)() as i64);
        self.gauge.collect()
    }
}
