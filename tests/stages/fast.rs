//! What no stage touches does not wait.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use clusterdns::{
    objects::{Change, Known, Needs, Picture, decode},
    records::{
        name::Name,
        store::Store,
        view::{View, ViewOptions},
        zone::Zone,
    },
    respond::{
        Asked, Begun, Memory, REPLY_OCTETS_MAX, Responder, Transport,
        plan::{Listener, Plan, Route, Server, Stages},
    },
    stages::{
        Early,
        hosts::{self, Hosts},
        pattern::{Pattern, Replacement},
        rewrite::{self, Match, Rename, Rewriter, Rule},
        template::{Template, Templates},
        zones::Zones,
    },
};

use crate::common::{A, query, service};

const TXT: u16 = 16;

/// A responder for `cluster.local` with these stages in front.
fn responder(early: Early) -> Responder {
    let zone = |text: &str| Zone::new(Name::parse(text).unwrap());
    let view = Arc::new(View::new(ViewOptions::new(vec![zone("cluster.local")])));
    let namespace = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}"#.to_owned();
    let objects = [namespace, service("web", "10.96.0.10")].map(|json| {
        let Ok(decode::Decoded::Object(object)) = decode::object(&json, Needs::default()) else { panic!("{json}") };
        object
    });
    let picture = Picture { objects: objects.into(), known: Known::ALL, ..Picture::default() };
    Store::new(vec![view.clone()]).apply(Change::Reset(picture), 1);
    let stages = Stages { early, ..Stages::default() };
    Responder::new(Plan {
        servers: vec![Server { view: Some(view), unanswered: 2, stages, ..Server::default() }],
        listeners: vec![Listener { address: ([0, 0, 0, 0], 53).into(), any_class: false, zones: vec![(zone("."), 0)] }],
        routes: vec![Route { listener: 0, zone: ".".into(), server: 0 }],
        ..Plan::default()
    })
}

/// Whether the reply is there at once.
fn is_answered(responder: &Responder, name: &str, qtype: u16) -> bool {
    let client = SocketAddr::from(([192, 0, 2, 77], 5353));
    let asked = Asked { client, transport: Transport::Udp, listener: 0 };
    let mut reply = vec![0; REPLY_OCTETS_MAX];
    let begun = responder.begin(&query(1, name, qtype), &asked, Instant::now(), &mut Memory::default(), &mut reply);
    match begun {
        Begun::Answered(outcome) => {
            assert_eq!((outcome.rcode, name.starts_with("web")), (0, true), "{name}");
            true
        }
        Begun::Waits(_) => false,
        Begun::Aging(..) | Begun::Ignored => panic!("{begun:?}"),
    }
}

fn with_hosts(change: impl FnOnce(&mut hosts::Options)) -> Responder {
    let mut options = hosts::Options { path: "/nonexistent/hosts".into(), ..hosts::Options::new(Zones::all()) };
    options.inline = "192.0.2.1 node.internal\n".into();
    options.reload = None::<Duration>;
    change(&mut options);
    responder(Early { hosts: Some(Arc::new(Hosts::new(options))), ..Early::default() })
}

fn with_rules(rewrite: Vec<Rule>, template: Vec<Template>) -> Responder {
    let (rewriter, templates) = (Some(Arc::new(Rewriter::new(rewrite))), Some(Arc::new(Templates::new(template))));
    responder(Early { rewriter, templates, hosts: None })
}

const WEB: &str = "web.shop.svc.cluster.local";

#[test]
fn a_name_of_the_cluster_does_not_wait_for_hosts_that_let_it_through() {
    let responder = with_hosts(|options| options.fallthrough = Zones::all());
    assert!(is_answered(&responder, WEB, A) && is_answered(&responder, WEB, TXT));
    assert!(!is_answered(&responder, "node.internal", A));
    assert!(responder.plan().short_cut(0).is_some());
}

#[test]
fn a_name_of_the_cluster_waits_for_hosts_that_do_not_let_it_through() {
    let responder = with_hosts(|_| {});
    assert!(!is_answered(&responder, WEB, A) && !is_answered(&responder, WEB, TXT));
    assert!(responder.plan().short_cut(0).is_none());
}

#[test]
fn a_name_of_the_cluster_waits_where_hosts_have_it() {
    let responder = with_hosts(|options| {
        options.fallthrough = Zones::all();
        options.inline = format!("192.0.2.1 {WEB}\n");
    });
    assert!(!is_answered(&responder, WEB, A) && !is_answered(&responder, WEB, TXT));
}

#[test]
fn a_name_of_the_cluster_does_not_wait_for_rules_that_are_not_for_it() {
    let renaming = |of: Match| {
        let rename = Rename { of, to: Replacement::plain("x.") };
        Rule {
            change: rewrite::Change::Name { rename, auto: true, answers: Vec::new() },
            goes_on: false,
            text: String::new(),
        }
    };
    let regex = || renaming(Match::Regex(Pattern::parse("^alias").unwrap()));
    let (beside, other_type) = (Zones::new(Zone::parse("test").unwrap()), Zones::all());
    let template = vec![Template::new(255, 255, beside), Template::new(1, 28, other_type)];
    let responder = with_rules(vec![regex(), renaming(Match::Exact("alias.".into()))], template);
    assert!(is_answered(&responder, WEB, A) && is_answered(&responder, WEB, TXT));
    for name in ["alias", "alias-of-that.test", "a.test"] {
        assert!(!is_answered(&responder, name, A), "{name}");
    }
    assert!(!is_answered(&responder, WEB, 28));
    let responder = with_rules(vec![renaming(Match::Suffix(".test.".into()))], Vec::new());
    assert!(responder.plan().short_cut(0).is_some() && is_answered(&responder, WEB, A));
    let responder = with_rules(vec![regex()], Vec::new());
    assert!(responder.plan().short_cut(0).is_none() && is_answered(&responder, WEB, A));
}
