//! What is written reads as kubectl prints it, and decodes to what it was written from.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};

use super::*;
use crate::objects::{
    Needs, Origin, Picture, ServiceSpec,
    decode::{self, Decoded},
    snapshot,
};

const ALL: Needs = Needs { labels: true, pod_names: true, zones: true, pods: true, selectors: true };

fn decoded(json: &str, needs: Needs) -> Option<Object> {
    match decode::object(json, needs) {
        Ok(Decoded::Object(object)) => Some(object),
        _ => None,
    }
}

fn line(object: &Object) -> String {
    let mut line = Vec::new();
    super::object(object, &mut line).unwrap();
    String::from_utf8(line).unwrap()
}

/// What a line of the API is written as.
fn written(json: &str) -> String {
    line(&decoded(json, ALL).unwrap())
}

fn list(objects: &[Object], known: Known) -> String {
    let mut list = List::new(Vec::new());
    objects.iter().for_each(|object| list.add(object).unwrap());
    String::from_utf8(list.finish(known).unwrap()).unwrap()
}

fn picture(text: &str) -> Picture {
    snapshot::fuzz(text.as_bytes()).unwrap().picture
}

// ----------- Lines ---------------------------------------------------------

#[test]
fn a_line_that_was_written_is_written_the_same_again() {
    for line in [
        r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","labels":{"team":"a"}}}"#,
        r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"shop","labels":{"a":"b"}},"spec":{"type":"ClusterIP","clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1","fd00::1"],"ports":[{"name":"http","protocol":"TCP","port":80}],"selector":{"app":"web"}}}"#,
        r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"db","namespace":"shop"},"spec":{"type":"ClusterIP","clusterIP":"None","clusterIPs":["None"]}}"#,
        r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"cdn","namespace":"shop"},"spec":{"type":"ExternalName","externalName":"CDN.example.com"}}"#,
        r#"{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{"name":"db-1","namespace":"shop","labels":{"kubernetes.io/service-name":"db"}},"endpoints":[{"addresses":["10.1.0.1"],"conditions":{"ready":true},"hostname":"db-0","targetRef":{"name":"db-0-x"},"zone":"a"},{"addresses":[],"conditions":{"ready":false}}],"ports":[{"name":"pg","protocol":"TCP","port":5432},{}]}"#,
        r#"{"apiVersion":"v1","kind":"Endpoints","metadata":{"name":"old","namespace":"shop"},"subsets":[{"addresses":[{"ip":"10.1.0.1","hostname":"a","targetRef":{"name":"p"}}],"notReadyAddresses":[{"ip":""},{"ip":""}],"ports":[{"protocol":"UDP","port":53}]}]}"#,
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"shop","deletionTimestamp":"1970-01-01T00:00:00Z"},"status":{"podIP":"10.1.0.1"}}"#,
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"shop"},"status":{"hostIP":"10.2.0.1","podIP":"10.2.0.1"}}"#,
    ] {
        assert_eq!(written(line), line);
    }
}

#[test]
fn endpoints_that_were_derived_are_an_endpoints_object() {
    let json = r#"{"apiVersion":"v1","kind":"Endpoints","metadata":{"name":"web","namespace":"shop"},"subsets":[]}"#;
    let mut derived = decoded(json, ALL).unwrap();
    let Object::Endpoints(endpoints) = &mut derived else { panic!("{derived:?}") };
    endpoints.origin = Origin::Pods;
    assert_eq!(line(&derived), json);
}

#[test]
fn a_cluster_ip_that_was_chosen_is_one() {
    let json = r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"web"},"spec":{"clusterIP":"10.0.0.1"}}"#;
    let mut service = decoded(json, ALL).unwrap();
    let plain = line(&service);
    let Object::Service(of_manifest) = &mut service else { panic!("{service:?}") };
    let ServiceSpec::Cluster { chosen, .. } = &mut of_manifest.spec else { panic!("{of_manifest:?}") };
    *chosen = true;
    assert_eq!(line(&service), plain);
}

