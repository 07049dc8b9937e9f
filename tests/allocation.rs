//! No answer allocates: what a query costs does not depend on the allocator, and no thread waits for
//! another in it.
//!
//! The allocator counts for the thread that asks, so that the test harness does not disturb it.

#![allow(unsafe_code)]

mod support;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::Arc,
    time::{Duration, Instant},
};

use clusterdns::{
    answers::{
        foreign::Foreign,
        question::{self, Packet, QueryName},
    },
    cache::{self, Cache, Look},
    config::{Config, corefile},
    observe::{
        log::{Logs, Rules},
        metrics::Metrics,
    },
    records::{view::Pods, zone::reverse_name},
    respond::{Exchange, Memory, Outcome, REPLY_OCTETS_MAX, plan::Plan},
    search::finish::Completion,
    stages::{
        Early,
        hosts::{self, Hosts},
        pattern::{Pattern, Replacement},
        rewrite::{Change, Match, Rename, Rewriter, Rule},
        template::{Template, Templates},
        zones::Zones,
    },
};
use support::{ASKED, Query, Server, cluster, query::Opt};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is handed on to the system's allocator as it came; counting needs no memory,
// for the cell is made at compile time and has nothing to drop.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are those of `System`, which gave the memory.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations() -> usize {
    ALLOCATIONS.with(Cell::get)
}

#[test]
fn no_answer_allocates() {
    let server = server();
    let mut reply = vec![0; REPLY_OCTETS_MAX];
    let mut memory = Memory::default();
    for (name, qtype, head) in questions() {
        for query in variants(Query::new(&name, qtype)) {
            assert_eq!(server.send(&query)[0], head, "{name} {qtype}: the question does not show what it should");
            let packet = query.encode();
            let before = allocations();
            for _ in 0..3 {
                server.responder.answer(&packet, &ASKED, &mut memory, &mut reply).expect("an answer");
            }
            assert_eq!(allocations() - before, 0, "{query:?}");
        }
    }
}

#[test]
fn no_packet_that_is_turned_away_allocates() {
    let server = server();
    let mut reply = vec![0; REPLY_OCTETS_MAX];
    let mut memory = Memory::default();
    let web = || Query::new("web.shop.svc.cluster.local", "A");
    let formerr = web().with(|query| query.counts = [2, 0, 0]).encode();
    let not_implemented = web().with(|query| query.flags |= 5 << 11).encode();
    let refused = web().with(|query| query.qclass = 3).encode();
    let bad_version = web().opt(Opt { size_octets: 512, version: 1, dnssec_ok: false, options: Vec::new() }).encode();
    for packet in [&formerr[..], &not_implemented, &refused, &bad_version, &formerr[..12], &formerr[..5]] {
        let before = allocations();
        server.responder.answer(packet, &ASKED, &mut memory, &mut reply);
        assert_eq!(allocations() - before, 0, "{packet:02x?}");
    }
}

#[test]
fn no_reply_out_of_the_cache_allocates() {
    let cache = Cache::new(cache::Options::new());
    let (now, mut name, mut reply) = (Instant::now(), QueryName::new(), vec![0; REPLY_OCTETS_MAX]);
    for query in variants(Query::new("www.example.com", "A")) {
        let packet = query.encode();
        let Packet::Question(question) = question::read(&packet, &mut name) else { panic!("no question") };
        let records = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01".repeat(2);
        let said = [b"\0\0\x81\x80\0\x01\0\x02\0\0\0\0", question.name, b"\0\x01\0\x01", &records].concat();
        let said = Arc::new(Foreign::read(&said, &question).expect("a reply"));
        cache.keep(&question, &name, &said, now);
        let before = allocations();
        for turn in 0..3 {
            let Look::Hit(mut hit) = cache.look(&question, &name, now) else { panic!("no hit") };
            hit.shown.turn = Some(turn);
            hit.reply.write(&question, &hit.shown, 512, &mut reply);
        }
        assert_eq!(allocations() - before, 0, "{query:?}");
    }
}

