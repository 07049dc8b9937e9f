//! A cluster, a lookup, and the sentence that explains it.

mod stages;

use super::{cluster::Listing, *};
use crate::{
    objects::{
        self, Address, Change, Endpoint, Endpoints, Known, Names, Object, Origin, Picture, Port, ServiceSpec, Subset,
    },
    records::view::{Pods, ViewOptions},
    respond::plan::{Listener, Route, Server},
    search::{
        Lookup,
        finish::{Completion, SearchList},
    },
};

// ----------- Near misses ---------------------------------------------------

#[test]
fn a_service_of_another_namespace_is_suggested() {
    let shop = cluster().service("example/backend-service", &["10.96.0.1"]).namespace("default");
    let told = shop.explain("backend-service");
    assert_eq!(
        told.reason,
        "Service backend-service exists in namespace example, not in default: did you mean backend-service.example?"
    );
    assert_eq!((told.resolves, &*told.program_sees), (false, "EAI_NONAME"));
    assert_eq!(told.suggestions, ["backend-service.example"]);
    let told = shop.explain("backend-service.default.svc.cluster.local");
    assert_eq!(told.suggestions, ["backend-service.example.svc.cluster.local"]);
}

#[test]
fn a_misspelled_namespace_is_named() {
    let example = cluster().service("example/backend-service", &["10.96.0.1"]).namespace("default");
    let told = example.explain("backend-service.exmaple");
    assert_eq!(told.reason, "namespace exmaple does not exist: did you mean example?");
    assert_eq!(told.suggestions, ["backend-service.example"]);
    assert_eq!(example.explain("api.exmaple").reason, "namespace exmaple does not exist: did you mean example?");
    assert_eq!(
        example.explain("backend-service.prod").reason,
        "namespace prod does not exist: did you mean backend-service.example?"
    );
}

#[test]
fn the_namespace_that_is_most_like_it_comes_first() {
    let all = cluster().service("apps/web", &["10.96.0.1"]).service("example/web", &["10.96.0.2"]);
    assert_eq!(all.namespace("default").explain("web.exmaple").suggestions, ["web.example", "web.apps"]);
}

#[test]
fn a_misspelled_service_is_named() {
    let shop = cluster().service("default/web-frontend", &["10.96.0.1"]).service("shop/web", &["10.96.0.2"]);
    assert_eq!(
        shop.explain("web-fronted").reason,
        "there is no Service web-fronted in namespace default: did you mean web-frontend?"
    );
    assert_eq!(shop.explain("wbe.shop").suggestions, ["web.shop"]);
    assert_eq!(shop.explain("wbe.shop.svc").suggestions, ["web.shop.svc"]);
}

/// It must resolve from where it is asked, and there are never more than three.
#[test]
fn a_suggestion_is_a_name_that_resolves() {
    let unready = cluster().headless("example/web", 0, 3).namespace("default").explain("web");
    assert_eq!(
        (&*unready.reason, unready.suggestions.len()),
        ("Service web exists in namespace example, not in default", 0)
    );

    let many = (1..=9).fold(cluster(), |all, n| all.service(&format!("team-{n}/web"), &["10.96.0.1"]));
    let told = many.namespace("default").explain("web");
    assert_eq!(told.suggestions, ["web.team-1", "web.team-2", "web.team-3"]);
    assert_eq!(
        told.reason,
        "Service web exists in namespaces team-1, team-2 and 7 more, not in default: did you mean web.team-1?"
    );
}

#[test]
fn what_is_like_nothing_is_just_missing() {
    let shop = cluster().service("shop/web", &["10.96.0.1"]).namespace("default");
    assert_eq!(shop.explain("ledger").reason, "there is no Service ledger in namespace default");
    assert_eq!(shop.explain("ledger.books").reason, "namespace books does not exist");
    assert_eq!(shop.explain("shop").reason, "shop is a namespace: the name of a Service belongs in front of it");
    assert_eq!(
        shop.explain("www.example.com").reason,
        "www.example.com lies outside of the cluster, and this server asks no others"
    );
}

#[test]
fn a_pod_of_a_namespace_that_does_not_exist_is_told_so() {
    let shop = cluster().service("shop/web", &["10.96.0.1"]);
    let told = shop.asked(Request { from: "shpo".into(), ..request("web") });
    assert_eq!(told.reason, "namespace shpo does not exist: did you mean shop?");
    assert_eq!(told.suggestions, ["web.shop"]);
}

// ----------- Objects that are there ----------------------------------------

