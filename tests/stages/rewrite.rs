//! `rewrite`.

use hickory_proto::{
    op::Query,
    rr::{
        DNSClass, Name,
        RecordType::{A, AAAA, ANY, HINFO, MX, SRV, TXT},
    },
};

use crate::running::Running;

const WEB: &str = "web.shop.svc.cluster.local.";
const SOA: &str = "authority cluster.local. 5 SOA ns.dns.cluster.local. hostmaster.cluster.local.";

#[test]
fn a_name_of_the_cluster_has_another_name() {
    let running = Running::start(&format!("rewrite name alias.test {WEB}"));
    assert_eq!(running.ask("Alias.test.", A), ["NoError AA", "Alias.test. 5 A 10.96.0.10"]);
    let nodata = running.ask("alias.test.", AAAA);
    assert!(nodata[0] == "NoError AA" && nodata.len() == 2 && nodata[1].starts_with(SOA), "{nodata:?}");
    assert_eq!(running.ask(WEB, A), ["NoError AA", "web.shop.svc.cluster.local. 5 A 10.96.0.10"]);
}

#[test]
fn the_end_of_names_is_restored_in_all_records() {
    let running = Running::start("rewrite name suffix .sfx.test .shop.svc.cluster.local answer auto");
    assert_eq!(
        running.ask("_http._tcp.web.sfx.test.", SRV),
        [
            "NoError AA",
            "_http._tcp.web.sfx.test. 5 SRV 0 100 80 web.sfx.test.",
            "additional web.sfx.test. 5 A 10.96.0.10"
        ]
    );
    // The alias is followed on, behind the change.
    assert_eq!(
        running.ask("far.sfx.test.", A),
        [
            "NoError AA",
            "far.sfx.test. 5 CNAME alias.example.com.",
            "alias.example.com. 300 CNAME www.example.com.",
            "www.example.com. 300 A 192.0.2.1"
        ]
    );
    let missing = running.ask("none.sfx.test.", A);
    assert!(missing[0] == "NXDomain AA" && missing[1].starts_with(SOA), "{missing:?}");
}

#[test]
fn records_keep_their_owner_where_nothing_restores_it() {
    let running = Running::start("rewrite name substring mid.test shop.svc.cluster.local");
    assert_eq!(running.ask("web.mid.test.", A), ["NoError AA", "web.shop.svc.cluster.local. 5 A 10.96.0.10"]);
}

#[test]
fn what_others_say_is_restored_by_rules_and_kept_as_they_said_it() {
    let running = Running::start(
        "cache 30\nrewrite name regex (.*)\\.rx\\.test {1}.example.com \
         answer name (.*)\\.example\\.com {1}.rx.test value (.*)\\.example\\.com {1}.rx.test",
    );
    for _ in 0..2 {
        assert_eq!(running.ask("www.rx.test.", A), ["NoError", "www.rx.test. 30 A 192.0.2.1"]);
        assert_eq!(running.ask("mail.rx.test.", MX), ["NoError", "mail.rx.test. 30 MX 10 mx.mail.rx.test."]);
        assert_eq!(running.ask("www.example.com.", A), ["NoError", "www.example.com. 30 A 192.0.2.1"]);
    }
}

#[test]
fn a_question_may_be_of_another_type_or_class() {
    let running = Running::start("rewrite type ANY HINFO\nrewrite continue type HINFO A");
    let nodata = running.ask(WEB, ANY);
    assert!(nodata[0] == "NoError AA" && nodata[1].starts_with(SOA), "{nodata:?}");
    assert_eq!(running.ask(WEB, HINFO), ["NoError AA", "web.shop.svc.cluster.local. 5 A 10.96.0.10"]);
    let mut query = Query::query(Name::from_ascii(WEB).unwrap(), A);
    query.set_query_class(DNSClass::CH);
    // As from CoreDNS where questions are forwarded.
    assert_eq!(running.reply(&query).metadata.response_code, hickory_proto::op::ResponseCode::NoError);
}

#[test]
fn ttls_and_rcodes_of_replies_are_changed() {
    let running = Running::start(&format!(
        "cache 30\nrewrite ttl {WEB} 77\nrewrite ttl suffix .example.com -20\n\
         rewrite continue rcode exact failing.example.com SERVFAIL NXDOMAIN\nrewrite rcode regex nobody REFUSED NOERROR"
    ));
    assert_eq!(running.ask(WEB, A), ["NoError AA", "web.shop.svc.cluster.local. 77 A 10.96.0.10"]);
    assert_eq!(running.ask("www.example.com.", A), ["NoError", "www.example.com. 20 A 192.0.2.1"]);
    // The first rule for its name ends the search.
    assert_eq!(running.ask("failing.example.com.", A), ["ServFail"]);
    let running = Running::start("rewrite rcode suffix .example.com SERVFAIL NXDOMAIN");
    assert_eq!(running.ask("failing.example.com.", A), ["NXDomain"]);
}

#[test]
fn an_rcode_is_changed_where_there_is_no_reply_at_all() {
    let running = Running::start("rewrite rcode a.example SERVFAIL NOERROR\nhosts {\n192.0.2.1 b.example\n}");
    assert_eq!(
        (running.ask("a.example.", A), running.ask("c.example.", A)),
        (vec!["NoError".into()], vec!["ServFail".into()])
    );
}

#[test]
fn a_cname_points_elsewhere_and_is_followed() {
    let running = Running::start("rewrite cname exact www.example.com other.example.com");
    assert_eq!(
        running.ask("alias.example.com.", A),
        ["NoError", "alias.example.com. 300 CNAME other.example.com.", "other.example.com. 300 A 192.0.2.2"]
    );
    assert_eq!(running.ask(WEB, A)[1], "web.shop.svc.cluster.local. 5 A 10.96.0.10");
}

#[test]
fn others_are_asked_with_other_options_and_clients_do_not_see_them() {
    let running = Running::start("rewrite edns0 local set 0xffee 0x6162 revert");
    let said = running.ask("options.example.com.", TXT);
    assert!(said[1].contains("Unknown(65518, [97, 98])"), "{said:?}");
    let query = Query::query(Name::from_ascii("options.example.com.").unwrap(), TXT);
    assert!(running.reply(&query).edns.is_none());
}

#[test]
fn a_name_that_would_be_too_long_fails() {
    let long = "x".repeat(60);
    let running = Running::start(&format!("rewrite name suffix .a.test .{long}.{long}.{long}.{long}.test"));
    assert_eq!((running.ask("b.a.test.", A).len(), running.ask("b.cccc.a.test.", A)), (1, vec!["ServFail".into()]));
}
