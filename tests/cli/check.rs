//! `clusterdns check`: every problem with its place, and an exit code for scripts.

use crate::program::{Folder, repository, run, run_with_input};

#[test]
fn what_is_good_is_summed_up() {
    let check = run(&["check"]);
    assert_eq!(
        (check.code, &*check.out, &*check.err),
        (Some(0), "ok: 3 namespaces, 8 services, 7 slices from the built-in example\n", "")
    );
    let (config, cluster) = (repository("config.example.toml"), repository("zones/dual-stack"));
    let check = run(&["check", "--config", &config, "--snapshot", &cluster]);
    assert_eq!((check.code, &*check.err), (Some(0), ""));
    assert_eq!(check.out, format!("ok: 3 namespaces, 5 services, 8 slices from {cluster}\n"));
}

#[test]
fn every_mistake_in_a_configuration_is_named() {
    let folder = Folder::new();
    let file = folder.file("c.toml", "[[server]]\nlisten = [\"localhost\"]\n[server.kubernetes]\nttl_secs = 3601\n");
    let check = run(&["check", "--config", &file]);
    assert_eq!((check.code, &*check.out), (Some(1), ""));
    let heads: Vec<_> = check.err.lines().filter(|line| line.starts_with(&file)).collect();
    assert_eq!(heads.len(), 2, "{}", check.err);
    assert!(heads[0].starts_with(&format!("{file}:2:11: ")) && heads[1].starts_with(&format!("{file}:4:12: ")));
    assert!(check.err.contains("\n4 | ttl_secs = 3601\n  |            ^^^^"), "{}", check.err);
}

#[test]
fn a_configuration_that_is_not_there_is_told_how_to_make() {
    let check = run(&["check", "--config", "no.toml"]);
    assert_eq!(check.code, Some(1));
    assert_eq!(check.err, "no.toml: No such file or directory (os error 2); clusterdns config > FILE makes one\n");
}

#[test]
fn every_broken_object_is_named() {
    let folder = Folder::new();
    let cluster = r#"{"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"clusterIP": "10.96.0.999"}},
  {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "shop"}},
  {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "api", "namespace": "shop"}, "spec": {"clusterIP": "10.96.0.9"}}
]}"#;
    let file = folder.file("cluster.json", cluster);
    let check = run(&["check", "--snapshot", &file]);
    assert_eq!((check.code, &*check.err), (Some(1), ""));
    assert_eq!(
        check.out,
        format!(
            "{file}:2:3: Service shop/web: left out: cluster IP \"10.96.0.999\" is no IP address\n\
             {file}:3:3: Service without a name: left out: metadata.name is missing\n\
             objects were left out: mend them, or serve without them\n"
        )
    );
}

/// Worth a look, but served.
#[test]
fn a_warning_is_no_failure() {
    let folder = Folder::new();
    let service = |ip: &str| {
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{type: ClusterIP, clusterIP: {ip}}}\n")
    };
    let first = folder.file("1.yaml", &service("10.96.0.1"));
    let second = folder.file("2.yaml", &service("10.96.0.2"));
    let check = run(&["check", "--snapshot", folder.path().to_str().unwrap()]);
    assert_eq!((check.code, &*check.err), (Some(0), ""));
    let told = format!(
        "{second}:1:1: Service default/a: is at {first}:1:1 too; this later one is used, delete one of them\nok: "
    );
    assert!(check.out.starts_with(&told), "{}", check.out);
}

#[test]
fn what_is_no_snapshot_is_told_how_to_make() {
    let make = "make a snapshot with: kubectl get svc,endpoints,endpointslices,pods,ns -A -o json\n";
    let check = run(&["check", "--snapshot", "no.json"]);
    assert_eq!((check.code, check.err), (Some(1), format!("no.json: No such file or directory (os error 2); {make}")));
    for (input, complaint) in [
        ("", "standard input: empty; fill it with: kubectl get "),
        ("{\n", "standard input:2:1: not JSON: EOF while parsing an object"),
        ("a: 1\n  b: 2\n", "standard input:2:"),
        ("{\"a\": 1}", "standard input: no Kubernetes object in it"),
    ] {
        let check = run_with_input(&["check", "--snapshot", "-"], input);
        assert!(check.code == Some(1) && check.err.starts_with(complaint), "{input:?}: {check:?}");
    }
}
