//! Each test names a rule, shows an object, and shows what is left of it.

use super::*;
use crate::objects::{Address, Endpoint, Endpoints, Names, Origin, Pod, Port, Service, ServiceSpec, Subset};
use serde_json::{Value, json};
use std::net::IpAddr;

const ALL: Needs = Needs { labels: true, pod_names: true, zones: true, pods: true, selectors: true };

#[test]
fn cluster_ips_keep_their_order_and_lose_duplicates() {
    let spec = json!({"clusterIP": "10.0.0.9", "clusterIPs": ["fd00::1", "10.0.0.1", "fd00::1", "FD00::0:1"]});
    assert_eq!(service(spec).spec, cluster(&["fd00::1", "10.0.0.1"]));
}

#[test]
fn the_single_cluster_ip_counts_where_the_list_is_absent() {
    for list in [json!(null), json!([])] {
        assert_eq!(service(json!({"clusterIP": "10.0.0.9", "clusterIPs": list})).spec, cluster(&["10.0.0.9"]));
    }
    assert_eq!(service(json!({"clusterIP": "", "type": "ClusterIP"})).spec, cluster(&[]), "not allocated yet");
    assert_eq!(service(json!(null)).spec, cluster(&[]));
}

#[test]
fn cluster_ip_none_is_headless() {
    assert_eq!(service(json!({"clusterIP": "None"})).spec, ServiceSpec::Headless);
    assert_eq!(service(json!({"clusterIP": "None", "clusterIPs": ["None"]})).spec, ServiceSpec::Headless);
}

#[test]
fn external_name_wins_over_cluster_ips_and_is_kept_as_written() {
    let spec = json!({"type": "ExternalName", "externalName": "WWW.Example.COM.", "clusterIP": "10.0.0.9"});
    let ips = Box::new([ip("10.0.0.9")]);
    assert_eq!(service(spec).spec, ServiceSpec::External { target: "WWW.Example.COM.".into(), ips });
    let spec = json!({"type": "ExternalName", "clusterIP": "None"});
    assert_eq!(service(spec).spec, ServiceSpec::External { target: "".into(), ips: Box::default() });
    let spec = json!({"type": "NodePort", "externalName": "left.over", "clusterIP": "10.0.0.9"});
    assert_eq!(service(spec).spec, cluster(&["10.0.0.9"]));
}

#[test]
fn a_service_port_without_a_protocol_is_tcp() {
    let spec = json!({"ports": [{"port": 80}, {"name": "d", "port": 3868, "protocol": "SCTP"}]});
    assert_eq!(*service(spec).ports, [port("", "TCP", Some(80)), port("d", "SCTP", Some(3868))]);
}

#[test]
fn an_object_without_a_namespace_lives_in_default() {
    assert_eq!(&*service(json!({})).namespace, "default");
}

#[test]
fn an_endpoint_counts_unless_its_ready_condition_is_false() {
    let conditions = [json!({"ready": true}), json!({}), json!(null), json!({"ready": null}), json!({"ready": false})];
    let listed: Vec<_> =
        (1..).zip(conditions).map(|(i, c)| json!({"addresses": [format!("10.0.0.{i}")], "conditions": c})).collect();
    let subset = slice(json!({"endpoints": listed}));
    let ready: Vec<_> = subset.ready.iter().map(|endpoint| endpoint.addresses[0].clone()).collect();
    assert_eq!(ready, [1, 2, 3, 4].map(|i| Address::Ip([10, 0, 0, i].into())));
    assert_eq!(subset.not_ready, 1);
}

#[test]
fn serving_and_terminating_do_not_matter() {
    let conditions = json!({"ready": true, "serving": false, "terminating": true});
    let subset = slice(json!({"endpoints": [{"addresses": ["10.0.0.1"], "conditions": conditions}]}));
    assert_eq!(subset.ready.len(), 1);
}

#[test]
fn an_address_keeps_a_spelling_that_is_not_canonical() {
    let texts = ["10.0.0.1", "2001:db8::2", "2001:DB8::2", "2001:db8:0:0:0:0:0:2", "::ffff:10.0.0.1"];
    let subset = slice(json!({"endpoints": [{"addresses": texts}]}));
    let v6 = ip("2001:db8::2");
    let expected = [
        Address::Ip(ip("10.0.0.1")),
        Address::Ip(v6),
        Address::read("2001:DB8::2", Some(v6)),
        Address::read("2001:db8:0:0:0:0:0:2", Some(v6)),
        Address::read("::ffff:10.0.0.1", Some(ip("10.0.0.1"))),
    ];
    assert_eq!(*subset.ready[0].addresses, expected);
}

