//! Names that exist without a Service behind them, and Services that lead elsewhere.

use crate::support::{NODATA, NXDOMAIN, SOA, cluster};

#[test]
fn ns_and_ns_dns_are_found_in_any_letter_case() {
    let local = vec!["192.0.2.53".parse().unwrap()];
    let server = cluster().with(|options| options.local_addresses = local).namespace("shop").start();
    assert_eq!(
        server.ask("Cluster.LOCAL", "NS"),
        [
            "NOERROR AA RD",
            "answer Cluster.LOCAL. 5 NS ns.dns.Cluster.LOCAL.",
            "additional ns.dns.Cluster.LOCAL. 5 A 192.0.2.53",
        ]
    );
    assert_eq!(
        server.ask("Ns.dNS.Cluster.LOCAL", "A"),
        ["NOERROR AA RD", "answer Ns.dNS.Cluster.LOCAL. 5 A 192.0.2.53"]
    );
    assert_eq!(server.ask("ns.dns.cluster.local", "AAAA"), NODATA);
}

#[test]
fn a_service_at_one_of_our_addresses_is_the_name_server() {
    let server = cluster()
        .with(|options| options.local_addresses = vec!["10.0.0.2".parse().unwrap(), "10.0.0.3".parse().unwrap()])
        .service("kube-system/dns", &["10.96.0.10", "fd00::10"], &["dns:53/UDP"])
        .slice("kube-system/dns", &["10.0.0.2", "10.0.0.3"], &["dns:53/UDP"])
        .start();
    assert_eq!(
        server.ask("cluster.local", "NS"),
        [
            "NOERROR AA RD",
            "answer cluster.local. 5 NS dns.kube-system.svc.cluster.local.",
            "additional dns.kube-system.svc.cluster.local. 5 A 10.96.0.10",
            "additional dns.kube-system.svc.cluster.local. 5 AAAA fd00::10",
        ]
    );
    assert_eq!(
        server.ask("ns.dns.cluster.local", "AAAA"),
        ["NOERROR AA RD", "answer ns.dns.cluster.local. 5 AAAA fd00::10"]
    );
}

#[test]
fn a_headless_service_at_our_address_is_named_by_its_endpoints() {
    let server = cluster()
        .with(|options| options.local_addresses = vec!["10.0.0.2".parse().unwrap()])
        .headless("kube-system/dns")
        .slice("kube-system/dns", &["a=10.0.0.1", "b=10.0.0.2"], &["dns:53/UDP"])
        .start();
    assert_eq!(
        server.ask("cluster.local", "NS"),
        [
            "NOERROR AA RD",
            "answer cluster.local. 5 NS a.dns.kube-system.svc.cluster.local.",
            "answer cluster.local. 5 NS b.dns.kube-system.svc.cluster.local.",
            "additional a.dns.kube-system.svc.cluster.local. 5 A 10.0.0.1",
            "additional b.dns.kube-system.svc.cluster.local. 5 A 10.0.0.2",
        ]
    );
}

/// CoreDNS answers `CNAME .` (behaviour H3: safe to improve).
#[test]
fn a_service_without_an_address_yet_has_no_data() {
    let server = cluster().service("shop/new", &[], &["http:80/TCP"]).start();
    for qtype in ["A", "AAAA", "SRV", "CNAME", "TXT"] {
        assert_eq!(server.ask("new.shop.svc.cluster.local", qtype), NODATA, "{qtype}");
    }
    assert_eq!(server.ask("_http._tcp.new.shop.svc.cluster.local", "SRV"), NODATA);
    assert_eq!(server.ask("_no._tcp.new.shop.svc.cluster.local", "SRV"), NXDOMAIN);
}

#[test]
fn names_of_every_length_are_told_apart() {
    let names: Vec<String> = (1..=63).map(|length| "a".repeat(length)).collect();
    let ip = |index: usize| format!("10.96.0.{}", index + 1);
    let mut cluster = cluster();
    for (index, name) in names.iter().enumerate() {
        cluster = cluster.service(&format!("shop/{name}"), &[&ip(index)], &[]);
    }
    let server = cluster.start();
    for (index, name) in names.iter().enumerate() {
        let reply = server.ask(&format!("{name}.shop.svc.cluster.local"), "A");
        assert!(reply.iter().any(|line| line.ends_with(&format!(" A {}", ip(index)))), "{name}: {reply:?}");
    }
}

