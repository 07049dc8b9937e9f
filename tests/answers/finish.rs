//! Names that the server finishes: for clients without a search list, and for those that have begun
//! theirs.

use clusterdns::{objects::Known, records::name::Name, search::finish::Completion};

use crate::support::{NODATA, NXDOMAIN, Query, cluster, cluster::Cluster};

const DOMAINS: [&str; 3] = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"];
const FOUND: &str = "NOERROR AA RD";
const REFUSED: &str = "REFUSED RD";
const FAR_SOA: &str =
    "authority cluster.local. 5 SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5";

/// The Service `web` of `orders`, with an IPv4 address and a named port, and an empty namespace.
fn orders() -> Cluster {
    cluster().service("orders/web", &["10.96.0.1"], &["http:80/TCP"]).namespace("default")
}

fn found(line: &str) -> [String; 1] {
    [line.to_owned()]
}

// ----------- Completion ----------------------------------------------------

#[test]
fn a_name_is_completed_by_a_cname_to_the_one_that_exists() {
    let server = orders().completing(Completion::default()).start();
    for begun in ["web.orders.default", "web.orders.svc.default", "web.orders.svc.cluster.local.default"] {
        let name = format!("{begun}.svc.cluster.local");
        assert_eq!(
            server.ask(&name, "A"),
            [
                FOUND,
                &format!("answer {name}. 5 CNAME web.orders.svc.cluster.local."),
                "answer web.orders.svc.cluster.local. 5 A 10.96.0.1",
            ]
        );
    }
    assert_eq!(
        server.ask("_http._tcp.web.orders.default.svc.cluster.local", "SRV"),
        [
            FOUND,
            "answer _http._tcp.web.orders.default.svc.cluster.local. 5 CNAME _http._tcp.web.orders.svc.cluster.local.",
            "answer _http._tcp.web.orders.svc.cluster.local. 5 SRV 0 100 80 web.orders.svc.cluster.local.",
            "additional web.orders.svc.cluster.local. 5 A 10.96.0.1",
        ]
    );
}

/// A resolver that hears NXDOMAIN for AAAA and an address for A may believe either.
#[test]
fn a_name_is_decided_once_for_all_types() {
    let server = orders().completing(Completion::default()).start();
    for qtype in ["AAAA", "MX", "TXT", "CNAME"] {
        assert_eq!(server.ask("web.orders.default.svc.cluster.local", qtype), NODATA, "{qtype}");
    }
}

#[test]
fn the_namespace_comes_before_the_rest_of_the_list() {
    let server = orders().headless("default/orders").slice("default/orders", &["web=10.0.0.1"], &[]);
    let server = server.completing(Completion::default()).start();
    assert_eq!(
        server.ask("web.orders.default.svc.cluster.local", "A"),
        [FOUND, "answer web.orders.default.svc.cluster.local. 5 A 10.0.0.1"]
    );
}

#[test]
fn nothing_is_completed_without_evidence_or_beyond_the_cluster() {
    let server = orders().completing(Completion::default()).start();
    for (name, why) in [
        ("web.orders.nowhere.svc.cluster.local", "no such namespace"),
        ("web.default.svc.cluster.local", "one label is a Service of the namespace"),
        ("web.orders.default.cluster.local", "not in the tree of services"),
        ("www.example.com.default.svc.cluster.local", "somebody else's name"),
        ("none.orders.default.svc.cluster.local", "no such Service"),
        ("none.orders.svc.default.svc.cluster.local", "no such Service"),
    ] {
        assert_eq!(server.ask(name, "A"), NXDOMAIN, "{why}");
    }
    let off = orders().start();
    assert_eq!(off.ask("web.orders.default.svc.cluster.local", "A"), NXDOMAIN, "it is off unless asked for");
}

#[test]
fn a_namespace_can_be_excepted() {
    let except_namespaces = vec![b"\x07default"[..].into()];
    let server = orders().completing(Completion { except_namespaces, ..Completion::default() }).start();
    assert_eq!(server.ask("web.orders.default.svc.cluster.local", "A"), NXDOMAIN);
    assert_eq!(server.ask("web.orders.orders.svc.cluster.local", "A")[0], FOUND);
}

/// CVE-2022-2837.
#[test]
fn a_namespace_called_like_a_top_level_domain_answers_for_nobody_else() {
    let hijacker = || cluster().service("com/example", &["10.96.6.6"], &[]).namespace("default");
    let name = "example.com.default.svc.cluster.local";
    assert_eq!(hijacker().completing(Completion::default()).start().ask(name, "A"), NXDOMAIN);
    let trusting = Completion { top_level_namespaces: true, ..Completion::default() };
    assert_eq!(hijacker().completing(trusting).start().ask(name, "A")[0], FOUND);
}

#[test]
fn the_domains_of_the_node_come_behind_those_of_the_cluster() {
    let node_domains = vec![Name::parse("more.orders.svc.cluster.local").unwrap()];
    let server =
        cluster().headless("orders/more").slice("orders/more", &["a=10.0.0.1"], &["b:1/TCP"]).namespace("default");
    let server = server.completing(Completion { node_domains, ..Completion::default() }).start();
    assert_eq!(
        server.ask("_b._tcp.default.svc.cluster.local", "SRV")[1..2],
        found("answer _b._tcp.default.svc.cluster.local. 5 CNAME _b._tcp.more.orders.svc.cluster.local.")
    );
    let elsewhere = vec![Name::parse("corp.example").unwrap()];
    let server = orders().completing(Completion { node_domains: elsewhere, ..Completion::default() }).start();
    assert_eq!(
        server.ask("web.orders.svc.default.svc.cluster.local", "A")[0],
        FOUND,
        "a base of the cluster stays in it"
    );
}

