//! What `hosts` and `template` hold and have done, as CoreDNS's families. CoreDNS's `entries` are there from
//! the start, those of templates from their first use.

use std::{collections::BTreeSet, time::UNIX_EPOCH};

use prometheus::proto::MetricFamily;

use super::{families::Family, served::Served};
use crate::{
    respond::messages::{class_name, type_name},
    stages::template::{Count, Counted, Section},
};

/// The families of these stages.
pub(super) fn families(served: &Served) -> [MetricFamily; 5] {
    let [entries, reloaded] = hosts(served);
    let [matches, templates, records] = templates(served);
    [entries, reloaded, matches, templates, records]
}

fn hosts(served: &Served) -> [MetricFamily; 2] {
    let mut entries = Family::gauge("coredns_hosts_entries", "The combined number of entries in hosts and Corefile.");
    let mut reloaded =
        Family::gauge("coredns_hosts_reload_timestamp_seconds", "The timestamp of the last reload of hosts file.");
    let mut newest = 0;
    // A block with several ports reads its file for each of them.
    let mut paths = BTreeSet::new();
    for hosts in served.hosts.iter().filter(|hosts| paths.insert(hosts.path())) {
        entries.push(&[("hostsfile", &hosts.path().to_string_lossy())], hosts.entries());
        let modified = hosts.modified().and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
        newest = newest.max(modified.map_or(0, |since| since.as_secs()));
    }
    reloaded.push(&[], newest);
    [entries, reloaded].map(Family::finish)
}

fn templates(served: &Served) -> [MetricFamily; 3] {
    let mut matches = Family::counter("coredns_template_matches_total", "Counter of template regex matches.");
    let mut failures = Family::counter("coredns_template_template_failures_total", "Counter of go template failures.");
    let mut records = Family::counter("coredns_template_rr_failures_total", "Counter of mis-templated RRs.");
    for (count, number) in served.templates.iter().flat_map(|templates| templates.counts()) {
        let Count { counted, listener, zone, class, kind } = &count;
        let server = served.listeners.get(*listener).map_or("", String::as_str);
        let (zone, class, kind) = (zone.to_string(), class_name(*class), type_name(*kind));
        let labels = [("class", &*class), ("server", server), ("type", &kind), ("view", ""), ("zone", &zone)];
        let of_text = |section: &Section, text| {
            let mut all = [&labels[..], &[("section", name(*section)), ("template", text)]].concat();
            all.sort_unstable();
            all
        };
        match counted {
            Counted::Match => matches.push(&labels, number),
            Counted::TemplateFailure(section, text) => failures.push(&of_text(section, text), number),
            Counted::RecordFailure(section, text) => records.push(&of_text(section, text), number),
        }
    }
    [matches, failures, records].map(Family::finish)
}

fn name(section: Section) -> &'static str {
    match section {
        Section::Answer => "answer",
        Section::Authority => "authority",
        Section::Additional => "additional",
    }
}
