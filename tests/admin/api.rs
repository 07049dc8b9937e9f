//! `/api`, seen by clients.

use std::sync::{Arc, Mutex};

use clusterdns::{
    admin::api::{Api, Sources},
    explain::{Explainer, Explanation, cluster::Services},
    objects::{
        Change, Known, Needs, Picture,
        decode::{self, Decoded},
        snapshot::{self, Options, Source},
    },
    records::{
        store::{Pages, Store},
        view::View,
    },
    respond::{Responder, plan},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use super::{Page, Running, exchange, request, support};

// ----------- What is shown -------------------------------------------------

#[tokio::test]
async fn a_name_is_explained() {
    let (running, _) = start();
    let page = running.get("/api/explain?name=web").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("application/json")));
    let told: Explanation = serde_json::from_str(&page.body).unwrap();
    assert_eq!((&*told.from, &*told.resolver, &*told.qtype, told.resolves), ("default", "glibc", "A+AAAA", false));
    assert_eq!(told.reason, "Service web exists in namespace shop, not in default: did you mean web.shop?");

    let page = running.get("/api/explain?name=web&from=shop&resolver=musl&type=A").await;
    let told: Explanation = serde_json::from_str(&page.body).unwrap();
    assert_eq!((&*told.from, &*told.resolver, &*told.qtype, told.resolves), ("shop", "musl", "A", true));
    assert_eq!(told.records[0].data, "10.96.0.1");
    assert_eq!(running.get("/api/explain?name=w%65b.shop").await.status, 200);
}

#[tokio::test]
async fn services_are_listed() {
    let (running, _) = start();
    let list = async |query: &str| -> Services {
        serde_json::from_str(&running.get(&format!("/api/services{query}")).await.body).unwrap()
    };
    let all = list("").await;
    let names: Vec<_> = all.services.iter().map(|service| format!("{}/{}", service.namespace, service.name)).collect();
    assert_eq!((all.total, names.join(" ")), (2, "shop/db shop/web".into()));
    assert_eq!((all.services[0].kind.as_str(), all.services[0].ready), ("Headless", 1));
    assert_eq!(list("?search=we").await.total, 1);
    assert_eq!(list("?namespace=other").await.total, 0);
    let second = list("?offset=1&limit=1").await;
    assert_eq!((second.total, second.offset, &*second.services[0].name), (2, 1, "web"));
}

#[tokio::test]
async fn the_state_of_the_server_is_told() {
    let (running, _) = start();
    running.metrics.events.source_loaded_timestamp_seconds.set(1_760_000_000);
    let page = running.get("/api/status").await;
    assert_eq!(
        serde_json::from_str::<Value>(&page.body).unwrap(),
        json!({
            "version": env!("CARGO_PKG_VERSION"), "ready": true,
            "zones": ["cluster.local", "in-addr.arpa", "ip6.arpa"], "namespaces": ["default", "shop"],
            "services": 2, "endpoints": 1, "sources": ["a test"], "loaded_unix_secs": 1_760_000_000,
            "resolvers": ["glibc", "glibc-2.25", "musl", "musl-1.2.3", "go"], "from": "default",
        })
    );
}

#[tokio::test]
async fn the_objects_are_given_as_a_list() {
    let (running, store) = start();
    let page = running.get("/api/snapshot").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("application/json")));
    assert_eq!(page.header("content-length"), None, "it is made part by part");
    let list = page.unchunked();
    let keys = |text: &str| {
        let list: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let key = |item: &Value| text(&item["kind"]) + " " + &text(&item["metadata"]["name"]);
        list["items"].as_array().unwrap().iter().map(key).collect::<Vec<_>>()
    };
    // It is known that there is no Pod.
    let shop = ["Namespace shop", "Service db", "EndpointSlice slice-2", "Service web", "PodList "];
    assert_eq!(keys(&list), [&["Namespace default"], &shop[..]].concat());
    assert_eq!(keys(&running.get("/api/snapshot?namespace=shop").await.unchunked()), shop);
    let source = Source::Text("snapshot".into(), list.into_bytes().into());
    let read = snapshot::load(&[source], &Options::default(), &mut |_| {}).unwrap();
    assert_eq!((read.picture.known, &*read.problems), (Known { pods: false, ..Known::ALL }, &[][..]));
    let objects: Vec<_> = Pages::new(store, None).flatten().collect();
    assert!(read.picture.objects.iter().all(|object| objects.contains(object)) && objects.len() == 5);
}

