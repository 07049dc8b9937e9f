//! Each test names a rule, shows files, and shows the picture that they give.

use super::*;
use crate::objects::{Key, Kind, Known, Object, Origin, ServiceSpec, problem::Problem};
use serde_json::{Value, json};
use std::{net::IpAddr, path::Path};
use tempfile::TempDir;

#[test]
fn every_form_of_json_and_yaml_gives_the_same_picture() {
    let (a, b) = (service("a", "10.0.0.1"), service("b", "10.0.0.2"));
    let typed = json!({"apiVersion": "v1", "kind": "ServiceList", "items": [bare(&a), bare(&b)]});
    let yaml = |value: &Value| format!("---\n{}\n", serde_json::to_string_pretty(value).unwrap());
    let forms = [
        list(&[&a, &b]).to_string(),
        serde_json::to_string_pretty(&list(&[&b, &a])).unwrap(),
        format!("{a}\n{b}"),
        format!("{a}{b}"),
        json!([a, b]).to_string(),
        list(&[&list(&[&a]), &b]).to_string(),
        typed.to_string(),
        format!("# as YAML\n{}{}", yaml(&a), yaml(&b)),
        format!("# as YAML\n{}", yaml(&list(&[&b, &a]))),
        format!("\u{feff}{}", list(&[&a, &b])),
        "kind: Service\napiVersion: v1\nmetadata: {name: a}\nspec: {clusterIP: 10.0.0.1}\n---\n\
         apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata:\n    name: b\n  spec:\n    clusterIP: 10.0.0.2\n"
            .to_owned(),
    ];
    for form in forms {
        let loaded = text(&form);
        assert_eq!(keys(&loaded), ["Namespace default", "Service default/a", "Service default/b"], "{form}");
        assert_eq!(loaded.problems, [], "{form}");
        assert_eq!(loaded.picture.objects, text(&list(&[&a, &b]).to_string()).picture.objects, "{form}");
    }
}

#[test]
fn kinds_that_dns_is_not_made_of_are_counted() {
    let deployment =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"selector": {"matchLabels": {"a": "b"}}}});
    let knative = json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "k"}});
    let loaded = text(&list(&[&deployment, &deployment, &knative, &service("a", "10.0.0.1")]).to_string());
    let expected = [("Deployment".into(), 2), ("Service".into(), 1)];
    assert_eq!(loaded.summary.skipped, BTreeMap::from(expected));
    assert_eq!(loaded.problems, []);
}

#[test]
fn a_broken_object_has_a_place_and_harms_no_other() {
    let json = "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n  \
        {\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"bad\"},\"spec\":{\"clusterIP\":\"x\"}},\n  \
        {\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"good\"}}, 7\n]}";
    let loaded = text(json);
    let problems: Vec<_> = loaded.problems.iter().map(Problem::to_string).collect();
    let expected = [
        "test:2:3: Service default/bad: left out: cluster IP \"x\" is no IP address",
        "test:3:68: left out: not an object; expected {\"apiVersion\": …, \"kind\": …}",
    ];
    assert_eq!(problems, expected);
    assert_eq!(keys(&loaded), ["Namespace default", "Service default/good"]);
}

#[test]
fn a_byte_order_mark_does_not_hide_that_it_is_json() {
    let loaded = text(&format!("\u{feff}[\n{}]", service("a.b", "10.0.0.1")));
    assert_eq!(loaded.problems[0].place.as_ref().unwrap().line, 2, "YAML would only know the document");
}

#[test]
fn a_broken_object_in_yaml_has_the_line_of_its_document() {
    let loaded = text("# one\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: a.b\n");
    assert_eq!(
        loaded.problems[0].to_string(),
        "test:2:1: Service default/a.b: left out: its name cannot be a DNS label: at most 63 octets and no dot"
    );
}

#[test]
fn text_that_cannot_be_parsed_is_an_error_with_its_place() {
    let errors = [
        ("{\"kind\":\n\"List\"", "test:2:6: not JSON: EOF while parsing an object"),
        ("{}\n {\"a\" 5}", "test:2:7: not JSON: expected `:`"),
        ("{\n}\n {\"a\" 5}", "test:3:7: not JSON: expected `:`"),
        ("{\n}  {\"a\" 5}", "test:2:9: not JSON: expected `:`"),
        ("a: 1\n---\nb: [\n", "test:3:4: not YAML: unclosed bracket"),
        ("a: 1\na: 2\n", "test:2:1: not YAML: duplicate mapping key: a"),
        ("", "test: empty"),
        (" \n\t", "test: empty"),
        ("# nothing\n---\n", "test: no Kubernetes object in it"),
        ("{\"name\": \"package.json\"}", "test: no Kubernetes object in it"),
        ("\0\0\0", "test:1:1: not YAML: "),
    ];
    for (text, expected) in errors {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
    let error = read(b"a: 1\nb: \xff\n").unwrap_err().to_string();
    assert_eq!(error, "test:2:4: not UTF-8 text");
    let error = read(b"\xff\xfea\0").unwrap_err().to_string();
    assert!(error.contains("UTF-16"), "{error}");
}

#[test]
fn a_folder_is_read_whole_and_hidden_names_are_skipped() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    write(root, "b.json", &service("b", "10.0.0.2").to_string());
    write(root, "a.yml", "# only a comment\n");
    write(root, "more/c.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: c}\n");
    write(root, "..data/b.json", "broken {");
    write(root, ".hidden.json", "broken {");
    write(root, "README.md", "broken {");
    std::os::unix::fs::symlink("..", root.join("more/circle")).unwrap();
    let loaded = load_path(root).unwrap();
    assert_eq!(keys(&loaded), ["Namespace c", "Namespace default", "Service default/b"]);
    assert_eq!((loaded.problems.len(), loaded.summary.sources), (0, 3));
}

