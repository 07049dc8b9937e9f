//! `clusterdns serve`: what it says at the start, what stops it from starting, and how it ends.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    process::{Command, Stdio},
    time::Duration,
};

use crate::program::{Folder, Serving, command, repository, run, run_with_input};

// ----------- The start -----------------------------------------------------

#[test]
fn it_says_what_it_serves_from_where_and_how_to_try_it() {
    let serving = Serving::start(&[], "");
    let (ip, port) = (serving.address.ip(), serving.address.port());
    let said: Vec<_> =
        serving.start.iter().map(|line| line.split_once(" INFO ").expect("quiet: no warning").1).collect();
    assert_eq!(
        said[0],
        "serving cluster.local. in-addr.arpa. ip6.arpa. from the built-in example: 3 namespaces, 8 services, 7 slices"
    );
    assert_eq!(said[1], format!("listening on {ip}:{port} (UDP, TCP)"));
    assert!(said[2].starts_with("names explained, metrics, health and readiness on http://127.0.0.1:"), "{said:?}");
    assert_eq!(said[3], format!("try: dig @{ip} -p {port} backend-service.example.svc.cluster.local"));
    assert_eq!(said.len(), 4);
    assert_eq!(ask(&serving, "backend-service.example.svc.cluster.local"), [10, 96, 151, 12]);
}

#[test]
fn a_cluster_comes_from_files_folders_or_standard_input() {
    let manifests = repository("zones/manifests");
    let serving = Serving::start(&["--snapshot", &manifests], "");
    assert!(serving.start.iter().any(|line| line.contains(&format!("from {manifests}: "))), "{:?}", serving.start);
    assert_eq!(ask(&serving, "web.guestbook.svc.cluster.local"), [10, 102, 170, 38]);

    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\nspec: {clusterIP: 10.96.0.7}\n";
    let serving = Serving::start(&["--snapshot", "-"], service);
    assert!(serving.start[0].contains("from standard input: 1 namespaces, 1 services"), "{:?}", serving.start);
    assert_eq!(ask(&serving, "a.b.svc.cluster.local"), [10, 96, 0, 7]);
}

/// A list of Services that says that there are none is no mistake.
#[test]
fn a_cluster_without_objects_is_served() {
    let serving = Serving::start(&["--snapshot", "-"], r#"{"apiVersion": "v1", "kind": "ServiceList", "items": []}"#);
    let dig = format!("try: dig @127.0.0.1 -p {} dns-version.cluster.local TXT", serving.address.port());
    assert!(serving.start.last().is_some_and(|line| line.ends_with(&dig)), "{:?}", serving.start);
    let socket = client(&serving);
    socket.send(&question(1, "a.b.svc.cluster.local")).unwrap();
    assert_eq!(reply(&socket)[3] & 15, 3, "NXDOMAIN");
}

// ----------- What stops it -------------------------------------------------

#[test]
fn a_port_in_use_is_told_in_one_sentence() {
    let folder = Folder::new();
    let config = folder.file("c.toml", "[admin]\nlisten = []\n");
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for (address, protocol) in [(tcp.local_addr().unwrap(), "TCP"), (udp.local_addr().unwrap(), "UDP")] {
        let serve = run(&["serve", "--config", &config, "--listen", &address.to_string()]);
        assert_eq!(serve.code, Some(1));
        assert_eq!(
            serve.err,
            format!(
                "{address} ({protocol}) is in use by another program: \
                 stop it, or choose another address (--listen)\n"
            )
        );
    }
    let taken = tcp.local_addr().unwrap();
    let config = folder.file("c.toml", &format!("[admin]\nlisten = [\"{taken}\"]\n"));
    let serve = run(&["serve", "--config", &config, "--listen", "127.0.0.1:0"]);
    assert_eq!(serve.code, Some(1));
    assert!(serve.err.contains(&taken.to_string()) && serve.err.contains("[admin] listen"), "{}", serve.err);

    // Who has a Corefile knows none of these options.
    for (port, ready, directive) in [(taken.port(), "127.0.0.1:0", "`bind`"), (0, &*taken.to_string(), "`ready`")] {
        let text = format!(".:{port} {{\n bind 127.0.0.1\n ready {ready}\n kubernetes cluster.local\n}}\n");
        let corefile = folder.file("Corefile", &text);
        let serve = run(&["-conf", &corefile, "--snapshot", &repository("zones/manifests")]);
        assert_eq!(serve.code, Some(1));
        assert!(serve.err.contains(directive) && !serve.err.contains("--"), "{}", serve.err);
    }
}

#[test]
fn a_snapshot_that_cannot_be_read_is_told_in_one_sentence() {
    let folder = Folder::new();
    let config = folder.file("c.toml", "[admin]\nlisten = []\n");
    let serve = ["serve", "--config", &config, "--listen", "127.0.0.1:0", "--snapshot"];
    let ran = run(&[&serve[..], &["no.json"]].concat());
    assert_eq!(ran.code, Some(1));
    assert_eq!(
        ran.err,
        "no.json: No such file or directory (os error 2); \
         make a snapshot with: kubectl get svc,endpoints,endpointslices,pods,ns -A -o json\n"
    );
    let ran = run_with_input(&[&serve[..], &["-"]].concat(), "{");
    assert_eq!((ran.code, &*ran.err), (Some(1), "standard input:1:1: not JSON: EOF while parsing an object\n"));
}

#[test]
fn credentials_that_are_not_there_are_told_in_one_sentence() {
    let folder = Folder::new();
    let config = folder.file("c.toml", "[admin]\nlisten = []\n");
    let serve = ["serve", "--config", &config, "--listen", "127.0.0.1:0"];
    let ran = run(&[&serve[..], &["--kubeconfig", "no.yaml"]].concat());
    assert_eq!((ran.code, &*ran.err), (Some(1), "no.yaml: No such file or directory (os error 2)\n"));
    let context = "{name: kind, context: {cluster: c, user: u}}";
    let kubeconfig = folder.file("kubeconfig", &format!("apiVersion: v1\nkind: Config\ncontexts: [{context}]\n"));
    let ran = run(&[&serve[..], &["--kubeconfig", &kubeconfig, "--context", "prod"]].concat());
    assert_eq!((ran.code, &*ran.err), (Some(1), &*format!("{kubeconfig}: no context prod; it has: kind\n")));
    let ran = run(&[&serve[..], &["--kubernetes", "--snapshot", "a.json"]].concat());
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("--kubernetes' cannot be used with '--snapshot"), "{}", ran.err);
}

