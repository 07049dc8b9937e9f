//! From the start to the first complete picture, and the changes behind it.

use crate::{api::*, patience::*, running::*};

#[test]
fn the_first_picture_comes_as_streaming_lists() {
    let api = shop();
    let server = following(&api);
    assert_eq!(server.said("web.shop", "A"), "10.0.0.1");
    assert_eq!(server.said("no.shop", "A"), "NXDOMAIN");
    for plural in WATCHED {
        let requests = api.requests_for(plural);
        let [request] = &requests[..] else { panic!("{plural}: {requests:?}") };
        assert!(request.is_streaming_list(), "{request:?}");
        assert_eq!(request.parameter("resourceVersionMatch"), Some("NotOlderThan"));
        assert_eq!(request.parameter("allowWatchBookmarks"), Some("true"));
        assert_eq!(request.parameter("resourceVersion").unwrap_or_default(), "", "as of now, not of a cache");
    }
    assert_eq!(api.requests().len(), WATCHED.len(), "nothing else is asked for");
}

/// 400 and 422: releases differ in how they refuse.
#[test]
fn an_old_server_is_listed_in_pages_and_not_asked_for_streams_again() {
    for code in [400, 422] {
        let api = shop();
        api.streaming_lists(StreamingLists::Refused(code));
        api.pages_of(2);
        for number in 1..=5 {
            api.apply(service(&format!("shop/number-{number}")).cluster_ip(&format!("10.0.1.{number}")));
        }
        let server = live(&api);
        for number in 1..=5 {
            server.answers(&format!("number-{number}.shop"), "A", &format!("10.0.1.{number}"));
        }
        server.answers("no.shop", "A", "NXDOMAIN");
        let pages = api.requests_for("services").iter().filter(|request| !request.is_watch()).count();
        assert_eq!(pages, 4, "two of seven services each");
        for round in 1..=3 {
            relist(&api, "services");
            api.apply(service("shop/round").cluster_ip(&format!("10.0.2.{round}")));
            server.answers("round.shop", "A", &format!("10.0.2.{round}"));
        }
        let requests = api.requests_for("services");
        let refused = requests.iter().filter(|request| request.is_streaming_list()).count();
        assert_eq!(refused, 1, "asked with {code} and asked again");
        let watches = requests.iter().filter(|request| request.is_watch());
        assert!(watches.clone().all(|request| request.parameter("allowWatchBookmarks") == Some("true")));
    }
}

#[test]
fn a_server_that_ignores_the_wish_for_a_streaming_list_is_listed() {
    let api = shop();
    api.streaming_lists(StreamingLists::Ignored);
    api.bookmarks_every(PATIENCE);
    let server = live(&api);
    server.is_well();
    assert_eq!(server.said("web.shop", "A"), "10.0.0.1");
    assert_eq!(server.said("no.shop", "A"), "NXDOMAIN");
}

/// Its bookmarks do not say that the beginning is over: nobody who knows the wish sends such.
#[test]
fn a_server_that_ignores_it_and_sends_bookmarks_is_listed() {
    let api = shop();
    api.streaming_lists(StreamingLists::Ignored);
    let server = live(&api);
    server.is_well();
    assert_eq!(server.said("web.shop", "A"), "10.0.0.1");
}

/// Its events go on and on, until the watch has had its time.
#[test]
fn a_busy_server_that_ignores_it_is_listed_when_the_stream_ends() {
    let api = shop();
    api.streaming_lists(StreamingLists::Ignored);
    api.bookmarks_every(PATIENCE);
    let server = live(&api);
    until(|| {
        for plural in WATCHED {
            api.order(plural, Order::End);
        }
        match server.ready() {
            (200, _) => Ok(()),
            ready => Err(format!("/ready is {ready:?}")),
        }
    });
}

