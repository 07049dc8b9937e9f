//! Sums as the families of metrics that dashboards know.
//!
//! Names, help texts, labels and buckets of `coredns_*` are CoreDNS's. So is that a series appears
//! when it first counts something. Four labels differ in what they say:
//!
//! - `plugin` names what answered: `kubernetes`, `cache` or `forward`; CoreDNS names whatever stage
//!   stands behind its `prometheus`. It is empty where no zone was found, as in CoreDNS.
//! - `version` and `revision` are ours; the revision is `CLUSTERDNS_REVISION` at compile time.
//! - `goversion` is empty: there is none.
//! - the `server` of what came to no zone is the first one.

use std::collections::BTreeMap;

use prometheus::proto::{self, Bucket, LabelPair, Metric, MetricFamily, MetricType};

use super::{
    caches,
    cells::{Cell, DURATION_FIRST_NANOS, Histogram, RCODES, RouteCells, SIZE_BOUNDS, TYPE_NAMES},
    early,
    metrics::Totals,
    served::{DROPPED, Labels, Served},
    tables::{self, Table},
};
use crate::{respond::By, search::finish::Finished};

/// Every family that has a series.
pub(super) fn of(totals: &Totals, served: &Served) -> Vec<MetricFamily> {
    let mut families = vec![stages(served)];
    families.extend(requests(totals));
    families.extend(caches::families(&totals.caches));
    families.extend(early::families(served));
    families.extend(process(totals));
    families.extend(zones(served));
    families.retain(|family| !family.get_metric().is_empty());
    families
}

fn requests(totals: &Totals) -> [MetricFamily; 8] {
    let mut requests =
        Family::counter("coredns_dns_requests_total", "Counter of DNS requests made per zone, protocol and family.");
    let mut durations = Family::histogram(
        "coredns_dns_request_duration_seconds",
        "Histogram of the time (in seconds) each request took per zone.",
    );
    let mut request_sizes = Family::histogram(
        "coredns_dns_request_size_bytes",
        "Size of the EDNS0 UDP buffer in bytes (64K for TCP) per zone and protocol.",
    );
    let mut response_sizes =
        Family::histogram("coredns_dns_response_size_bytes", "Size of the returned response in bytes.");
    let mut dnssec_ok =
        Family::counter("coredns_dns_do_requests_total", "Counter of DNS requests with DO bit set per zone.");
    let mut responses = Family::counter("coredns_dns_responses_total", "Counter of response status codes.");
    let mut finished = Family::counter(
        "clusterdns_search_total",
        "Names that were looked for along a search list by the server, by what became of them.",
    );
    let mut completed = Family::counter("coredns_autopath_success_total", "Counter of requests that did autopath.");
    let mut completed_by: BTreeMap<&str, u64> = BTreeMap::new();

    for (labels, cells) in &totals.routes {
        let route = [("server", &*labels.server), ("view", ""), ("zone", &*labels.zone)];
        for (proto, family, kind, cell) in by_question(cells) {
            requests.count(&[&route[..], &[("family", family), ("proto", proto), ("type", kind)]].concat(), cell);
        }
        durations.observe(&route, &cells.durations, &duration_bounds_secs(), 1e9);
        dnssec_ok.count(&route, &cells.dnssec_ok);
        for (transport, proto) in PROTOS.into_iter().enumerate() {
            let labels = [&route[..], &[("proto", proto)]].concat();
            let bounds = SIZE_BOUNDS.map(|bound| bound as f64);
            request_sizes.observe(&labels, &cells.request_sizes[transport], &bounds, 1.0);
            response_sizes.observe(&labels, &cells.response_sizes[transport], &bounds, 1.0);
        }
        for (by, responses_by) in By::ALL.into_iter().zip(&cells.responses) {
            for (rcode, cell) in responses_by.iter().enumerate() {
                let answers = [("plugin", plugin(labels, by)), ("rcode", RCODE_NAMES[rcode])];
                responses.count(&[&route[..], &answers].concat(), cell);
            }
        }
        for (result, cell) in Finished::ALL.into_iter().zip(&cells.finished) {
            finished.count(&[&route[..], &[("result", result.name())]].concat(), cell);
        }
        *completed_by.entry(&*labels.server).or_default() += cells.finished[Finished::Completed as usize].get();
    }
    for (server, count) in completed_by.into_iter().filter(|(_, count)| *count > 0) {
        completed.push(&[("server", server)], count);
    }
    [requests, durations, request_sizes, response_sizes, dnssec_ok, responses, finished, completed].map(Family::finish)
}

