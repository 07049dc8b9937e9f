//! From a file as it is written to a [`Config`]: every value is looked at, every problem collected.

mod outside;
mod stages;

use std::{
    fmt::Display,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::{Range, RangeInclusive},
    time::Duration,
};

use ipnet::{IpNet, Ipv4Net};
use toml::Spanned;

use super::{
    Completion, Config, Kubernetes, Reload, Search, Server, Snapshot, Tcp, Udp,
    corefile::rewrite_rule,
    error::Problem,
    file::{self, CidrOrFalse},
};
use crate::{
    objects::api::{Access, Endpoint},
    records::{
        name::{Name, is_dns_label},
        selector::Selector,
        view::{Pods, ViewOptions},
        zone::Zone,
    },
};

/// Checks a file. All of its problems are found at once.
pub(super) fn config(file: file::File) -> Result<Config, Vec<Problem>> {
    let mut checked = Checked::default();
    let servers = file.server.unwrap_or_else(|| vec![file::Server::default()]);
    let servers: Vec<_> = servers.into_iter().map(|server| checked.server(server)).collect();
    let config = Config {
        kubernetes: checked.kubernetes(file.kubernetes, &file.snapshot),
        snapshot: checked.snapshot(file.snapshot),
        udp: Udp {
            sockets: file.udp.sockets,
            threads: Some(checked.within(file.udp.threads, 0, 0..=1024)).filter(|&threads| threads > 0),
        },
        tcp: checked.tcp(file.tcp),
        admin_listen: match file.admin.listen {
            Some(listen) => checked.each(listen, address),
            None => vec![DEFAULT_ADMIN.parse().expect("an address")],
        },
        admin_explain: file.admin.explain,
        health: None,
        shares_addresses: file.udp.shared,
        ready_continuously: file.admin.ready_continuously,
        lameduck: Duration::from_secs(checked.within(file.admin.lameduck_secs, 0, 0..=LAMEDUCK_SECS_MAX)),
        reload: checked.reload(file.reload),
        admin_hosts: checked.each(file.admin.hosts, host),
        extended_errors: file.replies.extended_errors,
        search: file.search.map(|search| checked.search(search, cluster_zone(&servers))),
        completion: checked.completion(file.completion, &servers),
        servers,
    };
    // In the order of the file.
    checked.problems.sort_by_key(|problem| problem.span.start);
    if checked.problems.is_empty() { Ok(config) } else { Err(checked.problems) }
}

const DEFAULT_ADMIN: &str = "127.0.0.1:9153";
const DEFAULT_LISTEN: &str = "127.0.0.1:5300";
const DEFAULT_SERVICE_CIDR: &str = "10.96.0.0/12";
const DEFAULT_ZONES: [&str; 3] = ["cluster.local", "in-addr.arpa", "ip6.arpa"];
const DEFAULT_TTL_SECS: u32 = 5;
/// CoreDNS's (behaviour F).
const STARTUP_TIMEOUT_SECS: u64 = 5;
const STATE_INTERVAL_SECS: u64 = 60;
/// Nobody waits longer for an end.
const LAMEDUCK_SECS_MAX: u64 = 600;
pub(super) const DEFAULT_RESOLV_CONF: &str = "/etc/resolv.conf";
/// What the kubelet gives Pods.
const DEFAULT_NDOTS: u8 = 5;
const YEAR_SECS: u64 = 31_536_000;

/// Values on their way, and what is wrong with some.
#[derive(Default)]
struct Checked {
    problems: Vec<Problem>,
    /// Every pair of address and zone that a server has.
    taken: Vec<(SocketAddr, Zone)>,
}

impl Checked {
    fn snapshot(&mut self, snapshot: file::Snapshot) -> Snapshot {
        let default = || DEFAULT_SERVICE_CIDR.parse().ok();
        let service_cidr = match snapshot.service_cidr.map(|cidr| (cidr.span(), cidr.into_inner())) {
            None => default(),
            Some((_, CidrOrFalse::Switch(false))) => None,
            Some((span, CidrOrFalse::Switch(true))) => {
                self.problem(span, "write a range, like \"10.96.0.0/12\", or false")
            }
            Some((span, CidrOrFalse::Cidr(text))) => match text.parse::<Ipv4Net>() {
                Ok(cidr) if (8..=28).contains(&cidr.prefix_len()) => Some(cidr),
                _ => self.problem(span, format!("\"{text}\" is no IPv4 range from /8 to /28, like \"10.96.0.0/12\"")),
            },
        };
        Snapshot { paths: snapshot.paths.into_iter().map(Into::into).collect(), service_cidr }
    }

