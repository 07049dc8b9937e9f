//! From server blocks to a [`Config`].
//!
//! A block whose keys have several ports becomes a server for each set of zones. What CoreDNS has for each
//! block and we for all of them (the API server, completion) must not differ between them.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use super::{
    blocks::{Block, Directive},
    checked::Checked,
    directives::{self, Transfer},
    kubernetes::Cluster,
    life::{self, Health, Ready},
    logs,
    plugins::{self, Plugin},
    report::{Place, Word, quoted},
    values,
};
use crate::{
    cache,
    config::{
        Completion, Config, LoopCheck, Reload, Server,
        convert::DEFAULT_RESOLV_CONF,
        logging::{Errors, Log},
    },
    forward,
    records::{name::Name, view::Pods, zone::Zone},
    stages::{hosts, rewrite, template},
};

/// Ports of one block; each may need tables of its own.
const PORTS_MAX: usize = 8;
/// Addresses of one block: more than any host has in use.
const HOSTS_MAX: usize = 64;

/// A server block as far as it is read.
#[derive(Default)]
struct Draft {
    keys: Vec<Key>,
    /// Addresses to listen on, with port 0. Empty: all.
    hosts: Vec<SocketAddr>,
    kubernetes: Option<Cluster>,
    transfer: Option<Transfer>,
    autopath: Option<(Place, Vec<Zone>)>,
    rotate: bool,
    cache: Option<cache::Options>,
    forward: Vec<forward::Options>,
    loop_check: Option<LoopCheck>,
    errors: Option<Errors>,
    log: Vec<Log>,
    rewrite: Vec<rewrite::Rule>,
    template: Vec<template::Template>,
    hosts_file: Option<hosts::Options>,
    reload: Option<Reload>,
    health: Option<Health>,
    ready: Option<Ready>,
    prometheus: Option<SocketAddr>,
}

struct Key {
    zones: Vec<Zone>,
    port: u16,
    place: Place,
}

/// Reads what the blocks say. Whatever is wrong is in the report.
pub(super) fn config(blocks: &[Block], checked: &mut Checked<'_>) -> Config {
    let drafts: Vec<Draft> = blocks.iter().map(|block| draft(block, checked)).collect();
    listen_once(&drafts, checked);
    let mut config = Config {
        search: None,
        admin_listen: Vec::new(),
        admin_explain: false,
        shares_addresses: true,
        ..Config::default()
    };
    reach(&mut config, &drafts, checked);
    config.completion = completion(&drafts, checked);
    process(&mut config, &drafts);
    config.servers = drafts.into_iter().flat_map(|draft| servers(draft, checked)).collect();
    config
}

fn draft(block: &Block, checked: &mut Checked<'_>) -> Draft {
    let mut draft = Draft::default();
    draft.keys.extend(block.keys.iter().filter_map(|word| key(word, checked)));
    let zones: Vec<Zone> = draft.keys.iter().flat_map(|key| key.zones.iter().cloned()).collect();
    let mut once = HashSet::new();
    for directive in &block.directives {
        let Word { text, place } = &directive.line.name;
        match plugins::plugin(text) {
            Err(message) => {
                checked.problem::<()>(*place, message);
            }
            Ok(plugin) if !once.insert(plugin) && ONCE.contains(&plugin) => {
                checked.problem::<()>(*place, format!("this block has `{text}` already: take one of them out"));
            }
            Ok(plugin) => draft.directive(plugin, directive, &zones, checked),
        }
    }
    draft.hosts = without_covered(draft.hosts);
    draft
}

/// Of the others CoreDNS takes the last, or all; of several `transfer` the one with the longest zone.
const ONCE: [Plugin; 8] = [
    Plugin::Cache,
    Plugin::Errors,
    Plugin::Hosts,
    Plugin::Kubernetes,
    Plugin::Loop,
    Plugin::Prometheus,
    Plugin::Ready,
    Plugin::Transfer,
];

