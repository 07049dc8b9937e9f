//! `template`.

use hickory_proto::rr::RecordType::{A, AAAA, TXT};

use crate::running::Running;

const WEB: &str = "web.shop.svc.cluster.local.";

#[test]
fn names_of_a_pattern_have_records_by_rule() {
    let running = Running::start(
        "template IN A tpl.test {\nmatch ^ip-(?P<a>[0-9]+)-(?P<b>[0-9]+)\\.tpl\\.test\\.$\n\
         answer \"{{ .Name }} 60 IN A 192.0.{{ .Group.a }}.{{ .Group.b }}\"\n}",
    );
    assert_eq!(running.ask("IP-2-77.tpl.test.", A), ["NoError AA", "IP-2-77.tpl.test. 60 A 192.0.2.77"]);
    assert_eq!(running.ask("none.tpl.test.", A), ["ServFail"]);
    // Others are asked for what it is not for.
    assert_eq!(running.ask("ip-2-77.tpl.test.", TXT), ["NXDomain"]);
    assert_eq!(running.ask(WEB, A), ["NoError AA", "web.shop.svc.cluster.local. 5 A 10.96.0.10"]);
}

#[test]
fn names_are_blocked_as_on_aks() {
    let running = Running::start(
        "cache 30\ntemplate ANY ANY internal.cloudapp.net {\nmatch \"^(?:[^.]+\\.){4,}internal\\.cloudapp\\.net\\.$\"\n\
         rcode NXDOMAIN\nfallthrough\n}\ntemplate ANY ANY reddog.microsoft.com {\nrcode NXDOMAIN\n\
         authority \"reddog.microsoft.com 60 IN SOA a b (1 60 60 60 60)\"\n}",
    );
    assert_eq!(running.ask("a.b.c.d.internal.cloudapp.net.", A), ["NXDomain AA"]);
    assert_eq!(running.ask("a.b.c.internal.cloudapp.net.", A), ["NXDomain"]);
    assert_eq!(
        running.ask("x.reddog.microsoft.com.", AAAA),
        ["NXDomain AA", "authority reddog.microsoft.com. 30 SOA a. b. 1 60 60 60 60"]
    );
}

#[test]
fn records_of_an_error_have_the_ttl_that_a_cache_gives_to_errors() {
    let running = Running::start(
        "cache 30\ntemplate IN A tpl.test {\nrcode NXDOMAIN\nanswer \"{{ .Name }} 60 IN A 192.0.2.8\"\n}",
    );
    assert_eq!(running.ask("a.tpl.test.", A), ["NXDomain AA", "a.tpl.test. 5 A 192.0.2.8"]);
}

#[test]
fn a_cname_is_followed_for_who_asks_for_addresses() {
    let running = Running::start(
        "template IN ANY foogle.com {\nmatch ^foogle\\.com\\.$\nanswer \"foogle.com 60 IN CNAME alias.example.com\"\n}\n\
         template IN ANY near.test {\nanswer \"near.test 60 IN CNAME web.shop.svc.cluster.local\"\n}\n\
         template IN A loop.test {\nanswer \"loop.test 60 IN CNAME loop.test\"\n}",
    );
    let cname = "foogle.com. 60 CNAME alias.example.com.";
    assert_eq!(
        running.ask("foogle.com.", A),
        ["NoError AA", cname, "alias.example.com. 300 CNAME www.example.com.", "www.example.com. 300 A 192.0.2.1"]
    );
    assert_eq!(running.ask("foogle.com.", TXT), ["NoError AA", cname]);
    assert_eq!(
        running.ask("near.test.", A),
        ["NoError AA", "near.test. 60 CNAME web.shop.svc.cluster.local.", "web.shop.svc.cluster.local. 5 A 10.96.0.10"]
    );
    assert_eq!(running.ask("loop.test.", A)[..2], ["NoError AA", "loop.test. 60 CNAME loop.test."]);
}

#[test]
fn it_stands_between_rewriting_and_hosts() {
    let running = Running::start(
        "hosts {\n192.0.2.9 a.test b.test\nfallthrough\n}\nrewrite name old.test a.test\n\
         template IN A a.test {\nanswer \"{{ .Name }} 60 IN A 192.0.2.8\"\n}",
    );
    assert_eq!(running.ask("a.test.", A)[1], "a.test. 60 A 192.0.2.8");
    assert_eq!(running.ask("old.test.", A)[1], "old.test. 60 A 192.0.2.8");
    assert_eq!(running.ask("b.test.", A)[1], "b.test. 3600 A 192.0.2.9");
}

#[test]
fn a_reply_without_records_for_one_family_is_for_all_names() {
    let running = Running::start("template IN AAAA . {\nrcode NOERROR\n}");
    assert_eq!([running.ask(WEB, AAAA), running.ask("www.example.com.", AAAA)], [["NoError AA"]; 2]);
    assert_eq!(running.ask(WEB, A)[1], "web.shop.svc.cluster.local. 5 A 10.96.0.10");
}