#[test]
fn what_is_no_address_is_a_name_to_point_at() {
    for text in ["db.example.com", "10.0.0.01", "10.0.0", "10.0.0.256", "fe80::1%eth0"] {
        let subset = slice(json!({"addressType": "IPv4", "endpoints": [{"addresses": [text]}]}));
        assert_eq!(*subset.ready[0].addresses, [Address::Name(text.into())]);
    }
}

#[test]
fn a_slice_port_may_lack_everything() {
    let subset = slice(json!({"ports": [{"port": null}, {"name": "h", "protocol": "TCP", "port": 80}]}));
    assert_eq!(*subset.ports, [port("", "", None), port("h", "TCP", Some(80))]);
    assert!(slice(json!({"ports": null, "endpoints": null})).ports.is_empty());
}

#[test]
fn a_slice_without_a_usable_service_name_belongs_to_none() {
    for labels in [json!(null), json!({}), json!({"kubernetes.io/service-name": "a.b"})] {
        let object = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "s", "labels": labels}});
        assert_eq!(endpoints_of(object).service, None);
    }
}

#[test]
fn only_short_pod_names_are_kept() {
    let named = |name: String| json!({"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": name}});
    let subset = slice(json!({"endpoints": [named("p".repeat(63)), named("p".repeat(64)), named(String::new())]}));
    let pods: Vec<_> = subset.ready.iter().map(|endpoint| endpoint.names().pod.as_deref().map(str::len)).collect();
    assert_eq!(pods, [Some(63), None, None]);
}

#[test]
fn v1beta1_keeps_the_zone_in_the_topology() {
    let endpoint = json!({"addresses": ["10.0.0.1"], "topology": {"topology.kubernetes.io/zone": "z1"}});
    let object = json!({"apiVersion": "discovery.k8s.io/v1beta1", "kind": "EndpointSlice", "metadata": {"name": "s"}, "endpoints": [endpoint]});
    assert_eq!(endpoints_of(object).subsets[0].ready[0].names().zone.as_deref(), Some("z1"));
}

#[test]
fn endpoints_keep_one_subset_for_each_of_theirs() {
    let object = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "db", "namespace": "shop"}, "subsets": [
        {"addresses": [{"ip": "192.0.2.1", "hostname": "db-0", "targetRef": {"name": "pod-0"}}], "ports": [{"port": 5432}]},
        {"notReadyAddresses": [{"ip": "192.0.2.2"}, {"ip": "192.0.2.3"}], "ports": null},
        null
    ]});
    let names = Names { hostname: Some("db-0".into()), pod: Some("pod-0".into()), zone: None };
    let endpoint = Endpoint::new([Address::Ip(ip("192.0.2.1"))], names);
    let subsets = [
        Subset { ready: Box::new([endpoint]), not_ready: 0, ports: Box::new([port("", "TCP", Some(5432))]) },
        Subset { not_ready: 2, ..Subset::default() },
        Subset::default(),
    ];
    let expected = Endpoints {
        origin: Origin::Endpoints,
        namespace: "shop".into(),
        name: "db".into(),
        service: Some("db".into()),
        subsets: subsets.into(),
        labels: Box::default(),
    };
    assert_eq!(endpoints_of(object), expected);
}

#[test]
fn a_pod_that_has_ended_is_dropped_and_a_deleted_one_is_marked() {
    let pod = |phase: &str, metadata: Value| {
        let status = json!({"phase": phase, "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]});
        decode(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status}), ALL).unwrap()
    };
    let key = Key { kind: Kind::Pod, namespace: "default".into(), name: "p".into() };
    for phase in ["Succeeded", "Failed", "Unknown"] {
        assert_eq!(pod(phase, json!({"name": "p"})), Decoded::Without(key.clone()));
    }
    for (deletion, deleting) in [(json!(null), false), (json!("2026-01-01T00:00:00Z"), true)] {
        let decoded = pod("Running", json!({"name": "p", "deletionTimestamp": deletion}));
        let expected = Pod {
            namespace: "default".into(),
            name: "p".into(),
            ip: Some(ip("10.0.0.1")),
            on_host: false,
            deleting,
            labels: Box::default(),
        };
        assert_eq!(decoded, Decoded::Object(Object::Pod(expected)));
    }
}

#[test]
fn a_pod_with_the_address_of_its_node_is_on_the_host() {
    let on_host = |status: Value| {
        let json = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "status": status});
        let Ok(Decoded::Object(Object::Pod(pod))) = decode(&json, ALL) else { panic!("{json}") };
        pod.on_host
    };
    assert!(on_host(json!({"podIP": "10.2.0.1", "hostIP": "10.2.0.1"})));
    assert!(!on_host(json!({"podIP": "10.0.0.1", "hostIP": "10.2.0.1"})));
    assert!(!on_host(json!({"podIP": "", "hostIP": ""})), "neither has an address");
}