#[test]
fn the_service_of_a_slice_is_written_where_labels_are_not_kept() {
    let json = r#"{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{"name":"s","namespace":"n","labels":{"a":"b","kubernetes.io/service-name":"web"}}}"#;
    let bare = line(&decoded(json, Needs::default()).unwrap());
    assert!(bare.contains(r#""labels":{"kubernetes.io/service-name":"web"}"#), "{bare}");
    let labelled = line(&decoded(json, ALL).unwrap());
    assert!(labelled.contains(r#""labels":{"kubernetes.io/service-name":"web","a":"b"}"#), "{labelled}");
}

// ----------- Lists ---------------------------------------------------------

#[test]
fn a_list_has_an_object_a_line() {
    let namespaces =
        ["a", "b"].map(|name| format!(r#"{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"{name}"}}}}"#));
    let objects = namespaces.each_ref().map(|json| decoded(json, ALL).unwrap());
    let [a, b] = namespaces;
    assert_eq!(list(&objects, Known::default()), format!("{LIST_START}\n{a},\n{b}{LIST_END}"));
    assert_eq!(list(&[], Known::default()), format!("{LIST_START}{LIST_END}"));
}

/// Whoever knows that there is no Service says so, and the reader does not answer "unknown".
#[test]
fn a_list_is_complete_about_what_is_known_and_not_there() {
    let namespace = decoded(r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"}}"#, ALL).unwrap();
    let back = picture(&list(std::slice::from_ref(&namespace), Known::ALL));
    assert_eq!((back.known, &*back.objects), (Known::ALL, &[namespace.clone()][..]));
    let none = Known { namespaces: true, ..Known::default() };
    assert_eq!(picture(&list(&[namespace], none)).known, none);
}

// ----------- Any object ----------------------------------------------------

/// Names, labels and whatever else is text: plain, empty, and what JSON and DNS trip over.
fn text() -> impl Strategy<Value = Value> {
    let odd = ["", "a.b", "UPPER", "quo\"te", "back\\slash", "tab\t", "null\0", "line\u{2028}", "ü€😀"];
    prop_oneof![
        4 => "[a-z][a-z0-9-]{0,8}".prop_map(Value::from),
        1 => "x{60,70}".prop_map(Value::from),
        2 => select(odd.to_vec()).prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

fn address() -> impl Strategy<Value = Value> {
    let odd = ["2001:DB8:0::1", "::ffff:10.0.0.1", "010.0.0.1", "fe80::1%eth0", "db.example.com", "None", ""];
    prop_oneof![
        any::<std::net::Ipv4Addr>().prop_map(|ip| json!(ip)),
        any::<std::net::Ipv6Addr>().prop_map(|ip| json!(ip)),
        select(odd.to_vec()).prop_map(Value::from),
        Just(Value::Null),
    ]
}

fn labels() -> impl Strategy<Value = Value> {
    let key = prop_oneof![Just("kubernetes.io/service-name".to_owned()), "[a-c]", any::<String>()];
    vec((key, text()), 0..4).prop_map(|pairs| Value::Object(pairs.into_iter().collect()))
}

fn ports() -> impl Strategy<Value = Value> {
    let number = prop_oneof![Just(Value::Null), (0..65_536).prop_map(Value::from)];
    let port = (text(), text(), number);
    vec(port, 0..3).prop_map(|ports| {
        ports
            .into_iter()
            .map(|(name, protocol, port)| json!({"name": name, "protocol": protocol, "port": port}))
            .collect()
    })
}

fn spec() -> impl Strategy<Value = Value> {
    let type_ = select(&["ClusterIP", "ExternalName", "NodePort", ""][..]);
    (type_, address(), vec(address(), 0..3), text(), ports(), labels()).prop_map(
        |(type_, ip, ips, name, ports, selector)| {
            json!({"type": type_, "clusterIP": ip, "clusterIPs": ips, "externalName": name, "ports": ports, "selector": selector})
        },
    )
}

fn slice_endpoints() -> impl Strategy<Value = Value> {
    let endpoint = (vec(address(), 0..3), option::of(option::of(any::<bool>())), text(), text(), text()).prop_map(
        |(addresses, ready, hostname, pod, zone)| {
            json!({"addresses": addresses, "conditions": ready.map(|ready| json!({"ready": ready})), "hostname": hostname,
                   "targetRef": {"name": pod}, "zone": zone})
        },
    );
    vec(endpoint, 0..4).prop_map(Value::from)
}

fn subsets() -> impl Strategy<Value = Value> {
    let address = || {
        (address(), text(), text())
            .prop_map(|(ip, hostname, pod)| json!({"ip": ip, "hostname": hostname, "targetRef": {"name": pod}}))
    };
    let subset = (vec(address(), 0..3), vec(address(), 0..3), ports()).prop_map(
        |(ready, not_ready, ports)| json!({"addresses": ready, "notReadyAddresses": not_ready, "ports": ports}),
    );
    vec(subset, 0..3).prop_map(Value::from)
}

/// An object as the API might write it, with the parts of every kind.
fn api_object() -> impl Strategy<Value = Value> {
    let kind = select(&["Service", "EndpointSlice", "Endpoints", "Namespace", "Pod"][..]);
    let metadata = (text(), text(), labels(), text()).prop_map(|(name, namespace, labels, deleted)| {
        json!({"name": name, "namespace": namespace, "labels": labels, "deletionTimestamp": deleted})
    });
    (kind, metadata, spec(), slice_endpoints(), ports(), subsets(), [address(), address()]).prop_map(
        |(kind, metadata, spec, endpoints, ports, subsets, [host_ip, pod_ip])| {
            let api_version = if kind == "EndpointSlice" { "discovery.k8s.io/v1" } else { "v1" };
            let spec = if kind == "Pod" { json!({}) } else { spec };
            json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec, "endpoints": endpoints,
                   "ports": ports, "subsets": subsets, "status": {"hostIP": host_ip, "podIP": pod_ip}})
        },
    )
}

fn needs() -> impl Strategy<Value = Needs> {
    any::<[bool; 4]>().prop_map(|[labels, pod_names, zones, selectors]| Needs {
        labels,
        pod_names,
        zones,
        pods: true,
        selectors,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn whatever_is_decoded_is_the_same_when_it_was_written(given in api_object(), needs in needs()) {
        let Some(object) = decoded(&given.to_string(), needs) else { return Ok(()) };
        let line = line(&object);
        prop_assert!(!line.contains('\n'), "{line}");
        prop_assert_eq!(decoded(&line, needs), Some(object), "{}", line);
    }
}