    fn kubernetes(&mut self, kubernetes: file::Kubernetes, snapshot: &file::Snapshot) -> Kubernetes {
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        let startup_timeout_secs = self.within(kubernetes.startup_timeout_secs, STARTUP_TIMEOUT_SECS, 0..=600);
        let state_interval_secs = self.within(kubernetes.state_interval_secs, STATE_INTERVAL_SECS, 1..=3600);
        let enabled = kubernetes.enabled.filter(|enabled| *enabled.get_ref());
        if let (Some(enabled), false) = (&enabled, snapshot.paths.is_empty()) {
            self.problem::<()>(enabled.span(), "the cluster is read from [snapshot] paths already: keep one of them");
        }
        let kubeconfig = filled(kubernetes.kubeconfig).map(Into::into);
        let identity = self.identity(kubernetes.client_certificate, kubernetes.client_key);
        let authority = self.text(kubernetes.certificate_authority, outside::path);
        let endpoint_span = kubernetes.endpoint.as_ref().map_or(0..0, Spanned::span);
        let endpoint = self.text(kubernetes.endpoint, api_url).map(|url| Endpoint::new(&url, identity, authority));
        if kubeconfig.is_some() && endpoint.is_some() {
            self.problem::<()>(endpoint_span, "endpoint and kubeconfig exclude each other: keep one of them");
        }
        Kubernetes {
            enabled: enabled.is_some(),
            access: Access { kubeconfig, context: filled(kubernetes.context), endpoint },
            startup_timeout: Duration::from_secs(startup_timeout_secs),
            state: filled(kubernetes.state).map(Into::into),
            state_interval: Duration::from_secs(state_interval_secs),
        }
    }

    /// None where it is off, whatever else is written.
    fn reload(&mut self, reload: file::Reload) -> Option<Reload> {
        let default = Reload::default();
        let interval = self.within(reload.interval_secs, default.interval.as_secs(), 2..=YEAR_SECS);
        let jitter = self.within(reload.jitter_secs, default.jitter.as_secs(), 0..=YEAR_SECS);
        let (interval, jitter) = (Duration::from_secs(interval), Duration::from_secs(jitter));
        reload.enabled.then_some(Reload { interval, jitter: jitter.min(interval / 2) })
    }

    fn tcp(&mut self, tcp: file::Tcp) -> Tcp {
        Tcp {
            connections: self.within(tcp.connections, 1000, 1..=1_000_000),
            connections_per_client: self.within(tcp.connections_per_client, 250, 1..=1_000_000),
            idle_timeout: Duration::from_secs(self.within(tcp.idle_timeout_secs, 10, 1..=3600)),
            message_timeout: Duration::from_secs(self.within(tcp.message_timeout_secs, 5, 1..=3600)),
            queries_per_connection: Some(tcp.queries_per_connection).filter(|&queries| queries > 0),
            connection_age: Some(self.within(tcp.connection_age_secs, 0, 0..=YEAR_SECS))
                .filter(|&secs| secs > 0)
                .map(Duration::from_secs),
        }
    }

    /// A Pod of the namespace has its first three domains; the others come behind them.
    fn search(&mut self, search: file::Search, cluster_zone: Option<Name>) -> Search {
        let mut domains = Vec::new();
        let chosen = search.namespace.filter(|text| !text.get_ref().is_empty()).into_iter().collect();
        if let Some(namespace) = self.each(chosen, namespace).pop() {
            let zone = cluster_zone.unwrap_or_else(Name::root).to_string();
            let fronts = [format!("{namespace}.svc."), "svc.".into(), String::new()];
            domains.extend(fronts.iter().filter_map(|front| name(&format!("{front}{zone}")).ok()));
        }
        domains.extend(self.each(search.domains, name));
        Search { domains, ndots: self.within(search.ndots, DEFAULT_NDOTS, 1..=15) }
    }

