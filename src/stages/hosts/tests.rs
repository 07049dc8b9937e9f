//! What `hosts` makes of questions, and of files that change.

use std::{fs, net::IpAddr};

use super::*;
use crate::{
    answers::question::{self, Packet},
    records::zone::{Zone, reverse_name},
};

const AAAA: u16 = code::AAAA;

fn zones(texts: &[&str]) -> Zones {
    Zones::new(texts.iter().flat_map(|text| Zone::parse(text).unwrap()).collect())
}

/// Without a file.
fn options(inline: &str) -> Options {
    Options { path: "/nonexistent/hosts".into(), inline: inline.into(), ..Options::new(Zones::all()) }
}

/// One line for each record, or what else becomes of a question; with that it is touched.
fn ask(hosts: &Hosts, text: &str, qtype: u16) -> Vec<String> {
    let mut packet = b"\0\0\x01\0\0\x01\0\0\0\0\0\0".to_vec();
    packet.extend_from_slice(Name::parse(text).unwrap().wire());
    packet.extend_from_slice([qtype, 1].map(u16::to_be_bytes).as_flattened());
    let mut name = QueryName::new();
    let Packet::Question(question) = question::read(&packet, &mut name) else { panic!("{text}") };
    let verdict = hosts.answer(&name, &question);
    assert!(hosts.touches(&name, qtype) || matches!(verdict, Verdict::Pass), "{text}: {verdict:?}");
    match verdict {
        Verdict::Reply(reply) => {
            assert!(reply.is_authoritative() && !reply.has_soa());
            let answers = reply.message().unwrap().answers;
            answers.iter().map(|record| format!("{} {}", record.ttl, record.data)).collect()
        }
        Verdict::Fail(_) => vec!["fails".into()],
        Verdict::Pass => vec!["passes".into()],
    }
}

#[test]
fn a_name_has_its_addresses_and_an_address_its_names() {
    let hosts = Hosts::new(options("192.0.2.1 A.example b.example # c\n192.0.2.2 a.example\n::1%lo a.example"));
    assert_eq!(ask(&hosts, "a.example", code::A), ["3600 192.0.2.1", "3600 192.0.2.2"]);
    assert_eq!(ask(&hosts, "B.Example", code::A), ["3600 192.0.2.1"]);
    assert_eq!(ask(&hosts, "a.example", AAAA), ["3600 ::1"]);
    let reverse = |text: &str| ask(&hosts, &reverse_name(text.parse::<IpAddr>().unwrap()), code::PTR);
    assert_eq!(reverse("192.0.2.1"), ["3600 a.example.", "3600 b.example."]);
    assert_eq!(reverse("::1"), ["3600 a.example."]);
    assert_eq!(reverse("192.0.2.9"), ["passes"]);
    assert_eq!(hosts.entries(), 8);
}

#[test]
fn what_a_name_lacks_is_empty_and_what_has_no_name_fails() {
    let hosts = Hosts::new(options("192.0.2.1 a"));
    assert_eq!([ask(&hosts, "a", AAAA), ask(&hosts, "a", code::TXT)], [[""; 0]; 2]);
    assert_eq!([ask(&hosts, "b", code::A), ask(&hosts, "b", code::TXT)], [["fails"]; 2]);
}

#[test]
fn what_falls_through_is_left_to_others() {
    let fallthrough = zones(&["b"]);
    let hosts = Hosts::new(Options { fallthrough: fallthrough.clone(), ..options("192.0.2.1 a a.b") });
    assert_eq!((ask(&hosts, "b", code::A), ask(&hosts, "c", code::A)), (vec!["passes".into()], vec!["fails".into()]));
    assert_eq!(ask(&hosts, "a.b", code::TXT), [""; 0]);
    let hosts = Hosts::new(Options { fallthrough, hands_on_types: true, ..options("192.0.2.1 a a.b") });
    assert_eq!(ask(&hosts, "a.b", code::TXT), ["passes"]);
    assert_eq!((ask(&hosts, "a.b", AAAA), ask(&hosts, "a", code::TXT)), (Vec::new(), Vec::new()));
}

#[test]
fn names_outside_of_the_zones_are_others() {
    let text = "192.0.2.1 a.b a.c\n192.0.2.2 a.c";
    let hosts = Hosts::new(Options { zones: zones(&["b"]), ..options(text) });
    assert_eq!(ask(&hosts, "a.b", code::A), ["3600 192.0.2.1"]);
    assert_eq!(
        (ask(&hosts, "x.b", code::A), ask(&hosts, "a.c", code::A)),
        (vec!["fails".into()], vec!["passes".into()])
    );
    // Reverse names need no zone of theirs.
    assert_eq!(ask(&hosts, "1.2.0.192.in-addr.arpa", code::PTR), ["3600 a.b."]);
    assert_eq!(ask(&hosts, "2.2.0.192.in-addr.arpa", code::PTR), ["passes"]);
}

