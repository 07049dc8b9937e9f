//! Why there are no records: an Extended DNS Error for clients that sent EDNS.

use clusterdns::{objects::Known, records::view::Pods};

use crate::support::{Query, cluster, cluster::Cluster};

fn shop() -> Cluster {
    cluster()
        .service("shop/web", &["10.96.0.1"], &["http:80/TCP"])
        .headless("shop/idle")
        .headless("shop/db")
        .slice("shop/db", &["db-0=10.0.0.1"], &["pg:5432/TCP"])
        .external("shop/gone", "none.shop.svc.cluster.local")
        .external("shop/address", "192.0.2.1")
}

/// What the OPT record of the reply says beyond its size.
fn told(cluster: &Cluster, name: &str, qtype: &str) -> String {
    let reply = cluster.start().send(&Query::new(name, qtype).edns(1232));
    let edns = reply.last().expect("an OPT record").strip_prefix("edns 1232").expect("the client's size");
    edns.trim_start().to_owned()
}

#[test]
fn each_reason_has_its_phrase() {
    for (front, qtype, phrase) in [
        ("web.shop", "AAAA", "the name exists, without records of this type"),
        ("shop", "A", "the name exists, without records of its own"),
        ("none.shop", "A", "the service does not exist"),
        ("web.none", "A", "the namespace does not exist"),
        ("idle.shop", "A", "the service has no ready endpoint"),
        ("_pg._tcp.idle.shop", "SRV", "the service has no ready endpoint"),
        ("db-1.db.shop", "A", "the service has no ready endpoint of this name"),
        ("_no._tcp.web.shop", "SRV", "the service has no port of this name"),
        ("_no._tcp.db.shop", "SRV", "the service has no port of this name"),
        ("gone.shop", "A", "the ExternalName\\'s target has no such record"),
        ("address.shop", "A", "the ExternalName is not a name"),
        ("a.b.c.d.e.shop", "A", "no name of the cluster looks like this"),
    ] {
        assert_eq!(told(&shop(), &format!("{front}.svc.cluster.local"), qtype), format!("error 0 {phrase}"), "{front}");
    }
    assert_eq!(told(&shop(), "1-2-3-4.shop.pod.cluster.local", "A"), "error 0 names of pods are not served");
    let insecure = shop().with(|options| options.pods = Pods::Insecure);
    assert_eq!(told(&insecure, "nonsense.shop.pod.cluster.local", "A"), "error 0 no such pod");
    assert_eq!(told(&shop(), "9.9.9.10.in-addr.arpa", "PTR"), "error 0 nothing in the cluster has this address");
}

#[test]
fn failures_have_codes_of_their_own() {
    let unknown = shop().known(Known { endpoints: false, ..Known::ALL });
    assert_eq!(told(&unknown, "idle.shop.svc.cluster.local", "A"), "error 14 the cluster is not known completely yet");
    assert_eq!(told(&shop(), "www.example.com", "A"), "error 20 no zone of this server");
    let searching = shop().searching(&["default.svc.cluster.local"]);
    for name in ["none", "web.none"] {
        assert_eq!(told(&searching, name, "A"), "error 0 no search domain has this name");
    }
    assert_eq!(
        told(&shop(), "none.shop.svc.cluster.local", "SOA"),
        "error 0 the name exists, without records of this type"
    );
    assert_eq!(told(&shop(), "cluster.local", "AXFR"), "error 18 no zone transfer for this client");
}

#[test]
fn answers_of_a_saved_state_say_that_they_are() {
    let server = shop().start();
    server.view.set_stale(true);
    let told = |name: &str, qtype: &str| {
        let reply = server.send(&Query::new(name, qtype).edns(1232));
        (reply[0].split(' ').next().unwrap().to_owned(), reply.last().unwrap().clone())
    };
    let stale = "edns 1232 error 3 from a saved state: the Kubernetes API has not answered yet";
    for (front, qtype) in
        [("web.shop", "A"), ("db.shop", "AAAA"), ("db-0.db.shop", "A"), ("_http._tcp.web.shop", "SRV")]
    {
        let (rcode, edns) = told(&format!("{front}.svc.cluster.local"), qtype);
        assert_eq!(rcode, "NOERROR", "{front}");
        assert_eq!(edns == stale, qtype != "AAAA", "{front} {edns}");
    }
    let missing = "edns 1232 error 19 not in the saved state: the Kubernetes API has not answered yet";
    assert_eq!(told("none.shop.svc.cluster.local", "A"), ("NXDOMAIN".into(), missing.into()));
    let plain = server.ask("web.shop.svc.cluster.local", "A");
    assert_eq!(plain, ["NOERROR AA RD", "answer web.shop.svc.cluster.local. 5 A 10.96.0.1"]);
}

#[test]
fn who_has_records_or_sent_no_edns_is_told_nothing() {
    assert_eq!(told(&shop(), "web.shop.svc.cluster.local", "A"), "");
    let reply = shop().start().ask("none.shop.svc.cluster.local", "A");
    assert!(reply.iter().all(|line| !line.starts_with("edns")), "{reply:?}");
}

/// A negative that is nearly as large as the client takes.
#[test]
fn a_reply_is_never_cut_for_it() {
    let label = "x".repeat(63);
    let name = format!("{label}.{label}.{label}.{}.shop.svc.cluster.local", "x".repeat(30));
    let server = shop().start();
    let cookie = |octets: usize| {
        let options = vec![(10, vec![7; octets])];
        let opt = crate::support::query::Opt { size_octets: 512, version: 0, dnssec_ok: false, options };
        server.send(&Query::new(&name, "A").opt(opt))
    };
    let whole = |reply: &[String]| reply[0] == "NXDOMAIN AA RD" && reply[1].starts_with("authority");
    let told = |reply: &[String]| reply[2].contains(" error 0 ");
    let sizes: Vec<_> = (0..300).map(cookie).take_while(|reply| whole(reply)).collect();
    assert!(sizes.len() > 100 && told(&sizes[0]), "{:?}", sizes[0]);
    let fits = sizes.iter().take_while(|reply| told(reply)).count();
    assert!(fits < sizes.len() && sizes[fits..].iter().all(|reply| !told(reply)), "left out where it does not fit");
}
