//! Protobuf is what is asked for, and JSON is what whoever has no protobuf goes on with.

use crate::{api::*, patience::*, running::*};

const ACCEPT: &str = "application/vnd.kubernetes.protobuf,application/json";

#[test]
fn protobuf_is_asked_for_before_json() {
    for habit in [StreamingLists::Served, StreamingLists::Refused(422)] {
        let api = shop();
        api.streaming_lists(habit);
        let server = following(&api);
        for request in api.requests() {
            assert_eq!(request.accept.as_deref(), Some(ACCEPT), "{request:?}");
        }
        assert_eq!(server.said("db.shop", "A"), "10.1.0.1");
    }
}

/// What makes no sense once may be an accident; after that the server is heard in plain text.
#[test]
fn whoever_cannot_send_protobuf_is_asked_for_json() {
    let faults = [Fault::protobuf(b"\x7fno"), Fault::protobuf(&[0xff; 16]), Fault::status(406)];
    side_by_side(faults, |fault| {
        let api = shop();
        let wishes = |plural: &str| api.requests_for(plural).into_iter().map(|request| request.accept.unwrap());
        for plural in WATCHED {
            api.fail(plural, fault.clone().on(Asked::Protobuf));
        }
        let server = following(&api);
        assert_eq!(server.said("web.shop", "A"), "10.0.0.1");
        for plural in WATCHED {
            assert_eq!(wishes(plural).next().as_deref(), Some(ACCEPT), "{fault:?}");
            assert_eq!(wishes(plural).next_back().as_deref(), Some("application/json"), "{fault:?}");
        }
    });
}

/// A server may be replaced by one of another kind, and a proxy may come between.
#[test]
fn the_form_may_change_from_one_reply_to_the_next() {
    let api = shop();
    let server = following(&api);
    let meanwhile = server.meanwhile("web.shop", "A");
    for (number, form) in (2..8).zip([Form::Json, Form::Protobuf].into_iter().cycle()) {
        api.speaks(form);
        WATCHED.iter().for_each(|plural| api.order(plural, Order::End));
        let ip = format!("10.1.0.{number}");
        api.apply(slice("shop/db-abcde").ready(&ip));
        server.answers("db.shop", "A", &ip);
    }
    assert_eq!(meanwhile.heard(), ["10.0.0.1"]);
}

/// The last known state stays where an event is of no form that there is: the list is read again.
#[test]
fn a_stream_that_makes_no_sense_is_a_new_list() {
    let garbage = [vec![0xff; 8], vec![0; 4], [&[0, 0, 0, 3][..], b"abc"].concat()];
    side_by_side(garbage, |octets| {
        let api = shop();
        let server = following(&api);
        let before = api.requests_for("services").len();
        api.order("services", Order::Octets(octets.clone()));
        eventually("a new list", || api.requests_for("services").iter().skip(before).any(Request::is_streaming_list));
        let labels = ["resource=\"services\"", "reason=\"garbled\""];
        server.measures("clusterdns_source_failures_total", &labels, |count| count == 1.0);
        server.is_well();
        assert_eq!(server.said("web.shop", "A"), "10.0.0.1", "{octets:?}");
    });
}
