//! The API server is gone, and comes back.

use std::time::Duration;

use crate::{api::*, patience::*, running::*};

const STALE: &str = "clusterdns_source_stale_seconds";

#[test]
fn answers_outlive_the_server_and_how_old_they_are_is_told() {
    let api = shop();
    let server = following(&api);
    server.measures(STALE, &[], |secs| secs == 0.0);
    let meanwhile = server.meanwhile("web.shop", "A");
    api.stop();
    server.measures(STALE, &[], |secs| secs > 0.1);
    let before = server.metric(STALE, &[]);
    server.measures(STALE, &[], |secs| secs > before + 0.1);
    server.is_ready(200, "cannot be reached");
    for (name, word) in [("db.shop", "10.1.0.1"), ("no.shop", "NXDOMAIN")] {
        assert_eq!(server.said(name, "A"), word);
    }
    api.apply(service("shop/late").cluster_ip("10.0.0.2"));
    api.resume();
    server.answers("late.shop", "A", "10.0.0.2");
    server.measures(STALE, &[], |secs| secs == 0.0);
    server.is_well();
    assert_eq!(meanwhile.heard(), ["10.0.0.1"]);
}

#[test]
fn one_lost_watch_of_many_makes_the_answers_old() {
    let api = shop();
    let server = following(&api);
    api.fail("services", Fault::status(500));
    api.order("services", Order::End);
    server.measures(STALE, &[], |secs| secs > 0.1);
    api.apply(namespace("other"));
    server.answers("other.svc.cluster.local.", "A", "NODATA");
    api.heal("services");
    server.measures(STALE, &[], |secs| secs == 0.0);
}

#[test]
fn a_start_without_the_server_knows_nothing_and_learns_it_later() {
    let api = shop();
    api.stop();
    let server = live(&api);
    assert!(!server.live().wait_for_picture(Duration::from_millis(50)));
    server.is_ready(503, "cannot be reached");
    for name in ["web.shop", "no.shop"] {
        assert_eq!(server.said(name, "A"), "SERVFAIL");
    }
    server.measures(STALE, &[], |secs| secs > 0.0);
    api.resume();
    assert!(server.live().wait_for_picture(PATIENCE));
    assert_eq!(server.said("web.shop", "A"), "10.0.0.1");
    assert_eq!(server.said("no.shop", "A"), "NXDOMAIN");
    server.is_well();
}

/// The server that is gone takes connections and says nothing.
#[test]
fn a_server_that_hangs_is_given_up_and_tried_again() {
    let api = shop();
    let server = following(&api);
    let meanwhile = server.meanwhile("web.shop", "A");
    for plural in WATCHED {
        api.fail(plural, Fault::hang());
        // From a server that sends bookmarks the next one is missed soon.
        api.order(plural, Order::Bookmark);
        api.order(plural, Order::Mute);
    }
    for plural in WATCHED {
        let label = format!("resource=\"{plural}\"");
        server.measures("clusterdns_source_failures_total", &[&label, "reason=\"silent\""], |count| count >= 2.0);
    }
    api.apply(service("shop/late").cluster_ip("10.0.0.2"));
    WATCHED.iter().for_each(|plural| api.heal(plural));
    server.answers("late.shop", "A", "10.0.0.2");
    assert_eq!(meanwhile.heard(), ["10.0.0.1"]);
}

/// Nothing holds up the end of the process, whatever the API server does.
#[test]
fn it_ends_in_any_weather_and_its_streams_too() {
    side_by_side(WATCHED, |plural| {
        let api = shop();
        api.fail(plural, Fault::hang());
        let server = live(&api);
        eventually("the request", || !api.requests_for(plural).is_empty());
        drop(server);
        eventually("the end of the streams", || WATCHED.iter().all(|plural| api.streams(plural) == 0));
    });
}
