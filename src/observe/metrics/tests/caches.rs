//! What a scrape says of caches.

use std::time::Instant;

use super::*;
use crate::{
    answers::{
        foreign::Foreign,
        question::{self, Packet, QueryName},
    },
    cache::{Cache, Options},
    records::name::Name,
    respond::{By, Looked},
};

/// The plan of all tests, whose `.` has a cache.
fn cached(address: &str, options: Options) -> (Plan, Arc<Cache>) {
    let (mut plan, cache) = (plan(address), Arc::new(Cache::new(options)));
    plan.servers[1].stages.cache = Some(cache.clone());
    (plan, cache)
}

fn looked(looked: Looked) -> Outcome {
    let by = if looked == Looked::Missed { By::Forward } else { By::Cache };
    Outcome { looked: Some(looked), by, ..outcome(ROOT, 0, 1) }
}

/// Keeps `example.org. A 192.0.2.1`.
fn keep(cache: &Cache) {
    let asked = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x01\0\x01";
    let mut reply = [asked, &b"\xc0\x0c\0\x01\0\x01\0\0\x01\0\0\x04\xc0\0\x02\x01"[..]].concat();
    (reply[2], reply[3], reply[7]) = (0x81, 0x80, 1);
    let mut name = QueryName::new();
    let Packet::Question(question) = question::read(asked, &mut name) else { panic!("a question") };
    let reply = Arc::new(Foreign::read(&reply, &question).expect("a reply"));
    cache.keep(&question, &name, &reply, Instant::now());
}

#[test]
fn a_cache_is_told_of_as_coredns_tells_of_its_own() {
    let (plan, cache) = cached("0.0.0.0:53", Options::default());
    let metrics = Metrics::new(&plan);
    let cells = metrics.cells();
    let over_udp = asked("192.0.2.1:1", Transport::Udp);
    for seen in [Looked::Missed, Looked::Success, Looked::Success, Looked::Denial] {
        cells.record(&over_udp, 30, &looked(seen));
    }
    keep(&cache);
    cache.count_stale();
    let text = scrape(&metrics);
    let series = |name: &str, labels: &str| {
        let start = format!("{name}{{server=\"dns://:53\",{labels}view=\"\",zones=\".\"}} ");
        lines(&text, &start).first().map(|line| line[start.len()..].to_owned())
    };
    let (success, denial) = (r#"type="success","#, r#"type="denial","#);
    for (name, labels, value) in [
        ("coredns_cache_requests_total", "", "4"),
        ("coredns_cache_misses_total", "", "1"),
        ("coredns_cache_hits_total", success, "2"),
        ("coredns_cache_hits_total", denial, "1"),
        ("coredns_cache_entries", success, "1"),
        ("coredns_cache_entries", denial, "0"),
        ("coredns_cache_evictions_total", success, "0"),
        ("coredns_cache_evictions_total", denial, "0"),
        ("coredns_cache_drops_total", "", "0"),
        ("coredns_cache_prefetch_total", "", "0"),
        ("coredns_cache_served_stale_total", "", "1"),
    ] {
        assert_eq!(series(name, labels).as_deref(), Some(value), "{name} {labels} in\n{text}");
    }
    for (plugin, count) in [("cache", 3), ("forward", 1)] {
        let series = format!(
            r#"coredns_dns_responses_total{{plugin="{plugin}",rcode="NOERROR",server="dns://:53",view="",zone="."}}"#
        );
        assert_eq!(lines(&text, &series), [format!("{series} {count}")]);
    }
    assert!(text.contains("coredns_plugin_enabled{name=\"cache\",server=\"dns://:53\",view=\"\",zone=\".\"} 1\n"));
}

#[test]
fn a_cache_is_called_by_the_zones_it_is_for() {
    let zones = ["example.org.", "b."].map(|zone| Name::parse(zone).unwrap()).to_vec();
    let (plan, _) = cached("127.0.0.1:53", Options { zones, ..Options::default() });
    let text = scrape(&Metrics::new(&plan));
    let requests = r#"coredns_cache_requests_total{server="dns://127.0.0.1:53",view="",zones="example.org.,b."} 0"#;
    assert_eq!(lines(&text, "coredns_cache_requests_total"), [requests]);
}

#[test]
fn a_cache_of_two_addresses_has_its_entries_once() {
    let (mut both, cache) = cached("0.0.0.0:53", Options::default());
    both.listeners.push(Listener { address: "127.0.0.1:1053".parse().unwrap(), any_class: false, zones: Vec::new() });
    both.routes.push(Route { listener: 1, zone: ".".into(), server: 1 });
    keep(&cache);
    let metrics = Metrics::new(&both);
    let cells = metrics.cells();
    cells.record(&asked("192.0.2.1:1", Transport::Udp), 30, &Outcome { route: Some(2), ..looked(Looked::Success) });
    let text = scrape(&metrics);
    let of_second = |family: &str| format!("{family}{{server=\"dns://127.0.0.1:1053\",type=\"success\"");
    assert!(lines(&text, &of_second("coredns_cache_hits_total"))[0].ends_with(" 1"), "{text}");
    assert!(lines(&text, &of_second("coredns_cache_entries"))[0].ends_with(" 0"), "{text}");
}

#[test]
fn a_cache_that_is_gone_has_no_entries_and_its_counts_stay() {
    let (first, cache) = cached("0.0.0.0:53", Options::default());
    let metrics = Metrics::new(&first);
    let cells = metrics.cells();
    cells.record(&asked("192.0.2.1:1", Transport::Udp), 30, &looked(Looked::Success));
    keep(&cache);
    cache.count_stale();
    let entries = "coredns_cache_entries{server=\"dns://:53\",type=\"success\",view=\"\",zones=\".\"}";
    let stale = "coredns_cache_served_stale_total{server=\"dns://:53\",view=\"\",zones=\".\"}";
    let requests = "coredns_cache_requests_total{server=\"dns://:53\",view=\"\",zones=\".\"}";
    for (replaced, kept) in [(first, 1), (cached("0.0.0.0:53", Options::default()).0, 0)] {
        metrics.use_plan(&replaced);
        let text = scrape(&metrics);
        for (series, value) in [(entries, kept), (stale, 1), (requests, 1)] {
            assert_eq!(lines(&text, series), [format!("{series} {value}")]);
        }
    }
}
