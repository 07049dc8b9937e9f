//! Nothing is lost while a server changes its configuration, or hands over to another one: asked all the
//! time, over UDP and TCP, by clients that forgive nothing.

#[path = "handover/addresses.rs"]
mod addresses;
#[path = "handover/asker.rs"]
mod asker;
#[path = "handover/process.rs"]
mod process;
#[path = "handover/source.rs"]
mod source;

use asker::Askers;
use process::Process;

const CLUSTER: &str = r#"{"apiVersion": "v1", "kind": "List", "items": [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
     "spec": {"clusterIP": "10.96.0.10", "ports": [{"name": "http", "port": 80}]}},
    {"apiVersion": "v1", "kind": "EndpointsList", "items": []}]}"#;

/// A Corefile with one server on this port, which says this besides.
fn corefile(port: u16, more: &str) -> String {
    format!(
        ".:{port} {{\n bind 127.0.0.1\n ready 127.0.0.1:0\n kubernetes cluster.local {{\n ttl 30\n }}\n {more}\n}}\n"
    )
}

#[test]
fn a_configuration_changes_and_no_question_is_lost() {
    let port = process::free_port();
    let server = Process::start(&corefile(port, ""), CLUSTER);
    let askers = Askers::start(port);
    let variants = [
        "cache 30",
        "loadbalance",
        "forward . 127.0.0.1:9",
        "cache 30\n forward . 127.0.0.1:9\n loop",
        "kubernetes2",
        "transfer {\n to *\n }",
        "",
    ];
    for more in variants {
        server.configure(&corefile(port, more));
        server.signal("USR1");
        let taken = if more == "kubernetes2" { "cannot be taken over" } else { "is taken over" };
        let line = server.says(taken);
        assert_eq!(
            line.ends_with("is no plugin of CoreDNS: did you mean `kubernetes`?"),
            more == "kubernetes2",
            "{line}"
        );
        askers.ask_some();
    }
    let asked = askers.end();
    assert!(asked > 1000, "{asked} questions are no load");
    assert!(server.end("TERM").success());
}

#[test]
fn another_address_is_listened_on_and_the_old_one_given_up() {
    let (port, other) = (process::free_port(), process::free_port());
    let server = Process::start(&corefile(port, ""), CLUSTER);
    asker::ask(port);
    server.configure(&corefile(other, ""));
    server.signal("USR1");
    server.says("is taken over");
    asker::ask(other);
    process::until_free(port);
    assert!(server.end("TERM").success());
}

#[test]
fn a_server_is_replaced_and_no_question_is_lost() {
    let (port, metrics) = (process::free_port(), process::free_port());
    let text = corefile(port, &format!("health 127.0.0.1:0 {{\n lameduck 100ms\n }}\n prometheus 127.0.0.1:{metrics}"));
    let mut server = Process::start(&text, CLUSTER);
    let askers = Askers::start(port);
    for _ in 0..5 {
        let successor = Process::start(&text, CLUSTER);
        askers.ask_some();
        assert!(server.end("TERM").success());
        server = successor;
        askers.ask_some();
    }
    let asked = askers.end();
    assert!(asked > 1000, "{asked} questions are no load");
    assert!(server.end("INT").success());
}

#[test]
fn a_file_that_changes_is_read_by_itself() {
    let port = process::free_port();
    let server = Process::start(&corefile(port, "reload 2s 1s"), CLUSTER);
    server.configure(&corefile(port, "reload 2s 1s\n loadbalance"));
    server.says("is taken over");
    asker::ask(port);
    assert!(server.end("QUIT").success());
}

#[test]
fn a_loop_ends_a_server_that_wants_no_loop_and_no_other() {
    let (port, fatal) = (process::free_port(), process::free_port());
    let lives = Process::start(&corefile(port, &format!("forward . 127.0.0.1:{port}\n loop")), CLUSTER);
    let dies =
        Process::start(&corefile(fatal, &format!("forward . 127.0.0.1:{fatal}\n loop {{\n fatal\n }}")), CLUSTER);
    assert_eq!(dies.ended().code(), Some(1));
    lives.says("comes back here");
    asker::ask(port);
    assert!(lives.end("TERM").success());
}