// ----------- The end -------------------------------------------------------

#[test]
fn a_signal_ends_it_once_what_was_received_is_answered() {
    for (signal, name) in [("TERM", "SIGTERM"), ("INT", "SIGINT")] {
        let serving = Serving::start(&[], "");
        let socket = client(&serving);
        // While it is stopped all of them wait, and so does the signal.
        serving.signal("STOP");
        for id in 0..100 {
            socket.send(&question(id, "backend-service.example.svc.cluster.local")).unwrap();
        }
        let mut stream = TcpStream::connect(serving.address).unwrap();
        let over_tcp = question(7, "backend-service.example.svc.cluster.local");
        stream.write_all(&[&(over_tcp.len() as u16).to_be_bytes(), &over_tcp[..]].concat().repeat(100)).unwrap();
        serving.signal(signal);
        serving.signal("CONT");
        for _ in 0..100 {
            assert!(reply(&socket).ends_with(&[10, 96, 151, 12]));
        }
        let mut replies = Vec::new();
        stream.read_to_end(&mut replies).unwrap();
        assert_eq!(
            replies.chunks(2 + over_tcp.len() + 16).filter(|reply| reply.ends_with(&[10, 96, 151, 12])).count(),
            100
        );
        let (status, said) = serving.ended();
        assert_eq!(status.code(), Some(0));
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].ends_with(&format!("{name}: answering what has arrived, then ending")), "{said:?}");
    }
}

/// As the first process of a container it would be deaf to a signal that it does not ask for.
#[test]
fn a_signal_ends_it_while_it_waits_for_the_cluster() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let folder = Folder::new();
    let server = format!("server: \"http://{}\"", silent.local_addr().unwrap());
    let kubeconfig = folder.file(
        "kubeconfig",
        &format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{{server}}}}}]\n\
             contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
        ),
    );
    let config = folder.file("c.toml", "[admin]\nlisten = []\n[kubernetes]\nstartup_timeout_secs = 60\n");
    let arguments = ["serve", "--config", &config, "--listen", "127.0.0.1:0", "--kubeconfig", &kubeconfig];
    let mut child = command(&arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.next().is_some_and(|line| line.contains("reading the cluster from http://127.0.0.1:")));
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let rest: Vec<_> = said.collect();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest:?}");
    assert!(rest.iter().all(|line| !line.contains("listening on")), "{rest:?}");
}

// ----------- A client ------------------------------------------------------

fn client(serving: &Serving) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // Only a failure takes so long.
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.connect(serving.address).unwrap();
    socket
}

/// The address of a name.
fn ask(serving: &Serving, name: &str) -> [u8; 4] {
    let socket = client(serving);
    socket.send(&question(7, name)).unwrap();
    let reply = reply(&socket);
    assert_eq!(reply[3] & 15, 0, "NOERROR");
    *reply.last_chunk().unwrap()
}

/// A question for an address, with RD.
fn question(id: u16, name: &str) -> Vec<u8> {
    let mut message = [&id.to_be_bytes()[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.extend_from_slice(&[0, 0, 1, 0, 1]);
    message
}

fn reply(socket: &UdpSocket) -> Vec<u8> {
    let mut reply = vec![0; 512];
    let octets = socket.recv(&mut reply).expect("a reply");
    reply.truncate(octets);
    reply
}