#[test]
fn endpoints_that_are_not_ready_are_counted() {
    let reason = |ready, not_ready| cluster().headless("shop/web", ready, not_ready).explain("web.shop").reason;
    assert_eq!(reason(0, 3), "Service shop/web exists, 0 of 3 endpoints are ready");
    assert_eq!(reason(0, 1), "Service shop/web exists, its only endpoint is not ready");
    assert_eq!(reason(0, 0), "Service shop/web exists, it has no endpoints");
    // It resolves, and who knows why it fails behind that.
    assert_eq!(reason(2, 1), "Service shop/web exists, 2 of 3 endpoints are ready");
}

/// A change that no record shows still changes the count.
#[test]
fn the_count_follows_the_cluster() {
    let shop = cluster().headless("shop/web", 0, 3);
    let explainer = shop.start();
    let later = shop.headless("shop/web", 0, 2);
    let slice = later.objects.into_iter().rfind(|object| matches!(object, Object::Endpoints(_))).unwrap();
    explainer.store().apply(Change::Apply(slice), 2);
    assert_eq!(explainer.explain(&request("web.shop")).reason, "Service shop/web exists, 0 of 2 endpoints are ready");
}

#[test]
fn the_ports_that_there_are_are_named() {
    let shop = cluster().service("shop/web", &["10.96.0.1"]);
    let srv = |name: &str| shop.asked(Request { lookup: Lookup::Records(33), ..request(name) });
    let told = srv("_htttp._tcp.web.shop");
    assert_eq!(told.reason, "port name htttp not found; ports: http, metrics");
    assert_eq!(told.suggestions, ["_http._tcp.web.shop"]);
    assert_eq!(srv("_http._udp.web.shop").reason, "port http of Service shop/web has the protocol tcp, not udp");
    assert_eq!(srv("_http._tcp.wbe.shop").suggestions, ["_http._tcp.web.shop"]);
}

#[test]
fn an_endpoint_that_is_not_there_is_named() {
    let told = cluster().headless("shop/db", 2, 1).explain("db-7.db.shop");
    assert_eq!(told.reason, "Service shop/db has no ready endpoint db-7: did you mean db-0?");
}

#[test]
fn an_external_name_is_followed() {
    let reason = |target: &str, cluster: Cluster| cluster.external("default/db", target).explain("db").reason;
    let shop = || cluster().namespace("shop");
    assert_eq!(reason("db.shop.svc.cluster.local", shop()), "ExternalName points to db.shop, which does not exist");
    assert_eq!(
        reason("db.shop.svc.cluster.local", shop().headless("shop/db", 0, 3)),
        "ExternalName points to db.shop: Service shop/db exists, 0 of 3 endpoints are ready"
    );
    assert_eq!(
        reason("db.shop", shop().service("shop/db", &["10.96.0.1"])),
        "ExternalName points to db.shop, outside of the cluster, and this server asks no others: did you mean db.shop?"
    );
    assert_eq!(
        reason("db.example.com", shop()),
        "ExternalName points to db.example.com, outside of the cluster, and this server asks no others"
    );
    assert_eq!(reason("192.0.2.1", shop()), "Service default/db is an ExternalName for what is no name");
    // Two that lead to each other.
    let circle = shop().external("shop/db", "db.default.svc.cluster.local");
    assert_eq!(
        reason("db.shop.svc.cluster.local", circle),
        "ExternalName points to db.shop, which has no A+AAAA record"
    );
}

#[test]
fn a_family_that_it_does_not_have_is_named() {
    let shop = cluster().service("shop/web", &["10.96.0.1"]);
    let told = shop.asked(Request { lookup: Lookup::Ipv6, ..request("web.shop") });
    assert_eq!(told.reason, "Service shop/web has IPv4 addresses only");
}

#[test]
fn what_is_not_shown_is_told_apart_from_what_is_not_there() {
    let hidden = || cluster().service("shop/web", &["10.96.0.1"]).namespace("default");
    let only_default = hidden().with(|options| options.namespaces = vec!["default".into()]);
    assert_eq!(
        only_default.explain("web.shop").reason,
        "namespace shop exists, but the options of this server leave it out"
    );
    let labelled = hidden().with(|options| options.labels = crate::records::selector::Selector::parse("a=b").ok());
    assert_eq!(
        labelled.explain("web.shop").reason,
        "Service shop/web exists, but the options of this server leave it out"
    );
    let mut unknown = hidden();
    unknown.known = Known::default();
    assert_eq!(unknown.explain("api.shop").reason, "the cluster is not known completely yet");
}

