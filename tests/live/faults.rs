//! Whatever becomes of a request or a stream: the answers are right in the end, and meanwhile
//! nothing that exists is said not to.

use serde_json::json;

use crate::{api::*, patience::*, running::*};

/// What may become of a request.
fn faults() -> Vec<(&'static str, Fault)> {
    vec![
        ("401", Fault::status(401)),
        ("403", Fault::status(403)),
        ("404", Fault::status(404)),
        ("410", Fault::status(410)),
        ("429", Fault::status(429).retry_after(1)),
        ("500", Fault::status(500)),
        ("503 of a proxy", Fault::body(503, "upstream connect error or disconnect/reset before headers")),
        ("504", Fault::status(504)),
        ("no answer", Fault::hang()),
        ("a reset", Fault::reset()),
        ("a login page", Fault::body(200, "<html>\n<body>please log in</body>\n</html>\n")),
        ("nothing", Fault::body(200, "")),
        ("an empty object", Fault::body(200, "{}\n")),
        ("half an event", Fault::body(200, "{\"type\":\"ADDED\",\"obj")),
        ("protobuf of nothing", Fault::protobuf(b"")),
        ("JSON that is said to be protobuf", Fault::protobuf(b"{\"kind\":\"ServiceList\",\"items\":[]}\n")),
        ("a frame without an end", Fault::protobuf(&[0, 0, 1, 0, 0x0a, 5])),
        ("a frame of 4 GB", Fault::protobuf(&[0xff; 12])),
        ("protobuf that calls itself nothing", Fault::protobuf(b"k8s\0")),
    ]
}

/// How the API server gives the first picture, and in which form everything.
const HABITS: [(StreamingLists, Form); 4] = [
    (StreamingLists::Served, Form::Protobuf),
    (StreamingLists::Refused(422), Form::Protobuf),
    (StreamingLists::Served, Form::Json),
    (StreamingLists::Refused(422), Form::Json),
];

#[test]
fn a_start_gets_over_whatever_goes_wrong_once() {
    for (habit, form) in HABITS {
        side_by_side(faults(), |(what, fault)| {
            let api = shop();
            api.streaming_lists(habit);
            api.speaks(form);
            let asked = if habit == StreamingLists::Served { Asked::Any } else { Asked::List };
            for plural in WATCHED {
                api.fail_next(plural, fault.clone().on(asked));
            }
            let server = live(&api);
            let meanwhile = server.meanwhile("web.shop", "A");
            server.answers("web.shop", "A", "10.0.0.1");
            server.answers("no.shop", "A", "NXDOMAIN");
            server.is_well();
            let heard = meanwhile.heard();
            assert!(heard.iter().all(|word| ["10.0.0.1", "SERVFAIL"].contains(&&**word)), "{what}: {heard:?}");
        });
    }
}

#[test]
fn a_watch_gets_over_whatever_goes_wrong_once() {
    side_by_side(HABITS, |(habit, form)| {
        let api = shop();
        api.streaming_lists(habit);
        api.speaks(form);
        let server = following(&api);
        let meanwhile = server.meanwhile("web.shop", "A");
        for (number, (what, fault)) in faults().into_iter().enumerate() {
            println!("{what}, streaming lists {habit:?}, {form:?}");
            for plural in WATCHED {
                api.fail_next(plural, fault.clone());
                api.order(plural, Order::End);
            }
            let ip = format!("10.2.0.{number}");
            api.apply(service("shop/changing").cluster_ip(&ip));
            api.apply(slice("shop/db-abcde").ready(&ip));
            api.apply(namespace(&format!("other-{number}")));
            server.answers("changing.shop", "A", &ip);
            server.answers("db.shop", "A", &ip);
            server.answers(&format!("other-{number}.svc.cluster.local."), "A", "NODATA");
        }
        assert_eq!(meanwhile.heard(), ["10.0.0.1"]);
    });
}

