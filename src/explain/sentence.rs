//! Sentences about the objects of the cluster, with their facts.

use super::{
    Explainer, Request,
    meaning::{Front, Meaning, Subject},
    near::label_text,
};
use crate::{
    answers::{code, why::Why},
    records::{
        name::Name,
        service::{External, KeyOctets, Service, Target},
    },
};

/// The sentence for a question that has no records.
pub(super) fn of(explainer: &Explainer, request: &Request, meaning: &Meaning<'_>) -> String {
    let Some(why) = meaning.why else { return found(explainer, meaning) };
    match &meaning.subject {
        Subject::Service { service, namespace, front, .. } => {
            of_service(explainer, request, meaning, &format!("{namespace}/{service}"), front, why)
        }
        Subject::Namespace(name) if why == Why::Empty => {
            format!("{name} is a namespace: the name of a Service belongs in front of it")
        }
        Subject::Namespace(name) if why == Why::Namespace => format!("namespace {name} does not exist"),
        Subject::Pod { address, .. } if why == Why::PodsDisabled => {
            format!("pods have no names here: pods = \"disabled\", so {address} is not looked at")
        }
        Subject::Pod { namespace, .. } if why == Why::Namespace => format!("namespace {namespace} does not exist"),
        Subject::Pod { address, namespace } if why == Why::Pod => {
            format!("no pod of namespace {namespace} has the address {address}")
        }
        Subject::Address(address) if why == Why::Address => format!("nothing in the cluster has the address {address}"),
        _ => why.phrase().into(),
    }
}

/// The sentence for a question that has records.
pub(super) fn found(explainer: &Explainer, meaning: &Meaning<'_>) -> String {
    match &meaning.subject {
        Subject::Service { service, namespace, .. } => match target(meaning) {
            Some(target) => format!("Service {namespace}/{service} is an ExternalName for {target}"),
            None => readiness(explainer, meaning, namespace, service),
        },
        _ => String::new(),
    }
}

fn of_service(
    explainer: &Explainer,
    request: &Request,
    meaning: &Meaning<'_>,
    path: &str,
    front: &Front,
    why: Why,
) -> String {
    let (namespace, service) = path.split_once('/').unwrap_or_default();
    match (why, front) {
        (Why::Unready, _) => readiness(explainer, meaning, namespace, service),
        (Why::Endpoint, Front::Endpoint(host)) => match near_host(meaning, host) {
            Some(near) => format!("Service {path} has no ready endpoint {host}: did you mean {near}?"),
            None => format!("Service {path} has no ready endpoint {host}"),
        },
        (Why::Port, Front::Port { port, protocol, .. }) => no_port(meaning, path, port, protocol),
        (Why::TopologyZone, Front::TopologyZone(zone)) => {
            format!("Service {path} has no ready endpoint in the topology zone {zone}")
        }
        (Why::ExternalName, _) => format!("Service {path} is an ExternalName for what is no name"),
        (Why::Target, _) => no_target(explainer, request, meaning),
        (Why::Type, _) => no_type(request, meaning, path),
        (Why::Namespace, _) => format!("namespace {namespace} does not exist"),
        (Why::Service, _) => format!("Service {path} does not exist"),
        _ => why.phrase().into(),
    }
}

/// "0 of 3 endpoints are ready".
fn readiness(explainer: &Explainer, meaning: &Meaning<'_>, namespace: &str, service: &str) -> String {
    let facts = explainer.store().service(namespace, service).unwrap_or_default();
    match (facts.ready, facts.ready + facts.not_ready) {
        _ if meaning.view.options.no_endpoints => format!("Service {namespace}/{service} exists"),
        (_, 0) => format!("Service {namespace}/{service} exists, it has no endpoints"),
        (0, 1) => format!("Service {namespace}/{service} exists, its only endpoint is not ready"),
        (ready, all) => format!("Service {namespace}/{service} exists, {ready} of {all} endpoints are ready"),
    }
}

fn no_port(meaning: &Meaning<'_>, path: &str, port: &str, protocol: &str) -> String {
    let other = read(meaning, |service| {
        let found = service.ports().find(|other| *other.name == *port && !port.is_empty());
        found.map(|other| other.protocol.to_string())
    });
    match (other.flatten(), ports(meaning)) {
        (Some(other), _) => format!("port {port} of Service {path} has the protocol {other}, not {protocol}"),
        (None, ports) if ports.is_empty() => {
            format!("port name {port} not found; no port of Service {path} has a name")
        }
        (None, ports) => format!("port name {port} not found; ports: {}", ports.join(", ")),
    }
}

