//! Plain manifests, and the endpoints that a control plane would list for them.

use crate::objects::{
    Address, Endpoints, Needs, Object, Origin, Port, ServiceSpec,
    snapshot::{Loaded, Options, Source, load},
};
use std::net::IpAddr;

#[test]
fn ready_pods_that_match_the_whole_selector_become_endpoints() {
    let loaded = read(&[
        SERVICE,
        &pod("yes-2", "{app: web, tier: front, more: x}", "podIP: 10.0.0.2", ""),
        &pod("yes-1", "{app: web, tier: front}", "podIP: 10.0.0.1", ""),
        &pod("half", "{app: web}", "podIP: 10.0.0.3", ""),
        &pod("other", "{app: api, tier: front}", "podIP: 10.0.0.4", ""),
        &pod("no-address", "{app: web, tier: front}", "phase: Pending", ""),
        &pod("ended", "{app: web, tier: front}", "{phase: Succeeded, podIP: 10.0.0.5}", ""),
        &pod("elsewhere", "{app: web, tier: front}", "podIP: 10.0.0.6", "").replace("shop", "zoo"),
    ]);
    let web = endpoints(&loaded, "web");
    assert_eq!((web.origin, web.service.as_deref()), (Origin::Pods, Some("web")));
    assert_eq!(addresses(web), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(*web.subsets[0].ports, [port("http", 80)]);
    assert_eq!(loaded.summary.derived, 1);
    assert!(loaded.picture.known.endpoints);
}

#[test]
fn a_pod_that_is_not_ready_is_only_counted() {
    let not_ready = [
        pod("a", LABELS, "{podIP: 10.0.0.1, conditions: [{type: Ready, status: 'False'}]}", ""),
        pod("b", LABELS, "{podIP: 10.0.0.2, conditions: [{type: Initialized, status: 'True'}]}", ""),
        pod("c", LABELS, "podIP: 10.0.0.3", "")
            .replace("metadata:", "metadata:\n  deletionTimestamp: '2026-01-01T00:00:00Z'"),
        pod("d", LABELS, "{podIP: 10.0.0.4, conditions: [{type: Ready, status: 'True'}]}", ""),
    ];
    let pods: Vec<&str> = not_ready.iter().map(String::as_str).collect();
    let loaded = read(&[&[SERVICE], &*pods].concat());
    let web = endpoints(&loaded, "web");
    assert_eq!((addresses(web), web.subsets[0].not_ready), (vec!["10.0.0.4".to_owned()], 3));

    let publishing = SERVICE.replace("spec:", "spec:\n  publishNotReadyAddresses: true");
    let loaded = read(&[&[&*publishing], &*pods].concat());
    let web = endpoints(&loaded, "web");
    assert_eq!((addresses(web).len(), web.subsets[0].not_ready), (4, 0));
}

#[test]
fn a_named_target_port_is_looked_up_in_each_pod() {
    let service = SERVICE.replace(
        "{name: http, port: 80}",
        "{name: http, port: 80, targetPort: web}, {name: fix, port: 81, targetPort: 8181}",
    );
    let with = |name: &str, ip: &str, ports: &str| {
        pod(name, LABELS, &format!("podIP: {ip}"), &format!("containers: [{{ports: [{ports}]}}]"))
    };
    let loaded = read(&[
        &service,
        &with("a", "10.0.0.1", "{name: web, containerPort: 8080}"),
        &with("b", "10.0.0.2", "{name: web, containerPort: 9090}"),
        &with("c", "10.0.0.3", "{name: web, containerPort: 8080}, {name: other, containerPort: 1}"),
        &with("d", "10.0.0.4", "{name: web, containerPort: 8080, protocol: UDP}"),
        &with("e", "10.0.0.5", ""),
    ]);
    let web = endpoints(&loaded, "web");
    let subsets: Vec<_> = web.subsets.iter().map(|subset| (subset.ports.to_vec(), subset.ready.len())).collect();
    let expected = [
        (vec![port("http", 8080), port("fix", 8181)], 2),
        (vec![port("http", 9090), port("fix", 8181)], 1),
        (vec![port("fix", 8181)], 2),
    ];
    assert_eq!(subsets, expected);
}

#[test]
fn a_hostname_counts_only_below_its_subdomain() {
    let loaded = read(&[
        SERVICE,
        &pod("a", LABELS, "podIP: 10.0.0.1", "{hostname: web-0, subdomain: web}"),
        &pod("b", LABELS, "podIP: 10.0.0.2", "{hostname: web-1, subdomain: other}"),
        &pod("c", LABELS, "podIP: 10.0.0.3", "{subdomain: web}"),
    ]);
    let ready = &endpoints(&loaded, "web").subsets[0].ready;
    let hostnames: Vec<_> = ready.iter().map(|endpoint| endpoint.names().hostname.as_deref()).collect();
    assert_eq!(hostnames, [Some("web-0"), None, None]);
    assert_eq!(ready[0].names().pod.as_deref(), Some("a"));
}

#[test]
fn both_addresses_of_a_dual_stack_pod_are_used() {
    let loaded =
        read(&[SERVICE, &pod("a", LABELS, "{podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}]}", "")]);
    assert_eq!(addresses(endpoints(&loaded, "web")), ["10.0.0.1", "fd00::1"]);
}

#[test]
fn a_headless_service_without_ports_gets_addresses_alone() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {clusterIP: None, selector: {app: web}}\n";
    let loaded = read(&[service, &pod("a", LABELS, "podIP: 10.0.0.1", "")]);
    let subset = &endpoints(&loaded, "web").subsets[0];
    assert_eq!((subset.ready.len(), subset.ports.len()), (1, 0));
}

