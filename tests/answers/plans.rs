//! Which server answers: listener, longest zone, and what is left to the next stage.

use std::sync::Arc;

use clusterdns::{
    objects::Change,
    records::{name::Name, store::Store, view::View, zone::Zone},
    respond::{Asked, Memory, REPLY_OCTETS_MAX, Responder, plan::Server},
};

use crate::support::{ASKED, Query, cluster, cluster::options, plan};

const REFUSED: u16 = 5;
const SERVFAIL: u16 = 2;

/// A server of the one Service `NAME.shop.svc.ZONE`.
fn server(zone: &str, service: &str) -> Server {
    let mut options = options();
    options.zones = Zone::parse(zone).expect("a zone");
    let view = Arc::new(View::new(options));
    let picture = cluster().service(&format!("shop/{service}"), &["10.96.0.1"], &[]).picture();
    Store::new(vec![view.clone()]).apply(Change::Reset(picture), 1);
    Server { view: Some(view), transfer: None, rotate: false, unanswered: SERVFAIL, ..Server::default() }
}

fn nothing() -> Server {
    Server { view: None, transfer: None, rotate: false, unanswered: REFUSED, ..Server::default() }
}

/// The rcode, whether it is authoritative, and the route that was taken.
fn ask(responder: &Responder, listener: usize, query: &Query) -> (u16, bool, Option<usize>) {
    let mut reply = vec![0; REPLY_OCTETS_MAX];
    let asked = Asked { listener, ..ASKED };
    let outcome = responder.answer(&query.encode(), &asked, &mut Memory::default(), &mut reply).expect("a reply");
    (outcome.rcode, reply[2] & 4 != 0, outcome.route)
}

#[test]
fn the_longest_zone_answers() {
    let responder = Responder::new(plan(
        vec![server("cluster.local", "web"), server("b.cluster.local", "web"), nothing()],
        &[(&[(".", 2), ("cluster.local", 0), ("b.cluster.local", 1)], false)],
    ));
    let asked = |name: &str| ask(&responder, 0, &Query::new(name, "A"));
    assert_eq!(asked("web.shop.svc.cluster.local"), (0, true, Some(1)));
    assert_eq!(asked("web.shop.svc.b.cluster.local"), (0, true, Some(2)));
    assert_eq!(asked("web.shop.svc.xb.cluster.local"), (3, true, Some(1)), "a label is whole");
    assert_eq!(asked("example.com"), (REFUSED, false, Some(0)));
}

#[test]
fn a_zone_below_a_tree_of_services_is_passed_by_nothing() {
    let name = Query::new("web.shop.svc.cluster.local", "A");
    let servers = || vec![server("cluster.local", "web"), nothing()];
    let below = plan(servers(), &[(&[("cluster.local", 0), ("shop.svc.cluster.local", 1)], false)]);
    assert_eq!(ask(&Responder::new(below), 0, &name), (REFUSED, false, Some(1)));
    let elsewhere = plan(servers(), &[(&[("example.org", 0)], false)]);
    assert_eq!(ask(&Responder::new(elsewhere), 0, &name), (REFUSED, false, None), "not served by this listener");
}

#[test]
fn a_delegation_is_known_by_the_parent() {
    let responder = Responder::new(plan(
        vec![server("cluster.local", "web"), server("b.cluster.local", "web"), nothing()],
        &[(&[(".", 2), ("cluster.local", 0), ("b.cluster.local", 1)], false), (&[("b.cluster.local", 1)], false)],
    ));
    assert_eq!(ask(&responder, 0, &Query::new("b.cluster.local", "DS")).2, Some(1));
    assert_eq!(ask(&responder, 0, &Query::new("com", "DS")).2, Some(0), "only the root is there for it");
    assert_eq!(ask(&responder, 1, &Query::new("b.cluster.local", "DS")).2, Some(3), "no parent here");
}

#[test]
fn every_listener_has_zones_of_its_own() {
    let responder = Responder::new(plan(
        vec![server("cluster.local", "web"), server("cluster.local", "db")],
        &[(&[("cluster.local", 0)], false), (&[("cluster.local", 1)], true)],
    ));
    let web = Query::new("web.shop.svc.cluster.local", "A");
    assert_eq!(ask(&responder, 0, &web), (0, true, Some(0)));
    assert_eq!(ask(&responder, 1, &web), (3, true, Some(1)));
    assert_eq!(ask(&responder, 0, &Query::new("example.com", "A")), (REFUSED, false, None));
    let chaos = web.with(|query| query.qclass = 3);
    assert_eq!(ask(&responder, 0, &chaos), (REFUSED, false, None));
    assert_eq!(ask(&responder, 1, &chaos), (3, true, Some(1)), "the second one takes any class");
}

#[test]
fn what_does_not_exist_falls_through_where_asked_and_soa_never_does() {
    let mut options = options();
    options.fallthrough = vec![Name::parse("in-addr.arpa").expect("a name")];
    let view = Arc::new(View::new(options));
    let falls = Server { view: Some(view), transfer: None, rotate: false, unanswered: SERVFAIL, ..Server::default() };
    let responder = Responder::new(plan(vec![falls], &[(&[(".", 0)], false)]));
    let asked = |name: &str, qtype: &str| ask(&responder, 0, &Query::new(name, qtype));
    assert_eq!(asked("1.2.3.4.in-addr.arpa", "PTR"), (SERVFAIL, false, Some(0)), "nobody is behind it");
    assert_eq!(asked("1.2.3.4.in-addr.arpa", "SOA"), (0, true, Some(0)));
    assert_eq!(asked("none.cluster.local", "A"), (SERVFAIL, true, Some(0)), "not known yet");
    assert_eq!(asked("example.com", "A"), (SERVFAIL, false, Some(0)));
}
