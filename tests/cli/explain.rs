//! `clusterdns explain` and `clusterdns lookup`, from a snapshot and from a running server.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener},
    thread,
};

use clusterdns::explain::Explanation;

use crate::program::{Folder, Serving, repository, run};

// ----------- explain -------------------------------------------------------

#[test]
fn a_name_that_does_not_resolve_is_explained() {
    let explain = run(&["explain", "frontend-service"]);
    assert_eq!((explain.code, &*explain.err), (Some(1), ""));
    assert_eq!(
        explain.out,
        "frontend-service from a pod in namespace default, glibc (ndots 5)
  1  frontend-service.default.svc.cluster.local  A NXDOMAIN  AAAA NXDOMAIN  goes on
  2  frontend-service.svc.cluster.local          A NXDOMAIN  AAAA NXDOMAIN  goes on
  3  frontend-service.cluster.local              A NXDOMAIN  AAAA NXDOMAIN  goes on
  4  frontend-service                            A NXDOMAIN  AAAA NXDOMAIN  ends here
does not resolve: the program sees EAI_NONAME
  Service frontend-service exists in namespace example, not in default: did you mean frontend-service.example?
"
    );
    let explain = run(&["explain", "frontend-service.exmaple"]);
    let end = "  namespace exmaple does not exist: did you mean example?\n  try: frontend-service.example\n";
    assert!(explain.code == Some(1) && explain.out.ends_with(end), "{}", explain.out);
}

#[test]
fn a_name_that_resolves_is_explained() {
    let explain = run(&["explain", "queue.example", "--type", "a", "--resolver", "musl", "--from", "kube-system"]);
    assert_eq!((explain.code, &*explain.err), (Some(0), ""));
    assert_eq!(
        explain.out,
        "queue.example from a pod in namespace kube-system, musl (ndots 5)
  1  queue.example.kube-system.svc.cluster.local  A NXDOMAIN               goes on
  2  queue.example.svc.cluster.local              A 10.244.1.7 and 2 more  done
resolves: the program sees addresses
  A 10.244.1.7
  A 10.244.1.8
  A 10.244.0.24
  Service example/queue exists, 3 of 3 endpoints are ready
"
    );
}

#[test]
fn the_explanation_comes_as_json_too() {
    let explain = run(&["explain", "kubernetes", "--json"]);
    let told: Explanation = serde_json::from_str(&explain.out).unwrap();
    assert_eq!((explain.code, told.resolves, &*told.records[0].data), (Some(0), true, "10.96.0.1"));
}

#[test]
fn the_pods_own_resolv_conf_counts() {
    let folder = Folder::new();
    let conf = folder.file("resolv.conf", "search example.svc.cluster.local\noptions ndots:2\n");
    let explain = run(&["explain", "queue", "--resolv-conf", &conf]);
    assert!(
        explain.code == Some(0) && explain.out.starts_with("queue from a pod in namespace default, glibc (ndots 2)")
    );
    let explain = run(&["explain", "kubernetes", "--resolv-conf", &conf]);
    assert!(explain.out.contains("  this resolv.conf does not lead to it: "), "{}", explain.out);
}

/// A pod that asks does not see the search list that is there for clients without one, unless a
/// configuration says that there is one.
#[test]
fn the_servers_own_search_list_counts_where_it_is_configured() {
    let elsewhere = ["explain", "kubernetes", "--from", "example"];
    assert_eq!(run(&elsewhere).code, Some(1));
    assert_eq!(run(&["explain", "queue.example.svc."]).code, Some(1));
    let example = repository("config.example.toml");
    let explain = run(&[&elsewhere[..], &["--config", &example]].concat());
    assert_eq!(explain.code, Some(0), "{}", explain.out);
}

/// kubeadm's Corefile, with entries of hosts: who would be asked is said, and nobody is.
#[test]
fn what_others_have_is_not_asked_for() {
    let folder = Folder::new();
    let corefile = folder.file(
        "Corefile",
        ".:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
    }
    hosts /nowhere {
        192.0.2.1 known.example.org
        fallthrough
    }
    forward . 192.0.2.53 {
        max_concurrent 1000
    }
    cache 30
    loop
    loadbalance
}
",
    );
    let snapshot = repository("zones/example/cluster.json");
    let ask = |command: &str, name: &str| run(&[command, name, "--corefile", &corefile, "--snapshot", &snapshot]);
    let explain = ask("explain", "www.example.org.");
    assert_eq!((explain.code, &*explain.err), (Some(2), ""));
    assert_eq!(
        explain.out,
        "www.example.org. from a pod in namespace default, glibc (ndots 5)
  1  www.example.org.  A FORWARDED  AAAA FORWARDED  ends here
depends on an upstream: none is asked from here
  www.example.org is forwarded to 192.0.2.53:53, which is not asked here
"
    );
    let lookup = ask("lookup", "known.example.org");
    assert_eq!((lookup.code, &*lookup.out), (Some(0), "192.0.2.1       known.example.org\n"));
    let lookup = ask("lookup", "www.example.org");
    assert_eq!(lookup.code, Some(2), "{lookup:?}");
    let records = run(&["records", "--corefile", &corefile, "--snapshot", &snapshot]);
    assert!(records.out.starts_with("; without what is answered by hosts\n; zone cluster.local.: "), "{}", records.out);
}