#[test]
fn a_mounted_config_map_is_read_once() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "..2026/cluster.json", &service("a", "10.0.0.1").to_string());
    std::os::unix::fs::symlink("..2026", folder.path().join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/cluster.json", folder.path().join("cluster.json")).unwrap();
    let loaded = load_path(folder.path()).unwrap();
    assert_eq!((loaded.problems.len(), loaded.summary.sources), (0, 1));
}

#[test]
fn what_is_not_there_is_an_error_that_says_what_to_do() {
    let folder = TempDir::new().unwrap();
    let error = load_path(folder.path()).unwrap_err().to_string();
    assert!(error.contains("no *.json, *.yaml or *.yml file") && error.contains(KUBECTL), "{error}");
    assert!(matches!(load_path(&folder.path().join("missing.json")), Err(LoadError::Io { .. })));
}

#[test]
fn the_last_of_two_equal_keys_wins_with_a_warning() {
    let first = json!([service("a", "10.0.0.1"), service("z", "10.0.0.3")]).to_string();
    let second = format!("\n  {}", service("a", "10.0.0.2"));
    let sources = [source("one", &first), source("two", &second)];
    let loaded = load(&sources, &Options::default(), &mut |_| {}).unwrap();
    let warning = "two:2:3: Service default/a: is at one:1:2 too; this later one is used, delete one of them";
    assert_eq!(loaded.problems.iter().map(Problem::to_string).collect::<Vec<_>>(), [warning]);
    assert_eq!(cluster_ip(&loaded, "a"), Some(IpAddr::from([10, 0, 0, 2])));
}

#[test]
fn problems_are_bounded() {
    let loaded =
        text(&Value::Array(vec![json!(7); 1_005]).to_string().replacen('7', &service("a", "10.0.0.1").to_string(), 1));
    assert_eq!((loaded.problems.len(), loaded.summary.problems_left_off), (1_000, 4));
}

#[test]
fn brackets_cannot_use_up_the_stack() {
    let deep = format!("{}{}{}", "[".repeat(100_000), service("a", "10.0.0.1"), "]".repeat(100_000));
    assert!(read(deep.as_bytes()).is_err());
    let deep = format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(deep.as_bytes()).is_err());
}

#[test]
fn slices_win_over_the_endpoints_of_the_same_service() {
    let endpoints = |name: &str| json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": name}});
    let labels = json!({"kubernetes.io/service-name": "a"});
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "a-x", "labels": labels}});
    let loaded = text(&list(&[&endpoints("a"), &endpoints("b"), &slice]).to_string());
    assert_eq!(keys(&loaded), ["Namespace default", "EndpointSlice default/a-x", "Endpoints default/b"]);
    assert_eq!(loaded.summary.superseded, 1);
}

#[test]
fn what_is_seen_or_said_to_be_empty_is_known() {
    let empty = |version: &str, kind: &str| json!({"apiVersion": version, "kind": kind, "items": []});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}});
    let none = Known::default();
    let cases = [
        (empty("v1", "ServiceList"), Known { services: true, ..none }),
        (empty("discovery.k8s.io/v1", "EndpointSliceList"), Known { endpoints: true, ..none }),
        (empty("v1", "EndpointsList"), Known { endpoints: true, ..none }),
        (empty("v1", "PodList"), Known { endpoints: true, pods: true, ..none }),
        (empty("serving.knative.dev/v1", "ServiceList"), none),
        (service("a", "10.0.0.1"), Known { services: true, ..none }),
        (list(&[&service("a", "10.0.0.1")]), Known { services: true, ..none }),
        (pod, Known { endpoints: true, pods: true, ..none }),
    ];
    for (object, known) in cases {
        assert_eq!(fuzz(object.to_string().as_bytes()).unwrap().picture.known, known, "{object}");
    }
}

/// It is what kubectl prints where the API server does not answer.
#[test]
fn an_empty_list_of_anything_is_no_cluster() {
    for items in [json!([]), json!(null)] {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
        assert!(matches!(fuzz(list.as_bytes()), Err(LoadError::NoObjects(_))));
    }
}

