//! Names and SRV records of endpoints.

use clusterdns::{
    objects::{Change, Key, Kind, Origin},
    records::zone::reverse_name,
    respond::listing::records,
};

use crate::support::{NODATA, NXDOMAIN, cluster, cluster::listed, reply};

const DB: &str = "db.shop.svc.cluster.local";

#[test]
fn an_endpoint_that_is_a_name_is_a_cname_that_is_followed() {
    let server = cluster()
        .headless("shop/db")
        .slice("shop/db", &["far=web.shop.svc.cluster.local"], &["pg:5432/TCP"])
        .service("shop/web", &["10.96.0.1"], &[])
        .headless("shop/out")
        .slice("shop/out", &["www.example.com"], &[])
        .start();
    let followed = |owner: &str| {
        [
            "NOERROR AA RD".to_owned(),
            format!("answer {owner}. 5 CNAME web.shop.svc.cluster.local."),
            "answer web.shop.svc.cluster.local. 5 A 10.96.0.1".to_owned(),
        ]
    };
    assert_eq!(server.ask(DB, "A"), followed(DB));
    assert_eq!(server.ask("far.db.shop.svc.cluster.local", "A"), followed("far.db.shop.svc.cluster.local"));
    assert_eq!(server.ask(DB, "AAAA"), NODATA);
    assert_eq!(
        server.ask("out.shop.svc.cluster.local", "A"),
        ["NOERROR AA RD", "answer out.shop.svc.cluster.local. 5 CNAME www.example.com."]
    );
}

/// Which object came first must not matter.
#[test]
fn of_two_endpoints_that_are_names_always_the_same_is_followed() {
    let names = ["a.example.com", "b.example.com"];
    let asked = |order: [usize; 2]| {
        let slices =
            order.map(|index| listed(Origin::Slice, "shop/db", &format!("slice-{index}"), &[names[index]], &[]));
        let [first, second] = slices;
        cluster().headless("shop/db").add(first).add(second).start().ask(DB, "A")
    };
    assert_eq!(asked([0, 1]), asked([1, 0]));
}

#[test]
fn slices_win_over_endpoints() {
    let both = cluster()
        .headless("shop/db")
        .endpoints("shop/db", &["10.0.0.1"], &[])
        .add(listed(Origin::Slice, "shop/db", "slice", &["10.0.0.2"], &[]))
        .start();
    assert_eq!(both.ask(DB, "A"), ["NOERROR AA RD", "answer db.shop.svc.cluster.local. 5 A 10.0.0.2"]);
    both.apply(Change::Delete(Key { kind: Kind::EndpointSlice, namespace: "shop".into(), name: "slice".into() }));
    assert_eq!(both.ask(DB, "A"), ["NOERROR AA RD", "answer db.shop.svc.cluster.local. 5 A 10.0.0.1"]);
}

#[test]
fn one_host_on_one_port_is_one_srv_in_how_many_slices_it_may_stand() {
    let server = cluster()
        .headless("shop/db")
        .slice("shop/db", &["a=10.0.0.1"], &["pg:5432/TCP"])
        .slice("shop/db", &["a=10.0.0.1", "b=10.0.0.2"], &["pg:5432/TCP", "metrics:9187/TCP"])
        .start();
    // Five pairs of address and port are listed, three of them on `pg`.
    assert_eq!(
        server.ask(DB, "SRV"),
        [
            "NOERROR AA RD",
            "answer db.shop.svc.cluster.local. 5 SRV 0 20 5432 a.db.shop.svc.cluster.local.",
            "answer db.shop.svc.cluster.local. 5 SRV 0 20 9187 a.db.shop.svc.cluster.local.",
            "answer db.shop.svc.cluster.local. 5 SRV 0 20 5432 b.db.shop.svc.cluster.local.",
            "answer db.shop.svc.cluster.local. 5 SRV 0 20 9187 b.db.shop.svc.cluster.local.",
            "additional a.db.shop.svc.cluster.local. 5 A 10.0.0.1",
            "additional b.db.shop.svc.cluster.local. 5 A 10.0.0.2",
        ]
    );
    assert_eq!(
        server.ask("_pg._tcp.db.shop.svc.cluster.local", "SRV").len(),
        1 + 2 + 2,
        "one for each host, and its address"
    );
    assert_eq!(server.ask(DB, "A").len(), 1 + 2, "an address in two slices stands there once");
}

