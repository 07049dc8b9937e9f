//! An object is the same in both forms, and octets are what they are or malformed.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value as Json, json};

use super::*;
use crate::objects::decode::{Raw, carried as json_carried};

/// The object as a watch carries it, in JSON and in protobuf.
fn both(kind: Kind, object: &Json, needs: Needs) -> [Carried; 2] {
    let text = object.to_string();
    let octets = written::object(object);
    let protobuf = Envelope::read(&octets).unwrap().carried(kind, needs);
    [json_carried::carried(kind, Raw::parse(&text).unwrap(), needs), protobuf]
}

fn texts(words: &'static [&'static str]) -> impl Strategy<Value = Json> {
    option::of(select(words)).prop_map(|word| json!(word))
}

fn pairs() -> impl Strategy<Value = Json> {
    let names = &["kubernetes.io/service-name", "a", "b", "endpoints.kubernetes.io/last-change-trigger-time"][..];
    let values = &["web", "a.b", "", "1970-01-01T00:00:02.5Z"][..];
    vec((select(names), select(values)), 0..4)
        .prop_map(|pairs| pairs.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect())
}

fn metadata() -> impl Strategy<Value = Json> {
    let names = texts(&["web", "a.b", "", "sixty-four-octets-are-one-more-than-a-label-of-a-dns-name-can-have"]);
    let times = texts(&["2026-01-01T00:00:00Z"]);
    (names, texts(&["shop", "x.y", ""]), texts(&["12", ""]), pairs(), pairs(), times).prop_map(
        |(name, namespace, version, labels, annotations, deleted)| {
            json!({
                "name": name, "generateName": "x", "namespace": namespace, "resourceVersion": version, "labels": labels,
                "annotations": annotations, "deletionTimestamp": deleted, "managedFields": [{"manager": "kubectl"}],
            })
        },
    )
}

fn ips() -> impl Strategy<Value = Json> {
    texts(&["10.0.0.1", "fd00::1", "FD00::1", "::ffff:10.0.0.1", "10.0.0.01", "None", "db.example.com", ""])
}

fn ports() -> impl Strategy<Value = Json> {
    let number = option::of(prop_oneof![Just(-1), Just(0), 1..9000, Just(65535), Just(70000)]);
    let port = (texts(&["http", ""]), texts(&["TCP", "UDP", ""]), number)
        .prop_map(|(name, protocol, port)| json!({"name": name, "protocol": protocol, "port": port, "later": [1]}));
    vec(port, 0..3).prop_map(|ports| json!(ports))
}

fn slice() -> impl Strategy<Value = Json> {
    let conditions = option::of(option::of(any::<bool>()).prop_map(|ready| json!({"ready": ready, "serving": true})));
    let target = option::of(texts(&["pod-1", ""]).prop_map(|name| json!({"kind": "Pod", "name": name, "uid": "u"})));
    let zone = texts(&["z1", ""]);
    let endpoint = (vec(ips(), 0..3), conditions, texts(&["h", ""]), target, zone).prop_map(
        |(addresses, conditions, hostname, target, zone)| {
            json!({
                "addresses": addresses, "conditions": conditions, "hostname": hostname, "targetRef": target,
                "zone": zone, "nodeName": "n", "hints": {"forZones": []},
            })
        },
    );
    (metadata(), vec(endpoint, 0..4), ports()).prop_map(|(metadata, endpoints, ports)| {
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata,
            "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
        })
    })
}

fn service() -> impl Strategy<Value = Json> {
    let types = texts(&["ClusterIP", "ExternalName", "Quantum"]);
    (metadata(), types, ips(), vec(ips(), 0..3), texts(&["www.example.com", ""]), ports(), pairs()).prop_map(
        |(metadata, type_, ip, ips, target, ports, selector)| {
            json!({
                "apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {
                    "type": type_, "clusterIP": ip, "clusterIPs": ips, "externalName": target, "ports": ports,
                    "selector": selector, "publishNotReadyAddresses": true, "sessionAffinityConfig": {},
                },
            })
        },
    )
}

fn pod() -> impl Strategy<Value = Json> {
    let pod_ips = vec(ips().prop_map(|ip| json!({"ip": ip})), 0..3);
    (metadata(), texts(&["Running", "Failed", "Succeeded", ""]), [ips(), ips()], pod_ips).prop_map(
        |(metadata, phase, [host_ip, ip], ips)| {
            let status =
                json!({"phase": phase, "hostIP": host_ip, "podIP": ip, "podIPs": ips, "qosClass": "BestEffort"});
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status})
        },
    )
}

fn objects() -> impl Strategy<Value = (Kind, Json)> {
    let namespace =
        metadata().prop_map(|metadata| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}));
    prop_oneof![
        slice().prop_map(|slice| (Kind::EndpointSlice, slice)),
        service().prop_map(|service| (Kind::Service, service)),
        pod().prop_map(|pod| (Kind::Pod, pod)),
        namespace.prop_map(|namespace| (Kind::Namespace, namespace)),
    ]
}