#[test]
fn addresses_may_have_no_names() {
    let hosts = Hosts::new(Options { reverse: false, ttl_secs: 60, ..options("192.0.2.1 a") });
    assert_eq!(ask(&hosts, "1.2.0.192.in-addr.arpa", code::PTR), ["passes"]);
    assert_eq!((ask(&hosts, "a", code::A), hosts.entries()), (vec!["60 192.0.2.1".into()], 1));
}

#[test]
fn an_asterisk_stands_for_one_label() {
    let hosts = Hosts::new(options("192.0.2.1 *.a.b\n::2 x.a.b\n192.0.2.3 *"));
    assert_eq!(ask(&hosts, "y.a.b", code::A), ["3600 192.0.2.1"]);
    // Each family for itself, as CoreDNS does it.
    assert_eq!(
        (ask(&hosts, "x.a.b", code::A), ask(&hosts, "x.a.b", AAAA)),
        (vec!["3600 192.0.2.1".into()], vec!["3600 ::2".into()])
    );
    for name in ["z.y.a.b", "a.b", "b"] {
        assert_eq!(ask(&hosts, name, code::A), ["fails"], "{name}");
    }
    assert_eq!(ask(&hosts, "1.2.0.192.in-addr.arpa", code::PTR), ["passes"]);
}

#[test]
fn lines_that_are_no_entries_are_counted() {
    let text = "\n# all\n192.0.2.1\n192.0.2.256 a\n192.0.2.1 a..b c\n  192.0.2.2\td  \n";
    let table = Table::read(text, &Zones::all(), true).unwrap();
    assert_eq!((table.bad.lines, table.bad.first, table.entries), (3, 3, 4));
    let many = "192.0.2.1 a\n".repeat(NAMES_MAX + 1);
    assert!(Table::read(&many, &Zones::all(), true).is_none());
}

#[test]
fn a_file_counts_as_a_whole_and_the_last_good_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hosts");
    let hosts = Hosts::new(Options { path: path.clone(), ..options("192.0.2.9 a") });
    assert_eq!((hosts.modified(), hosts.read().unwrap_err()), (None, format!("there is no file {}", path.display())));
    fs::write(&path, "192.0.2.1 a\n192.0.2.1\n").unwrap();
    hosts.read().unwrap();
    assert_eq!(ask(&hosts, "a", code::A), ["3600 192.0.2.1", "3600 192.0.2.9"]);
    assert_eq!((hosts.entries(), hosts.bad_lines(), hosts.modified().is_some()), (4, 1, true));
    fs::write(&path, "#".repeat(FILE_OCTETS_MAX as usize + 1)).unwrap();
    assert!(hosts.read().unwrap_err().ends_with("has more than 1048576 octets"));
    fs::remove_file(&path).unwrap();
    hosts.read().unwrap_err();
    assert_eq!(ask(&hosts, "a", code::A), ["3600 192.0.2.1", "3600 192.0.2.9"]);
}

#[tokio::test(start_paused = true)]
async fn a_file_is_looked_at_again_until_nobody_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hosts");
    let hosts = Arc::new(Hosts::new(Options { path: path.clone(), ..options("") }));
    hosts.follow(&Handle::current());
    fs::write(&path, "192.0.2.1 a").unwrap();
    while hosts.modified().is_none() {
        time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(ask(&hosts, "a", code::A), ["3600 192.0.2.1"]);
}

#[test]
fn a_tree_is_free_while_no_entry_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hosts");
    let tree = Name::parse("svc.cluster.local").unwrap();
    let reach = |options: Options| Hosts::new(options).reach(tree.wire());
    assert!(matches!(reach(options("192.0.2.1 a")), Reach::Anything));
    assert!(matches!(reach(Options { zones: zones(&["corp"]), ..options("") }), Reach::Nothing));
    let falling = |inline: &str| Options { path: path.clone(), fallthrough: Zones::all(), ..options(inline) };
    assert!(matches!(reach(falling("192.0.2.1 a.b.svc.cluster.local")), Reach::Anything));
    let hosts = Hosts::new(falling("192.0.2.1 a"));
    let Reach::While(is_set) = hosts.reach(tree.wire()) else { panic!("it depends on the file") };
    for (text, expected) in [
        ("192.0.2.1 xsvc.cluster.local", false),
        ("192.0.2.12 web.shop.svc.cluster.local", true),
        ("192.0.2.1 a", false),
        ("192.0.2.1 *.local", false),
        ("192.0.2.1 *.svc.cluster.local", true),
    ] {
        fs::write(&path, text).unwrap();
        hosts.read().unwrap();
        assert_eq!(is_set.load(Ordering::Relaxed), expected, "{text}");
    }
}
