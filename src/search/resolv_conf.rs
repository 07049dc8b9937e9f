//! `/etc/resolv.conf` as a pod has it.
//!
//! The text is kept as it is, for each resolver reads it in its own way (see [`Settings`]).

use super::{Resolver, Settings};

/// A resolv.conf and the name of the host that it lies on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvConf {
    text: String,
    hostname: String,
}

impl ResolvConf {
    /// Takes any text: resolvers do, too. A line that one does not understand it ignores.
    pub fn parse(text: &str) -> Self {
        Self { text: text.to_owned(), hostname: String::new() }
    }

    /// What the kubelet writes for a pod of this namespace with `dnsPolicy: ClusterFirst`, but for the
    /// name server. `node` are the search domains of the node's resolv.conf.
    pub fn for_pod(namespace: &str, cluster_domain: &str, node: &[&str]) -> Self {
        let cluster = match cluster_domain.trim_end_matches('.') {
            "" => Vec::new(),
            zone => vec![format!("{namespace}.svc.{zone}"), format!("svc.{zone}"), zone.to_owned()],
        };
        let node = node.iter().map(|domain| match domain.strip_suffix('.') {
            None | Some("") => (*domain).to_owned(),
            Some(domain) => domain.to_owned(),
        });
        let mut search: Vec<String> = Vec::new();
        for domain in cluster.into_iter().chain(node) {
            if !search.contains(&domain) {
                search.push(domain);
            }
        }
        within_limits(&mut search);
        Self::parse(&format!("search {}\noptions ndots:5\n", search.join(" ")))
    }

    /// With one more line of options, `ndots:2` say, as `dnsConfig.options` of a pod gives them. What
    /// stands later wins.
    #[must_use]
    pub fn with_options(mut self, options: &str) -> Self {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text += &format!("options {options}\n");
        self
    }

    /// On this host. glibc and Go search the domain of its name where the text says nothing about
    /// search domains; the name of a pod has none unless `setHostnameAsFQDN` is set.
    #[must_use]
    pub fn on_host(mut self, hostname: &str) -> Self {
        hostname.clone_into(&mut self.hostname);
        self
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name of the host; empty where nobody said it.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// What this resolver reads out of it.
    pub fn settings(&self, resolver: Resolver) -> Settings {
        Settings::read(self, resolver)
    }
}

/// Cuts a list as the kubelet does: whole domains, from the end.
fn within_limits(search: &mut Vec<String>) {
    search.truncate(DOMAINS_MAX);
    search.retain(|domain| domain.len() <= DOMAIN_OCTETS_MAX);
    while search.join(" ").len() > LIST_OCTETS_MAX {
        search.pop();
    }
}

/// Kubernetes' `MaxDNSSearchPaths`.
const DOMAINS_MAX: usize = 32;
/// Kubernetes' `MaxDNSSearchListChars`, blanks between the domains included.
const LIST_OCTETS_MAX: usize = 2048;
/// A longer domain makes glibc 2.28 abort, so the kubelet leaves it out.
const DOMAIN_OCTETS_MAX: usize = 253;
