//! `hosts`.

use std::fs;

use hickory_proto::rr::RecordType::{A, AAAA, PTR, TXT};

use crate::running::{Running, until};

#[test]
fn entries_are_answered_in_front_of_all_else() {
    let running = Running::start("hosts {\n192.0.2.9 Host.minikube.internal www.example.com\nttl 60\nfallthrough\n}");
    assert_eq!(running.ask("HOST.minikube.internal.", A), ["NoError AA", "HOST.minikube.internal. 60 A 192.0.2.9"]);
    assert_eq!(running.ask("host.minikube.internal.", TXT), ["NoError AA"]);
    assert_eq!(running.ask("www.example.com.", A), ["NoError AA", "www.example.com. 60 A 192.0.2.9"]);
    assert_eq!(running.ask("www.example.com.", AAAA), ["NoError AA"]);
    assert_eq!(
        running.ask("9.2.0.192.in-addr.arpa.", PTR),
        [
            "NoError AA",
            "9.2.0.192.in-addr.arpa. 60 PTR host.minikube.internal.",
            "9.2.0.192.in-addr.arpa. 60 PTR www.example.com."
        ]
    );
    assert_eq!(running.ask("other.example.com.", A), ["NoError", "other.example.com. 300 A 192.0.2.2"]);
    assert_eq!(
        running.ask("Web.shop.svc.cluster.local.", A),
        ["NoError AA", "Web.shop.svc.cluster.local. 5 A 10.96.0.10"]
    );
}

#[test]
fn names_without_an_entry_fail_where_they_do_not_fall_through() {
    let running = Running::start("hosts {\n192.0.2.9 a.example\n}");
    assert_eq!(running.ask("a.example.", A), ["NoError AA", "a.example. 3600 A 192.0.2.9"]);
    // So does the cluster: that is how CoreDNS has it.
    assert_eq!(running.ask("web.shop.svc.cluster.local.", A), ["ServFail"]);
    assert_eq!(running.ask("www.example.com.", A), ["ServFail"]);
    assert_eq!(running.ask("1.2.0.192.in-addr.arpa.", PTR), ["NXDomain"]);
}

#[test]
fn a_cache_limits_the_ttl_of_an_entry() {
    let running = Running::start("cache 30\nhosts {\n192.0.2.9 a.example\nfallthrough\n}");
    assert_eq!(running.ask("a.example.", A), ["NoError AA", "a.example. 30 A 192.0.2.9"]);
}

#[test]
fn an_external_name_may_lead_to_an_entry() {
    let running = Running::start("hosts {\n192.0.2.9 alias.example.com\nfallthrough\n}");
    assert_eq!(
        running.ask("far.shop.svc.cluster.local.", A),
        ["NoError AA", "far.shop.svc.cluster.local. 5 CNAME alias.example.com.", "alias.example.com. 3600 A 192.0.2.9"]
    );
}

#[test]
fn a_file_is_read_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hosts");
    fs::write(&path, "192.0.2.1 a.example\n").unwrap();
    let directive = format!("hosts {} {{\nreload 10ms\nfallthrough\n}}", path.display());
    let running = Running::start(&directive);
    let web = "web.shop.svc.cluster.local.";
    assert_eq!(running.ask("a.example.", A), ["NoError AA", "a.example. 3600 A 192.0.2.1"]);
    assert_eq!(running.ask(web, A)[1], "web.shop.svc.cluster.local. 5 A 10.96.0.10");
    fs::write(&path, "192.0.2.11 web.shop.svc.cluster.local\n").unwrap();
    until(|| running.ask(web, A)[1] == "web.shop.svc.cluster.local. 3600 A 192.0.2.11");
    assert_eq!(running.ask("a.example.", A), ["NXDomain"]);
}