impl Draft {
    fn directive(&mut self, plugin: Plugin, directive: &Directive, zones: &[Zone], checked: &mut Checked<'_>) {
        let place = directive.line.name.place;
        match plugin {
            Plugin::Autopath => {
                self.autopath = directives::autopath(directive, checked).map(|zones| (place, zones));
            }
            Plugin::Bind => match directives::bind(directive, checked) {
                Some(hosts) if self.hosts.len() + hosts.len() > HOSTS_MAX => {
                    let message = format!("more than {HOSTS_MAX} addresses: leave `bind` out to listen on all");
                    checked.problem::<()>(place, message);
                }
                Some(hosts) => self.hosts.extend(hosts),
                // Without knowing where nothing further is to be said of it.
                None => self.keys.clear(),
            },
            Plugin::Cache => self.cache = super::cache::read(directive, checked),
            Plugin::Errors => self.errors = logs::errors(directive, checked),
            Plugin::Forward => self.forward.extend(super::forward::read(directive, checked)),
            Plugin::Health => self.health = life::health(directive, checked),
            Plugin::Hosts => self.hosts_file = super::hosts::read(directive, zones, checked),
            Plugin::Kubernetes => self.kubernetes = Some(Cluster::read(directive, zones, checked)),
            Plugin::Loadbalance => self.rotate = directives::loadbalance(directive, checked).is_some(),
            Plugin::Log => self.log.extend(logs::log(directive, checked)),
            Plugin::Loop => self.loop_check = life::loop_check(directive, checked),
            Plugin::Prometheus => self.prometheus = directives::prometheus(directive, checked),
            Plugin::Ready => self.ready = life::ready(directive, checked),
            Plugin::Reload => self.reload = life::reload(directive, checked),
            Plugin::Rewrite => self.rewrite.extend(super::rewrite::read(directive, checked)),
            Plugin::Template => self.template.extend(super::template::read(directive, zones, checked)),
            Plugin::Transfer => self.transfer = directives::transfer(directive, checked),
            Plugin::WithoutEffect => drop(life::without_effect(directive, checked)),
        }
    }

    /// The zones of the cluster that hold names.
    fn forward_zones(&self) -> impl Iterator<Item = &Zone> {
        self.kubernetes.iter().flat_map(|cluster| &cluster.view.zones).filter(|zone| !zone.reverse)
    }
}

/// `[SCHEME://]ZONE[:PORT]`
fn key(word: &Word, checked: &mut Checked<'_>) -> Option<Key> {
    let read = values::parts(&word.text).and_then(|parts| Ok((values::zones(parts.zone)?, parts)));
    let (zones, parts) = checked.report.checked(word.place, read)?;
    match parts.scheme {
        None | Some("dns") => {}
        Some(scheme @ ("tls" | "https" | "https3" | "quic" | "grpc" | "unix")) => {
            let message = format!("clusterdns does not have `{scheme}://` yet: listen with `dns://`, for UDP and TCP");
            return checked.problem(word.place, message);
        }
        Some(other) => {
            return checked.problem(word.place, format!("{} is no scheme: write `dns://` or none", quoted(other)));
        }
    }
    let port = parts.port.unwrap_or_else(|| checked.around.port());
    Some(Key { zones: checked.counted(word.place, zones), port, place: word.place })
}

/// A zone has one block on an address, and an address one socket.
fn listen_once(drafts: &[Draft], checked: &mut Checked<'_>) {
    let mut taken: HashSet<(SocketAddr, &Name)> = HashSet::new();
    let mut addresses: HashSet<SocketAddr> = HashSet::new();
    for (draft, key) in drafts.iter().flat_map(|draft| draft.keys.iter().map(move |key| (draft, key))) {
        for address in listen(&draft.hosts, key.port) {
            let again = key.zones.iter().find(|zone| !taken.insert((address, &zone.apex)));
            if let Some(Zone { apex, .. }) = again {
                checked.problem::<()>(key.place, format!("zone {apex} has a server on {address} already"));
            }
            if addresses.insert(address)
                && let Some(other) = overlapping(address, &addresses)
            {
                let message = format!("{address} and {other} overlap: write a `bind` into both blocks, or into none");
                checked.problem::<()>(key.place, message);
            }
        }
    }
}

