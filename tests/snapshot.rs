//! The clusters in `zones/`, and what holds for any text at all.

use clusterdns::objects::{
    Known, Needs, Object, Origin, Picture, ServiceSpec,
    snapshot::{self, EXAMPLE, Loaded, Options, Source},
};
use proptest::prelude::*;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fmt::Write,
    path::{Path, PathBuf},
};

#[test]
fn the_example_has_the_services_of_the_guide() {
    let loaded = load("example/cluster.json");
    for (service, ip, port) in [
        ("default/kubernetes", "10.96.0.1", 443),
        ("kube-system/kube-dns", "10.96.0.10", 53),
        ("example/backend-service", "10.96.151.12", 5000),
        ("example/frontend-service", "10.96.173.32", 3000),
        ("example/pg-service", "10.96.191.239", 5432),
    ] {
        assert_eq!(cluster_ip(&loaded, service), Some((ip.to_owned(), port)), "{service}");
    }
    assert_eq!(addresses(&loaded, "example", "backend-service"), set(&["10.244.0.13", "10.244.0.20"]));
    assert_eq!(addresses(&loaded, "example", "frontend-service"), set(&["10.244.0.16", "10.244.0.9"]));
    assert_eq!(addresses(&loaded, "example", "pg-service"), set(&["10.244.0.8"]));
    assert_eq!(addresses(&loaded, "kube-system", "kube-dns").len(), 2);
    assert_eq!(addresses(&loaded, "example", "orders-db").len(), 2, "outside the cluster");
    assert_eq!(loaded.picture.known, Known::ALL);
}

#[test]
fn every_cluster_in_zones_is_read_without_a_problem() {
    for name in ["example/cluster.json", "dual-stack/cluster.yaml", "names/cluster.json", "manifests"] {
        let loaded = load(name);
        assert_eq!(loaded.problems, [], "{name}");
        assert!(loaded.summary.services >= 4, "{name}");
    }
}

