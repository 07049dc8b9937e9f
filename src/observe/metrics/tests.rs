//! What a scrape says after known questions.

mod caches;

use std::{net::SocketAddr, sync::LazyLock};

use proptest::prelude::*;

use super::*;
use crate::{
    objects::Known,
    records::{
        view::{View, ViewOptions},
        zone::Zone,
    },
    respond::{
        By, Transport,
        plan::{Listener, Route, Server, Transfer},
    },
};

const CLUSTER: Option<usize> = Some(0);
const ROOT: Option<usize> = Some(1);

/// `cluster.local` from tables and `.` from nothing, on one listener.
fn plan(address: &str) -> Plan {
    let options = ViewOptions::new(Zone::parse("cluster.local").unwrap());
    let view = Arc::new(View::new(options));
    let transfer = Some(Transfer { to: Vec::new() });
    Plan {
        servers: vec![
            Server { view: Some(view), transfer, rotate: true, unanswered: 2, ..Server::default() },
            Server { view: None, transfer: None, rotate: false, unanswered: 5, ..Server::default() },
        ],
        listeners: vec![Listener { address: address.parse().unwrap(), any_class: false, zones: Vec::new() }],
        routes: vec![
            Route { listener: 0, zone: "cluster.local".into(), server: 0 },
            Route { listener: 0, zone: ".".into(), server: 1 },
        ],
        ..Plan::default()
    }
}

fn asked(client: &str, transport: Transport) -> Asked {
    Asked { client: client.parse().unwrap(), transport, listener: 0 }
}

fn outcome(route: Option<usize>, rcode: u16, qtype: u16) -> Outcome {
    Outcome { rcode, route, qtype, reply_octets: 120, ..Outcome::default() }
}

/// What is made of cells and tables.
fn scrape(metrics: &Metrics) -> String {
    text(metrics.counted_families())
}

/// The lines of one series, or of a family.
fn lines<'t>(text: &'t str, start: &str) -> Vec<&'t str> {
    text.lines().filter(|line| line.starts_with(start)).collect()
}

#[test]
fn a_scrape_is_what_coredns_would_write() {
    let metrics = Metrics::new(&plan("0.0.0.0:53"));
    let (one, other, shared) = (metrics.cells(), metrics.cells(), metrics.shared());
    let over_udp = asked("192.0.2.1:4242", Transport::Udp);
    for cells in [&one, &other] {
        cells.record(&over_udp, 47, &outcome(CLUSTER, 0, 1));
        cells.record_duration(CLUSTER, Duration::from_micros(200), 1);
    }
    one.record(&over_udp, 47, &Outcome { dnssec_ok: true, ..outcome(CLUSTER, 3, 28) });
    one.record_duration(CLUSTER, Duration::from_millis(1), 1);
    let over_tcp = asked("[2001:db8::1]:4242", Transport::Tcp);
    let took = Duration::from_secs(60);
    shared.record(&over_tcp, 600, &Outcome { reply_octets: 65_000, ..outcome(ROOT, 5, 99) }, took);
    one.record(&over_udp, 12, &Outcome { reply_octets: 12, ..outcome(None, 1, 0) });
    one.record_ignored(&[0; 11]);
    other.record_ignored(&[0; 12]);
    one.dropped.unsent.add(2);
    shared.record_panic();

    let expected = include_str!("scrape.txt")
        .replace("VERSION", env!("CARGO_PKG_VERSION"))
        .replace("REVISION", option_env!("CLUSTERDNS_REVISION").unwrap_or(""));
    let text = scrape(&metrics);
    assert!(text == expected, "the scrape was:\n{text}");
}

#[test]
fn a_series_appears_with_its_first_use() {
    let metrics = Metrics::new(&plan("0.0.0.0:53"));
    let cells = metrics.cells();
    assert_eq!(lines(&scrape(&metrics), "coredns_dns_"), [""; 0]);
    cells.record(&asked("192.0.2.1:1", Transport::Udp), 30, &outcome(CLUSTER, 0, 33));
    let text = scrape(&metrics);
    assert_eq!(
        lines(&text, "coredns_dns_requests_total"),
        [
            r#"coredns_dns_requests_total{family="1",proto="udp",server="dns://:53",type="SRV",view="",zone="cluster.local."} 1"#
        ]
    );
    assert_eq!(lines(&text, "coredns_dns_request_duration"), [""; 0]);
}

