//! When changes show, and what they leave behind.

use super::*;
use crate::{
    objects::{Address, Endpoint, Endpoints, Names, Origin, ServiceSpec, Subset},
    records::{view::ViewOptions, zone::Zone},
};

fn slice(name: &str, addresses: &[&str]) -> Object {
    let ready = addresses.iter().map(|text| Endpoint::new([Address::read(text, text.parse().ok())], Names::default()));
    Object::Endpoints(Endpoints {
        origin: Origin::Slice,
        namespace: "shop".into(),
        name: name.into(),
        service: Some("web".into()),
        subsets: [Subset { ready: ready.collect(), ..Subset::default() }].into(),
        labels: Box::default(),
    })
}

fn service() -> Object {
    Object::Service(objects::Service {
        namespace: "shop".into(),
        name: "web".into(),
        spec: ServiceSpec::Headless,
        ports: Box::default(),
        selector: Box::default(),
        labels: Box::default(),
    })
}

fn store() -> (Store, Arc<View>) {
    let view = Arc::new(View::new(ViewOptions::new(Zone::parse("cluster.local").unwrap())));
    (Store::new(vec![view.clone()]), view)
}

fn addresses(view: &View) -> usize {
    view.service(b"\x03web\x04shop", |service| service.endpoint_addresses().count()).unwrap_or(0)
}

#[test]
fn a_service_is_published_once_all_of_its_objects_have_changed() {
    let (mut store, view) = store();
    let objects = vec![service(), slice("a", &["10.0.0.1"]), slice("z", &[])];
    store.apply(Change::Reset(Picture { objects, known: Known::ALL, ..Picture::default() }), 1);
    store.put(slice("a", &[]), 2);
    assert_eq!(addresses(&view), 1, "the other slice may have it now");
    store.put(slice("z", &["10.0.0.2"]), 2);
    store.publish_touched(2);
    assert_eq!(addresses(&view), 1);
}

#[test]
fn what_cannot_be_read_stays_as_it_was() {
    let (mut store, view) = store();
    let objects = vec![service(), slice("a", &["10.0.0.1"])];
    let left_out = vec![slice("a", &[]).key()];
    store.apply(Change::Reset(Picture { objects, known: Known::ALL, ..Picture::default() }), 1);
    store.apply(
        Change::Reset(Picture { objects: vec![service()], left_out, known: Known::ALL, ..Picture::default() }),
        2,
    );
    assert_eq!(addresses(&view), 1);
    store.apply(Change::Reset(Picture { objects: vec![service()], known: Known::ALL, ..Picture::default() }), 3);
    assert_eq!(addresses(&view), 0);
}

#[test]
fn deleting_what_was_never_there_leaves_nothing_behind() {
    let (mut store, _) = store();
    store.apply(Change::Delete(service().key()), 1);
    assert!(store.services.is_empty());
}

#[test]
fn an_ipv4_address_in_its_ipv6_form_is_that_address() {
    let (mut store, view) = store();
    for addresses in [&["10.0.0.1", "::ffff:10.0.0.1"][..], &["::ffff:10.0.0.1"], &["10.0.0.1"]] {
        store.apply(Change::Apply(slice("a", addresses)), 1);
        assert_eq!(view.endpoints.len(), 1);
    }
    store.apply(Change::Apply(slice("a", &[])), 1);
    assert_eq!(view.endpoints.len(), 0);
}

#[test]
fn a_picture_of_one_kind_says_nothing_about_the_others() {
    let (mut store, view) = store();
    let slices = |objects| {
        let scope = Scope::Kind { kind: Kind::EndpointSlice, namespace: None };
        Change::Reset(Picture {
            objects,
            known: Known { endpoints: true, ..Known::default() },
            scope,
            ..Picture::default()
        })
    };
    store.apply(Change::Apply(service()), 1);
    store.apply(slices(vec![slice("a", &["10.0.0.1"]), slice("b", &["10.0.0.2"])]), 1);
    assert_eq!(addresses(&view), 2);
    store.apply(slices(vec![slice("b", &["10.0.0.2"])]), 2);
    assert_eq!(addresses(&view), 1, "slice a is gone, the Service is not");
    assert!(store.service_spec("shop", "web").is_some());
    let elsewhere = Scope::Kind { kind: Kind::EndpointSlice, namespace: Some("other".into()) };
    store.apply(Change::Reset(Picture { scope: elsewhere, ..Picture::default() }), 3);
    assert_eq!(addresses(&view), 1);
}

#[test]
fn changes_taken_together_show_together() {
    let (mut store, view) = store();
    store
        .apply(Change::Reset(Picture { objects: vec![service(), slice("a", &["10.0.0.1"])], ..Picture::default() }), 1);
    // An endpoint moves to another slice: it is listed nowhere in between.
    let seen = |change| {
        assert_eq!(addresses(&view), 1);
        change
    };
    let moved = [
        Change::Apply(slice("a", &[])),
        Change::Apply(slice("b", &["10.0.0.1"])),
        Change::Delete(slice("a", &[]).key()),
    ];
    store.apply_all(moved.into_iter().map(seen), 2);
    assert_eq!(addresses(&view), 1);
    assert!(store.keys(&Scope::Everything).all(|key| &*key.name != "a"));
}

#[test]
fn what_a_defect_left_undone_is_done_when_everything_is_published() {
    let (mut store, view) = store();
    store.apply_all([Change::Apply(service()), Change::Apply(slice("a", &["10.0.0.1"]))], 1);
    let key = b"\x03web\x04shop";
    view.services.publish(service::hash(key), |service| service.is(key), None);
    store.apply(Change::Apply(service()), 2);
    assert_eq!(addresses(&view), 0, "an object that did not change is not published");
    store.publish_all(3);
    assert_eq!(addresses(&view), 1);
}
