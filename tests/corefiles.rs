//! Every Corefile of a distribution that is understood starts, serves, reloads and ends as its owner expects.

#[path = "corefiles/adjust.rs"]
mod adjust;
#[path = "handover/process.rs"]
mod process;
#[path = "corefiles/upstream.rs"]
mod upstream;

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use adjust::adjusted;
use hickory_proto::{
    op::{Message, Query},
    rr::RecordType,
};
use process::Process;
use upstream::Upstream;

const CLUSTER: &str = r#"{"apiVersion": "v1", "kind": "List", "items": [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
     "spec": {"clusterIP": "10.96.0.10", "ports": [{"name": "http", "port": 80}]}}]}"#;

const WEB: &str = "web.shop.svc.cluster.local.";
const OUTSIDE: &str = "www.example.com.";
const EXTRA: &str = "www.extra.test.";

/// Also what the cluster's own server would say: one of the Corefiles is of a cache in front of it.
const KNOWN: &[(&str, Ipv4Addr)] = &[
    (WEB, Ipv4Addr::new(10, 96, 0, 10)),
    (OUTSIDE, Ipv4Addr::new(192, 0, 2, 1)),
    (EXTRA, Ipv4Addr::new(192, 0, 2, 2)),
];
const KNOWN_ELSEWHERE: &[(&str, Ipv4Addr)] = &[(EXTRA, Ipv4Addr::new(192, 0, 2, 3))];

/// What stands beside the Corefile where a distribution imports it.
const BESIDE: [(&str, &str); 3] = [
    ("custom/log.override", "log\n"),
    ("custom/corp.server", "corp.example:53 {\n    errors\n    forward . 10.0.0.53\n}\n"),
    ("NodeHosts", "192.0.2.4 node-1\n"),
];

/// What only some of them say.
const PECULIAR: [(&str, &str, &[&str]); 3] = [
    ("k3s", "node-1.", &["192.0.2.4"]),
    ("minikube", "host.minikube.internal.", &["192.168.49.1"]),
    ("aks", "www.reddog.microsoft.com.", &[]),
];

#[test]
fn every_corefile_starts_serves_reloads_and_ends() {
    let names = understood();
    assert!(names.iter().any(|name| name == "kubeadm"), "{names:?}");
    thread::scope(|scope| {
        for name in names {
            // A panic says the name of its thread.
            thread::Builder::new().name(name.clone()).spawn_scoped(scope, move || lives(&name)).expect("a thread");
        }
    });
}

/// Those without a file that says why they are refused.
fn understood() -> Vec<String> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names = files.filter_map(|file| file.strip_suffix(".Corefile").map(str::to_owned));
    names.filter(|name| !folder().join(format!("{name}.refused")).exists()).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corefiles")
}

fn lives(name: &str) {
    let original = fs::read_to_string(folder().join(format!("{name}.Corefile"))).unwrap();
    let (upstream, elsewhere) = (Upstream::start(KNOWN), Upstream::start(KNOWN_ELSEWHERE));
    let port = process::free_port();
    let corefile = adjusted(&original, port, upstream.address);
    let server = Process::start_beside(
        &corefile,
        CLUSTER,
        &BESIDE.map(|(file, text)| (file, adjusted(text, port, upstream.address))),
    );
    assert_eq!(ask(port, WEB), ["10.96.0.10"], "{name}");
    assert_eq!(ask(port, OUTSIDE), ["192.0.2.1"], "{name}");
    assert_eq!(ask(port, EXTRA), ["192.0.2.2"], "{name}");
    assert_eq!(upstream.has_heard(WEB), !original.contains("kubernetes"), "{name}: who knows the cluster");

    for (_, question, answer) in PECULIAR.iter().filter(|(owner, ..)| *owner == name) {
        assert_eq!(ask(port, question), *answer, "{name}: {question}");
        assert!(!upstream.has_heard(question), "{name}: {question} is nobody else's");
    }

    let block = format!("extra.test:{port} {{\nbind 127.0.0.1\nforward . {}\n}}\n", elsewhere.address);
    server.configure(&(corefile + &block));
    server.signal("USR1");
    server.says("the configuration has changed and is taken over");
    assert_eq!(ask(port, EXTRA), ["192.0.2.3"], "{name}: the new block answers");
    assert_eq!([ask(port, WEB), ask(port, OUTSIDE)], [["10.96.0.10"], ["192.0.2.1"]], "{name}");

    server.signal("TERM");
    if original.contains("lameduck") {
        server.says("answering on for 5s, then ending");
        assert_eq!(ask(port, WEB), ["10.96.0.10"], "{name}: until clients have gone elsewhere");
    }
    assert_eq!(server.ended().code(), Some(0), "{name}");
}

/// The addresses of a name.
fn ask(port: u16, name: &str) -> Vec<String> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // Only a failure takes so long.
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut query = Message::query();
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(name.parse().unwrap(), RecordType::A));
    socket.send(&query.to_vec().unwrap()).unwrap();
    let mut reply = [0; 512];
    let octets = socket.recv(&mut reply).expect("a reply");
    Message::from_vec(&reply[..octets]).unwrap().answers.iter().map(|record| record.data.to_string()).collect()
}
