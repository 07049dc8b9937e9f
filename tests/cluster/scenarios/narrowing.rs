//! Configurations that serve a part of the cluster, or more of it.

use k8s_openapi::api::core::v1::{Namespace, Pod, Service};
use serde_json::json;

use crate::{
    World,
    ask::{Question, set},
    clusterdns::Clusterdns,
    control_plane::READER,
    objects::{endpoint, http, selector, slice},
    scenarios::served,
};

pub(crate) fn only_a_part_is_served(world: &World) -> String {
    let cluster = &world.cluster;
    cluster.namespace("part-a");
    cluster.namespace("part-b");
    let a = cluster.service("part-a/web", selector("web")).remove(0);
    let b = cluster.service("part-b/web", selector("web")).remove(0);
    cluster.service("part-a/db", http(json!({"clusterIP": "None"})));
    cluster.create(&slice("part-a/db-1", "db", vec![endpoint("10.11.0.1", Some("one"))]));
    let access = world.plane.access(READER);
    let start = |keys: &str| Clusterdns::ready(&access, &served(keys));
    let labels = start(r#"labels = "team=a""#);
    let namespaces = start(r#"namespaces = ["part-a"]"#);
    let namespace_labels = start(r#"namespace_labels = "team=a""#);
    let noendpoints = start("noendpoints = true");

    namespaces.eventually("web.part-a A", &a);
    namespaces.eventually("one.db.part-a A", "10.11.0.1");
    namespaces.now("web.part-b A", "NXDOMAIN");
    namespaces.now("part-b.svc.cluster.local. A", "NXDOMAIN");
    namespaces.now(Question::reverse(&b), "NXDOMAIN");
    let late = cluster.service("part-a/late", selector("web")).remove(0);
    namespaces.eventually("late.part-a A", late);

    noendpoints.eventually("web.part-a A", &a);
    noendpoints.eventually("web.part-b A", &b);
    noendpoints.now("db.part-a A", "NXDOMAIN");
    noendpoints.now("one.db.part-a A", "NXDOMAIN");
    noendpoints.now(Question::reverse("10.11.0.1"), "NXDOMAIN");

    labels.now("web.part-a A", "NXDOMAIN");
    let label = |team: Option<&str>| json!({"metadata": {"labels": {"team": team}}});
    for (team, answer) in [(Some("a"), a.as_str()), (Some("b"), "NXDOMAIN"), (Some("a"), &a), (None, "NXDOMAIN")] {
        cluster.patch::<Service>("part-a/web", &label(team));
        labels.eventually("web.part-a A", answer);
    }

    namespace_labels.now("web.part-b A", "NXDOMAIN");
    for (team, answer, whole) in
        [(Some("a"), b.as_str(), "NODATA"), (None, "NXDOMAIN", "NXDOMAIN"), (Some("a"), &b, "NODATA")]
    {
        cluster.patch::<Namespace>("part-b", &label(team));
        namespace_labels.eventually("web.part-b A", answer);
        namespace_labels.eventually("part-b.svc.cluster.local. A", whole);
        namespace_labels.now("web.part-a A", "NXDOMAIN");
    }
    cluster.delete::<Namespace>("part-b");
    namespace_labels.eventually("web.part-b A", "NXDOMAIN");
    String::new()
}

pub(crate) fn pods_are_verified(world: &World) -> String {
    let cluster = &world.cluster;
    cluster.namespace("pods");
    cluster.pods("pods", &[("one", "10.12.0.1")], "web");
    let server = Clusterdns::ready(&world.plane.access(READER), &served(r#"pods = "verified""#));
    server.eventually("10-12-0-1.pods.pod.cluster.local. A", "10.12.0.1");
    server.now("10-12-0-2.pods.pod.cluster.local. A", "NXDOMAIN");
    server.now("10-12-0-1.steady.pod.cluster.local. A", "NXDOMAIN");
    cluster.pods("pods", &[("two", "10.12.0.2"), ("six", "fd00:12::6")], "web");
    server.eventually("10-12-0-2.pods.pod.cluster.local. A", "10.12.0.2");
    server.eventually("fd00-12--6.pods.pod.cluster.local. AAAA", "fd00:12::6");
    cluster.service("pods/web", http(json!({"selector": {"app": "web"}, "clusterIP": "None"})));
    server.eventually("web.pods A", set(["10.12.0.1", "10.12.0.2"]));
    cluster.delete::<Pod>("pods/one");
    server.eventually("10-12-0-1.pods.pod.cluster.local. A", "NXDOMAIN");
    server.eventually("web.pods A", "10.12.0.2");
    cluster.delete::<Pod>("pods/two");
    cluster.pods("pods", &[("three", "10.12.0.2")], "web");
    server.eventually("three.web.pods A", "10.12.0.2");
    server.eventually("10-12-0-2.pods.pod.cluster.local. A", "10.12.0.2");
    String::new()
}
