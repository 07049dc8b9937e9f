//! What is given back, and what happens between two pages.

use std::path::Path;

use super::*;
use crate::objects::{
    Change, Needs, Picture, decode,
    snapshot::{self, Options, Source},
};

const ALL: Needs = Needs { labels: true, pod_names: true, zones: true, pods: true, selectors: true };

fn object(json: &str) -> Object {
    match decode::object(json, ALL) {
        Ok(decode::Decoded::Object(object)) => object,
        other => panic!("{other:?}"),
    }
}

fn namespace(name: &str) -> Object {
    object(&format!(r#"{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"{name}"}}}}"#))
}

fn service(namespace: &str, name: &str, ip: &str) -> Object {
    object(&format!(
        r#"{{"apiVersion":"v1","kind":"Service","metadata":{{"name":"{name}","namespace":"{namespace}"}},
            "spec":{{"clusterIP":"{ip}"}}}}"#
    ))
}

fn slice(namespace: &str, service: &str, name: &str, endpoints: usize) -> Object {
    let listed: Vec<_> =
        (0..endpoints).map(|at| format!(r#"{{"addresses":["10.1.{}.{}"]}}"#, at / 256, at % 256)).collect();
    object(&format!(
        r#"{{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","endpoints":[{}],"metadata":{{"name":"{name}",
            "namespace":"{namespace}","labels":{{"kubernetes.io/service-name":"{service}"}}}}}}"#,
        listed.join(",")
    ))
}

fn pod(namespace: &str, name: &str) -> Object {
    object(&format!(
        r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{name}","namespace":"{namespace}"}},
            "status":{{"podIP":"10.2.0.1"}}}}"#
    ))
}

fn store(objects: Vec<Object>) -> Arc<Mutex<Store>> {
    let mut store = Store::new(Vec::new());
    store.apply(Change::Reset(Picture { objects, known: Known::ALL, ..Picture::default() }), 1);
    Arc::new(Mutex::new(store))
}

/// Two namespaces with an object of each kind.
fn small() -> Vec<Object> {
    let of = |name: &str| {
        let listed = [slice(name, "web", "web-b", 2), slice(name, "web", "web-a", 1), slice(name, "gone", "left", 1)];
        [
            vec![namespace(name), service(name, "web", "None"), service(name, "api", "10.0.0.1"), pod(name, "p")],
            listed.into(),
        ]
        .concat()
    };
    [of("shop"), of("bank")].concat()
}

fn all(store: &Arc<Mutex<Store>>, namespace: Option<&str>) -> Vec<Object> {
    Pages::new(store.clone(), namespace).flatten().collect()
}

fn keys(objects: &[Object]) -> Vec<String> {
    objects.iter().map(|object| object.key().to_string()).collect()
}

#[test]
fn every_object_of_the_clusters_in_zones_comes_back() {
    for cluster in ["example", "dual-stack", "names", "manifests"] {
        let source = Source::Path(Path::new(env!("CARGO_MANIFEST_DIR")).join("zones").join(cluster));
        let options = Options { needs: ALL, service_cidr: None };
        let mut given = snapshot::load(&[source], &options, &mut |_| {}).unwrap().picture.objects;
        let mut back = all(&store(given.clone()), None);
        back.sort_by_key(Object::key);
        // What belongs to no Service is not kept.
        given.retain(|object| !matches!(object, Object::Endpoints(endpoints) if endpoints.service.is_none()));
        assert_eq!(keys(&back), keys(&given), "{cluster}");
        back.iter().zip(&given).for_each(|(back, given)| assert_eq!(back, given, "{cluster}"));
    }
}

#[test]
fn they_come_by_namespace_then_by_service_then_by_name() {
    let of = |namespace: &str| {
        let names = [
            "Service NS/api",
            "EndpointSlice NS/left",
            "Service NS/web",
            "EndpointSlice NS/web-a",
            "EndpointSlice NS/web-b",
            "Pod NS/p",
        ];
        [vec![format!("Namespace {namespace}")], names.map(|name| name.replace("NS", namespace)).into()].concat()
    };
    let backwards = small().into_iter().rev().collect();
    for given in [small(), backwards] {
        assert_eq!(keys(&all(&store(given), None)), [of("bank"), of("shop")].concat());
    }
}

#[test]
fn one_namespace_is_given_alone() {
    let store = store(small());
    assert!(keys(&all(&store, Some("shop"))).iter().all(|key| key.contains("shop")));
    assert_eq!(all(&store, Some("shop")).len() * 2, all(&store, None).len());
    assert!(Pages::new(store, Some("park")).is_empty());
}

#[test]
fn a_page_ends_when_it_is_full() {
    let services = (0..10).map(|at| slice("shop", &format!("s{at}"), &format!("s{at}-x"), PAGE_FULL / 4));
    let store = store(services.chain([namespace("shop")]).collect());
    let lengths: Vec<_> = Pages::new(store, None).map(|page| page.len()).collect();
    assert_eq!(lengths, [5, 4, 2]);
}

#[test]
fn what_vanishes_between_two_pages_is_left_out_and_what_changes_is_as_it_is_then() {
    let first = slice("a", "s", "s-x", PAGE_FULL);
    let [a, b, c] = ["a", "b", "c"].map(namespace);
    let later = [service("b", "web", "10.0.0.1"), pod("b", "p"), service("c", "web", "10.0.0.3"), b.clone(), c.clone()];
    let store = store([a.clone(), first.clone()].into_iter().chain(later).collect());
    let mut pages = Pages::new(store.clone(), None);
    assert_eq!(pages.next().unwrap(), [a, first]);
    for gone in [service("b", "web", "10.0.0.1"), pod("b", "p"), b] {
        store.lock().unwrap().apply(Change::Delete(gone.key()), 2);
    }
    let changed = service("c", "web", "10.0.0.4");
    store.lock().unwrap().apply(Change::Apply(changed.clone()), 2);
    assert_eq!(pages.next().unwrap(), [c, changed]);
    assert_eq!(pages.next(), None);
}

/// Who reads it believes in a namespace because an object lives in it.
#[test]
fn what_lives_in_a_namespace_that_is_not_there_is_left_out() {
    let hidden = [service("hidden", "web", "10.0.0.1"), slice("hidden", "web", "web-x", 1)];
    let shown = [namespace("shop"), service("shop", "web", "10.0.0.2")];
    assert_eq!(all(&store([&hidden[..], &shown].concat()), None), shown);
}
