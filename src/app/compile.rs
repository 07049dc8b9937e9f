//! From a configuration to what answers by it: views, servers, listeners and routes.

use std::{
    cmp::Reverse,
    collections::BTreeSet,
    iter,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
};

use crate::{
    answers::code,
    cache::{self, options::Kept},
    config::{self, Config, Server},
    records::{
        name::Name,
        service::wire_label,
        view::{TtlLimits, View, ViewOptions},
    },
    respond::plan::{self, Listener, Plan, Route, Stages, Transfer},
    search::{
        ResolvConf, Resolver,
        finish::{Completion, SearchList},
    },
};

/// Compiles a configuration. `interfaces` are the addresses of this host, for NS records; `stages` has what
/// each server, by its place, has beside its tables; `views` are there already, and used where they fit.
pub(super) fn plan(config: &Config, interfaces: &[IpAddr], stages: Vec<Stages>, mut views: Vec<Arc<View>>) -> Plan {
    let stages = stages.into_iter().chain(iter::repeat_with(Stages::default));
    let servers = config.servers.iter().zip(stages);
    let mut plan = Plan {
        servers: servers.map(|(server, stages)| self::server(server, interfaces, stages, &mut views)).collect(),
        tells_why: config.extended_errors,
        search: config
            .search
            .as_ref()
            .map(|search| SearchList { domains: search.domains.clone(), ndots: search.ndots }),
        completion: config.completion.as_ref().map(completion),
        ..Plan::default()
    };
    for address in listen_addresses(config) {
        let listener = plan.listeners.len();
        let here = || config.servers.iter().enumerate().filter(|(_, server)| server.listen.contains(&address));
        let mut zones = Vec::new();
        for (index, zone) in here().flat_map(|(index, server)| server.zones.iter().map(move |zone| (index, zone))) {
            zones.push((zone.clone(), plan.routes.len()));
            plan.routes.push(Route { listener, zone: zone.apex.to_string(), server: index });
        }
        zones.sort_by_key(|(zone, _)| Reverse(zone.labels));
        plan.listeners.push(Listener { address, any_class: here().any(|(_, server)| server.any_class), zones });
    }
    plan
}

/// Every address that some server listens on, each once.
pub(super) fn listen_addresses(config: &Config) -> BTreeSet<SocketAddr> {
    config.servers.iter().flat_map(|server| server.listen.iter().copied()).collect()
}

fn server(server: &Server, interfaces: &[IpAddr], stages: Stages, views: &mut Vec<Arc<View>>) -> plan::Server {
    let ttl_limits = server.cache.as_ref().filter(|cache| cache.zones.is_empty()).map(ttl_limits);
    let view = server.kubernetes.clone().map(|mut options| {
        // A program that embeds the server may know better where it is found.
        if options.local_addresses.is_empty() {
            options.local_addresses = local_addresses(&server.listen, interfaces);
        }
        let options = ViewOptions { ttl_limits, ..options };
        match views.iter().position(|view| view.is_of(&options)) {
            Some(place) => views.swap_remove(place),
            None => Arc::new(View::new(options)),
        }
    });
    // A server that has anything on a query's path fails where nothing answers; one that has nothing refuses.
    let has_path = view.is_some() || stages.names().next().is_some() || server.looks_on;
    plan::Server {
        unanswered: if has_path { code::SERVFAIL } else { code::REFUSED },
        stages,
        view,
        transfer: (!server.transfer_to.is_empty()).then(|| Transfer { to: server.transfer_to.clone() }),
        rotate: server.rotate,
        told_to: [("errors", server.errors.is_some()), ("log", !server.log.is_empty())]
            .into_iter()
            .filter_map(|(name, present)| present.then_some(name))
            .collect(),
    }
}

/// Names of the cluster are not cached, but pass the cache as all replies do. One for some zones only is for
/// those of others.
fn ttl_limits(cache: &cache::Options) -> TtlLimits {
    let secs = |kept: Kept| kept.ttl_secs_min..=kept.ttl_secs_max;
    TtlLimits { success_secs: secs(cache.success), denial_secs: secs(cache.denial) }
}