/// An address of which this one is a part, or the other way round.
fn overlapping(address: SocketAddr, among: &HashSet<SocketAddr>) -> Option<SocketAddr> {
    let part_of = |other: &SocketAddr| {
        let of_wildcard = |wildcard: IpAddr, one: IpAddr| wildcard.is_ipv6() || one.is_ipv4();
        other != &address && other.port() == address.port() && of_wildcard(address.ip(), other.ip())
    };
    let parts = among.iter().filter(|other| address.ip().is_unspecified() && part_of(other));
    parts.min().copied().or_else(|| wildcards(address).find(|wildcard| among.contains(wildcard)))
}

/// The addresses that include this one, without itself.
fn wildcards(address: SocketAddr) -> impl Iterator<Item = SocketAddr> {
    let all = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
    let all = all.into_iter().filter(move |all: &IpAddr| all.is_ipv6() || address.is_ipv4());
    all.map(move |all| SocketAddr::new(all, address.port())).filter(move |all| *all != address)
}

/// Where a block listens on a port.
fn listen(hosts: &[SocketAddr], port: u16) -> Vec<SocketAddr> {
    let all = [SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0)];
    let hosts = if hosts.is_empty() { &all } else { hosts };
    let with_port = |mut address: SocketAddr| {
        address.set_port(port);
        address
    };
    hosts.iter().copied().map(with_port).collect()
}

/// Each address once, and none that another one includes.
fn without_covered(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let all: HashSet<_> = addresses.iter().copied().collect();
    let mut kept = HashSet::new();
    let is_kept =
        |address: &SocketAddr| !wildcards(*address).any(|wildcard| all.contains(&wildcard)) && kept.insert(*address);
    addresses.into_iter().filter(is_kept).collect()
}

/// What all blocks say of the process: it waits for the longest lameduck, and the last `reload` counts.
fn process(config: &mut Config, drafts: &[Draft]) {
    for Draft { health, ready, prometheus, reload, .. } in drafts {
        let health_listen = health.as_ref().map(|health| health.listen);
        let ready_listen = ready.as_ref().map(|ready| ready.listen);
        config.admin_listen.extend([health_listen, ready_listen, *prometheus].into_iter().flatten());
        config.health = health_listen.or(config.health);
        config.lameduck = config.lameduck.max(health.as_ref().map_or(Duration::ZERO, |health| health.lameduck));
        config.ready_continuously |= ready.as_ref().is_some_and(|ready| ready.continuously);
        config.reload = reload.or(config.reload);
    }
    config.admin_listen = without_covered(std::mem::take(&mut config.admin_listen));
}

/// One API server, and the longest of the times that are waited for it.
fn reach(config: &mut Config, drafts: &[Draft], checked: &mut Checked<'_>) {
    let mut clusters = drafts.iter().filter_map(|draft| draft.kubernetes.as_ref());
    let Some(first) = clusters.next() else { return };
    config.kubernetes.enabled = true;
    config.kubernetes.access = first.access.clone();
    config.kubernetes.startup_timeout = first.startup_timeout;
    for other in clusters {
        config.kubernetes.startup_timeout = config.kubernetes.startup_timeout.max(other.startup_timeout);
        if other.access != first.access {
            let message = "clusterdns follows one cluster: write the same `kubeconfig` into every block, or into none";
            checked.problem::<()>(other.access_place, message);
        }
    }
}