#[test]
fn weights_share_a_hundred_among_all_listed_pairs() {
    let hosts: Vec<String> = (1..=60).map(|index| format!("10.0.0.{index}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(|host| &**host).collect();
    for (count, ports, weight) in [(1, 1, 100), (3, 1, 33), (9, 1, 11), (9, 2, 5), (60, 1, 1), (60, 2, 1)] {
        let ports = &["http:80/TCP", "https:443/TCP"][..ports];
        let server = cluster().headless("shop/db").slice("shop/db", &hosts[..count], ports).start();
        let first = server.ask(DB, "SRV")[1].clone();
        assert!(first.contains(&format!(" SRV 0 {weight} ")), "{count} hosts: {first}");
    }
    let dual = cluster().service("shop/web", &["10.96.0.1", "fd00::1"], &["http:80/TCP"]).start();
    assert_eq!(
        dual.ask("web.shop.svc.cluster.local", "SRV")[1],
        "answer web.shop.svc.cluster.local. 5 SRV 0 50 80 web.shop.svc.cluster.local."
    );
}

#[test]
fn a_name_that_no_message_can_hold_is_left_out_alone() {
    let long = "x".repeat(63);
    let path = format!("{long}/{long}");
    // 64 + 64 + 64 octets of service, namespace and label, 19 of `svc.cluster.local`, and 45 make 256.
    let too_long = format!("{}.{long}=10.0.0.1", "y".repeat(44));
    let server =
        cluster().headless(&path).slice(&path, &[&too_long, "z-1=10.0.0.2", "z-2=10.0.0.3"], &["pg:5432/TCP"]).start();
    let name = format!("{long}.{long}.svc.cluster.local");
    let edns = crate::support::Query::new(&name, "SRV").edns(4096);
    let expected = [
        "NOERROR AA RD".to_owned(),
        format!("answer {name}. 5 SRV 0 33 5432 z-1.{name}."),
        format!("answer {name}. 5 SRV 0 33 5432 z-2.{name}."),
        format!("additional z-1.{name}. 5 A 10.0.0.2"),
        format!("additional z-2.{name}. 5 A 10.0.0.3"),
        "edns 4096".to_owned(),
    ];
    assert_eq!(server.send(&edns), expected);
    assert_eq!(server.send_by_tcp(&edns), expected);
    let pointer = server.ask(reverse_name("10.0.0.1".parse().unwrap()).trim_end_matches('.'), "PTR");
    assert_eq!(pointer[0], "NXDOMAIN AA RD", "{pointer:?}");
}

#[test]
fn an_address_leads_back_to_every_service_it_serves_once() {
    let server = cluster()
        .headless("shop/db")
        .slice("shop/db", &["a=10.0.0.1"], &["pg:5432/TCP"])
        .slice("shop/db", &["a=10.0.0.1"], &["metrics:9187/TCP"])
        .headless("shop/all")
        .slice("shop/all", &["10.0.0.1"], &[])
        .start();
    let mut pointers = server.ask("1.0.0.10.in-addr.arpa", "PTR");
    pointers.sort();
    assert_eq!(
        pointers,
        [
            "NOERROR AA RD",
            "answer 1.0.0.10.in-addr.arpa. 5 PTR 10-0-0-1.all.shop.svc.cluster.local.",
            "answer 1.0.0.10.in-addr.arpa. 5 PTR a.db.shop.svc.cluster.local.",
        ]
    );
    assert_eq!(server.ask("a.db.shop.svc.cluster.local", "A").len(), 2);
    assert_eq!(server.ask("10-0-0-1.db.shop.svc.cluster.local", "A"), NXDOMAIN);
}

/// A zone file in which a CNAME stands beside other records is one that no server loads.
#[test]
fn a_zone_lists_no_alias_beside_addresses() {
    let server = cluster()
        .headless("shop/db")
        .slice("shop/db", &["10.0.0.1"], &[])
        .slice("shop/db", &["www.example.com"], &[])
        .headless("shop/far")
        .slice("shop/far", &["www.example.com"], &[])
        .start();
    let zone = server.view.primary.as_ref().expect("a zone of names");
    let listed: Vec<_> = records(&server.view, zone).iter().map(reply::text).collect();
    let of = |name: &str| listed.iter().filter(|line| line.starts_with(&format!("{name}.shop."))).cloned().collect();
    let (db, far): (Vec<String>, Vec<String>) = (of("db"), of("far"));
    assert_eq!(db, ["db.shop.svc.cluster.local. 5 A 10.0.0.1"]);
    assert_eq!(far, ["far.shop.svc.cluster.local. 5 CNAME www.example.com."]);
}
