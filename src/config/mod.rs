//! What the server is told to do: valid by construction, so that nothing behind it validates.
//!
//! ```text
//! text ─► file::File (as written, with places) ─► Config
//! ```
//!
//! It describes and does not act. [`EXAMPLE`] documents every key; it is compiled in, printed by
//! `clusterdns config`, and is the default, which a test holds.

mod convert;
pub mod corefile;
pub mod error;
mod file;
pub mod logging;
pub mod reading;
#[cfg(test)]
mod tests;
mod upstream;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::{IpNet, Ipv4Net};

use crate::{
    cache, forward,
    objects::{
        Needs,
        api::{Access, Asks},
    },
    records::{name::Name, selector::Selector, view::ViewOptions, zone::Zone},
    stages::{hosts, rewrite, template},
};
use error::ConfigError;
use logging::{Errors, Log};

/// The commented default configuration.
pub const EXAMPLE: &str = include_str!("../../config.example.toml");

/// A whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where the cluster is read from, unless it is watched.
    pub snapshot: Snapshot,
    /// Whether and how it is watched.
    pub kubernetes: Kubernetes,
    /// Datagrams.
    pub udp: Udp,
    /// Streams.
    pub tcp: Tcp,
    /// Where metrics, health and readiness are served.
    pub admin_listen: Vec<SocketAddr>,
    /// Whether names are explained there.
    pub admin_explain: bool,
    /// Where the server asks itself whether it is well; none: nowhere.
    pub health: Option<SocketAddr>,
    /// Whether `/ready` is about now. Else what was ready once stays so.
    pub ready_continuously: bool,
    /// Whether it may listen beside a predecessor until that one ends, and lets a successor do so.
    pub shares_addresses: bool,
    /// How long it answers on, not ready any more, when it is told to end.
    pub lameduck: Duration,
    /// How often its files are looked at for changes; none: never.
    pub reload: Option<Reload>,
    /// Names under which it may be asked for explanations that anybody could register.
    pub admin_hosts: Vec<String>,
    /// Replies without records say why to clients with EDNS (RFC 8914).
    pub extended_errors: bool,
    /// The search list of clients that have none.
    pub search: Option<Search>,
    /// How names are completed that a search list has begun.
    pub completion: Option<Completion>,
    /// At least one.
    pub servers: Vec<Server>,
}

/// `[snapshot]`
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Files, folders, or `-`. Empty: the example.
    pub paths: Vec<PathBuf>,
    /// Out of which range missing cluster IPs are chosen.
    pub service_cidr: Option<Ipv4Net>,
}

/// `[kubernetes]`
#[derive(Clone, Debug, PartialEq)]
pub struct Kubernetes {
    /// In place of reading files.
    pub enabled: bool,
    /// How the API server is reached.
    pub access: Access,
    /// How long the start waits for a complete picture before it answers without.
    pub startup_timeout: Duration,
    /// Where the tables are saved, for a start without the API server.
    pub state: Option<PathBuf>,
    /// They are saved no more often.
    pub state_interval: Duration,
}

/// `[udp]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udp {
    /// Through which door packets come.
    pub sockets: UdpSockets,
    /// Threads, each with a socket; none: one for each core.
    pub threads: Option<usize>,
}

/// The doors of the socket room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UdpSockets {
    /// Batched where the system has it.
    #[default]
    Auto,
    /// `recvmmsg` and `sendmmsg`: Linux.
    Batched,
    /// One packet a call: any system.
    Portable,
}

/// `[tcp]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// At a time.
    pub connections: usize,
    /// At a time, of one client address.
    pub connections_per_client: usize,
    /// For a connection without a question.
    pub idle_timeout: Duration,
    /// For a message that has begun, and for a reply to be taken.
    pub message_timeout: Duration,
    /// Then a connection is closed.
    pub queries_per_connection: Option<usize>,
    /// Then a connection is closed.
    pub connection_age: Option<Duration>,
}

/// `[search]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// In their order.
    pub domains: Vec<Name>,
    /// Names with fewer dots are looked for in the domains.
    pub ndots: u8,
}

/// `[completion]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Where it is off.
    pub except_namespaces: Vec<String>,
    /// Whether namespaces called like a top-level domain count.
    pub top_level_namespaces: bool,
    /// What stands behind the cluster's domains in search lists.
    pub node_domains: Vec<Name>,
    /// Which file says so where they are empty.
    pub resolv_conf: Option<PathBuf>,
    /// Whether clients that are Pods, by their address, are completed in their own namespace alone.
    pub by_address: bool,
}