/// Completion is on for the whole cluster or off.
fn completion(drafts: &[Draft], checked: &mut Checked<'_>) -> Option<Completion> {
    let mut asked_for = drafts.iter().filter_map(|draft| Some((draft, draft.autopath.as_ref()?))).peekable();
    asked_for.peek()?;
    let is_missing = drafts.iter().any(|draft| draft.kubernetes.is_some() && draft.autopath.is_none());
    for (draft, (place, zones)) in asked_for {
        if draft.kubernetes.is_none() {
            checked.problem::<()>(*place, "`autopath @kubernetes` needs `kubernetes` in the same block");
        }
        let is_left_out = |zone: &Zone| !zones.is_empty() && !zones.iter().any(|wide| zone.apex.is_in(&wide.apex));
        if draft.forward_zones().any(is_left_out) {
            checked
                .problem::<()>(*place, "clusterdns completes names in all zones of the cluster: leave the zones out");
        }
        if is_missing {
            let message = "clusterdns completes names in all blocks with `kubernetes`: write it into each of them";
            checked.problem::<()>(*place, message);
        }
    }
    Some(Completion {
        except_namespaces: Vec::new(),
        top_level_namespaces: false,
        node_domains: Vec::new(),
        resolv_conf: Some(DEFAULT_RESOLV_CONF.into()),
        by_address: drafts
            .iter()
            .flat_map(|draft| &draft.kubernetes)
            .any(|cluster| cluster.view.pods == Pods::Verified),
    })
}

/// The servers of a block: ports with the same zones are one.
fn servers(draft: Draft, checked: &mut Checked<'_>) -> Vec<Server> {
    let mut zones_of: Vec<(u16, Vec<Zone>)> = Vec::new();
    for key in &draft.keys {
        let of_port = zones_of.iter().position(|(port, _)| *port == key.port).unwrap_or(zones_of.len());
        if of_port == PORTS_MAX {
            checked.problem::<()>(key.place, format!("more than {PORTS_MAX} ports: write a block for the others"));
            return Vec::new();
        }
        if of_port == zones_of.len() {
            zones_of.push((key.port, Vec::new()));
        }
        zones_of[of_port].1.extend(key.zones.iter().cloned());
    }
    let transfer_to = draft.transfer.as_ref().map(|transfer| to(&draft, transfer, checked)).unwrap_or_default();
    let mut servers: Vec<(Vec<u16>, Vec<Zone>)> = Vec::new();
    for (port, zones) in zones_of {
        match servers.iter_mut().find(|(_, others)| *others == zones) {
            Some((ports, _)) => ports.push(port),
            None => servers.push((vec![port], zones)),
        }
    }
    let server = |(ports, zones): (Vec<u16>, Vec<Zone>)| Server {
        listen: ports.iter().flat_map(|&port| listen(&draft.hosts, port)).collect(),
        zones,
        rotate: draft.rotate,
        any_class: !draft.forward.is_empty(),
        looks_on: draft.errors.is_some() || !draft.log.is_empty() || draft.rotate,
        kubernetes: draft.kubernetes.as_ref().map(|cluster| cluster.view.clone()),
        transfer_to: transfer_to.clone(),
        cache: draft.cache.clone(),
        forward: draft.forward.clone(),
        loop_check: draft.loop_check,
        errors: draft.errors.clone(),
        log: draft.log.clone(),
        rewrite: draft.rewrite.clone(),
        template: draft.template.clone(),
        hosts: draft.hosts_file.clone(),
    };
    servers.into_iter().map(server).collect()
}

/// Who may transfer the zones of the cluster: all of them or none.
fn to(draft: &Draft, transfer: &Transfer, checked: &mut Checked<'_>) -> Vec<ipnet::IpNet> {
    let clusters = draft.kubernetes.iter().flat_map(|cluster| &cluster.view.zones);
    if let Some(zones) = &transfer.zones
        && clusters.into_iter().any(|cluster| !zones.iter().any(|zone| cluster.apex.is_in(zone)))
    {
        checked.problem::<()>(transfer.place, "clusterdns transfers all zones of a block: leave the zones out");
    }
    transfer.to.clone()
}
