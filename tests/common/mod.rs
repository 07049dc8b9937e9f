//! What tests over loopback share: a small cluster to answer from, questions, and patience.

#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::{future::Future, sync::Arc, time::Duration};

use clusterdns::{
    objects::{Change, Known, Needs, Object, Picture, decode},
    records::{
        name::Name,
        store::Store,
        view::{View, ViewOptions},
        zone::Zone,
    },
    respond::{
        Responder,
        plan::{Listener, Plan, Route, Server, Transfer},
    },
};

/// Answers for `cluster.local` from the namespace `shop` and these objects (JSON), and gives the
/// zone to anybody.
pub(crate) fn responder(objects: &[String]) -> Arc<Responder> {
    responder_of("cluster.local", objects)
}

/// The same for another zone.
pub(crate) fn responder_of(apex: &str, objects: &[String]) -> Arc<Responder> {
    let zone = || Zone::parse(apex).expect("a zone").remove(0);
    let view = Arc::new(View::new(ViewOptions::new(vec![zone()])));
    let namespace = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}"#.to_owned();
    let objects = objects.iter().chain([&namespace]).map(|json| object(json)).collect();
    Store::new(vec![view.clone()])
        .apply(Change::Reset(Picture { objects, known: Known::ALL, ..Picture::default() }), 1);
    let transfer = Some(Transfer { to: vec!["0.0.0.0/0".parse().expect("a CIDR")] });
    Arc::new(Responder::new(Plan {
        servers: vec![Server { view: Some(view), transfer, rotate: false, unanswered: 5, ..Server::default() }],
        listeners: vec![Listener { address: ([0, 0, 0, 0], 53).into(), any_class: false, zones: vec![(zone(), 0)] }],
        routes: vec![Route { listener: 0, zone: format!("{apex}."), server: 0 }],
        ..Plan::default()
    }))
}

fn object(json: &str) -> Object {
    let needs = Needs { labels: false, pod_names: false, zones: false, pods: false, selectors: false };
    match decode::object(json, needs).expect("a legal object") {
        decode::Decoded::Object(object) => object,
        _ => panic!("not an object that is served: {json}"),
    }
}

/// A service of `shop` with this cluster IP, or `None` for a headless one.
pub(crate) fn service(name: &str, cluster_ip: &str) -> String {
    format!(
        r#"{{"apiVersion":"v1","kind":"Service","metadata":{{"name":"{name}","namespace":"shop"}},
            "spec":{{"clusterIP":"{cluster_ip}","ports":[{{"name":"http","port":80,"protocol":"TCP"}}]}}}}"#
    )
}

/// A question of class IN, with RD.
pub(crate) fn query(id: u16, name: &str, qtype: u16) -> Vec<u8> {
    let mut message = [id, 0x0100, 1, 0, 0, 0].iter().flat_map(|word: &u16| word.to_be_bytes()).collect::<Vec<_>>();
    message.extend_from_slice(Name::parse(name).expect("a name").wire());
    message.extend([qtype, 1].iter().flat_map(|word| word.to_be_bytes()));
    message
}

/// Id and rcode of a reply.
pub(crate) fn id_and_rcode(reply: &[u8]) -> (u16, u8) {
    assert!(reply[2] & 0x80 != 0, "not a reply: {reply:?}");
    (u16::from_be_bytes([reply[0], reply[1]]), reply[3] & 15)
}

/// What comes within any reasonable time. Tests wait for events, and only a failure takes so long.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it should have happened by now")
}

/// QTYPE.
pub(crate) const A: u16 = 1;
