//! `clusterdns env`.

use std::process::Command;

use crate::program::{Folder, repository, run};

/// A Service of namespace `shop` with this `spec`.
fn service(name: &str, spec: &str) -> String {
    format!(
        r#"{{"apiVersion": "v1", "kind": "Service", "metadata": {{"name": "{name}", "namespace": "shop"}}, "spec": {spec}}}"#
    )
}

#[test]
fn the_example_is_written_in_every_format() {
    let env = run(&["env", "--namespace", "example"]);
    assert_eq!((env.code, &*env.err), (Some(0), ""));
    let shell: Vec<_> = env.out.lines().collect();
    assert_eq!(
        shell[..8],
        [
            "export BACKEND_SERVICE_SERVICE_HOST='10.96.151.12'",
            "export BACKEND_SERVICE_SERVICE_PORT='5000'",
            "export BACKEND_SERVICE_PORT='tcp://10.96.151.12:5000'",
            "export BACKEND_SERVICE_PORT_5000_TCP='tcp://10.96.151.12:5000'",
            "export BACKEND_SERVICE_PORT_5000_TCP_PROTO='tcp'",
            "export BACKEND_SERVICE_PORT_5000_TCP_PORT='5000'",
            "export BACKEND_SERVICE_PORT_5000_TCP_ADDR='10.96.151.12'",
            "export FRONTEND_SERVICE_SERVICE_HOST='10.96.173.32'",
        ]
    );
    assert!(shell.contains(&"export KUBERNETES_SERVICE_PORT_HTTPS='443'"));

    let dotenv = run(&["env", "-n", "example", "--format", "dotenv"]).out;
    assert_eq!(dotenv, env.out.replace("export ", "").replace('\'', ""));

    let json = run(&["env", "-n", "example", "--format", "json"]).out;
    assert!(json.starts_with("{\n  \"BACKEND_SERVICE_PORT\": \"tcp://10.96.151.12:5000\",\n"), "{json}");
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert!(dotenv.lines().all(|line| line.split_once('=').is_some_and(|(name, value)| object[name] == value)));
    assert_eq!(object.len(), shell.len());
}

/// In `default` the example has an ExternalName too.
#[test]
fn without_a_namespace_it_is_default() {
    let env = run(&["env"]);
    assert!(env.out.lines().count() == 8 && env.out.lines().all(|line| line.starts_with("export KUBERNETES_")));
}

#[test]
fn the_first_family_counts_and_a_headless_service_has_none() {
    let env = run(&["env", "-n", "shop", "--snapshot", &repository("zones/dual-stack"), "--format", "dotenv"]);
    for line in [
        "WEB_SERVICE_HOST=10.96.40.7",
        "WEB_SERVICE_PORT_HTTP=80",
        "WEB_V6FIRST_SERVICE_HOST=fd00:10:96::2a08",
        "WEB_V6FIRST_PORT=tcp://[fd00:10:96::2a08]:80",
        "WEB_V6FIRST_PORT_80_TCP_ADDR=fd00:10:96::2a08",
        "KUBERNETES_SERVICE_HOST=10.96.0.1",
    ] {
        assert!(env.out.lines().any(|given| given == line), "{line}: {}", env.out);
    }
    assert!(!env.out.contains("CACHE") && !env.out.contains("10.96.40.8"), "{}", env.out);
}

/// No protocol is TCP. And what is not in the snapshot is not made up.
#[test]
fn manifests_will_do() {
    let env = run(&["env", "-n", "guestbook", "--snapshot", &repository("zones/manifests"), "--format", "dotenv"]);
    assert!(env.out.contains("\nDB_PORT_5432_TCP_PROTO=tcp\n") && env.out.contains("\nWEB_SERVICE_PORT_HTTP=80\n"));
    assert!(!env.out.contains("KUBERNETES"), "{}", env.out);
}

#[test]
fn a_shell_takes_what_is_printed() {
    let script = "eval \"$(\"$0\" env -n shop --snapshot \"$1\")\" && echo \"$WEB_V6_PORT and $WEB_SERVICE_HOST\"";
    let output = Command::new("sh")
        .args(["-ec", script, env!("CARGO_BIN_EXE_clusterdns"), &repository("zones/dual-stack")])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "tcp://[fd00:10:96::2a09]:80 and 10.96.40.7\n", "{output:?}");
}

/// No API server takes such objects, but a file may hold them.
#[test]
fn what_a_format_cannot_hold_is_left_out_and_told() {
    let folder = Folder::new();
    let digit = service("1st", r#"{"clusterIP": "10.0.0.1", "ports": [{"port": 80}]}"#);
    let command = service("x;touch y;", r#"{"clusterIP": "10.0.0.2", "ports": [{"port": 80}]}"#);
    let quote = service("q", r#"{"clusterIP": "10.0.0.3", "ports": [{"port": 80, "protocol": "'; touch y; '"}]}"#);
    let snapshot = folder.file("odd.json", &[digit, command, quote].join("\n"));
    for (format, lines, left_out) in [("shell", 2, "left out 19"), ("dotenv", 9, "left out 12"), ("json", 23, "")] {
        let env = run(&["env", "-n", "shop", "--snapshot", &snapshot, "--format", format]);
        assert_eq!((env.code, env.out.lines().count()), (Some(0), lines), "{env:?}");
        assert!(env.err.starts_with(left_out) && env.err.is_empty() == left_out.is_empty(), "{env:?}");
        assert!(format == "json" || !env.out.contains("touch"), "{env:?}");
    }
}

#[test]
fn a_name_that_two_services_give_is_told() {
    let folder = Folder::new();
    let web = service("web", r#"{"clusterIP": "10.0.0.1", "ports": [{"port": 80}]}"#);
    let other = service("web-service", r#"{"clusterIP": "10.0.0.2", "ports": [{"port": 90}]}"#);
    let env = run(&["env", "-n", "shop", "--snapshot", &folder.file("two.json", &[web, other].join("\n"))]);
    assert_eq!(
        env.err,
        "WEB_SERVICE_PORT is 80 by Service web and tcp://10.0.0.2:90 by Service web-service; \
         a Pod is given either, here it is the first\n"
    );
    assert!(env.out.contains("export WEB_SERVICE_PORT='80'\n"), "{}", env.out);
}

#[test]
fn a_namespace_that_is_not_there_is_told_beside_those_that_are() {
    for (namespace, told) in [
        ("exmaple", "did you mean example?"),
        ("production", "these are: default example kube-system"),
        ("x", "these are: default example kube-system"),
    ] {
        let env = run(&["env", "-n", namespace]);
        assert_eq!((env.code, &*env.out), (Some(1), ""));
        assert_eq!(env.err, format!("namespace {namespace} is not in the built-in example; {told}\n"));
    }
    let folder = Folder::new();
    let namespace =
        |index| format!(r#"{{"apiVersion": "v1", "kind": "Namespace", "metadata": {{"name": "n{index}"}}}}"#);
    let many = folder.file("many.json", &(10..40).map(namespace).collect::<Vec<_>>().join("\n"));
    let env = run(&["env", "--snapshot", &many]);
    assert!(env.err.ends_with("these are: n10 n11 n12 n13 n14 n15 n16 n17 n18 n19 and 20 more\n"), "{}", env.err);
}
