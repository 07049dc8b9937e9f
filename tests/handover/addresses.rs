//! Addresses that a reload changes: those of questions, and those of metrics, health and readiness.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    time::Duration,
};

use super::{
    CLUSTER,
    asker::{self, Askers},
    corefile,
    process::{self, Process},
};

fn toml(listen: &str) -> String {
    format!("[snapshot]\npaths = [\"cluster.json\"]\n[admin]\nlisten = []\n[[server]]\nlisten = [\"{listen}\"]\n")
}

/// Takes the same port on all addresses and on one in turn while it is asked all the time.
fn turns(server: &Process, file: &str, port: u16, [all, one]: [&str; 2]) {
    let askers = Askers::start(port);
    for text in [one, all, one, all] {
        let said = server.reload(file, text);
        assert!(said.last().unwrap().contains("is taken over"), "{said:?}");
        assert!(!said.iter().any(|line| line.contains("another program")), "{said:?}");
        askers.ask_some();
    }
    let asked = askers.end();
    assert!(asked > 400, "{asked} questions are no load");
    assert!(server.end("TERM").success());
}

#[test]
fn all_addresses_become_one_and_one_becomes_all_and_no_question_is_lost() {
    let port = process::free_port();
    let one = corefile(port, "");
    let all = one.replace("bind 127.0.0.1\n", "");
    turns(&Process::start(&all, CLUSTER), "Corefile", port, [&all, &one]);
}

#[test]
fn the_same_is_so_where_no_successor_may_share_an_address() {
    let port = process::free_port();
    let (all, one) = (toml(&format!("[::]:{port}")), toml(&format!("127.0.0.1:{port}")));
    let server = Process::start_toml(&all, &[("cluster.json", CLUSTER.into())]);
    turns(&server, "c.toml", port, [&all, &one]);
}

#[test]
fn an_address_that_somebody_else_has_changes_nothing() {
    let (port, other) = (process::free_port(), process::free_port());
    let server = Process::start(&corefile(port, ""), CLUSTER);
    let _somebody = UdpSocket::bind((Ipv4Addr::LOCALHOST, other)).unwrap();
    let said = server.reload("Corefile", &corefile(other, ""));
    let last = said.last().unwrap();
    assert!(last.contains("cannot be taken over") && last.contains("is in use by another program"), "{said:?}");
    asker::ask(port);
    assert!(server.end("TERM").success());
}

/// What is bound beside the old address and given up again has been asked meanwhile.
#[test]
fn a_reload_that_fails_half_way_loses_no_question() {
    let port = process::free_port();
    let all = corefile(port, "").replace("bind 127.0.0.1\n", "");
    let server = Process::start(&all, CLUSTER);
    let askers = Askers::start(port);
    for _ in 0..5 {
        // The second is an address of nobody here (RFC 5737).
        let said = server.reload("Corefile", &corefile(port, "").replace("127.0.0.1\n", "127.0.0.1 192.0.2.1\n"));
        assert!(said.last().unwrap().contains("192.0.2.1"), "{said:?}");
        askers.ask_some();
        server.reload("Corefile", &all);
    }
    askers.end();
    assert!(server.end("TERM").success());
}

#[test]
fn questions_in_flight_on_an_address_that_went_are_answered_at_the_end() {
    let upstream = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (port, other) = (process::free_port(), process::free_port());
    let forwards = format!("forward . {} {{\n force_tcp\n }}", upstream.local_addr().unwrap());
    let server = Process::start(&corefile(port, &forwards), CLUSTER);
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write(&mut client, b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x03www\x04test\0\0\x01\0\x01");
    let (mut asked, _) = upstream.accept().unwrap();
    let mut query = read(&mut asked);
    server.reload("Corefile", &corefile(other, &forwards));
    server.signal("TERM");
    server.says("answering what has arrived, then ending");
    process::until_free(other);
    // QR, and no records.
    query[2] |= 0x80;
    write(&mut asked, &query);
    let reply = read(&mut client);
    assert_eq!((reply[1], reply[2] & 0x80, reply[3] & 15), (7, 0x80, 0), "it is the upstream's");
    assert!(server.ended().success());
}

fn write(stream: &mut TcpStream, message: &[u8]) {
    stream.write_all(&[&(message.len() as u16).to_be_bytes(), message].concat()).unwrap();
}

/// A message, which has its length in front.
fn read(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).expect("a message");
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).unwrap();
    message
}

// ----------- Metrics, health and readiness ---------------------------------

fn observed(port: u16, health: &str, ready: &str, prometheus: &str) -> String {
    format!(
        ".:{port} {{\n bind 127.0.0.1\n health {health}\n ready {ready}\n prometheus {prometheus}\n \
         kubernetes cluster.local\n}}\n"
    )
}

/// The status of a page at this port, if anybody is there.
fn status(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    Some(page.split(' ').nth(1)?.to_owned())
}

#[test]
fn pages_move_to_other_addresses() {
    let dns = process::free_port();
    let [health, ready, metrics, moved] = [(); 4].map(|()| process::free_port());
    let at = |port: u16| format!("127.0.0.1:{port}");
    let old = observed(dns, &at(health), &at(ready), &at(metrics));
    let server = Process::start(&old, CLUSTER);
    assert_eq!([status(health, "/health"), status(ready, "/ready")], [Some("200".into()), Some("200".into())]);

    // One moves, one is found everywhere from now on, and one stays.
    let new = observed(dns, &at(moved), &format!(":{ready}"), &at(metrics));
    let said = server.reload("Corefile", &new);
    assert!(said.last().unwrap().contains("is taken over"), "{said:?}");
    for (port, path) in [(moved, "/health"), (ready, "/ready"), (metrics, "/metrics")] {
        assert_eq!(status(port, path).as_deref(), Some("200"), "{path}");
    }
    process::until_free(health);

    // Back, but for one that somebody has: nothing changes.
    let _somebody = TcpListener::bind((Ipv4Addr::LOCALHOST, health)).unwrap();
    let said = server.reload("Corefile", &old);
    let last = said.last().unwrap();
    assert!(last.contains("cannot be taken over") && last.contains(&at(health)), "{said:?}");
    for (port, path) in [(moved, "/health"), (ready, "/ready"), (metrics, "/metrics")] {
        assert_eq!(status(port, path).as_deref(), Some("200"), "{path}");
    }
    asker::ask(dns);
    assert!(server.end("TERM").success());
}