#[test]
fn changes_arrive() {
    let api = shop();
    let server = live(&api);
    server.answers("web.shop", "A", "10.0.0.1");
    api.apply(service("shop/web").cluster_ip("10.0.0.2"));
    server.answers("web.shop", "A", "10.0.0.2");
    api.apply(service("shop/new").cluster_ips(&["10.0.0.3", "fd00::3"]));
    server.answers("new.shop", "AAAA", "fd00::3");
    api.apply(slice("shop/db-abcde").ready("10.1.0.1").ready("10.1.0.2"));
    server.answers("db.shop", "A", "10.1.0.1 10.1.0.2");
    api.apply(slice("shop/db-abcde").ready("10.1.0.2"));
    server.answers("db.shop", "A", "10.1.0.2");
    api.delete("endpointslices", "shop/db-abcde");
    server.answers("db.shop", "A", "NXDOMAIN");
    api.apply(service("shop/out").external_name("example.com"));
    server.answers("out.shop", "CNAME", "example.com.");
    api.delete("services", "shop/web");
    server.answers("web.shop", "A", "NXDOMAIN");
    assert_eq!(api.requests().len(), WATCHED.len(), "all on the first streams");
}

#[test]
fn unknown_is_servfail_until_the_list_is_whole() {
    let api = shop();
    let (wait, gate) = Fault::wait();
    api.fail_next("services", wait);
    let server = live(&api);
    server.is_ready(503, "services");
    eventually("the other lists", || api.streams("endpointslices") == 1 && api.streams("namespaces") == 1);
    for name in ["web.shop", "no.shop", "db.shop"] {
        assert_eq!(server.said(name, "A"), "SERVFAIL", "{name}");
    }
    gate.open();
    server.answers("web.shop", "A", "10.0.0.1");
    server.answers("no.shop", "A", "NXDOMAIN");
    server.is_well();
}

#[test]
fn half_a_list_is_no_list() {
    let api = shop();
    api.streaming_lists(StreamingLists::Refused(400));
    api.pages_of(1);
    let (wait, gate) = Fault::wait();
    api.fail_next("services", wait.on(Asked::NextPage));
    let server = live(&api);
    eventually("the second page", || {
        api.requests_for("services").iter().any(|request| request.query.contains_key("continue"))
    });
    server.is_ready(503, "services");
    assert!(["SERVFAIL", "10.0.0.1"].contains(&&*server.said("web.shop", "A")));
    assert_eq!(server.said("no.shop", "A"), "SERVFAIL");
    gate.open();
    server.answers("web.shop", "A", "10.0.0.1");
    server.answers("no.shop", "A", "NXDOMAIN");
}

#[test]
fn ready_names_what_is_missing() {
    side_by_side(WATCHED, |plural| {
        let api = shop();
        api.fail(plural, Fault::status(500));
        let server = live(&api);
        eventually("the other lists", || {
            WATCHED.iter().all(|other| api.streams(other) == usize::from(*other != plural))
        });
        server.is_ready(503, plural);
        api.heal(plural);
        server.is_well();
    });
}

/// A cache that is behind sends what happened since among the first events.
#[test]
fn what_is_deleted_while_the_list_is_streamed_does_not_exist() {
    let api = shop();
    api.late_bookmarks();
    let server = live(&api);
    eventually("the streams", || WATCHED.iter().all(|plural| api.streams(plural) == 1));
    api.delete("services", "shop/web");
    api.delete("namespaces", "bare");
    api.apply(service("shop/api").cluster_ip("10.0.0.7"));
    api.apply(service("shop/api").cluster_ip("10.0.0.8"));
    for plural in WATCHED {
        api.order(plural, Order::Begun);
    }
    server.answers("api.shop", "A", "10.0.0.8");
    server.answers("web.shop", "A", "NXDOMAIN");
    server.answers("bare.svc.cluster.local.", "A", "NXDOMAIN");
}

#[test]
fn null_is_an_empty_list() {
    let api = Api::start();
    api.streaming_lists(StreamingLists::Refused(400));
    api.null_items();
    let server = live(&api);
    server.answers("web.shop", "A", "NXDOMAIN");
    server.is_well();
}