/// A question that is logged is copied into a ring that is there, and nobody is woken for it.
#[test]
fn no_question_that_is_written_down_allocates() {
    const NAME: &str = "web.shop.svc.cluster.local";
    let block = ".:1053 {\n    log {\n        class success\n    }\n}\n";
    let config = Config::parse_corefile(block, "Corefile", &corefile::System { port: 53 }).expect("a configuration");
    let dropped = Metrics::new(&Plan::default()).events;
    let logs = Logs::new(&dropped, Box::new(std::io::sink()));
    logs.use_rules(Rules::new(&config, &clusterdns::app::Server::tables(&config).0)).expect("a thread");
    let pen = logs.pen().expect("questions are logged");
    let packet = Query::new(NAME, "A").encode();
    let mut reply = vec![0; REPLY_OCTETS_MAX];
    let outcome = server().responder.answer(&packet, &ASKED, &mut Memory::default(), &mut reply).expect("an answer");
    let outcome = Outcome { route: Some(0), ..outcome };
    let exchange = Exchange { asked: &ASKED, query: &packet, reply: &reply[..outcome.reply_octets], outcome: &outcome };
    let before = allocations();
    (0..100).for_each(|_| pen.answered(&exchange, || Duration::from_micros(1)));
    assert_eq!((allocations() - before, dropped.log_dropped_queries.get()), (0, 0));
}

#[test]
fn no_stage_allocates_for_a_question_that_it_leaves_alone() {
    let early = early();
    for (text, expected) in [("web.shop.svc.cluster.local", false), ("a.old.test", true), ("node", true)] {
        let packet = Query::new(text, "A").encode();
        let mut name = QueryName::new();
        let Packet::Question(question) = question::read(&packet, &mut name) else { panic!("{text}") };
        // What a regular expression needs, each thread makes once.
        assert_eq!(early.touches(&name, &question), expected, "{text}");
        let before = allocations();
        for _ in 0..3 {
            early.touches(&name, &question);
        }
        assert_eq!(allocations() - before, 0, "{text}");
    }
}

/// An allocator that counts nothing would prove nothing.
#[test]
fn the_allocator_counts() {
    let before = allocations();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(allocations() - before, 1);
}

/// Every kind of question, with the head of its answer.
fn questions() -> Vec<(String, &'static str, &'static str)> {
    const FOUND: &str = "NOERROR AA RD";
    const MISSED: &str = "NXDOMAIN AA RD";
    let below = |front: &str| format!("{front}.svc.cluster.local");
    let reverse = |ip: &str| reverse_name(ip.parse().expect("an address"));
    vec![
        (below("web.shop"), "A", FOUND),
        (below("web.shop"), "AAAA", FOUND),
        (below("web.shop"), "MX", FOUND),
        (below("WEB.Shop"), "A", FOUND),
        (below("shop"), "A", FOUND),
        (below("none.shop"), "A", MISSED),
        (below("none.shop.svc.cluster.local.other"), "A", MISSED),
        (below("_http._tcp.web.shop"), "SRV", FOUND),
        (below("db.shop"), "A", FOUND),
        (below("db.shop"), "SRV", FOUND),
        (below("_pg._tcp.db.shop"), "SRV", FOUND),
        (below("db-7.db.shop"), "A", FOUND),
        (below("alias.shop"), "A", FOUND),
        (below("alias.shop"), "CNAME", FOUND),
        (below("out.shop"), "A", FOUND),
        (below("far.shop"), "A", FOUND),
        (reverse("10.96.0.1"), "PTR", FOUND),
        (reverse("10.0.0.7"), "PTR", FOUND),
        (reverse("10.9.9.9"), "PTR", MISSED),
        (reverse("fd00::1"), "PTR", MISSED),
        ("10-0-0-7.shop.pod.cluster.local".into(), "A", FOUND),
        ("10-0-0-8.shop.pod.cluster.local".into(), "A", MISSED),
        ("cluster.local".into(), "NS", FOUND),
        ("cluster.local".into(), "SOA", FOUND),
        ("ns.dns.cluster.local".into(), "A", FOUND),
        ("dns-version.cluster.local".into(), "TXT", FOUND),
        ("cluster.local".into(), "AXFR", "REFUSED RD"),
        ("example.com".into(), "A", "REFUSED RD"),
        (below("web.shop.svc.cluster.local.other"), "A", FOUND),
        (below("web.orders.other"), "A", FOUND),
        (below("web.orders.other"), "AAAA", FOUND),
        (below("web.shop.other"), "A", MISSED),
        (below("web.orders.shop"), "A", MISSED),
        (below("_pg._tcp.db.shop.svc.other"), "SRV", FOUND),
        (below("www.example.com.other"), "A", MISSED),
        ("web".into(), "A", FOUND),
        ("web.shop".into(), "AAAA", FOUND),
        ("none".into(), "A", MISSED),
    ]
}