fn needs() -> impl Strategy<Value = Needs> {
    any::<[bool; 4]>().prop_map(|[labels, pod_names, zones, pods]| Needs {
        labels,
        pod_names,
        zones,
        pods,
        selectors: false,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_object_is_the_same_in_both_forms((kind, object) in objects(), needs in needs()) {
        let [json, protobuf] = both(kind, &object, needs);
        prop_assert_eq!(json, protobuf);
    }

    /// Wherever it breaks off and whatever falls over on the way: there is an end, and no other object's name.
    #[test]
    fn a_damaged_object_is_read_or_malformed(
        (kind, object) in objects(),
        at in any::<prop::sample::Index>(),
        octet in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let mut octets = written::object(&object);
        let at = at.index(octets.len());
        octets[at] = octet;
        if cut {
            octets.truncate(at);
        }
        if let Ok(envelope) = Envelope::read(&octets) {
            let read = envelope.carried(kind, Needs::default());
            let key = match &read.decoded {
                Ok(decoded) => decoded.key(),
                Err(unreadable) => unreadable.key.clone(),
            };
            prop_assert!(key.is_none_or(|key| key.kind == kind));
            envelope.gone(kind);
            envelope.list().into_iter().flat_map(|list| list.items(kind, Needs::default())).for_each(drop);
        }
    }
}

#[test]
fn what_cannot_be_read_still_says_which_object_it_is() {
    let object = |spec: Json| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop", "resourceVersion": "7"}, "spec": spec});
    for spec in [json!({"ports": "http"}), json!({"type": true}), json!({"clusterIPs": [5]}), json!("x"), json!(5)] {
        let carried = both(Kind::Service, &object(spec.clone()), Needs::default());
        for Carried { decoded, version, .. } in carried {
            let Unreadable { key, problem } = decoded.expect_err("it cannot be read");
            assert_eq!(key.map(|key| key.to_string()).as_deref(), Some("Service shop/web"), "{spec}");
            assert!(problem.to_string().starts_with("Service shop/web: left out: "), "{problem}");
            assert_eq!(version.as_deref(), Some("7"));
        }
    }
}

#[test]
fn bad_metadata_do_not_hide_which_object_it_is() {
    for (name, bad) in [("labels", json!(5)), ("annotations", json!([7])), ("resourceVersion", json!(8))] {
        let mut object =
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}});
        object["metadata"][name] = bad;
        let octets = written::object(&object);
        let unreadable = Envelope::read(&octets).unwrap().carried(Kind::Service, Needs::default()).decoded.unwrap_err();
        assert_eq!(unreadable.key.unwrap().to_string(), "Service shop/web", "{name}");
        assert_eq!(Envelope::read(&octets).unwrap().gone(Kind::Service).key.unwrap().to_string(), "Service shop/web");
    }
}

#[test]
fn another_kind_is_not_taken_for_this_one() {
    for (api_version, kind) in [("v1", "Namespace"), ("v1", "Secret"), ("v2", "Service")] {
        let object =
            json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "resourceVersion": "7"}});
        let [json, protobuf] = both(Kind::Service, &object, Needs::default());
        assert_eq!(json, protobuf);
        assert!(protobuf.decoded.is_err(), "{kind}");
        let octets = written::object(&object);
        assert_eq!(Envelope::read(&octets).unwrap().gone(Kind::Service).key, None);
    }
}

/// What Go's own types are written as, by the serializer of the API server.
#[test]
fn what_go_writes_is_read() {
    let needs = Needs { labels: true, pod_names: true, zones: true, ..Needs::default() };
    let service =
        b"k8s\x00\x0a\x0d\x0a\x02v1\x12\x07Service\x12r\x0a#\x0a\x03web\x12\x00\x1a\x04shop\"\x00*\x002\x02128\
        \x00B\x00Z\x08\x0a\x03app\x12\x01w\x12G\x0a\x18\x0a\x04http\x12\x03TCP\x18P\"\x07\x08\x00\x10\x90?\
        \x1a\x00(\x00\x1a\x0810.0.0.1\"\x00:\x00B\x00R\x00Z\x00`\x00h\x00\x92\x01\x0810.0.0.1\x92\x01\x07fd0\
        0::1\x1a\x02\x0a\x00\x1a\x00\"\x00";
    let service_json = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop", "resourceVersion": "12", "labels": {"app": "w"}},
        "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"],
            "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}]},
    });
    let slice = b"k8s\x00\x0a$\x0a\x13discovery.k8s.io/v1\x12\x0dEndpointSlice\x12\xee\x01\x0a\x88\x01\x0a\x05web-x\
        \x12\x00\x1a\x04shop\"\x00*\x002\x02138\x00B\x00Z!\x0a\x1akubernetes.io/service-name\x12\x03webbH\
        \x0a0endpoints.kubernetes.io/last-change-trigger-time\x12\x141970-01-01T00:00:02Z\x12;\x0a\x0810.0.0\
        .1\x12\x06\x08\x01\x10\x01\x18\x00\x1a\x05web-0\"\x1a\x0a\x03Pod\x12\x04shop\x1a\x05web-0\"\x00*\x00\
        2\x00:\x002\x01n:\x01z\x12\x0e\x0a\x0810.0.0.2\x12\x02\x08\x00\x1a\x0e\x0a\x04http\x12\x03TCP\x18\
        \x90?\"\x04IPv4\x1a\x00\"\x00";
    let slice_json = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "web-x", "namespace": "shop", "resourceVersion": "13",
            "labels": {"kubernetes.io/service-name": "web"},
            "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": "1970-01-01T00:00:02Z"}},
        "addressType": "IPv4",
        "endpoints": [
            {"addresses": ["10.0.0.1"], "conditions": {"ready": true, "serving": true, "terminating": false},
                "hostname": "web-0", "nodeName": "n", "zone": "z",
                "targetRef": {"kind": "Pod", "namespace": "shop", "name": "web-0"}},
            {"addresses": ["10.0.0.2"], "conditions": {"ready": false}},
        ],
        "ports": [{"name": "http", "protocol": "TCP", "port": 8080}],
    });
    let known = [(Kind::Service, &service[..], service_json), (Kind::EndpointSlice, slice, slice_json)];
    for (kind, octets, json) in known {
        let read = Envelope::read(octets).unwrap().carried(kind, needs);
        assert!(read.decoded.is_ok() && read.version.is_some(), "{read:?}");
        let [json, _] = both(kind, &json, needs);
        assert_eq!(read, json);
    }
}