/// Every cell of requests with its labels `proto`, `family` and `type`.
fn by_question(cells: &RouteCells) -> impl Iterator<Item = (&'static str, &'static str, &'static str, &Cell)> {
    cells.requests.iter().zip(PROTOS).flat_map(|(families, proto)| {
        families.iter().zip(["1", "2"]).flat_map(move |(kinds, family)| {
            kinds.iter().zip(TYPE_NAMES).map(move |(cell, kind)| (proto, family, kind, cell))
        })
    })
}

/// What has answered a question of a route.
fn plugin(labels: &Labels, by: By) -> &'static str {
    if labels.zone == DROPPED { "" } else { by.name() }
}

fn duration_bounds_secs() -> [f64; 16] {
    std::array::from_fn(|doublings| (DURATION_FIRST_NANOS << doublings) as f64 / 1e9)
}

/// What is said of the whole process.
fn process(totals: &Totals) -> [MetricFamily; 3] {
    let mut panics = Family::counter("coredns_panics_total", "A metrics that counts the number of panics.");
    panics.push(&[], totals.panics.get());
    let mut build = Family::gauge(
        "coredns_build_info",
        "A metric with a constant '1' value labeled by version, revision, and goversion from which CoreDNS was built.",
    );
    build.push(&[("version", env!("CARGO_PKG_VERSION")), ("revision", REVISION), ("goversion", "")], 1);
    let mut dropped = Family::counter(
        "clusterdns_udp_dropped_total",
        "Datagrams without an answer: too short, a response, or a reply that could not be sent.",
    );
    dropped.push(&[("reason", "short")], totals.dropped.short.get());
    dropped.push(&[("reason", "response")], totals.dropped.response.get());
    dropped.push(&[("reason", "unsent")], totals.dropped.unsent.get());
    [panics, build, dropped].map(Family::finish)
}

/// Which stages are configured.
fn stages(served: &Served) -> MetricFamily {
    let mut enabled = Family::gauge(
        "coredns_plugin_enabled",
        "A metric that indicates whether a plugin is enabled on per server and zone basis.",
    );
    for (Labels { server, zone }, names) in &served.stages {
        for name in names {
            enabled.push(&[("server", server), ("zone", zone), ("view", ""), ("name", name)], 1);
        }
    }
    enabled.finish()
}

/// What the tables hold.
fn zones(served: &Served) -> [MetricFamily; 3] {
    let mut entries = Family::gauge(
        "clusterdns_table_entries",
        "What the tables of a zone hold: namespaces, services, addresses of endpoints, addresses of pods.",
    );
    let mut complete = Family::gauge(
        "clusterdns_table_complete",
        "Whether a table holds all there is (1). Until then names that it lacks are answered with SERVFAIL.",
    );
    let mut changed = Family::gauge(
        "clusterdns_table_changed_timestamp_seconds",
        "Unix time of the last change of a zone's records: its SOA serial; 0 before the first.",
    );
    for (zone, views) in tables::by_zone(&served.views) {
        let mut of_zone: Vec<(&str, Table)> = Vec::new();
        for (kind, table) in views.iter().flat_map(|view| tables::tables(view)) {
            match of_zone.iter_mut().find(|(other, _)| *other == kind) {
                Some((_, sum)) => {
                    sum.entries += table.entries;
                    sum.complete &= table.complete;
                }
                None => of_zone.push((kind, table)),
            }
        }
        for (kind, table) in of_zone {
            entries.push(&[("zone", &zone), ("kind", kind)], table.entries as u64);
            complete.push(&[("zone", &zone), ("kind", kind)], table.complete.into());
        }
        let serial = views.iter().map(|view| view.serial()).max().unwrap_or(0);
        changed.push(&[("zone", &zone)], serial.into());
    }
    [entries, complete, changed].map(Family::finish)
}

// ----------- One family ----------------------------------------------------

/// A family that is being filled.
pub(super) struct Family(MetricFamily);

