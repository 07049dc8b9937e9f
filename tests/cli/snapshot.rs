//! `clusterdns snapshot`, from a running server and from files.

use std::{fs, net::TcpListener};

use serde_json::Value;

use crate::{
    explain::{admin, other},
    program::{Ran, Serving, repository, run, run_with_input},
};

/// The records of every zone, without what depends on the time and on where the cluster is from.
fn records(arguments: &[&str], input: &str) -> Vec<String> {
    let of_zone = |zone: &str| {
        let ran = run_with_input(&[&["records", "--zone", zone], arguments].concat(), input);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let lines = ran.out.lines().filter(|line| !line.contains("\tSOA\t"));
        lines.map(|line| line.split("\t; chosen here").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    ["cluster.local", "in-addr.arpa", "ip6.arpa"].map(of_zone).concat()
}

fn kinds(ran: &Ran) -> Vec<String> {
    assert_eq!((ran.code, &*ran.err), (Some(0), ""));
    let list: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out));
    let kind = |item: &Value| item["kind"].as_str().unwrap().to_owned();
    list["items"].as_array().unwrap().iter().map(kind).collect()
}

#[test]
fn a_server_of_a_snapshot_of_a_server_has_its_records() {
    let folder = fs::read_dir(repository("zones")).unwrap();
    for cluster in folder.map(|entry| entry.unwrap().path().display().to_string()) {
        let serving = Serving::start(&["--snapshot", &cluster], "");
        let taken = run(&["snapshot", "--server", &admin(&serving)]);
        assert!(kinds(&taken).len() > 5);
        assert_eq!(records(&["--snapshot", "-"], &taken.out), records(&["--snapshot", &cluster], ""), "{cluster}");
        let of_files = run(&["snapshot", "--snapshot", &cluster]);
        assert_eq!(of_files.out, taken.out, "{cluster}");
    }
}

#[test]
fn one_namespace_is_printed_alone() {
    let serving = Serving::start(&[], "");
    let server = admin(&serving);
    let example = repository("zones/example");
    for whose in [["--server", &server], ["--snapshot", &example]] {
        let taken = run(&[&["snapshot", "-n", "example"], &whose[..]].concat());
        assert!(kinds(&taken).contains(&"Service".to_owned()) && !taken.out.contains("kube-system"), "{}", taken.out);
        let nothing = run(&[&["snapshot", "--namespace", "exmaple"], &whose[..]].concat());
        assert_eq!((nothing.code, &*nothing.out), (Some(1), ""));
        assert!(nothing.err.ends_with("namespace exmaple does not exist\n"), "{}", nothing.err);
    }
}

#[test]
fn a_server_that_gives_no_snapshot_is_told_in_one_sentence() {
    let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    for (server, why) in [
        (&*format!("http://{nobody}"), "cannot connect: Connection refused"),
        (&other("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), "this is not the admin address of a clusterdns"),
        (&other("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "this is not the admin address of a clusterdns"),
        (&other("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "this is not the admin address"),
        ("127.0.0.1:9153", "write the address as http://127.0.0.1:9153\n"),
    ] {
        let ran = run(&["snapshot", "--server", server]);
        let said = ran.err.strip_prefix(&format!("{server}: ")).unwrap_or_else(|| panic!("{ran:?}"));
        assert!(ran.code == Some(1) && ran.out.is_empty() && said.starts_with(why), "{server}: {ran:?}");
    }
}

#[test]
fn a_snapshot_that_breaks_off_is_a_failure() {
    let start = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                 2c\r\n{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n\r\n";
    let ran = run(&["snapshot", "--server", &other(start)]);
    assert!(ran.code == Some(1) && ran.err.contains("what was printed is not whole; ask again"), "{ran:?}");
}
