//! Which of CoreDNS's plugins and options there are here, and which are accepted without effect.

use super::report::quoted;

/// The plugins that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Plugin {
    Autopath,
    Bind,
    Cache,
    Errors,
    Forward,
    Health,
    Hosts,
    Kubernetes,
    Loadbalance,
    Log,
    Loop,
    Prometheus,
    Ready,
    Reload,
    Rewrite,
    Template,
    Transfer,
    /// It is accepted and does nothing.
    WithoutEffect,
}

/// What becomes of a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is read.
    Read(Plugin),
    /// It is CoreDNS's and not ours.
    Elsewhere,
}

use Standing::{Elsewhere, Read};

/// The plugins of CoreDNS 1.14.7, by their names.
const PLUGINS: [(&str, Standing); 60] = [
    ("acl", Elsewhere),
    ("any", Elsewhere),
    ("auto", Elsewhere),
    ("autopath", Read(Plugin::Autopath)),
    ("azure", Elsewhere),
    ("bind", Read(Plugin::Bind)),
    ("bufsize", Elsewhere),
    ("cache", Read(Plugin::Cache)),
    ("cancel", Elsewhere),
    ("chaos", Elsewhere),
    ("clouddns", Elsewhere),
    ("debug", Read(Plugin::WithoutEffect)),
    ("dns64", Elsewhere),
    ("dnssec", Elsewhere),
    ("dnstap", Elsewhere),
    ("erratic", Elsewhere),
    ("errors", Read(Plugin::Errors)),
    ("etcd", Elsewhere),
    ("file", Elsewhere),
    ("forward", Read(Plugin::Forward)),
    ("geoip", Elsewhere),
    ("grpc", Elsewhere),
    ("grpc_server", Elsewhere),
    ("header", Elsewhere),
    ("health", Read(Plugin::Health)),
    ("hosts", Read(Plugin::Hosts)),
    ("https", Elsewhere),
    ("https3", Elsewhere),
    ("k8s_external", Elsewhere),
    ("kubernetes", Read(Plugin::Kubernetes)),
    ("loadbalance", Read(Plugin::Loadbalance)),
    ("local", Elsewhere),
    ("log", Read(Plugin::Log)),
    ("loop", Read(Plugin::Loop)),
    ("metadata", Elsewhere),
    ("minimal", Elsewhere),
    ("multisocket", Elsewhere),
    ("nomad", Elsewhere),
    ("nsid", Elsewhere),
    ("on", Elsewhere),
    ("pprof", Read(Plugin::WithoutEffect)),
    ("prometheus", Read(Plugin::Prometheus)),
    ("proxyproto", Elsewhere),
    ("quic", Elsewhere),
    ("ready", Read(Plugin::Ready)),
    ("reload", Read(Plugin::Reload)),
    ("rewrite", Read(Plugin::Rewrite)),
    ("root", Elsewhere),
    ("route53", Elsewhere),
    ("secondary", Elsewhere),
    ("shed", Elsewhere),
    ("sign", Elsewhere),
    ("template", Read(Plugin::Template)),
    ("timeouts", Elsewhere),
    ("tls", Elsewhere),
    ("trace", Elsewhere),
    ("transfer", Read(Plugin::Transfer)),
    ("tsig", Elsewhere),
    ("view", Elsewhere),
    ("whoami", Elsewhere),
];

/// What is accepted without effect, for no answer depends on it: the directive, its option, and why nobody misses it.
const WITHOUT_EFFECT: [(&str, &str, &str); 8] = [
    ("debug", "", "CLUSTERDNS_LOG=debug shows more, and a defect is survived in any case"),
    ("errors", "stacktrace", "a defect is logged with its place in any case"),
    ("kubernetes", "apiserver_qps", "each resource is listed once and watched, which leaves nothing to slow down"),
    ("kubernetes", "apiserver_burst", "each resource is listed once and watched, which leaves nothing to slow down"),
    ("kubernetes", "apiserver_max_inflight", "each resource has one watch, and no requests beside it"),
    ("pprof", "", "there is no Go runtime whose profiles could be shown"),
    ("prometheus", "runtime_metrics", "there is no Go runtime whose metrics could be shown"),
    ("template", "upstream", "what a CNAME points at is looked up in any case"),
];

/// How many letters may differ in what somebody meant.
const DISTANCE_MAX: usize = 3;
/// No plugin and no option has a longer name.
const NAME_OCTETS_MAX: usize = 32;

/// Which plugin a directive is, or why it is none.
pub(super) fn plugin(name: &str) -> Result<Plugin, String> {
    let of_name = PLUGINS.iter().find(|(plugin, _)| *plugin == name);
    let written = quoted(name);
    match of_name {
        Some((_, Read(plugin))) => Ok(*plugin),
        Some((_, Elsewhere)) => {
            Err(format!("clusterdns does not have CoreDNS's {written}: take it out, or leave this block to a CoreDNS"))
        }
        None => {
            let names = PLUGINS.iter().map(|(plugin, _)| *plugin);
            Err(format!("{written} is no plugin of CoreDNS{}", advice(name, names)))
        }
    }
}

/// The sentence for an option that is not known.
pub(super) fn unknown_option<'n>(directive: &str, name: &str, options: impl Iterator<Item = &'n str>) -> String {
    format!("{} is no option of `{directive}`{}", quoted(name), advice(name, options))
}

/// The sentence for an option of CoreDNS that is not here.
pub(super) fn option_not_yet(directive: &str, option: &str) -> String {
    format!("clusterdns does not have `{option}` of `{directive}` yet: take it out, or stay with CoreDNS for now")
}

/// The sentence for what is accepted without effect.
pub(super) fn without_effect(directive: &str, option: &str) -> Option<String> {
    let (_, _, why) = WITHOUT_EFFECT.iter().find(|(of, name, _)| (*of, *name) == (directive, option))?;
    let what = if option.is_empty() { directive } else { option };
    Some(format!("`{what}` has no effect here: {why}"))
}

fn advice<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> String {
    match meant(written, names) {
        Some(name) => format!(": did you mean `{name}`?"),
        None => ": take it out".into(),
    }
}

/// The name that is most like what was written.
fn meant<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    if written.len() > NAME_OCTETS_MAX {
        return None;
    }
    let most = (written.len() / 3).clamp(1, DISTANCE_MAX);
    let near = names.map(|name| (strsim::osa_distance(written, name), name)).filter(|(distance, _)| *distance <= most);
    near.min().map(|(_, name)| name)
}

/// The names of those that are read.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PLUGINS.into_iter().filter(|(_, standing)| matches!(standing, Read(_))).map(|(name, _)| name)
}

#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = (&'static str, Standing)> {
    PLUGINS.into_iter()
}
