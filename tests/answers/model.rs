//! However the cluster came to be what it is, the records are the same.

use std::{collections::BTreeMap, sync::Arc};

use clusterdns::{
    objects::{Change, Key, Known, Object, Origin, Picture, ServiceSpec},
    records::{
        store::Store,
        view::{Pods, View, ViewOptions},
    },
    respond::listing,
};
use proptest::{prelude::*, sample::select};

use crate::support::{
    NOW,
    cluster::{listed, namespace, options, service},
    reply,
};

const PATHS: [&str; 4] = ["a/web", "a/db", "b/web", "b/db"];
const HOSTS: [&str; 6] =
    ["10.0.0.1", "x=10.0.0.1", "x=10.0.0.2+fd00::2", "X=10.0.0.3", "one.example.com", "two.example.com"];
const PORTS: [&str; 3] = ["http:80/TCP", "http:80/UDP", "dns:53/UDP"];

#[derive(Clone, Debug)]
enum Step {
    Apply(Object),
    Delete(Object),
    /// Every object that is there, but the one at this place.
    Relist(prop::sample::Index),
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn steps_lead_where_a_fresh_start_leads(steps in prop::collection::vec(step(), 1..80)) {
        VIEWS.with(|(stepped, fresh)| {
            let (mut store, mut objects) = (Store::new(vec![stepped.clone()]), BTreeMap::new());
            store.apply(Change::Reset(picture(&objects)), NOW);
            for step in steps {
                store.apply(change(step, &mut objects), NOW);
            }
            let mut anew = Store::new(vec![fresh.clone()]);
            anew.apply(Change::Reset(picture(&objects)), NOW);
            prop_assert_eq!(records(stepped), records(fresh));

            for key in objects.keys() {
                store.apply(Change::Delete(key.clone()), NOW);
            }
            anew.apply(Change::Reset(Picture { known: Known::ALL, ..Picture::default() }), NOW);
            for view in [stepped, fresh] {
                prop_assert!(view.services.is_empty(), "services");
                prop_assert!(view.namespaces.is_empty(), "namespaces");
                prop_assert!(view.clusters.is_empty(), "cluster IPs");
                prop_assert!(view.endpoints.is_empty(), "endpoints");
                prop_assert!(view.pods.is_empty(), "pods");
            }
            Ok(())
        })?;
    }
}

thread_local! {
    /// Made once: empty tables take longer to make than a test.
    static VIEWS: (Arc<View>, Arc<View>) = (empty_view(), empty_view());
}

fn empty_view() -> Arc<View> {
    let view = View::new(ViewOptions { pods: Pods::Verified, zonal: true, ..options() });
    // Whether something ever changed is no part of the records.
    view.set_serial(NOW);
    Arc::new(view)
}

fn change(step: Step, objects: &mut BTreeMap<Key, Object>) -> Change {
    match step {
        Step::Apply(object) => {
            objects.insert(object.key(), object.clone());
            Change::Apply(object)
        }
        Step::Delete(object) => {
            objects.remove(&object.key());
            Change::Delete(object.key())
        }
        Step::Relist(missing) => {
            if !objects.is_empty() {
                let key = objects.keys().nth(missing.index(objects.len())).expect("an object").clone();
                objects.remove(&key);
            }
            Change::Reset(picture(objects))
        }
    }
}

fn picture(objects: &BTreeMap<Key, Object>) -> Picture {
    Picture { objects: objects.values().rev().cloned().collect(), known: Known::ALL, ..Picture::default() }
}

fn records(view: &View) -> Vec<String> {
    let zones = view.options.zones.iter();
    zones.flat_map(|zone| listing::records(view, zone)).map(|record| reply::text(&record)).collect()
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => object().prop_map(Step::Apply),
        3 => object().prop_map(Step::Delete),
        1 => any::<prop::sample::Index>().prop_map(Step::Relist),
    ]
}

fn object() -> impl Strategy<Value = Object> {
    prop_oneof![
        3 => (0..PATHS.len(), 0..5u8).prop_map(|(path, variant)| service_at(path, variant)),
        4 => endpoints(),
        2 => select(&["a", "b"][..]).prop_map(namespace),
        1 => (select(&PATHS[..]), 1..4u8).prop_map(|(path, octet)| pod(path, octet)),
    ]
}

/// Services share no cluster IP, as in a cluster: whose it is would be a matter of who came first.
fn service_at(path: usize, variant: u8) -> Object {
    let ips = |count: u8| (0..count).map(|nth| std::net::IpAddr::from([10, 96, path as u8, nth])).collect();
    let spec = match variant {
        0 | 1 => ServiceSpec::Cluster { ips: ips(variant + 1), chosen: false },
        2 => ServiceSpec::Headless,
        3 => ServiceSpec::External { target: "web.a.svc.cluster.local".into(), ips: ips(1) },
        _ => ServiceSpec::External { target: "example.com".into(), ips: ips(0) },
    };
    service(PATHS[path], spec, &PORTS[..usize::from(variant % 3)])
}

/// Some objects move from one Service to another.
fn endpoints() -> impl Strategy<Value = Object> {
    let origin = select(&[Origin::Slice, Origin::Slice, Origin::Endpoints][..]);
    let hosts = prop::collection::vec(select(&HOSTS[..]), 0..4);
    let ports = prop::collection::vec(select(&PORTS[..]), 0..3);
    (origin, select(&PATHS[..]), 0..3u8, hosts, ports).prop_map(|(origin, path, number, hosts, ports)| {
        listed(origin, path, &format!("list-{number}"), &hosts, &ports)
    })
}

fn pod(path: &str, octet: u8) -> Object {
    let cluster = crate::support::cluster().pod(path, &format!("10.0.0.{octet}"));
    cluster.objects[0].clone()
}
