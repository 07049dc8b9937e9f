//! Unknown is not "does not exist".

use clusterdns::{
    answers::{
        chain::Chain,
        code,
        find::{Ask, Found},
        question::QueryName,
    },
    objects::Known,
    respond::messages::Sections,
};

use crate::support::{NODATA, NXDOMAIN, Query, UNKNOWN, cluster, cluster::Cluster};

fn shop() -> Cluster {
    cluster()
        .service("shop/web", &["10.96.0.1"], &["http:80/TCP"])
        .headless("shop/db")
        .slice("shop/web", &["10.0.0.1"], &["http:8080/TCP"])
        .external("shop/alias", "db.shop.svc.cluster.local")
}

/// The reverse zone has a SOA of its own.
fn rcode(lines: &[String]) -> &str {
    &lines[0]
}

#[test]
fn where_nothing_is_known_every_name_may_exist() {
    let server = cluster().known(Known::default()).namespace("other").start();
    for name in ["web.shop.svc.cluster.local", "shop.svc.cluster.local", "foo.cluster.local", "a.b.svc.cluster.local"] {
        assert_eq!(server.ask(name, "A"), UNKNOWN, "{name}");
    }
    assert_eq!(rcode(&server.ask("1.0.96.10.in-addr.arpa", "PTR")), "SERVFAIL AA RD");
    for name in ["cluster.local", "svc.cluster.local"] {
        assert_eq!(server.ask(name, "A"), NODATA, "{name}");
    }
    assert_eq!(server.ask("cluster.local", "SOA").len(), 2);
    assert_eq!(server.ask("dns-version.cluster.local", "TXT").len(), 2);
}

#[test]
fn without_knowledge_of_endpoints_their_names_are_unknown_and_services_are_not() {
    let server = shop().known(Known { endpoints: false, ..Known::ALL }).start();
    for name in ["db.shop.svc.cluster.local", "web-0.web.shop.svc.cluster.local", "_pg._tcp.db.shop.svc.cluster.local"]
    {
        for qtype in ["A", "AAAA", "SRV", "CNAME", "TXT"] {
            assert_eq!(server.ask(name, qtype), UNKNOWN, "{name} {qtype}");
        }
    }
    assert_eq!(server.ask("alias.shop.svc.cluster.local", "A"), UNKNOWN);
    assert_eq!(rcode(&server.ask("9.0.0.10.in-addr.arpa", "PTR")), "SERVFAIL AA RD");
    assert_eq!(
        server.ask("web.shop.svc.cluster.local", "A"),
        ["NOERROR AA RD", "answer web.shop.svc.cluster.local. 5 A 10.96.0.1"]
    );
    assert_eq!(
        server.ask("1.0.96.10.in-addr.arpa", "PTR"),
        ["NOERROR AA RD", "answer 1.0.96.10.in-addr.arpa. 5 PTR web.shop.svc.cluster.local."]
    );
    assert_eq!(server.ask("none.shop.svc.cluster.local", "A"), NXDOMAIN);
    assert_eq!(server.ask("_no._tcp.web.shop.svc.cluster.local", "SRV"), NXDOMAIN);
}

#[test]
fn what_is_there_is_answered_before_everything_is_known() {
    let server = shop().known(Known::default()).start();
    assert_eq!(server.ask("web.shop.svc.cluster.local", "A").len(), 2);
    assert_eq!(server.ask("web.shop.svc.cluster.local", "AAAA"), NODATA);
    assert_eq!(server.ask("none.shop.svc.cluster.local", "A"), UNKNOWN);
}

#[test]
fn a_pod_that_is_not_known_may_live() {
    use clusterdns::records::view::Pods;
    let pods = |known| cluster().namespace("shop").with(|options| options.pods = Pods::Verified).known(known).start();
    let name = "10-0-0-1.shop.pod.cluster.local";
    assert_eq!(pods(Known { pods: false, ..Known::ALL }).ask(name, "A"), UNKNOWN);
    assert_eq!(pods(Known::ALL).ask(name, "A"), NXDOMAIN);
}

/// Tables that became complete after a name was missed may hold it by now.
#[test]
fn a_look_up_goes_by_what_was_known_when_it_began() {
    let server = cluster().known(Known::default()).namespace("shop").start();
    let (mut name, wire) = (QueryName::new(), Query::new("web.shop.svc.cluster.local", "A").name);
    name.read(&wire).expect("a name");
    let zone = server.view.options.zones.iter().find(|zone| !zone.reverse).expect("a forward zone");
    let find = |ask: &Ask<'_>| ask.find(&name, &mut Chain::default(), &mut Sections::new(&wire));

    let begun = Ask::new(&server.view, zone, code::A, 0);
    server.view.set_known(Known::ALL);
    assert_eq!(find(&begun), Found::Unknown);
    assert_eq!(find(&Ask::new(&server.view, zone, code::A, 0)), Found::Miss);
}

/// Whose namespace is not known may be shown.
#[test]
fn an_address_in_a_namespace_that_is_not_known_may_have_a_name() {
    let of = |namespaces| {
        let known = Known { namespaces, ..Known::ALL };
        let cluster = shop().service("other/web", &["10.96.0.2"], &[]).known(known);
        cluster.with(|options| options.namespaces = vec!["shop".into()]).start()
    };
    for (known, rcode) in [(false, "SERVFAIL AA RD"), (true, "NXDOMAIN AA RD")] {
        assert_eq!(self::rcode(&of(known).ask("2.0.96.10.in-addr.arpa", "PTR")), rcode);
    }
}
