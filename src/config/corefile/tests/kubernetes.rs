//! The `kubernetes` directive, option by option.

use std::time::Duration;

use super::*;
use crate::{
    objects::api::Endpoint,
    records::view::{Pods, ViewOptions},
};

fn corefile(options: &str) -> String {
    format!(".:53 {{\nkubernetes cluster.local in-addr.arpa {{\n{options}\n}}\n}}")
}

fn view(options: &str) -> ViewOptions {
    config(&corefile(options)).servers.remove(0).kubernetes.unwrap()
}

/// The one error of an option on a line of its own.
fn refused(option: &str) -> String {
    let message = error(&corefile(option));
    message.strip_prefix("Corefile:3:").unwrap_or_else(|| panic!("{message}")).to_owned()
}

fn names(names: &[crate::records::name::Name]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn zones(text: &str) -> Vec<String> {
    let view = config(text).servers.remove(0).kubernetes.unwrap();
    view.zones.iter().map(|zone| zone.apex.to_string()).collect()
}

#[test]
fn zones_are_arguments_or_the_keys_of_the_block() {
    assert_eq!(
        zones(". {\nkubernetes Cluster.Local 10.96.0.0/15\n}"),
        ["cluster.local.", "96.10.in-addr.arpa.", "97.10.in-addr.arpa."]
    );
    assert_eq!(zones("k8s:53 10.0.0.0/8 {\nkubernetes\n}"), ["k8s.", "10.in-addr.arpa."]);
    assert_eq!(zones(". {\nkubernetes dns://cluster.local:53\n}"), ["cluster.local."]);
    assert!(error(". {\nkubernetes a..b\n}").starts_with("Corefile:2:12: \"a..b\" is no zone"));
    assert!(error(". {\nkubernetes 10.0.0.0/8\n}").starts_with("Corefile:2:12: only reverse zones"));
    assert!(error("in-addr.arpa {\nkubernetes\n}").starts_with("Corefile:2:1: only reverse zones"));
}

#[test]
fn it_is_once_in_a_block_and_turns_watching_on() {
    let text = ". {\nkubernetes a\nkubernetes b\n}";
    assert_eq!(error(text), "Corefile:3:1: this block has `kubernetes` already: take one of them out");
    assert!(config(". {\nkubernetes a\n}").kubernetes.enabled);
    assert!(!config(". {\nready\n}").kubernetes.enabled);
}

#[test]
fn what_is_left_out_is_as_coredns_has_it() {
    let (view, config) = (view(""), config(&corefile("")));
    assert_eq!(view, ViewOptions::new(view.zones.clone()));
    assert_eq!((view.ttl_secs, view.pods), (5, Pods::Disabled));
    assert_eq!(config.kubernetes.startup_timeout, Duration::from_secs(5));
}

#[test]
fn switches_take_nothing() {
    assert!(view("endpoint_pod_names").endpoint_pod_names);
    assert!(view("noendpoints").no_endpoints);
    assert!(view("zonal").zonal);
    assert_eq!(refused("endpoint_pod_names on"), "20: `endpoint_pod_names` takes nothing: take `on` out");
    assert!(refused("noendpoints 1").starts_with("13: "));
    assert!(refused("zonal a").starts_with("7: "));
}

#[test]
fn what_excludes_each_other_is_refused() {
    let both = error(&corefile("noendpoints\nzonal"));
    assert_eq!(both, "Corefile:3:1: `zonal` needs endpoints: take `noendpoints` or `zonal` out");
    let both = error(&corefile("namespace_labels a=b\nnamespaces x"));
    assert_eq!(both, "Corefile:4:1: `namespaces` and `namespace_labels` exclude each other: keep one of them");
}

#[test]
fn pods_are_one_of_three() {
    let modes = ["disabled", "insecure", "verified"].map(|mode| view(&format!("pods {mode}")).pods);
    assert_eq!(modes, [Pods::Disabled, Pods::Insecure, Pods::Verified]);
    // The last one counts, as with every option that is one value.
    assert_eq!(view("pods verified\npods insecure").pods, Pods::Insecure);
    assert_eq!(refused("pods all"), "6: `all` is no mode of pods: write `pods disabled|insecure|verified`");
    assert!(refused("pods").starts_with("1: something is missing behind `pods`"));
    assert!(refused("pods insecure verified").starts_with("15: `verified` is too much"));
}

#[test]
fn namespaces_are_gathered() {
    assert_eq!(view("namespaces a b\nnamespaces c").namespaces, ["a", "b", "c"]);
    assert!(refused("namespaces").starts_with("1: something is missing"));
    assert_eq!(refused("namespaces a b.c"), "14: \"b.c\" is no namespace");
}

#[test]
fn selectors_may_have_white_space() {
    assert_eq!(view("labels app in (a, b),!c").labels.unwrap().text(), "app in (a, b),!c");
    assert_eq!(view("namespace_labels \"team = x\"").namespace_labels.unwrap().text(), "team = x");
    assert!(refused("labels").starts_with("1: something is missing"));
    assert!(refused("labels a in b").starts_with("8: \"a in b\" is no label selector"));
    assert!(refused("namespace_labels a=b=c").starts_with("18: "));
}

#[test]
fn a_ttl_is_an_hour_at_most() {
    assert_eq!(["0", "30", "3600"].map(|secs| view(&format!("ttl {secs}")).ttl_secs), [0, 30, 3600]);
    for wrong in ["3601", "-1", "30s", "1.5"] {
        assert_eq!(refused(&format!("ttl {wrong}")), format!("5: `{wrong}` is no TTL: 0 to 3600 seconds"));
    }
    assert!(refused("ttl").starts_with("1: something is missing"));
    // CoreDNS does not look at more.
    assert_eq!(notes(&corefile("ttl 30 seconds")), ["Corefile:3:8: `seconds` is not read: `ttl 30` is all"]);
}

#[test]
fn fallthrough_is_for_all_zones_or_for_some() {
    assert_eq!(names(&view("fallthrough").fallthrough), ["."]);
    assert_eq!(names(&view("fallthrough in-addr.arpa ip6.arpa").fallthrough), ["in-addr.arpa.", "ip6.arpa."]);
    assert_eq!(names(&view("fallthrough a\nfallthrough 10.0.0.0/8").fallthrough), ["10.in-addr.arpa."]);
    assert!(refused("fallthrough a..b").starts_with("13: "));
}

#[test]
fn services_without_endpoints_are_ignored_on_demand() {
    assert!(view("ignore empty_service").ignore_empty_service);
    assert!(!view("ignore").ignore_empty_service);
    assert_eq!(refused("ignore all"), "8: `all` cannot be ignored: write `ignore empty_service`");
}

#[test]
fn the_start_waits_as_long_as_it_is_told() {
    let wait = |text: &str| config(&corefile(&format!("startup_timeout {text}"))).kubernetes.startup_timeout;
    assert_eq!(wait("1m30s"), Duration::from_secs(90));
    assert_eq!([wait("0"), wait("-5s"), wait("1.5ms")], [Duration::ZERO, Duration::ZERO, Duration::from_micros(1500)]);
    assert_eq!([wait("2h0.5s"), wait(".5s")], [Duration::from_millis(7_200_500), Duration::from_millis(500)]);
    for wrong in ["5", "s", "5 s", "5x", "", ".s", "1..5s", "99999999999h", "5s-"] {
        let message = refused(&format!("startup_timeout \"{wrong}\""));
        assert!(message.contains("is no length of time"), "{message}");
    }
    assert!(refused("startup_timeout").starts_with("1: something is missing"));
}

#[test]
fn a_kubeconfig_has_a_context_or_not() {
    let access = |options: &str| config(&corefile(options)).kubernetes.access;
    let (file, both) = (access("kubeconfig /a"), access("kubeconfig /a kind"));
    assert_eq!((file.kubeconfig, file.context), (Some("/a".into()), None));
    assert_eq!((both.kubeconfig, both.context), (Some("/a".into()), Some("kind".into())));
    assert_eq!(access(""), crate::objects::api::Access::default());
    assert!(refused("kubeconfig").starts_with("1: something is missing"));
    assert!(refused("kubeconfig a b c").starts_with("16: `c` is too much"));
}

#[test]
fn an_endpoint_is_a_url_with_certificates_or_without() {
    let world = World::files(&[("cert.pem", ""), ("key.pem", ""), ("ca.pem", "")]);
    let endpoint = |options: &str| config_in(&world, &corefile(options)).kubernetes.access.endpoint;
    let plain = |url: &str| Some(Endpoint { url: url.into(), identity: None, authority: None });
    assert_eq!(endpoint("endpoint http://127.0.0.1:8001"), plain("http://127.0.0.1:8001"));
    assert_eq!(endpoint("endpoint localhost:8080"), plain("http://localhost:8080"));
    let identity = Some(("cert.pem".into(), "key.pem".into()));
    let whole = Endpoint { url: "https://api:6443".into(), identity, authority: Some("ca.pem".into()) };
    assert_eq!(endpoint("endpoint https://api:6443\ntls cert.pem key.pem ca.pem"), Some(whole.clone()));
    assert_eq!(endpoint("tls cert.pem key.pem ca.pem\nendpoint api:6443"), Some(whole));
    let several = corefile("endpoint http://a http://b");
    assert_eq!(notes(&several), ["Corefile:3:19: `http://b` is not read: `endpoint URL` is all"]);
    for wrong in ["ftp://a", "http://", "/a", "a:b:c", "http://a b"] {
        let message = refused(&format!("endpoint \"{wrong}\""));
        assert_eq!(message, format!("10: `{wrong}` is no URL of an API server, like `https://10.0.0.1:6443`"));
    }
    assert!(refused("endpoint").starts_with("1: something is missing"));
    assert!(refused("tls a b").starts_with("1: something is missing behind `tls`: write `tls CERT KEY CACERT`"));
    assert!(refused("tls a b c d").starts_with("11: `d` is too much"));
    let missing = errors(&corefile("endpoint http://a\ntls a b c"));
    assert!(missing.len() == 3 && missing[0].starts_with("Corefile:4:5: `a` cannot be read"), "{missing:?}");
}

#[test]
fn of_an_endpoint_and_a_kubeconfig_the_latter_counts() {
    let both = corefile("endpoint http://a\nkubeconfig /b");
    assert!(notes(&both)[0].starts_with("Corefile:3:1: this is not read: `kubeconfig` says where"));
    let access = config(&both).kubernetes.access;
    assert_eq!((access.kubeconfig, access.endpoint), (Some("/b".into()), None));
    let message = error(". {\nkubernetes a {\nendpoint http://a\n}\n}\nb {\nkubernetes c\n}");
    assert!(message.starts_with("Corefile:7:1: clusterdns follows one cluster"), "{message}");
}

#[test]
fn limits_of_requests_are_read_and_have_no_effect() {
    let all = "apiserver_qps 2.5\napiserver_burst 10\napiserver_max_inflight 0";
    assert_eq!(view(all), view(""));
    assert!(notes(&corefile(all))[2].starts_with("Corefile:5:1: `apiserver_max_inflight` has no effect here: "));
    for wrong in ["apiserver_qps -1", "apiserver_qps x", "apiserver_burst 1.5", "apiserver_max_inflight -1"] {
        assert!(refused(wrong).contains("is no limit"));
    }
    assert!(refused("apiserver_burst").contains("something is missing"));
    assert!(refused("apiserver_qps 1 2").contains("is too much"));
}

#[test]
fn what_is_not_here_is_refused_by_its_name() {
    assert!(refused("multicluster a").starts_with("1: clusterdns does not have `multicluster` of `kubernetes` yet"));
    assert_eq!(refused("pod insecure"), "1: `pod` is no option of `kubernetes`: did you mean `pods`?");
    assert_eq!(refused("resyncperiod 5m"), "1: `resyncperiod` is no option of `kubernetes`: take it out");
}
