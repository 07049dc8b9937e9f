//! The tables of a server about what is not its own: upstreams, what is kept of them, and what is logged.

use serde::Deserialize;
use toml::Spanned;

use crate::{
    config::logging::Level,
    forward::options::{Method, Policy, Transport},
};

/// `loop`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Loop {
    #[default]
    Off,
    Isolate,
    Fatal,
}

/// `[[server.forward]]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Forward {
    pub(in crate::config) from: Option<Spanned<String>>,
    pub(in crate::config) to: Vec<Spanned<String>>,
    pub(in crate::config) except: Vec<Spanned<String>>,
    #[serde(with = "PolicyName")]
    pub(in crate::config) policy: Policy,
    #[serde(with = "TransportName")]
    pub(in crate::config) transport: Transport,
    pub(in crate::config) max_fails: Option<u32>,
    pub(in crate::config) health_check_ms: Option<Spanned<u64>>,
    pub(in crate::config) health_check_domain: Option<Spanned<String>>,
    pub(in crate::config) health_check_recursion: Option<bool>,
    pub(in crate::config) attempts: usize,
    pub(in crate::config) expire_secs: Option<Spanned<u64>>,
    pub(in crate::config) age_secs: Option<Spanned<u64>>,
    pub(in crate::config) idle_connections: usize,
    pub(in crate::config) source: Option<Spanned<String>>,
    pub(in crate::config) read_timeout_ms: Option<Spanned<u64>>,
    pub(in crate::config) concurrent: usize,
    pub(in crate::config) tls_certificate: Option<Spanned<String>>,
    pub(in crate::config) tls_key: Option<Spanned<String>>,
    pub(in crate::config) tls_authority: Option<Spanned<String>>,
    pub(in crate::config) tls_server_name: Option<Spanned<String>>,
    #[serde(with = "MethodName")]
    pub(in crate::config) doh_method: Method,
    pub(in crate::config) failover: Vec<Spanned<String>>,
    pub(in crate::config) next: Vec<Spanned<String>>,
    pub(in crate::config) next_on_nodata: bool,
    pub(in crate::config) fail_fast: bool,
}

#[derive(Deserialize)]
#[serde(remote = "Policy", rename_all = "snake_case")]
enum PolicyName {
    Random,
    RoundRobin,
    Sequential,
}

#[derive(Deserialize)]
#[serde(remote = "Transport")]
enum TransportName {
    #[serde(rename = "as_client")]
    AsClient,
    #[serde(rename = "tcp")]
    ForceTcp,
    #[serde(rename = "udp")]
    PreferUdp,
}

#[derive(Deserialize)]
#[serde(remote = "Method", rename_all = "UPPERCASE")]
enum MethodName {
    Post,
    Get,
}

/// `[server.cache]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Cache {
    pub(in crate::config) enabled: bool,
    pub(in crate::config) zones: Vec<Spanned<String>>,
    pub(in crate::config) octets: Option<Spanned<usize>>,
    pub(in crate::config) success_entries: Option<usize>,
    pub(in crate::config) success_ttl_secs_min: Option<u32>,
    pub(in crate::config) success_ttl_secs_max: Option<Spanned<u32>>,
    pub(in crate::config) denial_entries: Option<usize>,
    pub(in crate::config) denial_ttl_secs_min: Option<u32>,
    pub(in crate::config) denial_ttl_secs_max: Option<Spanned<u32>>,
    pub(in crate::config) servfail_secs: Option<Spanned<u64>>,
    pub(in crate::config) prefetch_hits: u32,
    pub(in crate::config) prefetch_within_secs: Option<Spanned<u64>>,
    pub(in crate::config) prefetch_percentage: Option<Spanned<u8>>,
    pub(in crate::config) stale_secs: Option<Spanned<u64>>,
    pub(in crate::config) stale_verify: bool,
    pub(in crate::config) stale_verify_timeout_ms: Option<Spanned<u64>>,
    pub(in crate::config) stale_ttl_secs: u32,
    pub(in crate::config) stale_recheck_secs: Option<Spanned<u64>>,
    pub(in crate::config) disable_success: Vec<Spanned<String>>,
    pub(in crate::config) disable_denial: Vec<Spanned<String>>,
    pub(in crate::config) prefer_positive: bool,
    pub(in crate::config) keep_ttl: bool,
}

/// `[server.errors]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Errors {
    pub(in crate::config) enabled: bool,
    pub(in crate::config) consolidate: Vec<Consolidate>,
}

/// `[[server.errors.consolidate]]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Consolidate {
    pub(in crate::config) pattern: Option<Spanned<String>>,
    pub(in crate::config) period_secs: Option<Spanned<u64>>,
    pub(in crate::config) level: Level,
    pub(in crate::config) show_first: bool,
}

/// `[[server.log]]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Log {
    pub(in crate::config) names: Option<Vec<Spanned<String>>>,
    pub(in crate::config) format: Option<String>,
    pub(in crate::config) classes: Option<Vec<Spanned<String>>>,
}

impl Default for Errors {
    fn default() -> Self {
        Self { enabled: true, consolidate: Vec::new() }
    }
}