/// Scripts tell "no" from "I do not know".
#[test]
fn what_keeps_it_from_an_answer_has_an_exit_code_of_its_own() {
    for (arguments, why) in [
        (&["explain", "web", "--from", "a.b"][..], "from \"a.b\": no namespace is called like this\n"),
        (&["explain", "web", "--type", "B"], "type \"B\": "),
        (&["explain", "web", "--snapshot", "no.json"], "no.json: No such file"),
        (&["explain", "web", "--resolv-conf", "no.conf"], "no.conf: No such file"),
        (&["lookup", "web", "--snapshot", "no.json"], "no.json: No such file"),
        (&["explain", "web", "--resolver", "bionic"], "error: invalid value 'bionic'"),
        (&["explain", "web", "--server", "http://[::1]:1", "--snapshot", "x"], "error: the argument '--server <URL>'"),
    ] {
        let ran = run(arguments);
        assert!(ran.code == Some(2) && ran.out.is_empty() && ran.err.starts_with(why), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn help_says_what_the_exit_codes_mean() {
    for command in ["explain", "lookup"] {
        let help = run(&[command, "--help"]);
        assert!(help.code == Some(0) && help.out.contains("Exit code: 0 where the name resolves"), "{help:?}");
    }
}

// ----------- lookup --------------------------------------------------------

#[test]
fn a_lookup_prints_addresses_as_getent_does() {
    let lookup = run(&["lookup", "backend-service"]);
    assert_eq!((lookup.code, &*lookup.err), (Some(0), ""));
    assert_eq!(lookup.out, "10.96.151.12    backend-service.example.svc.cluster.local\n");
    assert_eq!(run(&["lookup", "192.0.2.1"]).out, "192.0.2.1       192.0.2.1\n");
}

#[test]
fn a_lookup_of_a_type_prints_as_dig_does() {
    let lookup = run(&["lookup", "backend-service", "A"]);
    assert_eq!((lookup.code, &*lookup.out), (Some(0), "backend-service.example.svc.cluster.local.\n10.96.151.12\n"));
    assert_eq!(run(&["lookup", "dns-version", "txt"]).out, "\"1.1.0\"\n");
    let lookup = run(&["lookup", "_dns._udp.kube-dns", "SRV", "--from", "kube-system"]);
    assert_eq!(lookup.out, "0 100 53 kube-dns.kube-system.svc.cluster.local.\n");
}

#[test]
fn a_lookup_in_vain_says_why_in_one_line() {
    let lookup = run(&["lookup", "kubernets"]);
    assert_eq!((lookup.code, &*lookup.out), (Some(1), ""));
    assert_eq!(lookup.err, "kubernets: there is no Service kubernets in namespace default: did you mean kubernetes?\n");
}

// ----------- A running server ----------------------------------------------

#[test]
fn a_running_server_is_asked() {
    let serving = Serving::start(&[], "");
    let server = admin(&serving);
    let arguments = ["explain", "web.exmaple", "--from", "kube-system", "--resolver", "go", "--type", "AAAA", "--json"];
    let asked = run(&[&arguments[..], &["--server", &server]].concat());
    let told: Explanation = serde_json::from_str(&asked.out).unwrap_or_else(|_| panic!("{asked:?}"));
    assert_eq!((asked.code, &*told.name, &*told.from), (Some(1), "web.exmaple", "kube-system"));
    assert_eq!((&*told.resolver, &*told.qtype), ("go", "AAAA"));
    let lookup = run(&["lookup", "queue-0.queue.example", "A", "--server", &format!("{server}/")]);
    assert_eq!((lookup.code, &*lookup.out), (Some(0), "10.244.0.24\n"));
}

#[test]
fn a_server_that_cannot_be_asked_is_told_in_one_sentence() {
    let folder = Folder::new();
    let off = folder.file("off.toml", "[admin]\nlisten = [\"127.0.0.1:0\"]\nexplain = false\n");
    let serving = Serving::start_with(&off, &[], "");
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    for (server, why) in [
        (&*admin(&serving), "turned off: [admin] explain = true in the configuration turns it on\n"),
        (&*format!("http://{nobody}"), "cannot connect: Connection refused (os error 111); is the server running, "),
        (&other("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), "this is not the admin address of a clusterdns"),
        (&other("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "this is not the admin address"),
        (&other("220 mail.example.com ESMTP\r\n"), "this is not the admin address"),
        ("https://127.0.0.1:9153", "only plain http is spoken"),
        ("127.0.0.1:9153", "write the address as http://127.0.0.1:9153\n"),
    ] {
        let ran = run(&["explain", "web", "--server", server]);
        let said = ran.err.strip_prefix(&format!("{server}: ")).unwrap_or_else(|| panic!("{ran:?}"));
        assert!(ran.code == Some(2) && ran.out.is_empty() && said.starts_with(why), "{server}: {ran:?}");
    }
}

/// Where it says that it shows metrics.
pub(crate) fn admin(serving: &Serving) -> String {
    let address = serving.start.iter().find_map(|line| line.split(" on http://").nth(1));
    format!("http://{}", address.expect("it says where").trim_end_matches('/'))
}

/// A server of something else, that says this to whoever comes.
pub(crate) fn other(said: &'static str) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(said.as_bytes());
    });
    format!("http://{address}")
}
