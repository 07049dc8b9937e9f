//! What does not fit into a datagram.

use crate::support::{Query, Server, cluster, cluster::Cluster};

const DB: &str = "db.shop.svc.cluster.local";

fn headless(count: usize) -> Cluster {
    let hosts: Vec<String> = (0..count).map(|index| format!("10.0.{}.{}", index / 250, 1 + index % 250)).collect();
    let hosts: Vec<&str> = hosts.iter().map(|host| &**host).collect();
    cluster().headless("shop/db").slice("shop/db", &hosts, &["pg:5432/TCP"])
}

/// First line, and how many records of the answer and of the additional section.
fn counted(lines: &[String]) -> (&str, usize, usize) {
    let of = |section| lines.iter().filter(|line| line.starts_with(section)).count();
    (&lines[0], of("answer"), of("additional"))
}

fn srv(server: &Server, size_octets: u16) -> Vec<String> {
    server.send(&Query::new(DB, "SRV").edns(size_octets))
}

#[test]
fn as_many_addresses_as_fit_are_sent() {
    let server = headless(100).start();
    // 43 octets of header and question, 16 for each address.
    assert_eq!(counted(&server.ask(DB, "A")), ("NOERROR AA TC RD", 29, 0));
    assert_eq!(counted(&server.send(&Query::new(DB, "A").edns(1232))), ("NOERROR AA TC RD", 73, 0));
    assert_eq!(counted(&server.send(&Query::new(DB, "A").edns(4096))), ("NOERROR AA RD", 100, 0));
    assert_eq!(counted(&server.send_by_tcp(&Query::new(DB, "A"))), ("NOERROR AA RD", 100, 0));
}

#[test]
fn a_size_below_512_means_512() {
    let server = headless(100).start();
    for size_octets in [0, 100, 511, 512] {
        assert_eq!(counted(&server.send(&Query::new(DB, "A").edns(size_octets))), ("NOERROR AA TC RD", 28, 0));
    }
}

#[test]
fn additional_records_go_first() {
    let server = headless(10).start();
    assert_eq!(counted(&srv(&server, 4096)), ("NOERROR AA RD", 10, 10));
    let sizes: Vec<_> = (512..1000).map(|size| srv(&server, size)).collect();
    let counts: Vec<_> = sizes.iter().map(|lines| counted(lines)).collect();
    assert!(counts.iter().all(|&(_, answers, additionals)| additionals == 0 || answers == 10), "{counts:?}");
    assert!(
        counts.iter().any(|&(head, answers, additionals)| head.contains("TC") && answers == 10 && additionals == 5)
    );
    assert!(counts.iter().all(|&(head, answers, additionals)| head.contains("TC") != (answers + additionals == 20)));
    assert!(counts.windows(2).all(|pair| pair[0].1 + pair[0].2 <= pair[1].1 + pair[1].2));
}

/// 5,000 addresses, as many as the largest headless services have, are more than a message holds.
#[test]
fn what_no_message_holds_is_cut_over_tcp_too() {
    let server = headless(5000).start();
    assert_eq!(counted(&server.send_by_tcp(&Query::new(DB, "A"))), ("NOERROR AA TC RD", (65_535 - 43) / 16, 0));
    assert!(counted(&srv(&server, 65_535)).0.contains("TC"));
}

/// So many long names that the owners of additional records lie behind what a pointer reaches.
#[test]
fn names_beyond_the_reach_of_pointers_are_written_again() {
    let long = "x".repeat(60);
    let hosts: Vec<String> =
        (0..64).map(|index| format!("{long}{index:03}.{long}aaa.{long}aaa.{}=10.0.0.{index}", &long[..35])).collect();
    let crowd: Vec<String> = (0..250).map(|index| format!("10.1.0.{index}")).collect();
    let last = format!("{}+{}", hosts[63], crowd.join("+"));
    let mut hosts: Vec<&str> = hosts.iter().map(|host| &**host).collect();
    hosts[63] = &last;
    let server = cluster().headless("shop/db").slice("shop/db", &hosts, &["pg:5432/TCP"]).start();
    let lines = srv(&server, 65_535);
    assert!(lines.iter().filter(|line| line.starts_with("additional")).all(|line| line.contains(&long)));
    assert_eq!(lines.iter().filter(|line| line.starts_with("answer")).count(), 64);
}