/// CoreDNS does not reply at all (behaviour H3: safe to improve).
#[test]
fn an_external_name_that_is_no_name_fails() {
    let server = cluster().external("shop/bad", "a..b").external("shop/long", &"x".repeat(64)).start();
    for name in ["bad.shop.svc.cluster.local", "long.shop.svc.cluster.local"] {
        for qtype in ["A", "AAAA", "CNAME"] {
            assert_eq!(server.ask(name, qtype), ["SERVFAIL RD"], "{name} {qtype}");
        }
        assert_eq!(server.ask(name, "TXT"), NODATA);
    }
}

#[test]
fn an_external_name_that_is_an_address_does_not_exist() {
    let server = cluster().external("shop/ip", "192.0.2.1").external("shop/none", "").start();
    assert_eq!(server.ask("ip.shop.svc.cluster.local", "A"), NXDOMAIN);
    assert_eq!(server.ask("ip.shop.svc.cluster.local", "SOA"), NODATA);
    assert_eq!(server.ask("none.shop.svc.cluster.local", "A"), NODATA);
}

#[test]
fn a_chain_of_external_names_ends_at_its_twelfth() {
    let chain = |links: usize| {
        let start = cluster().service("n/end", &["10.96.0.1"], &[]).external("n/c1", "end.n.svc.cluster.local");
        (2..=links).fold(start, |cluster, link| {
            cluster.external(&format!("n/c{link}"), &format!("c{}.n.svc.cluster.local", link - 1))
        })
    };
    let eleven = chain(11).start().ask("c11.n.svc.cluster.local", "A");
    assert_eq!(eleven.len(), 1 + 11 + 1);
    assert_eq!(eleven[12], "answer end.n.svc.cluster.local. 5 A 10.96.0.1");
    assert_eq!(chain(12).start().ask("c12.n.svc.cluster.local", "A"), NODATA);
}

#[test]
fn a_chain_that_comes_to_nothing_has_no_data() {
    let server = cluster()
        .external("shop/self", "self.shop.svc.cluster.local")
        .external("shop/gone", "gone.nowhere.svc.cluster.local")
        .external("shop/out", "Www.Example.com")
        .start();
    assert_eq!(server.ask("self.shop.svc.cluster.local", "A"), NODATA);
    assert_eq!(
        server.ask("self.shop.svc.cluster.local", "CNAME"),
        ["NOERROR AA RD", "answer self.shop.svc.cluster.local. 5 CNAME self.shop.svc.cluster.local."]
    );
    assert_eq!(server.ask("gone.shop.svc.cluster.local", "A"), NODATA);
    assert_eq!(
        server.ask("out.shop.svc.cluster.local", "A"),
        ["NOERROR AA RD", "answer out.shop.svc.cluster.local. 5 CNAME Www.Example.com."]
    );
}

/// CoreDNS says NXDOMAIN at empty names (behaviour H3: safe to improve).
#[test]
fn txt_of_a_name_that_exists_is_no_data() {
    let server = cluster().service("shop/web", &["10.96.0.1"], &[]).start();
    for name in ["cluster.local", "svc.cluster.local", "pod.cluster.local", "shop.svc.cluster.local"] {
        assert_eq!(server.ask(name, "TXT"), NODATA, "{name}");
    }
    assert_eq!(server.ask("web.shop.svc.cluster.local", "TXT"), NODATA);
    assert_eq!(
        server.ask("dns-version.cluster.local", "TXT"),
        ["NOERROR AA RD", "answer dns-version.cluster.local. 28800 TXT \"1.1.0\""]
    );
    assert_eq!(server.ask("none.svc.cluster.local", "TXT"), NXDOMAIN);
}

#[test]
fn a_soa_lives_no_longer_than_five_minutes_and_its_minimum_is_the_ttl() {
    for (ttl_secs, soa_ttl_secs) in [(0, 0), (30, 30), (300, 300), (3600, 300)] {
        let server = cluster().with(|options| options.ttl_secs = ttl_secs).namespace("shop").start();
        let soa = SOA.replace("local. 5 SOA", &format!("local. {soa_ttl_secs} SOA"));
        let soa = soa.strip_suffix(" 5").map(|soa| format!("{soa} {ttl_secs}")).unwrap();
        assert_eq!(server.ask("none.shop.svc.cluster.local", "A"), ["NXDOMAIN AA RD", &soa]);
        let answer = soa.replace("authority", "answer");
        assert_eq!(server.ask("cluster.local", "SOA"), ["NOERROR AA RD", &answer]);
    }
}