/// What a stream may say, or how it may end.
fn orders() -> Vec<(&'static str, Order)> {
    let line = |text: &str| Order::Line(text.to_owned());
    vec![
        ("the end", Order::End),
        ("the end within a line", Order::HalfLine),
        ("a reset", Order::Reset),
        ("silence", Order::Mute),
        ("two bookmarks", Order::Bookmark),
        ("garbage", line("garbage")),
        ("an empty line", line("")),
        ("an empty object", line("{}")),
        ("null", line("null")),
        ("octets that are no text", line("\u{0}\u{1b}[31m\u{fffd}")),
        ("a line of 9 MB", Order::Line("x".repeat(9_000_000))),
        ("an event of 9 MB", Order::Line(json!({"type": "ADDED", "object": {"x": "x".repeat(9_000_000)}}).to_string())),
        ("an event without an object", line(r#"{"type":"ADDED"}"#)),
        ("an event of null", line(r#"{"type":"ADDED","object":null}"#)),
        ("a list as an object", line(r#"{"type":"MODIFIED","object":[1,2]}"#)),
        ("a bookmark of nothing", line(r#"{"type":"BOOKMARK","object":{}}"#)),
        ("an error of nothing", line(r#"{"type":"ERROR","object":{}}"#)),
        (
            "an event of another kind",
            line(r#"{"type":"ADDED","object":{"kind":"Secret","apiVersion":"v1","metadata":{"name":"x"}}}"#),
        ),
        ("an unknown event", line(r#"{"type":"FROBNICATED","object":{"metadata":{"name":"x"}}}"#)),
        (
            "a nameless deletion",
            line(r#"{"type":"DELETED","object":{"kind":"Service","apiVersion":"v1","metadata":{}}}"#),
        ),
        ("a frame of 4 GB", Order::Octets(vec![0xff; 64])),
        ("a frame of nothing", Order::Octets(vec![0; 4])),
        ("a frame of garbage", Order::Octets([&[0, 0, 0, 7][..], b"garbage\n"].concat())),
        ("a line among frames", Order::Octets(b"{\"type\":\"ADDED\",\"object\":{}}\n".to_vec())),
        ("error 410", Order::Error(410)),
        ("error 403", Order::Error(403)),
        ("error 429", Order::Error(429)),
        ("error 500", Order::Error(500)),
    ]
}

#[test]
fn a_stream_may_say_anything_and_changes_arrive_all_the_same() {
    side_by_side(HABITS, |(habit, form)| {
        let api = shop();
        api.streaming_lists(habit);
        api.speaks(form);
        let server = following(&api);
        let meanwhile = server.meanwhile("web.shop", "A");
        for (number, (what, order)) in orders().into_iter().enumerate() {
            println!("{what}, streaming lists {habit:?}, {form:?}");
            eventually("the streams", || WATCHED.iter().all(|plural| api.streams(plural) > 0));
            for plural in WATCHED {
                // Silence is noticed soon where bookmarks are missed.
                api.order(plural, Order::Bookmark);
                api.order(plural, order.clone());
            }
            let ip = format!("10.2.0.{number}");
            api.apply(service("shop/changing").cluster_ip(&ip));
            api.apply(slice("shop/db-abcde").ready(&ip));
            api.apply(namespace(&format!("other-{number}")));
            server.answers("changing.shop", "A", &ip);
            server.answers("db.shop", "A", &ip);
            server.answers(&format!("other-{number}.svc.cluster.local."), "A", "NODATA");
        }
        assert_eq!(meanwhile.heard(), ["10.0.0.1"]);
        server.measures("clusterdns_source_stale_seconds", &[], |secs| secs == 0.0);
    });
}

#[test]
fn a_list_whose_pages_expire_is_begun_again() {
    let api = shop();
    api.streaming_lists(StreamingLists::Refused(400));
    api.pages_of(1);
    let (wait, gate) = Fault::wait();
    api.fail_next("services", wait.on(Asked::NextPage));
    let server = live(&api);
    eventually("the second page", || {
        api.requests_for("services").iter().any(|request| request.query.contains_key("continue"))
    });
    api.expire_lists();
    api.delete("services", "shop/web");
    gate.open();
    server.answers("db.shop", "A", "10.1.0.1");
    server.answers("web.shop", "A", "NXDOMAIN");
    assert!(server.metric("clusterdns_source_failures_total", &["resource=\"services\"", "reason=\"gone\""]) >= 1.0);
}

/// No layer below may keep trying instead: then nobody could tell why nothing comes.
#[test]
fn a_server_that_refuses_is_told_from_one_that_is_silent() {
    side_by_side([(429, "throttled"), (500, "failing"), (503, "failing"), (504, "failing")], |(code, reason)| {
        let api = shop();
        api.fail("services", Fault::status(code).retry_after(1));
        let server = live(&api);
        let (code, reason) = (format!("code=\"{code}\""), format!("reason=\"{reason}\""));
        server.measures("clusterdns_source_failures_total", &["services", &reason], |count| count >= 2.0);
        server.measures("coredns_kubernetes_rest_client_requests_total", &[&code], |count| count >= 2.0);
        assert_eq!(server.metric("clusterdns_source_failures_total", &["reason=\"silent\""]), 0.0);
    });
}

/// Requests that are refused again and again come less often, and not never.
#[test]
fn a_server_in_trouble_is_not_flooded() {
    let api = shop();
    api.fail("services", Fault::status(500));
    let server = live(&api);
    server.measures("clusterdns_source_failures_total", &["resource=\"services\""], |failures| failures >= 20.0);
    let many = api.requests_for("services").len();
    let start = std::time::Instant::now();
    eventually("more requests", || api.requests_for("services").len() >= many + 20);
    let took = start.elapsed();
    // The longest pause is 50 ms, of which a random half may be left out.
    assert!(took.as_millis() >= 20 * 25, "20 requests in {took:?}");
    api.heal("services");
    server.answers("web.shop", "A", "10.0.0.1");
}
