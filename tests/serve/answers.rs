//! From the sockets to the tables and back, and what monitoring sees of it.

use clusterdns::Server;

use crate::running::*;

#[test]
fn both_transports_answer() {
    let server = started(PLAIN);
    let address = server.addresses()[0];
    for (name, expected) in [
        (WEB, (NOERROR, Some([10, 96, 0, 10]))),
        ("no.shop.svc.cluster.local", (NXDOMAIN, None)),
        ("www.example.com", (SERVFAIL, None)),
    ] {
        let question = question(7, name, A);
        assert_eq!(seen(&udp(address, &question)), expected, "{name} over UDP");
        assert_eq!(seen(&tcp(address, &question)), expected, "{name} over TCP");
    }
    server.shutdown();
}

/// Clients that ask while the cluster is still being read wait a moment instead of failing.
#[test]
fn what_comes_before_the_start_is_answered_after_it() {
    let mut server = Server::bind(&config(PLAIN)).unwrap();
    let socket = client(server.addresses()[0]);
    socket.send(&question(7, WEB, A)).unwrap();
    server.feed().apply(picture(&cluster("10.96.0.10")));
    server.start().unwrap();
    assert_eq!(seen(&receive(&socket)), (NOERROR, Some([10, 96, 0, 10])));
}

#[test]
fn it_is_ready_once_the_cluster_is_known() {
    let mut server = Server::bind(&config(PLAIN)).unwrap();
    server.start().unwrap();
    let (address, admin) = (server.addresses()[0], server.admin_addresses()[0]);
    let (status, body) = page(admin, "/ready");
    assert!(status == 503 && body.starts_with("kubernetes\n"), "{status} {body}");
    assert_eq!(ask(address, WEB), (SERVFAIL, None), "unknown is not missing");
    server.feed().apply(picture(&cluster("10.96.0.10")));
    assert_eq!(page(admin, "/ready"), (200, "OK".into()));
    assert_eq!(ask(address, WEB), (NOERROR, Some([10, 96, 0, 10])));
}

#[test]
fn every_question_is_counted() {
    let server = started(PLAIN);
    let (address, admin) = (server.addresses()[0], server.admin_addresses()[0]);
    for _ in 0..3 {
        udp(address, &question(7, WEB, A));
    }
    tcp(address, &question(7, "no.shop.svc.cluster.local", A));
    let counted = |family: &str, labels: &[&str], count: u64| {
        until(&format!("{family} {labels:?} {count}"), || {
            let metrics = page(admin, "/metrics").1;
            let of_family = |line: &&str| line.starts_with(family) && line.ends_with(&format!("}} {count}"));
            metrics.lines().filter(of_family).any(|line| labels.iter().all(|label| line.contains(label)))
        });
    };
    counted("coredns_dns_requests_total", &["proto=\"udp\"", "type=\"A\"", "zone=\".\""], 3);
    counted("coredns_dns_requests_total", &["proto=\"tcp\"", "type=\"A\""], 1);
    counted("coredns_dns_responses_total", &["rcode=\"NOERROR\"", "plugin=\"kubernetes\""], 3);
    counted("coredns_dns_responses_total", &["rcode=\"NXDOMAIN\"", "plugin=\"kubernetes\""], 1);
}

/// The batched door is for Linux, the portable one for all; where both are, nobody can tell.
#[test]
fn both_doors_say_the_same() {
    let door = |sockets: &str| started(&format!("[udp]\nsockets = \"{sockets}\"\n{PLAIN}rotate = false\n"));
    let doors = [door("auto"), door("portable")];
    for name in [WEB, "no.shop.svc.cluster.local", "_http._tcp.web.shop.svc.cluster.local", "cluster.local", "x.y"] {
        for qtype in [A, 2, 6, 28, 33, 255] {
            let [batched, portable] =
                doors.each_ref().map(|server| without_serial(udp(server.addresses()[0], &question(7, name, qtype))));
            assert_eq!(batched, portable, "{name} {qtype}");
        }
    }
    let short = doors.each_ref().map(|server| {
        let socket = client(server.addresses()[0]);
        socket.send(b"short").unwrap();
        socket.send(&[7; 12]).unwrap();
        receive(&socket)
    });
    assert_eq!(short[0], short[1]);
}

/// The serial is the time at which each server got its cluster.
fn without_serial(mut reply: Vec<u8>) -> Vec<u8> {
    let timers = [7200_u32, 1800, 86400].map(u32::to_be_bytes).concat();
    if let Some(at) = reply.windows(timers.len()).position(|octets| octets == timers) {
        reply[at - 4..at].fill(0);
    }
    reply
}

#[test]
fn of_several_servers_on_a_listener_the_longest_zone_answers() {
    let server = started(
        r#"
        [admin]
        listen = []
        [[server]]
        listen = ["127.0.0.1:0"]
        zones = ["."]
        [server.kubernetes]
        zones = []
        [[server]]
        listen = ["127.0.0.1:0"]
        zones = ["a.test"]
        [server.kubernetes]
        zones = ["a.test"]
        [[server]]
        listen = ["127.0.0.1:0"]
        zones = ["b.a.test"]
        [server.kubernetes]
        zones = ["b.a.test"]
        namespaces = ["other"]
        "#,
    );
    assert_eq!(server.addresses().len(), 1, "one listener");
    let address = server.addresses()[0];
    assert_eq!(ask(address, "web.shop.svc.a.test"), (NOERROR, Some([10, 96, 0, 10])));
    assert_eq!(ask(address, "web.shop.svc.b.a.test"), (NXDOMAIN, None), "not a namespace of this server");
    assert_eq!(ask(address, WEB), (REFUSED, None), "nobody's");
    let zones: Vec<_> = server.zones().iter().map(ToString::to_string).collect();
    assert_eq!(zones, ["a.test.", "b.a.test."]);
}
