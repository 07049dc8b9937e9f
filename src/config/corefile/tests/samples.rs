//! The Corefiles of distributions (`tests/corefiles/`), and what of them is not understood yet.

use std::{collections::BTreeSet, env, fs};

use super::*;
use crate::{
    config::corefile::{
        File,
        blocks::{Block, Directive, Line},
        stream::Stream,
    },
    forward::options::{To, Transport},
    records::view::Pods,
};

/// All that may be refused today. When one of these is built, it is taken out here and in the files.
const NOT_YET: [&str; 1] = ["template"];

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
fn what_is_not_understood_is_what_the_files_say() {
    assert_eq!(names(), ["addon", "aks", "eks", "k3s", "kind", "kubeadm", "minikube", "nodelocal"]);
    for name in names() {
        let text = fs::read_to_string(folder().join(format!("{name}.Corefile"))).unwrap();
        let refused: String = match read(&text).config {
            Ok(_) => String::new(),
            Err(errors) => first_lines(&errors).iter().map(|line| format!("{line}\n")).collect(),
        };
        let path = folder().join(format!("{name}.refused"));
        if env::var_os("REWRITE_REFUSED").is_some() {
            let _ = if refused.is_empty() { fs::remove_file(&path) } else { fs::write(&path, &refused) };
        }
        assert_eq!(refused, fs::read_to_string(&path).unwrap_or_default(), "{name}");
        let is_known = |line: &str| NOT_YET.iter().any(|word| line.contains(&format!("does not have `{word}`")));
        assert!(refused.lines().all(is_known), "{name}: {refused}");
    }
}

#[test]
fn the_rest_is_understood() {
    for name in names().into_iter().filter(|name| name != "nodelocal") {
        let text = fs::read_to_string(folder().join(format!("{name}.Corefile"))).unwrap();
        let read = read(&without_refused(&text));
        let config = read.config.unwrap_or_else(|errors| panic!("{name}: {errors:#?}"));
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

/// A Corefile without the directives and options that are refused, imports done.
fn without_refused(text: &str) -> String {
    let file = File { path: "/etc/coredns/Corefile".into(), name: String::new(), text: text.into() };
    let blocks = Stream::new(file, &world()).blocks();
    let words = |line: &Line| {
        let words = [&line.name].into_iter().chain(&line.arguments);
        words.map(|word| word.text.clone()).collect::<Vec<_>>().join(" ")
    };
    let kept = |line: &Line| !NOT_YET.contains(&&*line.name.text);
    let directive = |directive: &Directive| {
        let options: String =
            directive.options.iter().filter(|line| kept(line)).map(|line| words(line) + "\n").collect();
        format!("{} {{\n{options}}}\n", words(&directive.line))
    };
    let block = |block: &Block| {
        let directives: String = block.directives.iter().filter(|one| kept(&one.line)).map(directive).collect();
        format!("{} {{\n{directives}}}\n", block.keys[0].text)
    };
    blocks.iter().map(block).collect()
}
