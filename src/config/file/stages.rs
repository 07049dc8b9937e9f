//! The tables of a server about what stands in front of its tables.

use serde::Deserialize;
use toml::Spanned;

/// `[[server.template]]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Template {
    pub(in crate::config) class: Option<Spanned<String>>,
    #[serde(rename = "type")]
    pub(in crate::config) kind: Option<Spanned<String>>,
    pub(in crate::config) zones: Vec<Spanned<String>>,
    #[serde(rename = "match")]
    pub(in crate::config) patterns: Vec<Spanned<String>>,
    pub(in crate::config) answer: Vec<Spanned<String>>,
    pub(in crate::config) authority: Vec<Spanned<String>>,
    pub(in crate::config) additional: Vec<Spanned<String>>,
    pub(in crate::config) rcode: Option<Spanned<String>>,
    pub(in crate::config) extended_error: Option<Spanned<String>>,
    pub(in crate::config) fallthrough: Vec<Spanned<String>>,
}

/// `[server.hosts]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Hosts {
    pub(in crate::config) enabled: bool,
    pub(in crate::config) file: Option<String>,
    pub(in crate::config) zones: Vec<Spanned<String>>,
    pub(in crate::config) entries: Vec<Spanned<String>>,
    pub(in crate::config) ttl_secs: Option<Spanned<u32>>,
    pub(in crate::config) reload_secs: Option<Spanned<u64>>,
    pub(in crate::config) reverse: bool,
    pub(in crate::config) fallthrough: Vec<Spanned<String>>,
    pub(in crate::config) fallthrough_unsupported: Option<Spanned<bool>>,
}

impl Default for Hosts {
    fn default() -> Self {
        Self {
            enabled: false,
            file: None,
            zones: Vec::new(),
            entries: Vec::new(),
            ttl_secs: None,
            reload_secs: None,
            reverse: true,
            fallthrough: Vec::new(),
            fallthrough_unsupported: None,
        }
    }
}