impl Family {
    pub(super) fn counter(name: &str, help: &str) -> Self {
        Self::new(name, help, MetricType::COUNTER)
    }

    pub(super) fn gauge(name: &str, help: &str) -> Self {
        Self::new(name, help, MetricType::GAUGE)
    }

    pub(super) fn histogram(name: &str, help: &str) -> Self {
        Self::new(name, help, MetricType::HISTOGRAM)
    }

    fn new(name: &str, help: &str, kind: MetricType) -> Self {
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        Self(family)
    }

    /// Adds a counter, if it counted anything.
    fn count(&mut self, labels: &[(&str, &str)], cell: &Cell) {
        let count = cell.get();
        if count > 0 {
            self.push(labels, count);
        }
    }

    /// Adds a counter or gauge.
    pub(super) fn push(&mut self, labels: &[(&str, &str)], value: u64) {
        let mut metric = labelled(labels);
        if self.0.get_field_type() == MetricType::COUNTER {
            let mut counter = proto::Counter::default();
            counter.set_value(value as f64);
            metric.set_counter(counter);
        } else {
            let mut gauge = proto::Gauge::default();
            gauge.set_value(value as f64);
            metric.set_gauge(gauge);
        }
        self.0.mut_metric().push(metric);
    }

    /// Adds a histogram, if it observed anything. Values are shown divided by `divisor`.
    fn observe<const BUCKETS: usize>(
        &mut self,
        labels: &[(&str, &str)],
        observed: &Histogram<BUCKETS>,
        bounds: &[f64],
        divisor: f64,
    ) {
        self.push_counts(labels, observed.counts(), bounds, observed.sum() as f64 / divisor);
    }

    /// Adds a histogram of these counts and this sum, if there are any. What is beyond all bounds is counted last.
    pub(super) fn push_counts(
        &mut self,
        labels: &[(&str, &str)],
        counts: impl IntoIterator<Item = u64> + Copy,
        bounds: &[f64],
        sum: f64,
    ) {
        let total: u64 = counts.into_iter().sum();
        if total == 0 {
            return;
        }
        let mut cumulative_count = 0;
        let buckets = counts.into_iter().zip(bounds).map(|(count, &bound)| {
            cumulative_count += count;
            let mut bucket = Bucket::default();
            bucket.set_cumulative_count(cumulative_count);
            bucket.set_upper_bound(bound);
            bucket
        });
        let mut histogram = proto::Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(total);
        histogram.set_sample_sum(sum);
        let mut metric = labelled(labels);
        metric.set_histogram(histogram);
        self.0.mut_metric().push(metric);
    }

    /// The family with its series in the order in which Go writes them: by the values of their labels.
    pub(super) fn finish(mut self) -> MetricFamily {
        let values = |metric: &Metric| metric.get_label().iter().map(|label| label.value().to_owned()).collect();
        self.0.mut_metric().sort_by_cached_key::<Vec<_>, _>(values);
        self.0
    }
}

/// A metric with its labels in the order in which Go writes them: by name.
fn labelled(labels: &[(&str, &str)]) -> Metric {
    let mut labels = labels.to_vec();
    labels.sort_unstable();
    let pair = |(name, value): (&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    Metric::from_label(labels.into_iter().map(pair).collect())
}

// ----------- Names ---------------------------------------------------------

const PROTOS: [&str; 2] = ["udp", "tcp"];

/// RFC 6895 section 2.3, as CoreDNS writes them; the last for all others.
pub(super) const RCODE_NAMES: [&str; RCODES] = [
    "NOERROR",
    "FORMERR",
    "SERVFAIL",
    "NXDOMAIN",
    "NOTIMP",
    "REFUSED",
    "YXDOMAIN",
    "YXRRSET",
    "NXRRSET",
    "NOTAUTH",
    "NOTZONE",
    "RCODE11",
    "RCODE12",
    "RCODE13",
    "RCODE14",
    "RCODE15",
    "BADVERS",
    "BADKEY",
    "BADTIME",
    "BADMODE",
    "BADNAME",
    "BADALG",
    "BADTRUNC",
    "BADCOOKIE",
    "other",
];

const REVISION: &str = match option_env!("CLUSTERDNS_REVISION") {
    Some(revision) => revision,
    None => "",
};
