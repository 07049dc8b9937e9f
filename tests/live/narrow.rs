//! What is not needed is not asked for.

use crate::{api::*, running::*};

#[test]
fn labels_and_namespace_labels_are_selected_by_the_server() {
    let api = shop();
    api.apply(service("shop/chosen").label("tier", "front").cluster_ip("10.0.0.2"));
    api.apply(namespace("shop").label("team", "a"));
    let server = setup(&api).server("labels = \"tier in (front)\"").server("namespace_labels = \"team=a\"").start();
    server.answers("chosen.shop", "A", "10.0.0.2");
    server.answers("web.shop", "A", "NXDOMAIN");
    for (plural, selector) in
        [("services", "tier in (front)"), ("endpointslices", "tier in (front)"), ("namespaces", "team=a")]
    {
        let requests = api.requests_for(plural);
        assert!(!requests.is_empty());
        assert!(requests.iter().all(|request| request.parameter("labelSelector") == Some(selector)), "{requests:?}");
    }
}

/// The server tells of it as a deletion.
#[test]
fn what_loses_its_label_is_gone() {
    let api = shop();
    api.apply(service("shop/chosen").label("tier", "front").cluster_ip("10.0.0.2"));
    let server = setup(&api).server("labels = \"tier=front\"").start();
    server.answers("chosen.shop", "A", "10.0.0.2");
    api.apply(service("shop/chosen").cluster_ip("10.0.0.2"));
    server.answers("chosen.shop", "A", "NXDOMAIN");
    api.apply(service("shop/web").label("tier", "front").cluster_ip("10.0.0.1"));
    server.answers("web.shop", "A", "10.0.0.1");
}

/// A Role in each of them is right enough; of Namespaces nobody can be granted a part by it.
#[test]
fn named_namespaces_are_watched_one_by_one() {
    let api = shop();
    api.apply(namespace("bank"));
    api.apply(service("bank/api").cluster_ip("10.0.0.2"));
    api.apply(namespace("secret"));
    api.apply(service("secret/api").cluster_ip("10.0.0.3"));
    let server = setup(&api).server("namespaces = [\"shop\", \"bank\"]").start();
    server.answers("web.shop", "A", "10.0.0.1");
    server.answers("api.bank", "A", "10.0.0.2");
    server.answers("api.secret", "A", "NXDOMAIN");
    let paths = |plural: &str| {
        let mut paths: Vec<_> = api.requests_for(plural).into_iter().map(|request| request.path).collect();
        paths.sort();
        paths
    };
    assert_eq!(paths("services"), ["/api/v1/namespaces/bank/services", "/api/v1/namespaces/shop/services"]);
    assert_eq!(
        paths("endpointslices"),
        ["bank", "shop"].map(|namespace| format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"))
    );
    let mut named: Vec<_> = api.requests_for("namespaces");
    named.sort_by_key(|request| request.query.get("fieldSelector").cloned());
    let fields: Vec<_> = named.iter().map(|request| request.parameter("fieldSelector")).collect();
    assert_eq!(fields, [Some("metadata.name=bank"), Some("metadata.name=shop")]);
}

/// A new list of one namespace says nothing of the others.
#[test]
fn each_namespace_is_listed_again_for_itself() {
    let api = shop();
    api.apply(namespace("bank"));
    api.apply(service("bank/api").cluster_ip("10.0.0.2"));
    let server = setup(&api).server("namespaces = [\"shop\", \"bank\"]").start();
    server.answers("web.shop", "A", "10.0.0.1");
    server.answers("api.bank", "A", "10.0.0.2");
    let (web, bank) = (server.meanwhile("web.shop", "A"), server.meanwhile("api.bank", "A"));
    api.stop();
    api.compact();
    api.delete("services", "shop/db");
    api.resume();
    server.answers("db.shop", "A", "NXDOMAIN");
    assert_eq!((web.heard(), bank.heard()), (vec!["10.0.0.1".to_owned()], vec!["10.0.0.2".to_owned()]));
}

#[test]
fn without_endpoints_no_slices_are_watched() {
    let api = shop();
    let server = setup(&api).server("noendpoints = true").start();
    server.answers("web.shop", "A", "10.0.0.1");
    server.answers("no.shop", "A", "NXDOMAIN");
    server.is_well();
    assert!(api.requests_for("endpointslices").is_empty());
    assert!(api.requests_for("pods").is_empty());
}

#[test]
fn pods_are_watched_where_they_are_verified_and_ended_ones_are_left_to_the_server() {
    let api = shop();
    api.apply(pod("shop/runs").ip("10.3.0.1"));
    api.apply(pod("shop/done").ip("10.3.0.2").phase("Succeeded"));
    let server = setup(&api).server("pods = \"verified\"").start();
    server.answers("10-3-0-1.shop.pod.cluster.local.", "A", "10.3.0.1");
    server.answers("10-3-0-2.shop.pod.cluster.local.", "A", "NXDOMAIN");
    let requests = api.requests_for("pods");
    assert!(!requests.is_empty());
    for request in requests {
        let fields = request.parameter("fieldSelector").unwrap_or_default().to_owned();
        assert!(fields.contains("status.phase!=Succeeded") && fields.contains("status.phase!=Failed"), "{fields}");
        assert_eq!(request.parameter("allowWatchBookmarks"), Some("true"));
    }
    api.apply(pod("shop/runs").ip("10.3.0.1").phase("Failed"));
    server.answers("10-3-0-1.shop.pod.cluster.local.", "A", "NXDOMAIN");
    api.apply(pod("shop/new").ip("10.3.0.3"));
    server.answers("10-3-0-3.shop.pod.cluster.local.", "A", "10.3.0.3");
    api.delete("pods", "shop/new");
    server.answers("10-3-0-3.shop.pod.cluster.local.", "A", "NXDOMAIN");
}
