//! Names that the server finishes: for clients without a search list, and for those that have begun
//! theirs.

use clusterdns::{
    objects::{Change, Known},
    records::{name::Name, view::Pods},
    search::finish::Completion,
};

use crate::support::{
    NODATA, NXDOMAIN, Query, Server, cluster,
    cluster::{Cluster, pod},
};

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

// ----------- Completion by the client's address -----------------------------

/// A name that the search list of `default` begins, and that `orders` might mean as it is.
const BEGUN: &str = "web.orders.default.svc.cluster.local";

fn by_address() -> Completion {
    Completion { by_address: true, ..Completion::default() }
}

/// What becomes of [`BEGUN`], asked from here.
fn is_completed(server: &Server, client: &str) -> bool {
    let reply = server.ask_from(client, BEGUN, "A");
    assert!(reply[0] == FOUND || reply == NXDOMAIN, "{reply:?}");
    reply[0] == FOUND
}

/// `orders` with a Pod of each namespace, which are watched.
fn watched() -> Cluster {
    orders().with(|options| options.pods = Pods::Verified).pod("default/a", "10.0.0.1").pod("orders/b", "10.0.0.2")
}

#[test]
fn a_pod_is_completed_in_its_own_namespace_alone() {
    let server = watched().pod("default/six", "fd00::1").completing(by_address()).start();
    for (client, of_default) in [("10.0.0.1", true), ("::ffff:10.0.0.1", true), ("fd00::1", true), ("10.0.0.2", false)]
    {
        assert_eq!(is_completed(&server, client), of_default, "{client}");
        let other_type = server.ask_from(client, BEGUN, "AAAA");
        assert_eq!(other_type, if of_default { NODATA } else { NXDOMAIN }, "{client}: decided once for all types");
    }
    assert_eq!(server.ask_from("10.0.0.2", "web.orders.orders.svc.cluster.local", "A")[0], FOUND);
    let elsewhere = server.ask_from("10.0.0.2", "web.orders.svc.cluster.local", "A");
    assert_eq!(elsewhere[0], FOUND, "what exists is found by all");
}

#[test]
fn an_address_that_does_not_tell_leaves_it_to_the_name() {
    let others = |cluster: Cluster| cluster.completing(by_address()).start();
    assert!(is_completed(&others(watched()), "10.0.0.3"), "no Pod");
    assert!(is_completed(&others(watched().pod("third/c", "10.0.0.2")), "10.0.0.2"), "an address of two Pods");
    assert!(is_completed(&others(watched().pod_on_host("orders/c", "10.2.0.1")), "10.2.0.1"), "a node's");
    assert!(is_completed(&watched().completing(Completion::default()).start(), "10.0.0.2"), "it was not asked for");
    let unwatched = watched().with(|options| options.pods = Pods::Insecure);
    assert!(is_completed(&others(unwatched), "10.0.0.2"), "Pods are not watched");
}

#[test]
fn a_client_is_what_its_address_is_now() {
    let server = watched().completing(by_address()).start();
    let put = |object| server.apply(Change::Apply(object));
    put(pod("default/later", "10.0.0.2", false));
    assert!(is_completed(&server, "10.0.0.2"), "the address is used again, and its former Pod not gone yet");
    let former = pod("orders/b", "10.0.0.2", false).key();
    server.apply(Change::Delete(former));
    assert!(is_completed(&server, "10.0.0.2"));
    put(pod("orders/b", "10.0.0.9", false));
    put(pod("default/a", "10.0.0.8", false));
    assert!(!is_completed(&server, "10.0.0.9"));
    assert!(is_completed(&server, "10.0.0.1") && is_completed(&server, "10.0.0.8"), "it moved");
    put(pod("orders/b", "10.0.0.9", true));
    assert!(is_completed(&server, "10.0.0.9"), "it is a node's by now");
}

/// Its Pod shows that it exists.
#[test]
fn a_namespace_that_is_not_exposed_has_clients() {
    let only_orders = |cluster: Cluster| cluster.with(|options| options.namespaces = vec!["orders".into()]);
    let server = only_orders(watched()).completing(by_address()).start();
    assert!(is_completed(&server, "10.0.0.1") && !is_completed(&server, "10.0.0.3"));
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
