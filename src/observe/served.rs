//! What metrics say of a plan: what its routes are called, which stages they have, and what is read when
//! somebody asks, its tables and caches.

use std::{collections::BTreeMap, sync::Arc};

use super::caches::CacheLabels;
use crate::{
    cache::Cache,
    records::view::View,
    respond::plan::{Plan, Route, Server},
    stages::{hosts::Hosts, template::Templates},
};

/// See the module.
#[derive(Default)]
pub(super) struct Served {
    /// By route, the last for what came to none.
    pub(super) routes: Arc<[Called]>,
    /// The stages of each route.
    pub(super) stages: BTreeMap<Labels, Vec<&'static str>>,
    /// Every view once.
    pub(super) views: Vec<Arc<View>>,
    /// Every cache once.
    pub(super) caches: Vec<(CacheLabels, Arc<Cache>)>,
    /// What is asked before the tables are.
    pub(super) hosts: Vec<Arc<Hosts>>,
    pub(super) templates: Vec<Arc<Templates>>,
    /// What each listener is called.
    pub(super) listeners: Vec<String>,
}

/// What a route is called, and its cache.
pub(super) struct Called {
    pub(super) labels: Labels,
    pub(super) cache: Option<CacheLabels>,
}

/// What a route is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Labels {
    /// As CoreDNS calls it: `dns://:53` for a wildcard address, `dns://127.0.0.1:53` for another.
    pub(super) server: String,
    /// With a dot at its end; [`DROPPED`] for none.
    pub(super) zone: String,
}

/// The zone of what came to no route: without a dot at its end it is no zone's name.
pub(super) const DROPPED: &str = "dropped";

impl Served {
    pub(super) fn by(plan: &Plan) -> Self {
        let mut served = Self::default();
        let mut routes = Vec::new();
        for route in &plan.routes {
            let labels = Labels { server: server(plan, route.listener), zone: dotted(&route.zone) };
            let of_route = &plan.servers[route.server];
            served.stages.insert(labels.clone(), stages(of_route).collect());
            let cache = of_route.stages.cache.as_ref().map(|cache| {
                let called = CacheLabels { server: labels.server.clone(), zones: zones(plan, route, cache) };
                served.add_cache(&called, cache);
                called
            });
            routes.push(Called { labels, cache });
        }
        let labels = Labels { server: server(plan, 0), zone: DROPPED.to_owned() };
        routes.push(Called { labels, cache: None });
        served.routes = routes.into();
        served.listeners = (0..plan.listeners.len()).map(|listener| server(plan, listener)).collect();
        let early = || plan.servers.iter().map(|server| &server.stages.early);
        served.hosts = early().filter_map(|early| early.hosts.clone()).collect();
        served.templates = early().filter_map(|early| early.templates.clone()).collect();
        for view in plan.servers.iter().filter_map(|server| server.view.as_ref()) {
            if !served.views.iter().any(|other| Arc::ptr_eq(other, view)) {
                served.views.push(view.clone());
            }
        }
        served
    }

    fn add_cache(&mut self, called: &CacheLabels, cache: &Arc<Cache>) {
        if !self.has_cache(cache) {
            self.caches.push((called.clone(), cache.clone()));
        }
    }

    /// Whether a cache is in use.
    pub(super) fn has_cache(&self, cache: &Arc<Cache>) -> bool {
        self.caches.iter().any(|(_, other)| Arc::ptr_eq(other, cache))
    }
}

fn server(plan: &Plan, listener: usize) -> String {
    match plan.listeners.get(listener).map(|listener| listener.address) {
        Some(address) if address.ip().is_unspecified() => format!("dns://:{}", address.port()),
        Some(address) => format!("dns://{address}"),
        None => "dns://".to_owned(),
    }
}

fn dotted(zone: &str) -> String {
    let dot = if zone.ends_with('.') { "" } else { "." };
    format!("{zone}{dot}")
}

/// The zones that a cache is for: its own, or those of its server.
fn zones(plan: &Plan, route: &Route, cache: &Cache) -> String {
    let own: Vec<_> = cache.options().zones.iter().map(|zone| dotted(&zone.to_string())).collect();
    let is_beside = |other: &&Route| (other.listener, other.server) == (route.listener, route.server);
    match own.is_empty() {
        true => plan.routes.iter().filter(is_beside).map(|route| dotted(&route.zone)).collect::<Vec<_>>().join(","),
        false => own.join(","),
    }
}

/// The stages of a server, by CoreDNS's names. All of them count what they do, as with `prometheus`.
fn stages(server: &Server) -> impl Iterator<Item = &'static str> {
    let present = [
        ("prometheus", true),
        ("loadbalance", server.rotate),
        ("transfer", server.transfer.is_some()),
        ("kubernetes", server.view.is_some()),
    ];
    let present = present.into_iter().filter_map(|(name, present)| present.then_some(name));
    present.chain(server.told_to.iter().copied()).chain(server.stages.names())
}
