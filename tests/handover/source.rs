//! A cluster that comes from elsewhere after a reload.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use super::{
    CLUSTER, asker, corefile,
    process::{self, Process},
};

fn toml(port: u16, more: &str) -> String {
    format!("[admin]\nlisten = [\"127.0.0.1:0\"]\n[[server]]\nlisten = [\"127.0.0.1:{port}\"]\n{more}")
}

fn of_snapshot(port: u16, name: &str) -> String {
    toml(port, &format!("[snapshot]\npaths = [\"{name}\"]\n"))
}

#[test]
fn a_signal_ends_it_while_it_waits_for_another_cluster() {
    let api = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = process::free_port();
    let server = Process::start_toml(&of_snapshot(port, "a.json"), &[("a.json", CLUSTER.into())]);
    let endpoint = format!("endpoint = \"http://{}\"", api.local_addr().unwrap());
    server.write(
        "c.toml",
        &toml(port, &format!("[kubernetes]\nenabled = true\nstartup_timeout_secs = 600\n{endpoint}\n")),
    );
    server.signal("USR1");
    // It says nothing, and is waited for.
    let _silent = api.accept().unwrap();
    asker::ask(port);
    let told = Instant::now();
    assert!(server.end("TERM").success());
    assert!(told.elapsed() < Duration::from_secs(60), "{:?}", told.elapsed());
}

#[test]
fn what_is_shown_of_the_source_is_about_the_new_one() {
    let port = process::free_port();
    let files = [("a.json", CLUSTER.to_owned()), ("b.json", CLUSTER.to_owned())];
    let server = Process::start_toml(&of_snapshot(port, "a.json"), &files);
    let line = server.says("health and readiness on http://");
    let admin = line.split("http://").nth(1).unwrap().trim_end_matches('/').to_owned();
    assert!(page(&admin, "/api/status").contains("a.json"));
    server.write("a.json", "{");
    server.says("the snapshot cannot be read");
    until(|| page(&admin, "/ready").contains("snapshot: a.json"));
    let said = server.reload("c.toml", &of_snapshot(port, "b.json"));
    assert!(said.last().unwrap().contains("is taken over"), "{said:?}");
    let status = page(&admin, "/api/status");
    assert!(status.contains("b.json") && !status.contains("a.json"), "{status}");
    let ready = page(&admin, "/ready");
    assert!(ready.ends_with("OK"), "{ready}");
    assert!(server.end("TERM").success());
}

/// There is nothing more to be read there: an empty cluster would take the place of what is known.
#[test]
fn standard_input_is_not_read_again() {
    let port = process::free_port();
    let old = corefile(port, "");
    let files = [("Corefile", old.clone())];
    let server = Process::run(&["-conf", "Corefile", "--snapshot", "-"], &files, CLUSTER);
    // Pods are wanted now, which were not kept.
    let said = server.reload("Corefile", &old.replace("ttl 30", "pods verified"));
    let last = said.last().unwrap();
    assert!(last.contains("cannot be taken over") && last.contains("standard input is read once"), "{said:?}");
    asker::ask(port);
    let said = server.reload("Corefile", &old.replace("ttl 30", "ttl 20"));
    assert!(said.last().unwrap().contains("is taken over"), "{said:?}");
    asker::ask(port);
    assert!(server.end("TERM").success());
}

fn page(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "it does not come about");
        thread::yield_now();
    }
}