#[test]
fn a_server_is_called_as_coredns_calls_it() {
    for (address, server) in [
        ("0.0.0.0:53", "dns://:53"),
        ("[::]:1053", "dns://:1053"),
        ("127.0.0.1:5300", "dns://127.0.0.1:5300"),
        ("[::1]:53", "dns://[::1]:53"),
    ] {
        let text = scrape(&Metrics::new(&plan(address)));
        assert!(text.contains(&format!(r#"{{name="kubernetes",server="{server}",view="",zone="cluster.local."}} 1"#)));
    }
    let nobody = Metrics::new(&Plan::default());
    nobody.cells().record(&asked("192.0.2.1:1", Transport::Udp), 30, &outcome(None, 5, 1));
    assert!(scrape(&nobody).contains(r#"{plugin="",rcode="REFUSED",server="dns://",view="",zone="dropped"} 1"#));
}

#[test]
fn listeners_of_both_families_are_one_server() {
    let mut both = plan("0.0.0.0:53");
    both.listeners.push(Listener { address: "[::]:53".parse().unwrap(), any_class: false, zones: Vec::new() });
    both.routes.push(Route { listener: 1, zone: "cluster.local".into(), server: 0 });
    let metrics = Metrics::new(&both);
    let cells = metrics.cells();
    let over_udp = asked("192.0.2.1:1", Transport::Udp);
    cells.record(&over_udp, 30, &outcome(CLUSTER, 0, 1));
    cells.record(&over_udp, 30, &outcome(Some(2), 0, 1));
    assert_eq!(
        lines(&scrape(&metrics), "coredns_dns_responses_total"),
        [
            r#"coredns_dns_responses_total{plugin="kubernetes",rcode="NOERROR",server="dns://:53",view="",zone="cluster.local."} 2"#
        ]
    );
}

#[test]
fn a_reload_loses_no_count_and_keeps_no_cells() {
    let metrics = Metrics::new(&plan("0.0.0.0:53"));
    let over_udp = asked("192.0.2.1:1", Transport::Udp);
    let cluster = r#"coredns_dns_responses_total{plugin="kubernetes",rcode="NOERROR",server="dns://:53",view="",zone="cluster.local."}"#;
    for reload in 1..=5 {
        let before = metrics.cells();
        before.record(&over_udp, 30, &outcome(CLUSTER, 0, 1));
        before.panics.add(1);
        before.record_ignored(&[]);
        metrics.use_plan(&plan("0.0.0.0:53"));
        let _after = metrics.cells();
        drop(before);
        let text = scrape(&metrics);
        assert_eq!(lines(&text, cluster), [format!("{cluster} {reload}")]);
        assert_eq!(lines(&text, "coredns_panics_total"), [format!("coredns_panics_total {reload}")]);
        assert!(text.contains(&format!("clusterdns_udp_dropped_total{{reason=\"short\"}} {reload}\n")));
        assert_eq!(metrics.counted().live.len(), 1);
    }
    metrics.use_plan(&Plan::default());
    let text = scrape(&metrics);
    assert_eq!(lines(&text, cluster), [format!("{cluster} 5")]);
    assert_eq!(lines(&text, "coredns_plugin_enabled"), [""; 0]);
}

#[test]
fn tasks_count_in_the_cells_of_the_plan_that_is_in_force() {
    let metrics = Metrics::new(&plan("0.0.0.0:53"));
    let shared = metrics.shared();
    let record = || shared.record(&asked("192.0.2.1:1", Transport::Udp), 30, &outcome(CLUSTER, 0, 1), Duration::ZERO);
    record();
    metrics.use_plan(&plan("127.0.0.1:53"));
    record();
    let text = scrape(&metrics);
    for server in ["dns://127.0.0.1:53", "dns://:53"] {
        let series = format!("coredns_dns_requests_total{{family=\"1\",proto=\"udp\",server=\"{server}\"");
        assert!(lines(&text, &series)[0].ends_with(" 1"), "{text}");
    }
}

#[test]
fn the_hash_of_the_configuration_is_that_of_the_last_one() {
    let metrics = Metrics::new(&Plan::default());
    assert_eq!(lines(&metrics.render(), "coredns_reload_version_info"), [""; 0]);
    metrics.configured("ab12");
    metrics.configured("cd34");
    let text = metrics.render();
    assert_eq!(
        lines(&text, "coredns_reload_version_info"),
        [r#"coredns_reload_version_info{hash="sha512",value="cd34"} 1"#]
    );
}

#[test]
fn what_is_watched_is_read_when_somebody_asks() {
    let metrics = Metrics::new(&Plan::default());
    let waiting = Arc::new(std::sync::atomic::AtomicU64::new(3));
    let read = waiting.clone();
    metrics.watch("clusterdns_waiting", "Who waits.", move || read.load(std::sync::atomic::Ordering::Relaxed));
    metrics.watch("clusterdns_waiting", "Nobody.", || 0);
    assert_eq!(lines(&metrics.render(), "clusterdns_waiting "), ["clusterdns_waiting 3"]);
    waiting.store(4, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(lines(&metrics.render(), "clusterdns_waiting "), ["clusterdns_waiting 4"]);
}

#[test]
fn tables_are_read_when_somebody_asks() {
    let plan = plan("0.0.0.0:53");
    let metrics = Metrics::new(&plan);
    let view = plan.servers[0].view.as_ref().unwrap();
    let services = r#"clusterdns_table_complete{kind="services",zone="cluster.local."}"#;
    assert_eq!(lines(&scrape(&metrics), services), [format!("{services} 0")]);
    view.set_known(Known { services: true, ..Known::default() });
    view.set_serial(1_700_000_000);
    let text = scrape(&metrics);
    assert_eq!(lines(&text, services), [format!("{services} 1")]);
    let changed = r#"clusterdns_table_changed_timestamp_seconds{zone="cluster.local."}"#;
    assert_eq!(lines(&text, changed), [format!("{changed} 1700000000")]);
    // Verified pod names are not served here, so it does not matter whether Pods are known.
    assert_eq!(lines(&text, r#"clusterdns_table_complete{kind="pods""#), [""; 0]);
    assert_eq!(
        crate::observe::tables::incomplete(view).as_deref(),
        Some("cluster.local.: no complete list yet of namespaces, endpoints")
    );
    view.set_known(Known { pods: false, ..Known::ALL });
    assert_eq!(crate::observe::tables::incomplete(view), None);
}

#[test]
fn views_of_one_zone_are_complete_together() {
    let mut plan = plan("127.0.0.1:53");
    let first = plan.servers[0].view.clone().unwrap();
    let second = Arc::new(View::new(first.options.clone()));
    plan.servers[1].view = Some(second.clone());
    let metrics = Metrics::new(&plan);
    let services = r#"clusterdns_table_complete{kind="services",zone="cluster.local."}"#;
    for (one, other, both) in [(false, true, 0), (true, false, 0), (true, true, 1)] {
        first.set_known(Known { services: one, ..Known::default() });
        second.set_known(Known { services: other, ..Known::default() });
        assert_eq!(lines(&scrape(&metrics), services), [format!("{services} {both}")]);
    }
}

#[test]
fn what_happens_seldom_is_there_from_the_start() {
    let metrics = Metrics::new(&plan("0.0.0.0:53"));
    metrics.events.tcp_refused_client.inc();
    metrics.events.tcp_connections.set(7);
    let text = metrics.render();
    for line in [
        "clusterdns_tcp_connections 7",
        "clusterdns_tcp_refused_total{reason=\"client\"} 1",
        "clusterdns_tcp_refused_total{reason=\"full\"} 0",
        "clusterdns_source_loads_total{result=\"failed\"} 0",
        "clusterdns_source_loads_total{result=\"ok\"} 0",
        "coredns_reload_failed_total 0",
        "coredns_health_request_duration_seconds_count 0",
        "coredns_health_request_failures_total 0",
        "coredns_hosts_reload_timestamp_seconds 0",
        "coredns_local_localhost_requests_total 0",
        "coredns_forward_healthcheck_broken_total 0",
        "coredns_forward_max_concurrent_rejects_total 0",
        "clusterdns_waiting_refused_total 0",
        "coredns_panics_total 0",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
    }
    #[cfg(target_os = "linux")]
    assert!(lines(&text, "process_resident_memory_bytes ").len() == 1);
    let names: Vec<_> = lines(&text, "# HELP ").iter().map(|line| line.split(' ').nth(2).unwrap()).collect();
    assert!(names.is_sorted(), "{names:?}");
}

/// Made once: tables take their memory when they are made.
static PLAN: LazyLock<Plan> = LazyLock::new(|| plan("0.0.0.0:53"));

proptest! {
    /// However questions fall on threads, a scrape says what one thread would have counted.
    #[test]
    fn threads_do_not_matter(
        questions in prop::collection::vec(
            (0usize..4, prop::option::of(0usize..2), 0u16..30, 0u16..260, any::<bool>(), 0usize..70_000, 0u64..20_000_000),
            0..30,
        )
    ) {
        let (alone, many) = (Metrics::new(&PLAN), Metrics::new(&PLAN));
        let single = alone.cells();
        let threads: Vec<_> = (0..4).map(|_| many.cells()).collect();
        for (thread, route, rcode, qtype, dnssec_ok, octets, micros) in questions {
            let transport = if octets % 2 == 0 { Transport::Udp } else { Transport::Tcp };
            let client = SocketAddr::from(([192, 0, 2, 1], 53));
            let asked = Asked { client, transport, listener: 0 };
            let outcome = Outcome { rcode, route, qtype, dnssec_ok, reply_octets: octets, ..Outcome::default() };
            for cells in [&single, &threads[thread]] {
                cells.record(&asked, octets / 2, &outcome);
                cells.record_duration(route, Duration::from_micros(micros), 1);
            }
        }
        prop_assert_eq!(scrape(&many), scrape(&alone));
        drop(threads);
        prop_assert_eq!(scrape(&many), scrape(&alone));
    }
}

#[test]
fn what_stages_answer_is_counted_as_theirs() {
    let metrics = Metrics::new(&plan("0.0.0.0:53"));
    let cells = metrics.cells();
    for by in By::ALL {
        cells.record(&asked("192.0.2.1:1", Transport::Udp), 30, &Outcome { by, ..outcome(ROOT, 0, 1) });
    }
    let scraped = scrape(&metrics);
    let names: Vec<_> = lines(&scraped, "coredns_dns_responses_total{plugin=")
        .iter()
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    assert_eq!(names, ["cache", "forward", "hosts", "kubernetes", "rewrite", "template"]);
}