#[test]
fn services_without_selector_and_external_names_get_no_endpoints() {
    let bare = SERVICE.replace("selector: {app: web, tier: front}", "type: ClusterIP");
    let external = SERVICE.replace("name: web", "name: ext").replace("spec:", "spec:\n  type: ExternalName");
    let loaded = read(&[&bare, &external, &pod("a", LABELS, "podIP: 10.0.0.1", "")]);
    assert!(!loaded.picture.objects.iter().any(|object| matches!(object, Object::Endpoints(_))));
}

#[test]
fn nothing_is_derived_where_any_endpoints_are_listed() {
    let listed = "apiVersion: v1\nkind: Endpoints\nmetadata: {name: other, namespace: shop}\n";
    let loaded = read(&[SERVICE, listed, &pod("a", LABELS, "podIP: 10.0.0.1", "")]);
    assert_eq!(loaded.summary.derived, 0);
}

#[test]
fn a_cluster_ip_is_chosen_only_where_one_is_missing() {
    let named = |name: &str, spec: &str| {
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n")
    };
    let texts = [
        named("a", "{type: LoadBalancer}"),
        named("b", "{type: NodePort}"),
        named("c", "{clusterIP: 192.0.2.1}"),
        named("d", "{clusterIP: None}"),
        named("e", "{type: ExternalName, externalName: example.com}"),
    ];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let chosen = |loaded: &Loaded| -> Vec<bool> {
        let specs = loaded.picture.objects.iter().filter_map(|object| match object {
            Object::Service(service) => Some(&service.spec),
            _ => None,
        });
        specs.map(|spec| matches!(spec, ServiceSpec::Cluster { chosen: true, .. })).collect()
    };
    let loaded = read(&texts);
    assert_eq!(chosen(&loaded), [true, true, false, false, false]);
    assert_eq!(loaded.summary.chosen, 2);
    let off = Options { service_cidr: None, ..options() };
    assert_eq!(load(&[source(&texts)], &off, &mut |_| {}).unwrap().summary.chosen, 0);
    let full = Options { service_cidr: "192.0.2.0/30".parse().ok(), ..options() };
    let loaded = load(&[source(&texts)], &full, &mut |_| {}).unwrap();
    assert_eq!((loaded.summary.chosen, loaded.problems.len()), (1, 2), "one for the range, one for the headless one");
}

#[test]
fn the_address_of_a_pod_is_not_chosen_though_pods_are_not_kept() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n";
    let listing = "apiVersion: v1\nkind: Endpoints\nmetadata: {name: db, namespace: shop}\n";
    let pod = pod("a", LABELS, "podIP: 192.0.2.1", "");
    let options = Options { needs: Needs::default(), service_cidr: "192.0.2.0/30".parse().ok() };
    for documents in [&[service, &pod][..], &[listing, service, &pod]] {
        let loaded = load(&[source(documents)], &options, &mut |_| {}).unwrap();
        let Some(Object::Service(service)) = loaded.picture.objects.iter().find(|o| matches!(o, Object::Service(_)))
        else {
            panic!("no service")
        };
        let ips: Box<[IpAddr]> = Box::new([[192, 0, 2, 2].into()]);
        assert_eq!(service.spec, ServiceSpec::Cluster { ips, chosen: true });
    }
}

const LABELS: &str = "{app: web, tier: front}";

const SERVICE: &str = "apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web, tier: front}
  ports: [{name: http, port: 80}]
";

fn pod(name: &str, labels: &str, status: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  namespace: shop\n  labels: {labels}\n\
         spec:\n  {spec}\nstatus:\n  {status}\n"
    )
}

fn read(documents: &[&str]) -> Loaded {
    load(&[source(documents)], &options(), &mut |_| {}).unwrap()
}

fn source(documents: &[&str]) -> Source {
    Source::Text("test".into(), documents.join("---\n").as_bytes().into())
}

fn options() -> Options {
    let needs = Needs { pod_names: true, selectors: true, ..Needs::default() };
    Options { needs, service_cidr: "10.96.0.0/12".parse().ok() }
}

fn endpoints<'l>(loaded: &'l Loaded, name: &str) -> &'l Endpoints {
    let found = loaded.picture.objects.iter().find_map(|object| match object {
        Object::Endpoints(endpoints) if &*endpoints.name == name => Some(endpoints),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no endpoints of {name}: {loaded:?}"))
}

fn addresses(endpoints: &Endpoints) -> Vec<String> {
    let ready =
        endpoints.subsets.iter().flat_map(|subset| &subset.ready).flat_map(|endpoint| endpoint.addresses.iter());
    let text = |address: &Address| match address {
        Address::Ip(ip) => ip.to_string(),
        other => panic!("{other:?}"),
    };
    ready.map(text).collect()
}

fn port(name: &str, number: u16) -> Port {
    Port { name: name.into(), protocol: "TCP".into(), number: Some(number) }
}