/// More than buffers hold, and clients that go away in the middle.
#[tokio::test]
async fn a_large_cluster_comes_in_parts_and_a_client_may_leave() {
    let (running, store) = start();
    let shop = support::cluster::namespace("shop");
    let service = |at: usize| {
        let target = "x".repeat(250);
        let json = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": format!("s{at}"), "namespace": "shop"},
                          "spec": {"type": "ExternalName", "externalName": target}});
        match decode::object(&json.to_string(), Needs::default()) {
            Ok(Decoded::Object(service)) => service,
            other => panic!("{other:?}"),
        }
    };
    let picture =
        Picture { objects: (0..10_000).map(service).chain([shop]).collect(), known: Known::ALL, ..Picture::default() };
    store.lock().unwrap().apply(Change::Reset(picture), support::NOW);
    for _ in 0..3 {
        let mut leaving = TcpStream::connect(running.addresses[0]).await.unwrap();
        leaving.write_all(request("/api/snapshot").as_bytes()).await.unwrap();
        leaving.read_exact(&mut [0; 1000]).await.unwrap();
    }
    let list = running.get("/api/snapshot").await.unchunked();
    assert_eq!(list.matches("\"kind\":\"Service\"").count(), 10_000);
}

#[tokio::test]
async fn one_snapshot_is_taken_at_a_time() {
    let (running, store) = start();
    let release = hold(store);
    let address = running.addresses[0];
    let mut asking = JoinSet::new();
    for _ in 0..2 {
        asking.spawn(async move { exchange(address, &request("/api/snapshot")).await });
    }
    let refused = asking.join_next().await.unwrap().unwrap();
    assert_eq!((refused.status, &*error(&refused)), (503, "another snapshot is being taken: ask again"));
    release();
    assert_eq!(asking.join_next().await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn what_there_is_no_snapshot_of_is_told() {
    let (running, store) = start();
    let refused = running.get("/api/snapshot?namespace=shpo").await;
    assert_eq!((refused.status, &*error(&refused)), (404, "namespace shpo does not exist"));
    let picture = Picture { known: Known { services: false, ..Known::ALL }, ..Picture::default() };
    store.lock().unwrap().apply(Change::Reset(picture), support::NOW);
    let refused = running.get("/api/snapshot").await;
    assert_eq!((refused.status, &*error(&refused)), (503, "the cluster is not known completely yet: see /ready"));
}

// ----------- What is refused -----------------------------------------------

#[tokio::test]
async fn a_request_that_makes_no_sense_is_told_why() {
    let (running, _) = start();
    let long = format!("name={}", "x".repeat(256));
    for (query, why) in [
        ("explain", "name: write what is looked up, like web.shop"),
        ("explain?name=", "name: write"),
        (&*format!("explain?{long}"), "name: 256 octets"),
        ("explain?name=web&from=a.b", "from \"a.b\": "),
        ("explain?name=web&resolver=bionic", "resolver \"bionic\": not one of glibc, "),
        ("explain?name=web&type=NONE", "type \"NONE\": "),
        ("explain?nmae=web", "nmae: no such parameter; there are name, from, resolver, type"),
        ("snapshot?namespaces=a", "namespaces: no such parameter; there are namespace"),
        ("services?limit=201", "limit \"201\": write a number up to 200"),
        ("services?offset=-1", "offset \"-1\": "),
    ] {
        let page = running.get(&format!("/api/{query}")).await;
        assert!(page.status == 400 && error(&page).starts_with(why), "{query}: {}", page.body);
    }
    assert_eq!(running.send("POST /api/status HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await.status, 405);
}

/// DNS rebinding: a site's own name leads to the server, and the site's page asks it.
#[tokio::test]
async fn another_sites_page_learns_nothing() {
    let (running, _) = start();
    let ask = |path: &str, host: &str| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    for path in ["/", "/api/status", "/api/services", "/api/snapshot", "/api/explain?name=web"] {
        let refused = running.send(&ask(path, "evil.com:9153")).await;
        assert!(refused.status == 403 && error(&refused).contains("hosts of [admin]"), "{path}: {}", refused.body);
        for host in ["127.0.0.1:9153", "[::1]", "localhost", "dns.kube-system.svc"] {
            assert_eq!(running.send(&ask(path, host)).await.status, 200, "{path} {host}");
        }
    }
    assert_eq!(running.send(&ask("/metrics", "evil.com")).await.status, 200, "for whoever scrapes by name");
}

#[tokio::test]
async fn an_unknown_path_is_told_so_in_json() {
    let (running, _) = start();
    for path in ["/api", "/api/", "/api/explain/web", "/api/none"] {
        let page = running.get(path).await;
        assert!(page.status == 404 && error(&page).contains("/api/services"), "{path}: {} {}", page.status, page.body);
    }
}

#[tokio::test]
async fn it_can_be_turned_off() {
    let running = Running::start();
    for path in ["/api", "/api/explain?name=web", "/api/services", "/api/snapshot", "/api/status"] {
        let page = running.get(path).await;
        assert_eq!(
            (page.status, error(&page)),
            (404, "turned off: [admin] explain = true in the configuration turns it on".into())
        );
    }
    assert_eq!(running.get("/health").await.status, 200);
}

/// While the cluster changes explanations wait. Four of them do so, and a probe waits for none.
#[tokio::test]
async fn too_many_at_once_are_refused() {
    let (running, store) = start();
    let release = hold(store);
    let mut asking = JoinSet::new();
    for index in 0..5 {
        let address = running.addresses[index % 2];
        asking.spawn(async move { exchange(address, &request("/api/explain?name=web")).await });
    }
    let refused = asking.join_next().await.unwrap().unwrap();
    assert_eq!((refused.status, &*error(&refused)), (503, "too many explanations at once: ask again"));
    assert_eq!(running.get("/health").await.status, 200);
    release();
    for page in asking.join_all().await {
        assert_eq!(page.status, 200);
    }
    assert_eq!(running.get("/api/explain?name=web").await.status, 200);
}

// ----------- A cluster -----------------------------------------------------

/// Holds the store as a change does, until it is released.
fn hold(store: Arc<Mutex<Store>>) -> impl FnOnce() {
    let (locked, release) = std::sync::mpsc::channel::<()>();
    let (ready, is_locked) = std::sync::mpsc::channel();
    let change = std::thread::spawn(move || {
        let _store = store.lock().unwrap();
        ready.send(()).unwrap();
        let _ = release.recv();
    });
    is_locked.recv().unwrap();
    move || {
        drop(locked);
        change.join().unwrap();
    }
}

fn error(page: &Page) -> String {
    assert_eq!(page.header("content-type"), Some("application/json"), "{}", page.body);
    let body: Value = serde_json::from_str(&page.body).unwrap();
    body["error"].as_str().expect("a reason").to_owned()
}

/// An admin address that explains, and the store of its cluster.
pub(super) fn start() -> (Running, Arc<Mutex<Store>>) {
    let cluster = support::cluster().service("shop/web", &["10.96.0.1"], &["http:80/TCP"]).headless("shop/db");
    let picture = cluster.slice("shop/db", &["10.0.0.1"], &["pg:5432/TCP"]).namespace("default").picture();
    let view = Arc::new(View::new(support::cluster::options()));
    let mut store = Store::new(vec![view.clone()]);
    store.apply(Change::Reset(picture), support::NOW);
    let server =
        plan::Server { view: Some(view), transfer: None, rotate: false, unanswered: 2, ..plan::Server::default() };
    let responder = Responder::new(support::plan(vec![server], &[(&[(".", 0)], false)]));
    let store = Arc::new(Mutex::new(store));
    let sources = Sources::default();
    sources.set(vec!["a test".into()]).unwrap();
    let api = Api::new(Explainer::new(Arc::new(responder), store.clone()), sources, Vec::new());
    (Running::start_with(Some(api)), store)
}