// ----------- Resolvers -----------------------------------------------------

#[test]
fn a_name_with_a_dot_at_its_end_is_not_searched() {
    let told = cluster().service("shop/web", &["10.96.0.1"]).namespace("default").explain("web.shop.");
    assert_eq!(told.reason, "the name ends with a dot, so the search list is not used");
    assert_eq!(told.suggestions, ["web.shop"]);
}

#[test]
fn musl_ends_where_others_go_on() {
    let shop = cluster().service("default/shop", &["10.96.0.1"]).namespace("shop");
    let conf = ResolvConf::parse("search svc.cluster.local default.svc.cluster.local\noptions ndots:5\n");
    let asked = |resolver| shop.asked(Request { resolver, resolv_conf: Some(conf.clone()), ..request("shop") });
    let told = asked(Resolver::Musl);
    assert_eq!(told.reason, "the pod uses musl: NODATA at the first candidate ends its search");
    assert_eq!((told.steps.len(), told.steps[0].stop, told.resolves), (1, true, false));
    assert!(asked(Resolver::Glibc).resolves && asked(Resolver::Go).resolves);
}

#[test]
fn musl_does_not_search_for_a_name_with_dots_enough() {
    let shop = cluster().service("shop/web", &["10.96.0.1"]).namespace("default");
    let conf = Some(ResolvConf::for_pod("default", "cluster.local", &[]).with_options("ndots:1"));
    let told = shop.asked(Request { resolver: Resolver::Musl, resolv_conf: conf, ..request("web.shop") });
    assert_eq!(told.reason, "the pod uses musl: a name with 1 dots or more is not looked for in the search list");
}

#[test]
fn a_pod_without_the_clusters_search_list_is_told_so() {
    let shop = cluster().service("shop/web", &["10.96.0.1"]).namespace("default");
    let conf = Some(ResolvConf::parse("search example.com\n"));
    let told = shop.asked(Request { resolv_conf: conf, ..request("web.shop") });
    assert_eq!(
        told.reason,
        "this resolv.conf does not lead to it: that of a pod in namespace default with dnsPolicy ClusterFirst does"
    );
}

#[test]
fn an_address_is_not_asked_for() {
    let told = cluster().explain("10.0.0.1");
    assert_eq!((told.resolves, told.steps.len(), &*told.reason), (true, 0, "10.0.0.1 is an address: nothing is asked"));
}

// ----------- The whole -----------------------------------------------------