#[test]
fn what_nobody_needs_is_dropped() {
    let labels = json!({"app": "web", "kubernetes.io/service-name": "web"});
    let endpoint = json!({"addresses": ["10.0.0.1"], "zone": "z", "targetRef": {"name": "p"}});
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "s", "labels": labels}, "endpoints": [endpoint]});
    let Ok(Decoded::Object(Object::Endpoints(slice))) = decode(&slice, Needs::default()) else { panic!() };
    assert_eq!((slice.labels.len(), slice.service.as_deref()), (0, Some("web")));
    let endpoint = &slice.subsets[0].ready[0];
    assert_eq!(*endpoint.names(), Names::default());
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}});
    assert!(matches!(decode(&pod, Needs::default()), Ok(Decoded::Without(_))));
}

#[test]
fn labels_are_sorted() {
    let object =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "labels": {"b": "2", "a": null}}});
    let labels = Box::new([("a".into(), "".into()), ("b".into(), "2".into())]);
    assert_eq!(decode(&object, ALL), Ok(Decoded::Object(Object::Namespace(Namespace { name: "n".into(), labels }))));
}

#[test]
fn kinds_of_other_groups_are_unknown_whatever_their_shape() {
    let others = [
        json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": 5}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"selector": {"matchLabels": {}}}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "ports": "none", "endpoints": [1, {}]}),
    ];
    for other in others {
        let kind = other["kind"].as_str().unwrap();
        assert_eq!(decode(&other, ALL), Ok(Decoded::Unknown(kind.into())));
    }
}

#[test]
fn a_broken_object_is_named_with_what_is_wrong() {
    let broken = [
        (json!({"clusterIP": "10.0.0.256"}), r#"cluster IP "10.0.0.256" is no IP address"#),
        (json!({"clusterIP": "10.0.0.01"}), r#"cluster IP "10.0.0.01" is no IP address"#),
        (json!({"ports": [{"port": 70000}]}), "port 70000 is not between 0 and 65535"),
        (json!({"ports": [{"port": "80"}]}), r#"spec: invalid type: string "80", expected i64"#),
        (json!({"ports": {}}), "spec: invalid type: map, expected a sequence"),
        (json!({"ports": [{"name": "http"}]}), "a port without a number"),
        (json!("text"), r#"spec: invalid type: string "text", expected an object"#),
    ];
    for (spec, message) in broken {
        let object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec});
        assert_eq!(decode(&object, ALL), Err(Problem::error(Some("Service shop/web".into()), message)));
    }
}

#[test]
fn a_name_that_cannot_be_a_label_is_a_problem() {
    let long = "n".repeat(64);
    let names = [
        (json!({}), "Service without a name"),
        (json!({"name": ""}), "Service without a name"),
        (json!({"name": "a.b"}), "Service default/a.b"),
        (json!({"name": long}), &*format!("Service default/{long}")),
        (json!({"name": "a", "namespace": "x.y"}), "Service x.y/a"),
        (json!({"name": 5}), "Service"),
        (json!("web"), "Service"),
    ];
    for (metadata, named) in names {
        let problem = decode(&json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata}), ALL).unwrap_err();
        assert_eq!(problem.object.as_deref(), Some(named), "{problem}");
    }
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web.v1.2"}});
    assert!(decode(&pod, ALL).is_ok(), "other names may have dots");
}

#[test]
fn what_is_no_object_is_a_problem() {
    for text in ["5", "[]", "\"Service\"", "null", "{}", "{", "", r#"{"kind": 5}"#, r#"{"kind": "Service"}"#] {
        assert!(object(text, ALL).is_err(), "{text}");
    }
}

fn decode(value: &Value, needs: Needs) -> Result<Decoded, Problem> {
    object(&value.to_string(), needs)
}

fn service(spec: Value) -> Service {
    let object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec});
    match decode(&object, ALL) {
        Ok(Decoded::Object(Object::Service(service))) => service,
        other => panic!("{other:?}"),
    }
}

/// The subset of a slice with these parts.
fn slice(mut parts: Value) -> Subset {
    parts["apiVersion"] = "discovery.k8s.io/v1".into();
    parts["kind"] = "EndpointSlice".into();
    parts["metadata"] = json!({"name": "web-x", "labels": {"kubernetes.io/service-name": "web"}});
    endpoints_of(parts).subsets[0].clone()
}

fn endpoints_of(object: Value) -> Endpoints {
    match decode(&object, ALL) {
        Ok(Decoded::Object(Object::Endpoints(endpoints))) => endpoints,
        other => panic!("{other:?}"),
    }
}

fn cluster(ips: &[&str]) -> ServiceSpec {
    ServiceSpec::Cluster { ips: ips.iter().map(|text| ip(text)).collect(), chosen: false }
}

fn port(name: &str, protocol: &str, number: Option<u16>) -> Port {
    Port { name: name.into(), protocol: protocol.into(), number }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
