//! Every kind of Service, with the records that it has.

use k8s_openapi::api::core::v1::Service;
use serde_json::{Value, json};

use crate::{
    World,
    ask::{Question, set},
    clusterdns::Clusterdns,
    control_plane::READER,
    objects::{Cluster, endpoint, endpoints, headless, http, selector, slice},
    scenarios::DEFAULTS,
};

/// Some exist before the server starts, some are made later: both get the same answers.
pub(crate) fn every_kind_of_service(world: &World) -> String {
    world.cluster.namespace("before");
    world.cluster.namespace("after");
    let before = make(&world.cluster, "before", 1);
    let server = Clusterdns::ready(&world.plane.access(READER), DEFAULTS);
    let after = make(&world.cluster, "after", 2);
    for (namespace, addresses, net) in [("before", before, 1), ("after", after, 2)] {
        with_a_cluster_ip(&server, namespace, &addresses);
        without_one(&server, namespace, net);
        aliases(&server, namespace, &addresses.web);
    }
    server.now("nothing.after A", "NXDOMAIN");
    server.now("after.svc.cluster.local. A", "NODATA");
    server.now("web.nowhere A", "NXDOMAIN");
    world.cluster.delete::<Service>("after/web");
    server.eventually("web.after A", "NXDOMAIN");
    String::new()
}

/// What the API server has chosen.
struct Addresses {
    web: String,
    dual: Vec<String>,
    ports: String,
}

/// Pods and endpoints are in `10.1.NET.0/24` and `fd00:1::NET:0/112`.
fn make(cluster: &Cluster, namespace: &str, net: u8) -> Addresses {
    let service = |name: &str, spec: Value| cluster.service(&format!("{namespace}/{name}"), spec);
    let address = |host: u8| format!("10.1.{net}.{host}");
    cluster.pods(namespace, &[("web-0", &address(1)), ("web-1", &address(2))], "web");
    cluster.pods(namespace, &[("db-0", &address(3)), ("db-1", &address(4))], "db");
    service("db", headless("db"));
    service("bare", http(json!({"clusterIP": "None"})));
    service("old", http(json!({"clusterIP": "None"})));
    service("outside", json!({"type": "ExternalName", "externalName": "www.example.com"}));
    let inside = format!("web.{namespace}.svc.cluster.local");
    service("inside", json!({"type": "ExternalName", "externalName": inside}));
    let (first, second) = (endpoint(&address(5), Some("one")), endpoint(&address(6), None));
    let mut resting = endpoint(&address(7), None);
    resting["conditions"]["ready"] = false.into();
    cluster.create(&slice(&format!("{namespace}/bare-4"), "bare", vec![first, second, resting]));
    let six = endpoint(&format!("fd00:1::{net}:5"), Some("one"));
    cluster.create(&slice(&format!("{namespace}/bare-6"), "bare", vec![six]));
    cluster.create(&endpoints(&format!("{namespace}/old"), &[&address(8), &address(9)]));
    let ports = json!([{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
        {"name": "metrics", "port": 9153, "protocol": "TCP"}]);
    let dual = http(json!({"selector": {"app": "web"}, "ipFamilyPolicy": "RequireDualStack"}));
    Addresses {
        web: service("web", selector("web")).remove(0),
        dual: service("dual", dual),
        ports: service("ports", json!({"ports": ports})).remove(0),
    }
}

fn with_a_cluster_ip(server: &Clusterdns, namespace: &str, addresses: &Addresses) {
    let whole = |name: &str| format!("{name}.{namespace}.svc.cluster.local.");
    let is = |question: &str, answer: &str| server.eventually(question.replace(" ", &format!(".{namespace} ")), answer);
    is("web A", &addresses.web);
    is("web AAAA", "NODATA");
    is("web SRV", &format!("0 100 80 {}", whole("web")));
    is("_http._tcp.web SRV", &format!("0 100 80 {}", whole("web")));
    is("_https._tcp.web SRV", "NXDOMAIN");
    server.eventually(Question::reverse(&addresses.web), whole("web"));
    let [four, six] = &addresses.dual[..] else { panic!("both families: {:?}", addresses.dual) };
    is("dual A", four);
    is("dual AAAA", six);
    server.eventually(Question::reverse(four), whole("dual"));
    server.eventually(Question::reverse(six), whole("dual"));
    is("ports A", &addresses.ports);
    is("_dns._udp.ports SRV", &format!("0 100 53 {}", whole("ports")));
    is("_metrics._tcp.ports SRV", &format!("0 100 9153 {}", whole("ports")));
    is("_dns._tcp.ports SRV", "NXDOMAIN");
    is("ports SRV", &set([53, 9153].map(|port| format!("0 33 {port} {}", whole("ports")))));
}

fn without_one(server: &Clusterdns, namespace: &str, net: u8) {
    let whole = |name: &str| format!("{name}.{namespace}.svc.cluster.local.");
    let address = |host: u8| format!("10.1.{net}.{host}");
    let is = |question: &str, answer: &str| server.eventually(question.replace(" ", &format!(".{namespace} ")), answer);
    is("db A", &set([address(3), address(4)]));
    is("db-0.db A", &address(3));
    is("_http._tcp.db SRV", &set(["db-0.db", "db-1.db"].map(|name| format!("0 50 80 {}", whole(name)))));
    server.eventually(Question::reverse(&address(4)), whole("db-1.db"));
    is("bare A", &set([address(5), address(6)]));
    is("bare AAAA", &format!("fd00:1::{net}:5"));
    is("one.bare A", &address(5));
    is(&format!("10-1-{net}-6.bare A"), &address(6));
    is(&format!("10-1-{net}-7.bare A"), "NXDOMAIN");
    is("old A", &set([address(8), address(9)]));
    server.eventually(Question::reverse(&format!("fd00:1::{net}:5")), whole("one.bare"));
}

fn aliases(server: &Clusterdns, namespace: &str, web: &str) {
    let is = |question: &str, answer: &str| server.eventually(question.replace(" ", &format!(".{namespace} ")), answer);
    is("outside CNAME", "www.example.com.");
    is("outside A", "CNAME www.example.com.");
    is("outside SRV", "NODATA");
    is("inside A", &set([web, &format!("CNAME web.{namespace}.svc.cluster.local.")]));
}
