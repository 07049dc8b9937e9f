//! A server that has forgotten what happened: the new list is applied as a difference.

use crate::{api::*, patience::*, running::*};

/// The ways to learn that a version is too old.
#[derive(Clone, Copy, Debug)]
enum Learned {
    /// An event on a stream that was well.
    InMidStream,
    /// The first event of a new one.
    AtTheStart,
    /// Its status: there is no stream.
    FromTheResponse,
}

#[test]
fn what_vanished_is_gone_and_what_stayed_was_answered_all_along() {
    let ways = [Learned::InMidStream, Learned::AtTheStart, Learned::FromTheResponse];
    let habits = [StreamingLists::Served, StreamingLists::Refused(400)];
    let forms = [Form::Protobuf, Form::Json];
    let cases = ways.into_iter().flat_map(|way| habits.map(|habit| (way, habit)));
    let cases = cases.flat_map(|(way, habit)| forms.map(|form| (way, habit, form)));
    side_by_side(cases, |(learned, habit, form)| {
        let api = shop();
        api.streaming_lists(habit);
        api.speaks(form);
        api.apply(service("shop/goes").cluster_ip("10.0.0.5"));
        let server = following(&api);
        let (stays, changes) = (server.meanwhile("web.shop", "A"), server.meanwhile("db.shop", "A"));
        unseen(&api, learned, || {
            api.delete("services", "shop/goes");
            api.delete("namespaces", "bare");
            api.apply(service("shop/comes").cluster_ip("10.0.0.6"));
            api.apply(slice("shop/db-abcde").ready("10.1.0.1").ready("10.1.0.2"));
        });
        server.answers("goes.shop", "A", "NXDOMAIN");
        server.answers("bare.svc.cluster.local.", "A", "NXDOMAIN");
        server.answers("comes.shop", "A", "10.0.0.6");
        server.answers("db.shop", "A", "10.1.0.1 10.1.0.2");
        assert_eq!(stays.heard(), ["10.0.0.1"], "{learned:?} {habit:?} {form:?}");
        let heard = changes.heard();
        assert!(heard.iter().all(|word| word.starts_with("10.1.0.1")), "{learned:?} {habit:?} {form:?}: {heard:?}");
        server.is_well();
        server.measures("clusterdns_source_stale_seconds", &[], |secs| secs == 0.0);
    });
}

/// Makes changes that no watch will tell of.
fn unseen(api: &Api, learned: Learned, changes: impl FnOnce()) {
    let too_old = if matches!(learned, Learned::FromTheResponse) { TooOld::Response } else { TooOld::Event };
    api.too_old(too_old);
    if matches!(learned, Learned::InMidStream) {
        let (wait, gate) = Fault::wait();
        let before = api.requests().len();
        for plural in WATCHED {
            api.fail_next(plural, wait.clone());
            api.order(plural, Order::Error(410));
        }
        eventually("new lists", || api.requests().len() == before + WATCHED.len());
        changes();
        gate.open();
        return;
    }
    api.stop();
    changes();
    api.compact();
    api.resume();
}

/// Old lists hold the old until the new one is whole.
#[test]
fn nothing_is_lost_while_the_new_list_is_on_its_way() {
    let api = shop();
    api.streaming_lists(StreamingLists::Refused(400));
    api.pages_of(1);
    let server = following(&api);
    let (wait, gate) = Fault::wait();
    api.fail_next("services", wait.on(Asked::NextPage));
    let before = api.requests_for("services").len();
    relist(&api, "services");
    eventually("the second page", || {
        api.requests_for("services").iter().skip(before).any(|request| request.query.contains_key("continue"))
    });
    api.apply(service("shop/late").cluster_ip("10.0.0.9"));
    for (name, word) in [("web.shop", "10.0.0.1"), ("db.shop", "10.1.0.1"), ("no.shop", "NXDOMAIN")] {
        assert_eq!(server.said(name, "A"), word, "{name}");
    }
    gate.open();
    server.answers("late.shop", "A", "10.0.0.9");
}

/// An outage longer than the memory of the server, with a list that fails on its way.
#[test]
fn a_new_list_that_breaks_off_changes_nothing() {
    let api = shop();
    api.late_bookmarks();
    let server = live(&api);
    eventually("the streams", || WATCHED.iter().all(|plural| api.streams(plural) == 1));
    for plural in WATCHED {
        api.order(plural, Order::Begun);
    }
    server.is_well();
    let meanwhile = server.meanwhile("web.shop", "A");
    for order in [Order::End, Order::Reset, Order::HalfLine, Order::Error(500), Order::Line("garbage".into())] {
        let before = api.requests_for("services").len();
        relist(&api, "services");
        eventually("a new list", || api.requests_for("services").len() > before && api.streams("services") == 1);
        api.order("services", order);
    }
    eventually("a stream", || api.streams("services") == 1);
    api.apply(service("shop/late").cluster_ip("10.0.0.9"));
    until(|| {
        api.order("services", Order::Begun);
        if server.said("late.shop", "A") == "10.0.0.9" { Ok(()) } else { Err("late.shop is missing".into()) }
    });
    assert_eq!(meanwhile.heard(), ["10.0.0.1"]);
}

#[test]
fn a_server_that_cannot_go_on_from_a_version_is_listed_again() {
    side_by_side([400, 500, 503], is_listed_again_after);
}

/// "Too large resource version", says one whose data were restored from an older day.
#[test]
fn a_server_that_has_not_come_to_our_version_is_listed_again() {
    is_listed_again_after(504);
}

fn is_listed_again_after(code: u16) {
    let api = shop();
    let server = following(&api);
    let meanwhile = server.meanwhile("web.shop", "A");
    api.fail("services", Fault::status(code).on(Asked::Resumed));
    api.order("services", Order::End);
    api.delete("services", "shop/db");
    server.answers("db.shop", "A", "NXDOMAIN");
    assert_eq!(meanwhile.heard(), ["10.0.0.1"], "after {code}");
}