    fn completion(&mut self, completion: file::Completion, servers: &[Server]) -> Option<Completion> {
        let enabled = completion.enabled;
        let node_domains = self.each(completion.node_domains, name);
        let except_namespaces = self.each(completion.except_namespaces, namespace);
        let top_level_namespaces = completion.top_level_namespaces;
        let resolv_conf = completion.resolv_conf.unwrap_or_else(|| DEFAULT_RESOLV_CONF.into());
        let resolv_conf = (!resolv_conf.is_empty()).then(|| resolv_conf.into());
        let by_address = completion.by_address.filter(|by_address| *by_address.get_ref());
        if let Some(by_address) = &by_address
            && !servers.iter().flat_map(|server| &server.kubernetes).any(|view| view.pods == Pods::Verified)
        {
            self.problem::<()>(
                by_address.span(),
                "no address of a Pod is known: write pods = \"verified\" for a server",
            );
        }
        let by_address = by_address.is_some();
        let completion = Completion { except_namespaces, top_level_namespaces, node_domains, resolv_conf, by_address };
        enabled.then_some(completion)
    }

    fn server(&mut self, server: file::Server) -> Server {
        let listen = self.some_of(server.listen, &[DEFAULT_LISTEN], "an address to listen on", address);
        let zones_span = server.zones.as_ref().map_or(0..0, Spanned::span);
        let zones: Vec<_> = self.some_of(server.zones, &["."], "a zone", zone).into_iter().flatten().collect();
        self.take(&listen, &zones, zones_span);
        Server {
            kubernetes: self.names(server.kubernetes),
            transfer_to: self.each(server.transfer.to, network),
            rotate: server.rotate,
            any_class: server.any_class,
            looks_on: false,
            cache: self.cache(server.cache),
            forward: server.forward.into_iter().filter_map(|forward| self.forward(forward)).collect(),
            loop_check: self.loop_check(server.loop_check),
            errors: self.errors(server.errors),
            log: server.log.into_iter().filter_map(|log| self.log(log)).collect(),
            rewrite: self.each(server.rewrite, rewrite_rule),
            template: server.template.into_iter().filter_map(|template| self.template(template, &zones)).collect(),
            hosts: self.hosts(server.hosts, &zones),
            zones,
            listen,
        }
    }

    /// On one address a zone has one server.
    fn take(&mut self, listen: &[SocketAddr], zones: &[Zone], span: Range<usize>) {
        for pair in listen.iter().flat_map(|&address| zones.iter().map(move |zone| (address, zone.clone()))) {
            if self.taken.contains(&pair) {
                let (address, Zone { apex, .. }) = &pair;
                self.problem::<()>(span.clone(), format!("zone {apex} has a server on {address} already"));
            }
            self.taken.push(pair);
        }
        for address in listen.iter().filter(|address| address.ip() == Ipv6Addr::UNSPECIFIED) {
            let ipv4 = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
            if self.taken.iter().any(|(taken, _)| *taken == ipv4) {
                self.problem::<()>(span.clone(), format!("{address} takes IPv4 clients too: leave {ipv4} out"));
            }
        }
    }

    /// None where the list of zones is empty.
    fn names(&mut self, kubernetes: file::Names) -> Option<ViewOptions> {
        let zones_span = kubernetes.zones.as_ref().map_or(0..0, Spanned::span);
        let zones: Vec<Zone> = match kubernetes.zones {
            Some(zones) => self.each(zones.into_inner(), zone).into_iter().flatten().collect(),
            None => DEFAULT_ZONES.iter().flat_map(|text| Zone::parse(text).unwrap_or_default()).collect(),
        };
        if !zones.is_empty() && zones.iter().all(|zone| zone.reverse) {
            self.problem::<()>(
                zones_span.clone(),
                "only reverse zones: name the cluster's zone too, for PTR records point into it",
            );
        }
        if let (Some(namespace), Some(labels)) = (kubernetes.namespaces.first(), &kubernetes.namespace_labels)
            && !labels.get_ref().is_empty()
        {
            self.problem::<()>(
                namespace.span(),
                "namespaces and namespace_labels exclude each other: keep one of them",
            );
        }
        if kubernetes.noendpoints && kubernetes.zonal {
            self.problem::<()>(zones_span, "zonal needs endpoints: drop noendpoints or zonal");
        }
        let options = ViewOptions {
            ttl_secs: self.within(kubernetes.ttl_secs, DEFAULT_TTL_SECS, 0..=3600),
            pods: kubernetes.pods,
            endpoint_pod_names: kubernetes.endpoint_pod_names,
            namespaces: self.each(kubernetes.namespaces, namespace),
            namespace_labels: self.selector(kubernetes.namespace_labels),
            labels: self.selector(kubernetes.labels),
            no_endpoints: kubernetes.noendpoints,
            ignore_empty_service: kubernetes.ignore_empty_service,
            zonal: kubernetes.zonal,
            fallthrough: self.each(kubernetes.fallthrough, name),
            local_addresses: Vec::new(),
            ttl_limits: None,
            zones,
        };
        (!options.zones.is_empty()).then_some(options)
    }

