//! Objects that are not as the API's schema has them: one that cannot be read keeps what was known
//! of it, is counted and named, and hurts no other.

use serde_json::{Value, json};

use crate::{api::*, logs, patience::*, running::*};

const LEFT_OUT: &str = "clusterdns_objects_left_out_total";
const FORMS: [Form; 2] = [Form::Protobuf, Form::Json];

#[test]
fn a_bad_service_keeps_its_last_good_state_through_events_and_lists() {
    let spoilt = [
        ("/spec/clusterIPs", json!(5)),
        ("/spec/clusterIPs", json!(["10.0.0.1", "not an address"])),
        ("/spec/clusterIP", json!({})),
        ("/spec/type", json!(true)),
        ("/spec/ports", json!("http")),
        ("/spec/ports", json!([{"port": "http"}])),
        ("/spec", json!("x")),
    ];
    let cases = spoilt.into_iter().flat_map(|spoilt| FORMS.map(|form| (spoilt.clone(), form)));
    side_by_side(cases, |((pointer, value), form)| keeps_its_last_good_state(pointer, &value, form));
}

/// In protobuf it would be nothing at all.
#[test]
fn a_list_is_no_spec() {
    keeps_its_last_good_state("/spec", &json!([]), Form::Json);
}

/// Name and namespace say which object it is, whatever else is wrong with it.
#[test]
fn bad_metadata_do_not_hide_which_object_it_is() {
    side_by_side(FORMS, |form| keeps_its_last_good_state("/metadata/labels", &json!(5), form));
}

fn keeps_its_last_good_state(pointer: &str, value: &Value, form: Form) {
    let api = shop();
    api.speaks(form);
    let server = following(&api);
    let meanwhile = server.meanwhile("web.shop", "A");
    api.apply(service("shop/web").cluster_ip("10.0.0.2").with(pointer, value.clone()));
    api.apply(service("shop/good").cluster_ip("10.0.0.3"));
    server.answers("good.shop", "A", "10.0.0.3");
    assert_eq!(server.said("web.shop", "A"), "10.0.0.1", "behind the event of {value} at {pointer}");
    assert_eq!(server.metric(LEFT_OUT, &["services"]), 1.0);
    relist(&api, "services");
    api.apply(service("shop/good").cluster_ip("10.0.0.4"));
    server.answers("good.shop", "A", "10.0.0.4");
    assert_eq!(meanwhile.heard(), ["10.0.0.1"], "behind the list with {value} at {pointer}");
    api.delete("services", "shop/web");
    server.answers("web.shop", "A", "NXDOMAIN");
    api.apply(service("shop/web").cluster_ip("10.0.0.5"));
    server.answers("web.shop", "A", "10.0.0.5");
}

#[test]
fn a_bad_slice_keeps_its_last_good_endpoints() {
    let spoilt =
        [("/endpoints", json!(7)), ("/endpoints", json!([{"addresses": [3]}])), ("/ports", json!([{"port": "http"}]))];
    let cases = spoilt.into_iter().flat_map(|spoilt| FORMS.map(|form| (spoilt.clone(), form)));
    side_by_side(cases, |((pointer, value), form)| {
        let api = shop();
        api.speaks(form);
        let server = following(&api);
        let meanwhile = server.meanwhile("db.shop", "A");
        api.apply(slice("shop/db-abcde").ready("10.1.0.9").with(pointer, value.clone()));
        relist(&api, "endpointslices");
        server.measures(LEFT_OUT, &["endpointslices"], |count| count >= 2.0);
        api.apply(slice("shop/db-other").ready("10.1.0.2"));
        server.answers("db.shop", "A", "10.1.0.1 10.1.0.2");
        let heard = meanwhile.heard();
        assert!(heard.iter().all(|word| word.starts_with("10.1.0.1")), "{value} at {pointer}: {heard:?}");
    });
}

#[test]
fn a_bad_object_is_named_in_the_log() {
    let api = shop();
    let server = following(&api);
    api.apply(service("shop/spoilt-by-an-event").with("/spec/clusterIPs", json!(5)));
    server.measures(LEFT_OUT, &["services"], |count| count == 1.0);
    assert!(logs::have(&["WARN", "Service shop/spoilt-by-an-event", "spec"]));
}

#[test]
fn a_list_with_bad_objects_gives_the_others() {
    let habits = [StreamingLists::Served, StreamingLists::Refused(400)];
    for (habit, form) in habits.into_iter().flat_map(|habit| FORMS.map(|form| (habit, form))) {
        let api = shop();
        api.streaming_lists(habit);
        api.speaks(form);
        api.apply(service("shop/bad").cluster_ip("10.0.0.2").with("/spec/ports", json!("http")));
        api.apply(service("shop/ghost").cluster_ip("10.0.0.3").nameless());
        api.apply(service("shop/nothing").with("/metadata", Value::Null));
        api.apply(namespace("spoilt").with("/metadata/labels", json!(["x"])));
        let server = live(&api);
        eventually("a whole picture", || server.ready().0 == 200);
        let body = server.ready().1;
        assert!(body.contains("namespaces that cannot be read: Namespace spoilt: left out"), "{body}");
        server.answers("web.shop", "A", "10.0.0.1");
        server.answers("db.shop", "A", "10.1.0.1");
        server.measures(LEFT_OUT, &["services"], |count| count == 3.0);
        server.answers("no.shop", "A", "NXDOMAIN");
    }
}

#[test]
fn nameless_objects_of_a_stream_hurt_nobody() {
    let api = shop();
    let server = following(&api);
    for what in ["ADDED", "MODIFIED", "DELETED"] {
        api.event("services", what, service("shop/ghost").cluster_ip("10.0.0.3").nameless());
        api.event("endpointslices", what, slice("shop/db-ghost").ready("10.1.0.9").nameless());
    }
    api.apply(service("shop/late").cluster_ip("10.0.0.4"));
    api.apply(slice("shop/db-other").ready("10.1.0.2"));
    server.answers("late.shop", "A", "10.0.0.4");
    server.answers("db.shop", "A", "10.1.0.1 10.1.0.2");
}

/// A value that a later release may bring says nothing against the rest of the object.
#[test]
fn unknown_values_are_no_fault() {
    let api = shop();
    let server = following(&api);
    api.apply(service("shop/quantum").cluster_ip("10.0.0.3").with("/spec/type", json!("Quantum")));
    api.apply(service("shop/more").cluster_ip("10.0.0.4").with("/spec/entanglement", json!({"with": ["x"]})));
    api.apply(slice("shop/db-later").ready("10.1.0.2").with("/endpoints/0/conditions/entangled", json!("maybe")));
    server.answers("quantum.shop", "A", "10.0.0.3");
    server.answers("more.shop", "A", "10.0.0.4");
    server.answers("db.shop", "A", "10.1.0.1 10.1.0.2");
    assert_eq!(server.metric(LEFT_OUT, &[]), 0.0);
}
