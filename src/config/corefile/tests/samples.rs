//! The Corefiles of distributions (`tests/corefiles/`): each is understood as a whole.

use std::{collections::BTreeSet, fs, time::Duration};

use super::*;
use crate::{
    forward::options::{To, Transport},
    records::view::Pods,
    stages::zones::Zones,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corefiles")
}

fn names() -> Vec<String> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = files.filter_map(|file| file.strip_suffix(".Corefile").map(str::to_owned)).collect();
    names.sort();
    names
}

/// What stands beside the Corefile of k3s.
fn world() -> World {
    World::files(&[
        ("/etc/resolv.conf", "nameserver 10.0.0.53\n"),
        ("/etc/coredns/custom/log.override", "log\n"),
        ("/etc/coredns/custom/corp.server", "corp.example:53 {\n    errors\n    forward . 10.0.0.53\n}\n"),
    ])
}

fn read(text: &str) -> Corefile {
    Corefile::read(text, "/etc/coredns/Corefile", &world())
}

#[test]
fn all_are_understood_as_a_whole() {
    assert_eq!(names(), ["addon", "aks", "eks", "k3s", "kind", "kubeadm", "minikube", "nodelocal"]);
    for name in names().into_iter().filter(|name| name != "nodelocal") {
        let text = fs::read_to_string(folder().join(format!("{name}.Corefile"))).unwrap();
        let config = read(&text).config.unwrap_or_else(|errors| panic!("{name}: {errors:#?}"));
        let (server, view) = (&config.servers[0], config.servers[0].kubernetes.as_ref().unwrap());
        let zones: Vec<_> = view.zones.iter().map(|zone| zone.apex.to_string()).collect();
        let admin: BTreeSet<_> = config.admin_listen.iter().map(ToString::to_string).collect();
        let ttl_secs = if ["eks", "k3s"].contains(&&*name) { 5 } else { 30 };
        assert_eq!(zones, ["cluster.local.", "in-addr.arpa.", "ip6.arpa."], "{name}");
        assert_eq!((view.ttl_secs, view.pods, view.fallthrough.len()), (ttl_secs, Pods::Insecure, 2), "{name}");
        assert_eq!((server.listen[0].to_string(), server.rotate), ("[::]:53".into(), true), "{name}");
        assert_eq!(admin, ["[::]:8080", "[::]:8181", "[::]:9153"].map(String::from).into(), "{name}");
        assert!(config.kubernetes.enabled && !config.admin_explain, "{name}");
        let (cache, forward) = (server.cache.as_ref().unwrap(), &server.forward[0]);
        let lameduck_secs = if name == "k3s" { 0 } else { 5 };
        assert_eq!((cache.success.ttl_secs_max, config.lameduck.as_secs()), (30, lameduck_secs), "{name}");
        assert_eq!(forward.to, [To::ResolvConf("/etc/resolv.conf".into())], "{name}");
        assert!(server.loop_check.is_some() && config.reload.is_some(), "{name}");
    }
}

#[test]
fn a_cache_on_each_node_forwards_to_the_cluster() {
    let text = fs::read_to_string(folder().join("nodelocal.Corefile")).unwrap();
    let config = read(&text).config.unwrap();
    assert_eq!((config.servers.len(), config.kubernetes.enabled, config.reload.is_some()), (4, false, true));
    let admin: BTreeSet<_> = config.admin_listen.iter().map(ToString::to_string).collect();
    assert_eq!(admin, ["169.254.20.10:8080", "[::]:9253"].map(String::from).into());
    let cluster = &config.servers[0];
    assert_eq!(
        cluster.listen.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["169.254.20.10:53", "10.96.0.10:53"]
    );
    assert_eq!(cluster.forward[0].to, [To::Plain("10.96.0.11:53".parse().unwrap())]);
    assert_eq!(cluster.forward[0].transport, Transport::ForceTcp);
    let cache = cluster.cache.as_ref().unwrap();
    assert_eq!((cache.success.ttl_secs_max, cache.denial.ttl_secs_max), (30, 5));
    assert_eq!(config.servers[3].forward[0].to, [To::ResolvConf("/etc/resolv.conf".into())]);
}

#[test]
fn k3s_and_minikube_have_hosts_and_aks_has_templates() {
    let server = |name: &str| {
        let text = fs::read_to_string(folder().join(format!("{name}.Corefile"))).unwrap();
        read(&text).config.unwrap().servers.remove(0)
    };
    let (k3s, minikube) = (server("k3s").hosts.unwrap(), server("minikube").hosts.unwrap());
    assert_eq!((k3s.path, k3s.ttl_secs), (PathBuf::from("/etc/coredns/NodeHosts"), 60));
    assert_eq!((k3s.reload, k3s.fallthrough), (Some(Duration::from_secs(15)), Zones::all()));
    assert_eq!((&*minikube.inline, minikube.fallthrough), ("192.168.49.1 host.minikube.internal\n", Zones::all()));
    let aks = server("aks").template;
    assert_eq!(
        aks.iter().map(|template| (template.patterns.len(), template.rcode)).collect::<Vec<_>>(),
        [(1, 3), (0, 3)]
    );
}