#[test]
fn an_object_that_cannot_be_read_is_left_out_by_name() {
    let mut broken = service("a", "10.0.0.300");
    let loaded = text(&broken.to_string());
    assert_eq!(loaded.picture.left_out, [service_key("a")]);
    assert!(
        loaded.picture.known.services && loaded.picture.objects.iter().all(|object| object.key() != service_key("a"))
    );
    broken["metadata"] = json!({});
    assert_eq!(text(&broken.to_string()).picture.left_out, []);
}

fn service_key(name: &str) -> Key {
    Key { kind: Kind::Service, namespace: "default".into(), name: name.into() }
}

#[test]
fn a_headless_service_without_endpoints_gets_a_warning() {
    let warnings = |ip| text(&service("a", ip).to_string()).problems;
    assert_eq!(warnings("10.0.0.1"), []);
    let [warning] = &*warnings("None") else { panic!("one warning") };
    assert!(warning.to_string().contains(KUBECTL), "{warning}");
}

#[test]
fn every_namespace_that_an_object_lives_in_exists() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "only-pods"}});
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default", "labels": {"a": "b"}}});
    let loaded = fuzz(list(&[&pod, &service("a", "10.0.0.1"), &namespace]).to_string().as_bytes()).unwrap();
    assert_eq!(keys(&loaded), ["Namespace default", "Namespace only-pods", "Service default/a", "Pod only-pods/p"]);
    assert!(
        matches!(&loaded.picture.objects[0], Object::Namespace(n) if n.labels.len() == 1),
        "the listed one is kept"
    );
}

#[test]
fn selectors_stay_in_the_picture_only_where_they_are_asked_for() {
    let mut service = service("a", "10.0.0.1");
    service["spec"]["selector"] = json!({"app": "a"});
    let selectors = |loaded: Loaded| match &loaded.picture.objects[1] {
        Object::Service(service) => service.selector.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(selectors(text(&service.to_string())), 0);
    assert_eq!(selectors(fuzz(service.to_string().as_bytes()).unwrap()), 1);
}

#[test]
fn progress_ends_at_the_total() {
    let sources = [source("one", &service("a", "10.0.0.1").to_string()), source("two", "# nothing")];
    let mut told = Vec::new();
    load(&sources, &Options::default(), &mut |progress| told.push(progress)).unwrap();
    let last = told.last().unwrap();
    assert_eq!((last.bytes_done, last.objects), (last.bytes_total, 1));
}

#[test]
fn the_digest_follows_the_content() {
    let folder = TempDir::new().unwrap();
    let digest = |name: &str| {
        write(folder.path(), "a.json", &service(name, "10.0.0.1").to_string());
        load_path(folder.path()).unwrap().digest
    };
    assert_eq!(digest("a"), digest("a"));
    assert_ne!(digest("a"), digest("b"));
}

#[test]
fn the_example_is_whole() {
    let loaded = load(&[Source::example()], &Options::default(), &mut |_| {}).unwrap();
    assert_eq!(loaded.problems, []);
    assert_eq!(loaded.summary.skipped, BTreeMap::new());
    assert_eq!(loaded.picture.known, Known { pods: false, ..Known::ALL });
    assert_eq!(cluster_ip(&loaded, "kube-dns"), Some(IpAddr::from([10, 96, 0, 10])));
    let endpoints = loaded.picture.objects.iter().filter(|object| matches!(object, Object::Endpoints(_)));
    assert!(endpoints.clone().all(|object| matches!(object, Object::Endpoints(e) if e.origin == Origin::Slice)));
    assert_eq!(endpoints.count(), 7);
}

fn text(text: &str) -> Loaded {
    read(text.as_bytes()).unwrap()
}

fn read(bytes: &[u8]) -> Result<Loaded, LoadError> {
    load(&[Source::Text("test".into(), bytes.into())], &Options::default(), &mut |_| {})
}

fn load_path(path: &Path) -> Result<Loaded, LoadError> {
    load(&[Source::Path(path.to_owned())], &Options::default(), &mut |_| {})
}

fn source(name: &str, text: &str) -> Source {
    Source::Text(name.into(), text.as_bytes().into())
}

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn keys(loaded: &Loaded) -> Vec<String> {
    loaded.picture.objects.iter().map(|object| object.key().to_string()).collect()
}

fn cluster_ip(loaded: &Loaded, wanted: &str) -> Option<IpAddr> {
    loaded.picture.objects.iter().find_map(|object| match object {
        Object::Service(service) if &*service.name == wanted => match &service.spec {
            ServiceSpec::Cluster { ips, .. } => ips.first().copied(),
            _ => None,
        },
        _ => None,
    })
}

fn service(name: &str, ip: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"clusterIP": ip}})
}

/// As an item of a typed list: without kind and version.
fn bare(object: &Value) -> Value {
    json!({"metadata": object["metadata"], "spec": object["spec"]})
}

fn list(items: &[&Value]) -> Value {
    json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}})
}