#[test]
fn what_is_not_known_is_not_said_to_be_nowhere() {
    let server = cluster().headless("orders/db").namespace("default");
    let server = server.known(Known { endpoints: false, ..Known::ALL }).completing(Completion::default()).start();
    assert_eq!(server.ask("db.orders.default.svc.cluster.local", "A")[0], "SERVFAIL AA RD");
}

#[test]
fn what_fails_by_its_whole_name_fails_by_a_short_one() {
    let server = cluster().external("orders/bad", "a..b").namespace("default").completing(Completion::default());
    let server = server.searching(&["orders.svc.cluster.local"]).start();
    for name in ["bad.orders.svc.cluster.local", "bad.orders.default.svc.cluster.local", "bad"] {
        assert_eq!(server.ask(name, "A"), ["SERVFAIL RD"], "{name}");
    }
}

// ----------- A search list for clients without one -------------------------

#[test]
fn a_short_name_is_found_in_the_first_domain_that_has_it() {
    let server = orders().external("default/web", "web.orders.svc.cluster.local").searching(&DOMAINS).start();
    assert_eq!(
        server.ask("web", "A"),
        [
            FOUND,
            "answer web. 5 CNAME web.default.svc.cluster.local.",
            "answer web.default.svc.cluster.local. 5 CNAME web.orders.svc.cluster.local.",
            "answer web.orders.svc.cluster.local. 5 A 10.96.0.1",
        ]
    );
    assert_eq!(
        server.ask("_http._tcp.web.orders", "SRV"),
        [
            FOUND,
            "answer _http._tcp.web.orders. 5 CNAME _http._tcp.web.orders.svc.cluster.local.",
            "answer _http._tcp.web.orders.svc.cluster.local. 5 SRV 0 100 80 web.orders.svc.cluster.local.",
            "additional web.orders.svc.cluster.local. 5 A 10.96.0.1",
        ]
    );
    assert_eq!(server.ask("web.orders.svc", "A")[1], "answer web.orders.svc. 5 CNAME web.orders.svc.cluster.local.");
}

#[test]
fn a_short_name_without_such_a_record_exists_all_the_same() {
    let server = orders().searching(&DOMAINS).start();
    assert_eq!(server.ask("web.orders", "AAAA"), [FOUND, FAR_SOA]);
}

/// Nobody else has names of one label; longer ones may be somebody's.
#[test]
fn a_short_name_that_is_nowhere_does_not_exist_and_a_longer_one_is_not_ours() {
    let server = orders().searching(&DOMAINS).start();
    assert_eq!(server.ask("none", "A"), ["NXDOMAIN AA RD", FAR_SOA]);
    assert_eq!(server.ask("www.example.com", "A"), [REFUSED]);
    let elsewhere = orders().searching(&["default.svc.cluster.local", "corp.example"]).start();
    assert_eq!(elsewhere.ask("none", "A"), [REFUSED], "the last domain is not ours");
}

/// Whoever walks down the tree from the root must not hear that `com` does not exist.
#[test]
fn what_the_world_has_is_not_said_to_be_nowhere() {
    let server = orders().searching(&DOMAINS).start();
    for (name, qtype) in [("com", "A"), ("com", "NS"), ("none", "NS"), ("web", "DS"), ("web.orders", "SOA")] {
        assert_eq!(server.ask(name, qtype), [REFUSED], "{name} {qtype}");
    }
}

#[test]
fn a_name_with_five_dots_or_in_a_zone_of_ours_is_asked_as_it_is() {
    let server = orders().headless("default/d").slice("default/d", &["a.b.c.d.e=10.0.0.1"], &[]);
    let server = server.searching(&DOMAINS).start();
    assert_eq!(server.ask("a.b.c.d.e.f", "A"), [REFUSED]);
    assert_eq!(
        server.ask("web.orders.svc.cluster.local", "A")[1],
        "answer web.orders.svc.cluster.local. 5 A 10.96.0.1"
    );
    assert_eq!(orders().start().ask("web", "A"), [REFUSED], "without a list nothing is looked for");
}

#[test]
fn a_cut_reply_to_a_short_name_is_sound() {
    let hosts: Vec<String> = (0..60).map(|index| format!("host-{index}=10.0.0.{index}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(|host| &**host).collect();
    let server =
        cluster().headless("default/db").slice("default/db", &hosts, &["pg:5432/TCP"]).searching(&DOMAINS).start();
    let reply = server.send(&Query::new("_pg._tcp.db", "SRV"));
    assert_eq!(reply[0], "NOERROR AA TC RD");
    assert!(reply.iter().any(|line| line.contains(" SRV 0 1 5432 host-")), "{reply:?}");
}

#[test]
fn a_short_name_is_not_waited_for_once_the_start_is_over() {
    let server = cluster().known(Known::default()).searching(&DOMAINS).start();
    let reply = server.send_by_tcp(&Query::new("web", "A"));
    assert_eq!(reply[0], "SERVFAIL AA RD", "{reply:?}");
}