/// "ExternalName points to db.shop, which does not exist".
fn no_target(explainer: &Explainer, request: &Request, meaning: &Meaning<'_>) -> String {
    let Some((name, target)) = external(meaning).zip(target(meaning)) else { return Why::Target.phrase().into() };
    let answer = explainer.ask(&name, code::A);
    match Meaning::of(explainer.plan(), explainer.listener, &name, code::A, &answer) {
        None => outside_target(&target),
        Some(inner) if !inner.exists() => format!("ExternalName points to {target}, which does not exist"),
        // An ExternalName behind an ExternalName is not followed: it might lead back here.
        Some(inner) if inner.why == Some(Why::Target) || answer.has_address() => {
            format!("ExternalName points to {target}, which has no {} record", request.qtype())
        }
        Some(inner) => format!("ExternalName points to {target}: {}", of(explainer, request, &inner)),
    }
}

/// Of an ExternalName that leads out of the cluster.
pub(super) fn outside_target(target: &str) -> String {
    format!("ExternalName points to {target}, outside of the cluster, and this server asks no others")
}

fn no_type(request: &Request, meaning: &Meaning<'_>, path: &str) -> String {
    let families = read(meaning, |service| {
        let all = || service.cluster_ips.iter().copied().chain(service.endpoint_addresses());
        (all().any(|ip| ip.is_ipv4()), all().any(|ip| ip.is_ipv6()))
    });
    match (&*request.qtype(), families) {
        ("AAAA", Some((true, false))) => format!("Service {path} has IPv4 addresses only"),
        ("A", Some((false, true))) => format!("Service {path} has IPv6 addresses only"),
        (qtype, _) => format!("Service {path} exists, without {qtype} records"),
    }
}

/// It exists, and this server is told not to show it.
pub(super) fn hidden_service(namespace: &str, service: &str) -> String {
    format!("Service {namespace}/{service} exists, but the options of this server leave it out")
}

/// It exists, and this server is told not to show it.
pub(super) fn hidden_namespace(namespace: &str) -> String {
    format!("namespace {namespace} exists, but the options of this server leave it out")
}

/// "namespace a", "namespaces a and b", "namespaces a, b and 3 more".
pub(super) fn namespaces(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("namespace {one}"),
        [one, two] => format!("namespaces {one} and {two}"),
        [one, two, more @ ..] => format!("namespaces {one}, {two} and {} more", more.len()),
    }
}

/// "first", "second", ...
pub(super) fn ordinal(number: usize) -> String {
    const WORDS: [&str; 6] = ["first", "second", "third", "fourth", "fifth", "sixth"];
    match WORDS.get(number.wrapping_sub(1)) {
        Some(word) => (*word).into(),
        None => format!("{number}th"),
    }
}

/// The names of a Service's ports, each once, in their order.
pub(super) fn ports(meaning: &Meaning<'_>) -> Vec<String> {
    let names = read(meaning, |service| {
        let mut names: Vec<String> = Vec::new();
        for port in service.ports().filter(|port| !port.name.is_empty()) {
            if !names.iter().any(|name| **name == *port.name) {
                names.push(port.name.to_string());
            }
        }
        names
    });
    names.unwrap_or_default()
}

/// What an ExternalName points at, in short where it is a name of this cluster.
pub(super) fn target(meaning: &Meaning<'_>) -> Option<String> {
    let target = external(meaning)?.to_string();
    let below = format!(".svc.{}", meaning.zone.apex);
    let short = target.strip_suffix(&below).filter(|short| short.contains('.'));
    Some(short.unwrap_or(target.trim_end_matches('.')).to_owned())
}

fn external(meaning: &Meaning<'_>) -> Option<Name> {
    let of = |service: &Service| match &service.target {
        Target::External(External::Name(name)) => Some(name.to_lower()),
        _ => None,
    };
    read(meaning, of).flatten()
}

fn near_host(meaning: &Meaning<'_>, host: &str) -> Option<String> {
    let hosts: Vec<String> = read(meaning, |service| {
        let labels = service.endpoints.iter().flat_map(|group| group.hosts().map(|host| label_text(host.label)));
        labels.take(HOSTS_MAX).collect()
    })?;
    super::near::closest(host, hosts.iter().map(String::as_str))
}

fn read<R>(meaning: &Meaning<'_>, read: impl FnOnce(&Service) -> R) -> Option<R> {
    let Subject::Service { service, namespace, .. } = &meaning.subject else { return None };
    meaning.view.service(&KeyOctets::new(namespace, service)?, read)
}

/// A name is looked for among so many endpoints: all of nearly every Service.
const HOSTS_MAX: usize = 1000;