    fn selector(&mut self, text: Option<Spanned<String>>) -> Option<Selector> {
        let text = text.filter(|text| !text.get_ref().is_empty())?;
        self.each(vec![text], |text| Selector::parse(text).map_err(|error| error.to_string())).pop()
    }

    /// A number within its limits, or its default.
    fn within<T: Copy + PartialOrd + Display>(
        &mut self,
        value: Option<Spanned<T>>,
        default: T,
        limits: RangeInclusive<T>,
    ) -> T {
        let Some(value) = value else { return default };
        if !limits.contains(value.get_ref()) {
            let message = format!("{} is not within {} and {}", value.get_ref(), limits.start(), limits.end());
            self.problem::<()>(value.span(), message);
        }
        value.into_inner()
    }

    /// A list that may not be empty, or its default.
    fn some_of<T>(
        &mut self,
        list: Option<Spanned<Vec<Spanned<String>>>>,
        default: &[&str],
        what: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        match list {
            None => default.iter().filter_map(|text| read(text).ok()).collect(),
            Some(list) if list.get_ref().is_empty() => {
                self.problem(list.span(), format!("name at least {what}")).into_iter().collect()
            }
            Some(list) => self.each(list.into_inner(), read),
        }
    }

    fn each<T>(&mut self, texts: Vec<Spanned<String>>, read: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let read_one = |text: Spanned<String>| match read(text.get_ref()) {
            Ok(value) => Some(value),
            Err(message) => self.problem(text.span(), message),
        };
        texts.into_iter().filter_map(read_one).collect()
    }

    fn problem<T>(&mut self, span: Range<usize>, message: impl Into<String>) -> Option<T> {
        self.problems.push(Problem { span, message: message.into() });
        None
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no address with a port, like \"127.0.0.1:5300\" or \"[::]:53\""))
}

fn zone(text: &str) -> Result<Vec<Zone>, String> {
    Zone::parse(text).map_err(|error| error.to_string())
}

fn name(text: &str) -> Result<Name, String> {
    Name::parse(text).map(|name| name.to_lower()).map_err(|error| format!("\"{text}\" is no name: {error}"))
}

/// The first zone of names that is served.
fn cluster_zone(servers: &[Server]) -> Option<Name> {
    let mut zones = servers.iter().filter_map(|server| server.kubernetes.as_ref()).flat_map(|options| &options.zones);
    zones.find(|zone| !zone.reverse).map(|zone| zone.apex.clone())
}

/// A name in a Host header: without a port.
fn host(text: &str) -> Result<String, String> {
    match text.split('.').all(is_dns_label) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(format!("\"{text}\" is no name of a host, like \"dns.example.com\"")),
    }
}

pub(super) fn namespace(text: &str) -> Result<String, String> {
    if is_dns_label(text) { Ok(text.to_ascii_lowercase()) } else { Err(format!("\"{text}\" is no namespace")) }
}

/// A URL of an API server. As for kubectl, the scheme may be left out.
pub(super) fn api_url(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` is no URL of an API server, like `https://10.0.0.1:6443`");
    let uri: hyper::Uri = text.parse().map_err(|_| wrong())?;
    let has_scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_bare = uri.scheme().is_none() && !text.starts_with('/');
    if (has_scheme || is_bare) && uri.host().is_some_and(|host| !host.is_empty()) {
        Ok(text.into())
    } else {
        Err(wrong())
    }
}

/// A CIDR, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let one = || text.parse().map(|address: std::net::IpAddr| IpNet::from(address));
    text.parse().or_else(|_| one()).map_err(|_| format!("\"{text}\" is no address or CIDR, like \"10.0.0.0/8\""))
}