fn completion(completion: &config::Completion) -> Completion {
    let namespaces = completion.except_namespaces.iter().map(|namespace| wire_label(namespace).into());
    let node_domains = match &completion.resolv_conf {
        Some(path) if completion.node_domains.is_empty() => search_list(path),
        _ => completion.node_domains.clone(),
    };
    Completion {
        except_namespaces: namespaces.collect(),
        top_level_namespaces: completion.top_level_namespaces,
        node_domains,
        by_address: completion.by_address,
    }
}

/// The search list of a resolv.conf.
fn search_list(path: &Path) -> Vec<Name> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| {
        tracing::warn!(%error, "{}: names are completed without the domains of the node", path.display());
        String::new()
    });
    let domains = ResolvConf::parse(&text).settings(Resolver::Glibc).search;
    domains.iter().filter_map(|domain| Name::parse(domain).ok()).map(|name| name.to_lower()).collect()
}

/// Under which addresses the server is found: those that it listens on, or all of the host where it
/// listens on the wildcard, without loopback where there is another.
fn local_addresses(listen: &[SocketAddr], interfaces: &[IpAddr]) -> Vec<IpAddr> {
    let of = |address: &SocketAddr| match address.ip() {
        wildcard if wildcard.is_unspecified() => interfaces.to_vec(),
        address => vec![address],
    };
    let all: BTreeSet<IpAddr> = listen.iter().flat_map(of).collect();
    let (loopback, elsewhere): (Vec<_>, Vec<_>) = all.into_iter().partition(IpAddr::is_loopback);
    if elsewhere.is_empty() { loopback } else { elsewhere }
}

/// The addresses of this host; link-local ones lead nowhere from elsewhere.
pub(super) fn interface_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(%error, "the addresses of this host are unknown: NS records will lack them");
        Vec::new()
    });
    interfaces.into_iter().filter(|interface| !interface.is_link_local()).map(|interface| interface.ip()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found_at(listen: &[&str], interfaces: &[&str]) -> Vec<String> {
        let listen: Vec<_> = listen.iter().map(|text| text.parse().unwrap()).collect();
        let interfaces: Vec<_> = interfaces.iter().map(|text| text.parse().unwrap()).collect();
        local_addresses(&listen, &interfaces).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_server_is_found_where_it_listens() {
        let host = ["127.0.0.1", "10.244.0.53", "fd00::53"];
        assert_eq!(found_at(&["0.0.0.0:53"], &host), ["10.244.0.53", "fd00::53"]);
        assert_eq!(found_at(&["10.0.0.10:53", "127.0.0.1:53"], &host), ["10.0.0.10"]);
        assert_eq!(found_at(&["127.0.0.1:5300"], &host), ["127.0.0.1"]);
    }

    #[test]
    fn each_pair_of_address_and_zone_is_a_route_and_the_longest_zone_comes_first() {
        let text = "[[server]]\nzones = [\".\"]\nlisten = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n\
                    [[server]]\nzones = [\"a.b\", \"b\"]\nlisten = [\"127.0.0.1:2\"]\n";
        let plan = plan(&Config::parse(text, "test").unwrap(), &[], Vec::new(), Vec::new());
        let zones = |listener: usize| {
            let routes = plan.listeners[listener].zones.iter().map(|&(_, route)| &plan.routes[route]);
            routes.map(|route| (route.zone.clone(), route.server, route.listener)).collect::<Vec<_>>()
        };
        assert_eq!(zones(0), [(".".into(), 0, 0)]);
        assert_eq!(zones(1), [("a.b.".into(), 1, 1), ("b.".into(), 1, 1), (".".into(), 0, 1)]);
    }

    #[test]
    fn the_domains_of_the_node_are_configured_or_those_of_a_resolv_conf() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "nameserver 192.0.2.1\nsearch Corp.example lan\n").unwrap();
        let domains = |more: &str| {
            let path = file.path().display();
            let text = format!("[completion]\nenabled = true\nresolv_conf = \"{path}\"\n{more}");
            let completion =
                plan(&Config::parse(&text, "test").unwrap(), &[], Vec::new(), Vec::new()).completion.unwrap();
            completion.node_domains.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(domains(""), ["corp.example.", "lan."]);
        assert_eq!(domains("node_domains = [\"other\"]"), ["other."]);
    }
}
