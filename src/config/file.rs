//! The shape of a configuration file, as it is written.
//!
//! A key that is not here is an error. Values that must be looked at keep their place in the text,
//! so that whatever is wrong with one can be shown.

mod outside;
mod stages;

pub(super) use outside::{Cache, Consolidate, Errors, Forward, Log, Loop};
use serde::Deserialize;
pub(super) use stages::{Hosts, Template};
use toml::Spanned;

use super::UdpSockets;
use crate::records::view::Pods;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) snapshot: Snapshot,
    pub(super) kubernetes: Kubernetes,
    pub(super) udp: Udp,
    pub(super) tcp: Tcp,
    pub(super) admin: Admin,
    pub(super) reload: Reload,
    pub(super) replies: Replies,
    pub(super) search: Option<Search>,
    pub(super) completion: Completion,
    pub(super) server: Option<Vec<Server>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Snapshot {
    pub(super) paths: Vec<String>,
    pub(super) service_cidr: Option<Spanned<CidrOrFalse>>,
}

/// A range, or `false`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a range like \"10.96.0.0/12\", or false")]
pub(super) enum CidrOrFalse {
    Cidr(String),
    Switch(bool),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Kubernetes {
    pub(super) enabled: Option<Spanned<bool>>,
    pub(super) kubeconfig: String,
    pub(super) context: String,
    pub(super) endpoint: Option<Spanned<String>>,
    pub(super) client_certificate: Option<Spanned<String>>,
    pub(super) client_key: Option<Spanned<String>>,
    pub(super) certificate_authority: Option<Spanned<String>>,
    pub(super) startup_timeout_secs: Option<Spanned<u64>>,
    pub(super) state: String,
    pub(super) state_interval_secs: Option<Spanned<u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Udp {
    pub(super) sockets: UdpSockets,
    pub(super) threads: Option<Spanned<usize>>,
    pub(super) shared: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tcp {
    pub(super) connections: Option<Spanned<usize>>,
    pub(super) connections_per_client: Option<Spanned<usize>>,
    pub(super) idle_timeout_secs: Option<Spanned<u64>>,
    pub(super) message_timeout_secs: Option<Spanned<u64>>,
    pub(super) queries_per_connection: usize,
    pub(super) connection_age_secs: Option<Spanned<u64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Admin {
    pub(super) listen: Option<Vec<Spanned<String>>>,
    pub(super) explain: bool,
    pub(super) hosts: Vec<Spanned<String>>,
    pub(super) ready_continuously: bool,
    pub(super) lameduck_secs: Option<Spanned<u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Reload {
    pub(super) enabled: bool,
    pub(super) interval_secs: Option<Spanned<u64>>,
    pub(super) jitter_secs: Option<Spanned<u64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Replies {
    pub(super) extended_errors: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Search {
    pub(super) namespace: Option<Spanned<String>>,
    pub(super) domains: Vec<Spanned<String>>,
    pub(super) ndots: Option<Spanned<u8>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Completion {
    pub(super) enabled: bool,
    pub(super) except_namespaces: Vec<Spanned<String>>,
    pub(super) top_level_namespaces: bool,
    pub(super) node_domains: Vec<Spanned<String>>,
    pub(super) resolv_conf: Option<String>,
    pub(super) by_address: Option<Spanned<bool>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Server {
    pub(super) listen: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) zones: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) rotate: bool,
    pub(super) any_class: bool,
    #[serde(rename = "loop")]
    pub(super) loop_check: Loop,
    pub(super) kubernetes: Names,
    pub(super) transfer: Transfer,
    pub(super) cache: Cache,
    pub(super) forward: Vec<Forward>,
    pub(super) errors: Errors,
    pub(super) log: Vec<Log>,
    pub(super) rewrite: Vec<Spanned<String>>,
    pub(super) template: Vec<Template>,
    pub(super) hosts: Hosts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Names {
    pub(super) zones: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) ttl_secs: Option<Spanned<u32>>,
    pub(super) pods: Pods,
    pub(super) endpoint_pod_names: bool,
    pub(super) namespaces: Vec<Spanned<String>>,
    pub(super) namespace_labels: Option<Spanned<String>>,
    pub(super) labels: Option<Spanned<String>>,
    pub(super) noendpoints: bool,
    pub(super) ignore_empty_service: bool,
    pub(super) zonal: bool,
    pub(super) fallthrough: Vec<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Transfer {
    pub(super) to: Vec<Spanned<String>>,
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: None, explain: true, hosts: Vec::new(), ready_continuously: false, lameduck_secs: None }
    }
}

impl Default for Replies {
    fn default() -> Self {
        Self { extended_errors: true }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: None,
            zones: None,
            rotate: true,
            any_class: false,
            loop_check: Loop::default(),
            kubernetes: Names::default(),
            transfer: Transfer::default(),
            cache: Cache::default(),
            forward: Vec::new(),
            errors: Errors::default(),
            log: Vec::new(),
            rewrite: Vec::new(),
            template: Vec::new(),
            hosts: Hosts::default(),
        }
    }
}