/// The page and other programs read these keys.
#[test]
fn the_json_is_as_it_is_documented() {
    let told =
        cluster().service("example/backend-service", &["10.96.0.1"]).namespace("default").explain("backend-service");
    let json = serde_json::to_value(&told).unwrap();
    let expected = serde_json::json!({
        "name": "backend-service", "from": "default", "resolver": "glibc", "type": "A+AAAA", "ndots": 5,
        "search": ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"],
        "resolves": false, "undecided": false, "program_sees": "EAI_NONAME",
        "reason": "Service backend-service exists in namespace example, not in default: did you mean backend-service.example?",
        "suggestions": ["backend-service.example"],
        "records": [],
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(json[key], *value, "{key}");
    }
    assert_eq!(json.as_object().unwrap().len(), expected.as_object().unwrap().len() + 1);
    assert_eq!(
        json["steps"][0],
        serde_json::json!({
            "candidate": "backend-service.default.svc.cluster.local",
            "replies": [
                {"type": "A", "result": "NXDOMAIN", "records": []},
                {"type": "AAAA", "result": "NXDOMAIN", "records": []},
            ],
            "then": "NXDOMAIN: goes on", "stop": false, "reason": "the service does not exist",
        })
    );
    assert_eq!(serde_json::from_value::<Explanation>(json).unwrap(), told);
}

#[test]
fn what_the_program_gets_are_the_records_of_the_last_candidate() {
    let told = cluster().service("shop/web", &["10.96.0.1", "fd00::1"]).explain("web.shop");
    assert_eq!((told.resolves, &*told.program_sees, told.steps.len()), (true, "addresses", 2));
    let data: Vec<_> =
        told.records.iter().map(|record| format!("{} {} {}", record.name, record.rtype, record.data)).collect();
    assert_eq!(data, ["web.shop.svc.cluster.local. A 10.96.0.1", "web.shop.svc.cluster.local. AAAA fd00::1"]);
    assert!(told.steps[1].stop && told.steps[1].reason.is_empty());
}

/// A CNAME answers for both families, and is one record.
#[test]
fn a_record_is_shown_once() {
    let shop = cluster().service("shop/web", &["10.96.0.1", "fd00::1"]);
    let told = shop.external("default/web", "web.shop.svc.cluster.local").explain("web");
    let types: Vec<_> = told.records.iter().map(|record| &*record.rtype).collect();
    assert_eq!(types, ["CNAME", "A", "AAAA"]);
    assert_eq!(told.reason, "Service default/web is an ExternalName for web.shop");
}

#[test]
fn what_the_server_does_for_clients_is_shown() {
    let mut all =
        cluster().service("team-a/web", &["10.96.0.1"]).service("com/example", &["10.96.0.2"]).namespace("default");
    all.completion = Some(Completion::default());
    let told = all.explain("web.team-a");
    assert_eq!((told.resolves, told.steps.len(), &*told.steps[0].reason), (true, 1, "this server completed the name"));
    assert_eq!(told.records[0].rtype, "CNAME");
    assert_eq!(
        told.reason, "Service team-a/web exists, it has no endpoints",
        "not that of the name that was asked for"
    );
    let told = all.explain("example.com");
    assert_eq!(
        (told.steps.len(), &*told.steps[0].reason),
        (2, "not completed: it would lead to a namespace that is called like a top-level domain")
    );
}

/// A name of another namespace is whole for a Pod, and might be begun by somebody else.
#[test]
fn a_name_is_asked_for_as_a_pod_of_the_namespace_asks() {
    let mut all = cluster().with(|options| options.pods = Pods::Verified).service("team-a/web", &["10.96.0.1"]);
    all.completion = Some(Completion { by_address: true, ..Completion::default() });
    let whole = "web.team-a.team-a.svc.cluster.local.";
    assert!(all.explain(whole).resolves, "no Pod of default is known");
    let all = all.pod("other/p", "10.0.0.2").pod("default/p", "10.0.0.1");
    assert!(!all.explain(whole).resolves);
    assert_eq!(all.explain("web.team-a").steps.len(), 1, "its own search list is completed");
    assert!(all.pod("default/q", "10.0.0.1").explain(whole).resolves, "which of the two asks is not known");
}

// ----------- What there is -------------------------------------------------

#[test]
fn services_are_listed_by_pages() {
    let all = cluster()
        .service("shop/web", &["10.96.0.1", "fd00::1"])
        .headless("shop/db", 2, 1)
        .external("example/out", "www.example.com")
        .start();
    let page = |listing: Listing| {
        let page = all.services(&listing);
        let names: Vec<_> = page.services.iter().map(|one| format!("{}/{}", one.namespace, one.name)).collect();
        (page.total, names.join(" "))
    };
    let some = Listing { limit: 50, ..Listing::default() };
    assert_eq!(page(some.clone()), (3, "example/out shop/db shop/web".into()));
    assert_eq!(page(Listing { offset: 1, limit: 1, ..some.clone() }), (3, "shop/db".into()));
    assert_eq!(page(Listing { search: "B.sh".into(), ..some.clone() }), (2, "shop/db shop/web".into()));
    assert_eq!(page(Listing { namespace: "example".into(), ..some.clone() }), (1, "example/out".into()));
    assert_eq!(page(Listing { offset: 9, ..some.clone() }).0, 3);

    let listed = all.services(&some).services;
    let lines = |index: usize| -> Vec<String> {
        listed[index].records.iter().map(|record| format!("{} {}", record.rtype, record.data)).collect()
    };
    assert_eq!(lines(0), ["CNAME www.example.com."]);
    assert_eq!((&*listed[1].kind, listed[1].ready, listed[1].not_ready), ("Headless", 2, 1));
    assert_eq!(lines(1).len(), 2);
    assert_eq!(
        lines(2),
        [
            "A 10.96.0.1",
            "AAAA fd00::1",
            "SRV 0 50 80 web.shop.svc.cluster.local.",
            "SRV 0 50 9090 web.shop.svc.cluster.local."
        ]
    );
    assert_eq!(all.cluster().services, 3);
    assert_eq!((all.cluster().namespaces, all.cluster().endpoints), (vec!["example".to_owned(), "shop".into()], 2));
}

#[test]
fn a_service_of_many_records_is_cut() {
    let all = cluster().headless("shop/db", 70, 0).start();
    let listed = all.services(&Listing { limit: 1, ..Listing::default() }).services.remove(0);
    assert_eq!((listed.records.len(), listed.more), (cluster::RECORDS_MAX, 20));
}

// ----------- A cluster -----------------------------------------------------

struct Cluster {
    objects: Vec<Object>,
    options: ViewOptions,
    known: Known,
    completion: Option<Completion>,
}

/// A server for `cluster.local` that says of a single label of nobody that it does not exist.
fn cluster() -> Cluster {
    let options = ViewOptions::new(Zone::parse("cluster.local").unwrap());
    Cluster { objects: Vec::new(), options, known: Known::ALL, completion: None }
}

fn request(name: &str) -> Request {
    Request::parse(name, "", "", "").unwrap()
}

impl Cluster {
    /// A Service with the ports `http` and `metrics`.
    fn service(self, path: &str, ips: &[&str]) -> Self {
        let ips = ips.iter().map(|ip| ip.parse().unwrap()).collect();
        self.add_service(path, ServiceSpec::Cluster { ips, chosen: false })
    }

    /// A headless Service with endpoints `NAME-0`, `NAME-1`, ...
    fn headless(self, path: &str, ready: u8, not_ready: u32) -> Self {
        let (namespace, name) = path.split_once('/').unwrap();
        let endpoint = |n: u8| {
            let names = Names { hostname: Some(format!("{name}-{n}").into()), ..Names::default() };
            Endpoint::new([Address::Ip([10, 0, 0, n].into())], names)
        };
        let subset = Subset { ready: (0..ready).map(endpoint).collect(), not_ready, ..Subset::default() };
        let slice = Endpoints {
            origin: Origin::Slice,
            namespace: namespace.into(),
            name: name.into(),
            service: Some(name.into()),
            subsets: [subset].into(),
            labels: Box::default(),
        };
        let mut with_service = self.add_service(path, ServiceSpec::Headless);
        with_service.objects.push(Object::Endpoints(slice));
        with_service
    }

    fn external(self, path: &str, target: &str) -> Self {
        self.add_service(path, ServiceSpec::External { target: target.into(), ips: Box::default() })
    }

    fn add_service(mut self, path: &str, spec: ServiceSpec) -> Self {
        let (namespace, name) = path.split_once('/').unwrap();
        let port = |name: &str, number| Port { name: name.into(), protocol: "TCP".into(), number: Some(number) };
        self.objects.push(Object::Service(objects::Service {
            namespace: namespace.into(),
            name: name.into(),
            spec,
            ports: [port("http", 80), port("metrics", 9090)].into(),
            selector: Box::default(),
            labels: Box::default(),
        }));
        self.namespace(namespace)
    }

    fn pod(mut self, path: &str, ip: &str) -> Self {
        let (namespace, name) = path.split_once('/').unwrap();
        self.objects.push(Object::Pod(objects::Pod {
            namespace: namespace.into(),
            name: name.into(),
            ip: ip.parse().ok(),
            on_host: false,
            deleting: false,
            labels: Box::default(),
        }));
        self.namespace(namespace)
    }

    fn namespace(mut self, name: &str) -> Self {
        self.objects.push(Object::Namespace(objects::Namespace { name: name.into(), labels: Box::default() }));
        self
    }

    fn with(mut self, change: impl FnOnce(&mut ViewOptions)) -> Self {
        change(&mut self.options);
        self
    }

    fn start(&self) -> Explainer {
        let view = Arc::new(View::new(self.options.clone()));
        let mut store = Store::new(vec![view.clone()]);
        let objects = self.objects.clone();
        store.apply(Change::Reset(Picture { objects, known: self.known, ..Picture::default() }), 1);
        let plan = Plan {
            servers: vec![Server {
                view: Some(view),
                transfer: None,
                rotate: false,
                unanswered: 2,
                ..Server::default()
            }],
            listeners: vec![Listener {
                address: ([127, 0, 0, 1], 53).into(),
                any_class: false,
                zones: vec![(Zone::new(Name::root()), 0)],
            }],
            routes: vec![Route { listener: 0, zone: ".".into(), server: 0 }],
            search: Some(SearchList { domains: vec![Name::parse("cluster.local").unwrap()], ndots: 1 }),
            completion: self.completion.clone(),
            ..Plan::default()
        };
        Explainer::new(Arc::new(Responder::new(plan)), Arc::new(Mutex::new(store)))
    }

    fn asked(&self, request: Request) -> Explanation {
        self.start().explain(&request)
    }

    /// As a C program in a pod of `default` looks it up.
    fn explain(&self, name: &str) -> Explanation {
        self.asked(request(name))
    }
}
