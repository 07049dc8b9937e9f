//! The saved state: a server that starts while the API server is gone says what was known.

use std::fs;

use tempfile::TempDir;

use crate::{api::*, logs, patience::*, running::*};

/// Never within a test.
const LONG: &str = "startup_timeout_secs = 600";
const SHORT: &str = "startup_timeout_secs = 1";

/// The folder of a server that has followed the cluster and ended.
fn saved(api: &Api) -> TempDir {
    let server = setup(api).saving().start();
    server.is_well();
    server.measures("clusterdns_state_saves_total", &["result=\"ok\""], |saves| saves >= 1.0);
    server.stop()
}

#[test]
fn what_was_known_is_answered_at_once_and_marked_as_old() {
    let api = shop();
    let folder = saved(&api);
    api.stop();
    let server = setup(&api).saving().with_state_of(&folder).kubernetes(LONG).start();
    assert_eq!(server.said("web.shop", "A"), "10.0.0.1");
    assert_eq!(server.said("db.shop", "A"), "10.1.0.1");
    assert_eq!(server.said_with_errors("web.shop", "A"), "10.0.0.1 error 3", "Stale Answer");
    assert_eq!(server.said("no.shop", "A"), "SERVFAIL", "it may have come since");
    assert_eq!(server.said_with_errors("no.shop", "A"), "SERVFAIL error 14", "Not Ready");
    server.measures("clusterdns_source_stale_seconds", &[], |secs| secs > 0.0);
}

#[test]
fn when_the_server_had_its_time_what_was_not_known_does_not_exist() {
    let api = shop();
    let folder = saved(&api);
    api.stop();
    let server = setup(&api).saving().with_state_of(&folder).kubernetes(SHORT).start();
    let meanwhile = server.meanwhile("web.shop", "A");
    server.answers("no.shop", "A", "NXDOMAIN");
    assert_eq!(server.said_with_errors("no.shop", "A"), "NXDOMAIN error 19", "Stale NXDOMAIN Answer");
    assert_eq!(server.said_with_errors("web.shop", "A"), "10.0.0.1 error 3", "Stale Answer");
    server.is_ready(200, "cannot be reached");
    assert_eq!(meanwhile.heard(), ["10.0.0.1"]);
}

#[test]
fn the_cluster_takes_the_place_of_the_state() {
    let api = shop();
    let folder = saved(&api);
    api.stop();
    let server = setup(&api).saving().with_state_of(&folder).kubernetes(LONG).start();
    assert_eq!(server.said("db.shop", "A"), "10.1.0.1");
    let meanwhile = server.meanwhile("web.shop", "A");
    api.delete("services", "shop/db");
    api.delete("namespaces", "bare");
    api.apply(service("shop/late").cluster_ip("10.0.0.2"));
    api.resume();
    server.answers("late.shop", "A", "10.0.0.2");
    server.answers("db.shop", "A", "NXDOMAIN");
    server.answers("bare.svc.cluster.local.", "A", "NXDOMAIN");
    server.is_well();
    until(|| match server.said_with_errors("web.shop", "A") {
        word if word == "10.0.0.1" => Ok(()),
        word => Err(word),
    });
    assert_eq!(meanwhile.heard(), ["10.0.0.1"]);
}

/// One list after the other: what the others have not told yet is still of the state.
#[test]
fn a_list_that_comes_first_takes_nothing_from_the_others() {
    let api = shop();
    let folder = saved(&api);
    let (wait, gate) = Fault::wait();
    api.fail_next("endpointslices", wait);
    api.forget_requests();
    let server = setup(&api).saving().with_state_of(&folder).kubernetes(LONG).start();
    let meanwhile = server.meanwhile("db.shop", "A");
    api.apply(service("shop/late").cluster_ip("10.0.0.2"));
    server.answers("late.shop", "A", "10.0.0.2");
    server.answers("no.shop", "A", "NXDOMAIN");
    gate.open();
    server.is_well();
    assert_eq!(meanwhile.heard(), ["10.1.0.1"]);
}

#[test]
fn a_file_that_is_no_saved_state_is_ignored_with_a_message() {
    let api = shop();
    let folder = saved(&api);
    api.stop();
    let good = fs::read(folder.path().join("state")).expect("a saved state");
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x20;
    let cut = |part: usize| good[..good.len() * part / 10].to_vec();
    let files = [
        ("empty", Vec::new()),
        ("cut early", cut(1)),
        ("cut late", cut(9)),
        ("without its last octet", good[..good.len() - 1].to_vec()),
        ("with a flipped bit", flipped),
        ("foreign", b"#!/bin/sh\necho no state\n".to_vec()),
        ("zeros", vec![0; good.len()]),
        ("a longer one", [&good[..], b"and more"].concat()),
    ];
    side_by_side(files, |(what, octets)| {
        let setup = setup(&api).saving().kubernetes(SHORT);
        let file = setup.state_file();
        fs::write(&file, octets).expect("a file");
        let server = setup.start();
        assert_eq!(server.said("web.shop", "A"), "SERVFAIL", "{what}");
        assert_eq!(server.said("no.shop", "A"), "SERVFAIL", "{what}");
        assert!(logs::have(&["WARN", &file.display().to_string()]), "{what}: nothing is said about it");
    });
}

#[test]
fn a_folder_that_cannot_be_written_to_is_counted_and_no_more() {
    let api = shop();
    let setup = setup(&api).saving();
    fs::create_dir(setup.state_file()).expect("a folder in place of the file");
    let server = setup.start();
    server.measures("clusterdns_state_saves_total", &["result=\"failed\""], |saves| saves >= 1.0);
    server.answers("web.shop", "A", "10.0.0.1");
    server.is_well();
}

#[test]
fn changes_are_saved() {
    let api = shop();
    let first = setup(&api).saving().start();
    first.is_ready(200, "OK");
    first.measures("clusterdns_state_saves_total", &["result=\"ok\""], |saves| saves >= 1.0);
    api.apply(service("shop/late").cluster_ip("10.0.0.2"));
    first.answers("late.shop", "A", "10.0.0.2");
    let saves = first.metric("clusterdns_state_saves_total", &["result=\"ok\""]);
    first.measures("clusterdns_state_saves_total", &["result=\"ok\""], |now| now > saves);
    let folder = first.stop();
    api.stop();
    let second = setup(&api).saving().with_state_of(&folder).kubernetes(LONG).start();
    assert_eq!(second.said("late.shop", "A"), "10.0.0.2");
}