/// Every stage in front of the tables.
fn early() -> Early {
    let pattern = |text: &str| Pattern::parse(text).expect("a pattern");
    let rename = Rename { of: Match::Regex(pattern(r"^(.*)\.old\.test\.$")), to: Replacement::plain("new.") };
    let change = Change::Name { rename, auto: true, answers: Vec::new() };
    let template = Template {
        patterns: vec![pattern("^ip-[0-9]+")],
        fallthrough: Zones::all(),
        ..Template::new(1, 255, Zones::all())
    };
    let hosts = hosts::Options {
        path: "/nonexistent/hosts".into(),
        inline: "192.0.2.1 node *.wild.test\n".into(),
        fallthrough: Zones::all(),
        ..hosts::Options::new(Zones::all())
    };
    Early {
        rewriter: Some(Arc::new(Rewriter::new(vec![Rule { change, goes_on: false, text: String::new() }]))),
        templates: Some(Arc::new(Templates::new(vec![template]))),
        hosts: Some(Arc::new(Hosts::new(hosts))),
    }
}

/// Without EDNS where the answer fits, and with EDNS and a cookie.
fn variants(query: Query) -> Vec<Query> {
    let cookie = vec![(10, vec![1, 2, 3, 4, 5, 6, 7, 8])];
    let with_cookie = query.clone().opt(Opt { size_octets: 4096, version: 0, dnssec_ok: true, options: cookie });
    let headless_srv = query.qtype == 33 && query.name.windows(3).any(|octets| octets == b"\x02db");
    if headless_srv { vec![with_cookie] } else { vec![query, with_cookie] }
}

fn server() -> Server {
    let hosts: Vec<String> = (0..20).map(|index| format!("db-{index}=10.0.0.{index}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(|host| &**host).collect();
    cluster()
        .with(|options| {
            options.pods = Pods::Verified;
            options.local_addresses = vec!["192.0.2.53".parse().expect("an address")];
        })
        .service("shop/web", &["10.96.0.1"], &["http:80/TCP"])
        .service("orders/web", &["10.96.0.2"], &[])
        .headless("shop/db")
        .slice("shop/db", &hosts, &["pg:5432/TCP"])
        .external("shop/alias", "alias2.shop.svc.cluster.local")
        .external("shop/alias2", "web.shop.svc.cluster.local")
        .external("shop/out", "www.example.com")
        .headless("shop/far")
        .slice("shop/far", &["web.shop.svc.cluster.local"], &[])
        .namespace("other")
        .pod("shop/db-7", "10.0.0.7")
        .pod("other/asker", "10.1.2.3")
        .rotating()
        .searching(&["shop.svc.cluster.local", "svc.cluster.local"])
        .completing(Completion { by_address: true, ..Completion::default() })
        .start()
}