#[test]
fn manifests_are_completed() {
    let loaded = load("manifests");
    assert_eq!((loaded.summary.chosen, loaded.summary.derived), (2, 3));
    assert_eq!(loaded.summary.skipped.get("Deployment"), Some(&1));
    assert_eq!(addresses(&loaded, "guestbook", "web"), set(&["10.244.3.10", "10.244.3.11"]));
    assert_eq!(addresses(&loaded, "guestbook", "workers"), set(&["10.244.3.20"]), "the other one is not ready");
    let chosen = loaded.picture.objects.iter().filter_map(|object| match object {
        Object::Service(service) => match &service.spec {
            ServiceSpec::Cluster { ips, chosen: true } => Some(format!("{} {}", service.name, ips[0])),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(chosen.collect::<Vec<_>>(), ["db 10.99.241.156", "web 10.102.170.38"]);
}

#[test]
fn dual_stack_keeps_the_order_of_cluster_ips() {
    let loaded = load("dual-stack/cluster.yaml");
    let ips = loaded.picture.objects.iter().find_map(|object| match object {
        Object::Service(service) if &*service.name == "web-v6first" => match &service.spec {
            ServiceSpec::Cluster { ips, .. } => Some(ips.iter().map(ToString::to_string).collect::<Vec<_>>()),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(ips.unwrap(), ["fd00:10:96::2a08", "10.96.40.8"]);
    assert_eq!(addresses(&loaded, "shop", "cache").len(), 4);
}

#[test]
fn pods_alone_give_the_endpoints_that_the_control_plane_lists() {
    for file in ["example/cluster.json", "dual-stack/cluster.yaml"] {
        let listed = load(file);
        let text = std::fs::read_to_string(zones().join(file)).unwrap();
        let objects: Vec<Value> = items(&text).into_iter().filter(|item| !is_listing(item)).collect();
        let derived = read(&Value::Array(objects).to_string());
        let mut services = 0;
        for object in &derived.picture.objects {
            if let Object::Endpoints(endpoints) = object {
                // A Service of one family uses that family of its Pods only; the slim Service does not say.
                if &*endpoints.name == "web-v6" {
                    continue;
                }
                services += 1;
                assert_eq!(endpoints.origin, Origin::Pods);
                let key = (&*endpoints.namespace, &*endpoints.name);
                assert_eq!(facts(&derived, key.0, key.1), facts(&listed, key.0, key.1), "{key:?}");
            }
        }
        assert!(services >= 3, "{file}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = snapshot::fuzz(&bytes);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[ \\[\\]{}:,\"'#&*!|>\n\ta-c0-9-]{0,200}") {
        let _ = snapshot::fuzz(text.as_bytes());
        let _ = snapshot::fuzz(format!("# as YAML\n{text}").as_bytes());
    }

    #[test]
    fn damaged_octets_never_panic(damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut bytes = one_of_each().into_bytes();
        for (place, octet) in damage {
            let place = place.index(bytes.len());
            bytes[place] = octet;
        }
        let _ = snapshot::fuzz(&bytes);
    }

    #[test]
    fn a_cut_snapshot_is_refused(length in any::<prop::sample::Index>()) {
        let text = one_of_each();
        let cut = &text[..length.index(text.len() - 1)];
        prop_assert!(snapshot::fuzz(cut.as_bytes()).is_err());
    }

    /// Any value in the place of any other: the object suffers, the others do not.
    #[test]
    fn a_wrong_value_harms_one_object_only(place in any::<prop::sample::Index>(), kind in 0..6) {
        let mut all: Vec<Value> = items(EXAMPLE);
        let (first, rest) = all.split_at_mut(1);
        let paths = pointers(&rest[0]);
        let wrong = [Value::Null, 5.into(), "x".into(), true.into(), Value::Array(vec![Value::Null]), serde_json::json!({"a": 1})];
        *rest[0].pointer_mut(&paths[place.index(paths.len())]).unwrap() = wrong[usize::try_from(kind).unwrap()].clone();
        let damaged = snapshot::fuzz(Value::Array(vec![first[0].clone(), rest[0].clone()]).to_string().as_bytes()).unwrap();
        let alone = snapshot::fuzz(first[0].to_string().as_bytes()).unwrap();
        for object in alone.picture.objects {
            prop_assert!(damaged.picture.objects.contains(&object));
        }
    }

}

proptest! {
    // Each case reads a whole cluster twice.
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn neither_order_nor_format_changes_the_picture(seed in any::<u64>(), file in 0..3) {
        let file = ["example/cluster.json", "names/cluster.json", "dual-stack/cluster.yaml"][usize::try_from(file).unwrap()];
        let mut objects = items(&std::fs::read_to_string(zones().join(file)).unwrap());
        let expected = load(file).picture;
        shuffle(&mut objects, seed);
        let list = serde_json::json!({"apiVersion": "v1", "items": objects, "kind": "List"});
        prop_assert!(same(&read(&list.to_string()).picture, &expected));
        let mut documents = String::from("# as YAML\n");
        for object in &objects {
            writeln!(documents, "---\n{}", yaml(object, 0)).unwrap();
        }
        prop_assert!(same(&read(&documents).picture, &expected));
    }
}

fn zones() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("zones")
}

fn options() -> Options {
    let needs = Needs { labels: true, pod_names: true, zones: false, pods: true, selectors: true };
    Options { needs, service_cidr: "10.96.0.0/12".parse().ok() }
}

fn load(name: &str) -> Loaded {
    snapshot::load(&[Source::Path(zones().join(name))], &options(), &mut |_| {}).unwrap()
}

fn read(text: &str) -> Loaded {
    snapshot::load(&[Source::Text("test".into(), text.as_bytes().into())], &options(), &mut |_| {}).unwrap()
}

/// The objects of a list in JSON or YAML.
fn items(text: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(text).unwrap_or_else(|_| serde_saphyr::from_str(text).unwrap());
    list["items"].as_array().unwrap().clone()
}

fn is_listing(object: &Value) -> bool {
    object["kind"] == "Endpoints" || object["kind"] == "EndpointSlice"
}

/// One object of each kind and shape, small enough to be damaged often.
fn one_of_each() -> String {
    let mut seen = BTreeSet::new();
    let mut objects = items(EXAMPLE);
    objects.retain(|object| seen.insert(format!("{}{}", object["kind"], object["spec"]["type"])));
    serde_json::json!({"apiVersion": "v1", "items": objects, "kind": "List"}).to_string()
}

/// A pointer to every value inside of `value`.
fn pointers(value: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(list) => list.iter().enumerate().map(|(i, value)| (i.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    let below = |(key, value): (String, &Value)| {
        let inner = pointers(value).into_iter().map(|inner| format!("/{key}{inner}")).collect::<Vec<_>>();
        [vec![format!("/{key}")], inner].concat()
    };
    children.into_iter().flat_map(below).collect()
}

fn shuffle(objects: &mut [Value], mut seed: u64) {
    for end in (1..objects.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(seed >> 33).unwrap() % (end + 1);
        objects.swap(end, other);
    }
}

/// Block style, scalars as JSON writes them.
fn yaml(value: &Value, indent: usize) -> String {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().map(|(key, value)| format!("\n{pad}{key:?}: {}", yaml(value, indent + 2))).collect()
        }
        Value::Array(list) if !list.is_empty() => {
            list.iter().map(|value| format!("\n{pad}- {}", yaml(value, indent + 2))).collect()
        }
        scalar => scalar.to_string(),
    }
}

fn same(one: &Picture, other: &Picture) -> bool {
    one.objects == other.objects && one.known == other.known
}

fn cluster_ip(loaded: &Loaded, wanted: &str) -> Option<(String, u16)> {
    loaded.picture.objects.iter().find_map(|object| match object {
        Object::Service(service) if format!("{}/{}", service.namespace, service.name) == wanted => {
            match &service.spec {
                ServiceSpec::Cluster { ips, .. } => Some((ips.first()?.to_string(), service.ports.first()?.number?)),
                _ => None,
            }
        }
        _ => None,
    })
}

fn addresses(loaded: &Loaded, namespace: &str, service: &str) -> BTreeSet<String> {
    facts(loaded, namespace, service).into_iter().map(|(address, ..)| address).collect()
}

/// Address, hostname, pod and ports of each ready endpoint.
fn facts(
    loaded: &Loaded,
    namespace: &str,
    service: &str,
) -> BTreeSet<(String, Option<String>, Option<String>, String)> {
    let mut facts = BTreeSet::new();
    for object in &loaded.picture.objects {
        let Object::Endpoints(endpoints) = object else { continue };
        if &*endpoints.namespace != namespace || endpoints.service.as_deref() != Some(service) {
            continue;
        }
        for subset in &endpoints.subsets {
            for endpoint in &subset.ready {
                for address in endpoint.addresses.iter() {
                    let text = address.text().into_owned();
                    let owned = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
                    facts.insert((
                        text,
                        owned(&endpoint.names().hostname),
                        owned(&endpoint.names().pod),
                        format!("{:?}", subset.ports),
                    ));
                }
            }
        }
    }
    facts
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