/// `[[server]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Where it listens, UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// For which names it is asked.
    pub zones: Vec<Zone>,
    /// Whether answers of several addresses begin with another one each time.
    pub rotate: bool,
    /// Whether other classes are answered as if they were IN.
    pub any_class: bool,
    /// Whether names that nothing here answers fail even where there is nothing that could answer any: what only
    /// looks on stands on a query's path in CoreDNS.
    pub looks_on: bool,
    /// The names of the cluster.
    pub kubernetes: Option<ViewOptions>,
    /// Who may have whole zones.
    pub transfer_to: Vec<IpNet>,
    /// What is kept of answers.
    pub cache: Option<cache::Options>,
    /// Who answers what nothing here does: the first that has the name.
    pub forward: Vec<forward::Options>,
    /// Whether questions that come back from upstreams are looked for.
    pub loop_check: Option<LoopCheck>,
    /// Whether and how questions are logged that failed.
    pub errors: Option<Errors>,
    /// Which questions are logged: the first that has the name says how.
    pub log: Vec<Log>,
    /// Questions that become others, before anything else.
    pub rewrite: Vec<rewrite::Rule>,
    /// Replies by rule.
    pub template: Vec<template::Template>,
    /// Names and addresses of a file, in front of the cluster's.
    pub hosts: Option<hosts::Options>,
}

/// `reload`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reload {
    /// Between two looks.
    pub interval: Duration,
    /// Up to half of it more or less: at most half of the interval.
    pub jitter: Duration,
}

/// CoreDNS's.
impl Default for Reload {
    fn default() -> Self {
        Self { interval: Duration::from_secs(30), jitter: Duration::from_secs(15) }
    }
}

/// `loop`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoopCheck {
    /// Whether the process ends where one is found, as CoreDNS's does. Else only that upstream is left alone.
    pub fatal: bool,
}

impl Config {
    /// Reads TOML. `origin` is the file's name in errors.
    ///
    /// # Errors
    /// Every problem that was found, with its line and column.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Vec<ConfigError>> {
        let file = toml::from_str(text).map_err(|error| vec![ConfigError::from_toml(&error, text, origin)])?;
        convert::config(file)
            .map_err(|problems| problems.into_iter().map(|problem| problem.in_text(text, origin)).collect())
    }

    /// Makes all servers listen on other addresses.
    ///
    /// # Errors
    /// Two servers would have the same zone on one address.
    pub fn listen_on(&mut self, addresses: &[SocketAddr]) -> Result<(), String> {
        let zones = || self.servers.iter().flat_map(|server| &server.zones);
        if let Some(zone) =
            zones().enumerate().find_map(|(index, zone)| zones().take(index).find(|other| *other == zone))
        {
            return Err(format!("two servers have the zone {}: they cannot listen on the same address", zone.apex));
        }
        self.servers.iter_mut().for_each(|server| server.listen = addresses.to_vec());
        Ok(())
    }

    /// Watches the cluster instead of reading files. What is not said of the access is as it was.
    pub fn watch(&mut self, kubeconfig: Option<PathBuf>, context: Option<String>) {
        let Access { kubeconfig: file, context: name, endpoint } = &mut self.kubernetes.access;
        if kubeconfig.is_some() || context.is_some() {
            *endpoint = None;
        }
        (*file, *name) = (kubeconfig.or(file.take()), context.or(name.take()));
        self.kubernetes.enabled = true;
        self.snapshot.paths.clear();
    }

    /// What is to be watched for all views: what they agree to leave out is not.
    pub fn asks(&self) -> Asks {
        let common = |selector: fn(&ViewOptions) -> Option<&Selector>| {
            let mut texts = self.views().map(|view| selector(view).map(Selector::text));
            let first = texts.next().flatten()?;
            texts.all(|text| text == Some(first)).then(|| first.to_owned())
        };
        let mut namespaces: Vec<String> = Vec::new();
        if self.views().all(|view| !view.namespaces.is_empty()) {
            namespaces.extend(self.views().flat_map(|view| view.namespaces.iter().cloned()));
            namespaces.sort();
            namespaces.dedup();
        }
        Asks {
            needs: self.needs(),
            endpoints: self.views().any(|view| !view.no_endpoints),
            labels: common(|view| view.labels.as_ref()),
            namespaces,
            namespace_labels: common(|view| view.namespace_labels.as_ref()),
        }
    }

    /// Whether some server has names of the cluster.
    pub fn has_cluster(&self) -> bool {
        self.views().next().is_some()
    }

    fn views(&self) -> impl Iterator<Item = &ViewOptions> {
        self.servers.iter().filter_map(|server| server.kubernetes.as_ref())
    }

    /// What the objects must keep for all views.
    pub fn needs(&self) -> Needs {
        self.views().map(ViewOptions::needs).fold(Needs::default(), |all, needs| Needs {
            labels: all.labels || needs.labels,
            pod_names: all.pod_names || needs.pod_names,
            zones: all.zones || needs.zones,
            pods: all.pods || needs.pods,
            selectors: all.selectors || needs.selectors,
        })
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::parse(EXAMPLE, "config.example.toml").expect("the example is valid, which a test holds")
    }
}
