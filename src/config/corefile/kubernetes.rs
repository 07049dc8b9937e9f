//! The `kubernetes` directive: the names of the cluster, and how its API is reached.

use std::{path::PathBuf, time::Duration};

use super::{
    blocks::{Directive, Line},
    checked::Checked,
    plugins,
    report::{Place, quoted},
    values,
};
use crate::{
    config::convert::{api_url, namespace},
    objects::api::{Access, Endpoint},
    records::{
        name::Name,
        selector::Selector,
        view::{Pods, ViewOptions},
        zone::Zone,
    },
};

/// What one directive says.
pub(super) struct Cluster {
    pub(super) view: ViewOptions,
    pub(super) access: Access,
    /// Where that is said, or the directive.
    pub(super) access_place: Place,
    pub(super) startup_timeout: Duration,
    endpoint: Option<(Place, String)>,
    tls: Option<(Place, [PathBuf; 3])>,
    namespaces: Option<Place>,
    no_endpoints: Option<Place>,
}

/// CoreDNS's.
const STARTUP_TIMEOUT: Duration = Duration::from_secs(5);
const TTL_SECS_MAX: u32 = 3600;

/// Every option with what may be written.
const OPTIONS: [(&str, &str); 18] = [
    ("apiserver_burst", "apiserver_burst 10"),
    ("apiserver_max_inflight", "apiserver_max_inflight 10"),
    ("apiserver_qps", "apiserver_qps 5"),
    ("endpoint", "endpoint URL"),
    ("endpoint_pod_names", "endpoint_pod_names"),
    ("fallthrough", "fallthrough [ZONES..]"),
    ("ignore", "ignore empty_service"),
    ("kubeconfig", "kubeconfig FILE [CONTEXT]"),
    ("labels", "labels SELECTOR"),
    ("multicluster", "multicluster [ZONES..]"),
    ("namespace_labels", "namespace_labels SELECTOR"),
    ("namespaces", "namespaces NAMES.."),
    ("noendpoints", "noendpoints"),
    ("pods", "pods disabled|insecure|verified"),
    ("startup_timeout", "startup_timeout 5s"),
    ("tls", "tls CERT KEY CACERT"),
    ("ttl", "ttl 30"),
    ("zonal", "zonal"),
];

impl Cluster {
    /// Without zones as arguments the zones are those of the block.
    pub(super) fn read(directive: &Directive, block_zones: &[Zone], checked: &mut Checked<'_>) -> Self {
        let Line { name, arguments } = &directive.line;
        let zones = if arguments.is_empty() { block_zones.to_vec() } else { checked.zones(arguments) };
        if !zones.is_empty() && zones.iter().all(|zone| zone.reverse) {
            let place = arguments.first().map_or(name.place, |zone| zone.place);
            checked.problem::<()>(place, "only reverse zones: name the cluster's zone too, like `cluster.local`");
        }
        let mut cluster = Self {
            view: ViewOptions::new(zones),
            access: Access::default(),
            access_place: name.place,
            startup_timeout: STARTUP_TIMEOUT,
            endpoint: None,
            tls: None,
            namespaces: None,
            no_endpoints: None,
        };
        for option in &directive.options {
            cluster.option(option, checked);
        }
        cluster.reach(checked);
        cluster.check(checked);
        cluster
    }

    fn option(&mut self, line: &Line, checked: &mut Checked<'_>) -> Option<()> {
        let name = &*line.name.text;
        let Some((_, usage)) = OPTIONS.iter().find(|(option, _)| *option == name) else {
            let options = OPTIONS.iter().map(|(option, _)| *option);
            return checked.problem(line.name.place, plugins::unknown_option("kubernetes", name, options));
        };
        match name {
            "endpoint_pod_names" => self.view.endpoint_pod_names |= checked.none(line).is_some(),
            "pods" => self.view.pods = pods(line, usage, checked)?,
            "namespaces" => {
                for word in checked.some(line, usage)? {
                    self.view.namespaces.extend(checked.report.checked(word.place, namespace(&word.text)));
                }
                self.namespaces = Some(line.name.place);
            }
            "namespace_labels" => self.view.namespace_labels = Some(selector(line, usage, checked)?),
            "labels" => self.view.labels = Some(selector(line, usage, checked)?),
            "noendpoints" => {
                checked.none(line)?;
                (self.view.no_endpoints, self.no_endpoints) = (true, Some(line.name.place));
            }
            "zonal" => self.view.zonal |= checked.none(line).is_some(),
            "ignore" => self.view.ignore_empty_service |= empty_service(line, usage, checked)?,
            "ttl" => self.view.ttl_secs = ttl_secs(line, usage, checked)?,
            "fallthrough" if line.arguments.is_empty() => self.view.fallthrough = vec![Name::root()],
            "fallthrough" => self.view.fallthrough = checked.names(&line.arguments),
            "startup_timeout" => {
                let word = checked.first(line, usage)?;
                self.startup_timeout = checked.report.checked(word.place, values::duration(&word.text))?;
            }
            "kubeconfig" => self.kubeconfig(line, usage, checked)?,
            "endpoint" => self.endpoint = Some((line.name.place, endpoint(line, usage, checked)?)),
            "tls" => self.tls = Some((line.name.place, tls(line, usage, checked)?)),
            "multicluster" => {
                return checked.problem(line.name.place, plugins::option_not_yet("kubernetes", name));
            }
            limit => requests(limit, line, usage, checked)?,
        }
        Some(())
    }

    fn kubeconfig(&mut self, line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<()> {
        if let [_, _, more, ..] = &line.arguments[..] {
            return checked.problem(more.place, format!("{} is too much: write `{usage}`", quoted(&more.text)));
        }
        let (file, context) = checked.some(line, usage)?.split_first()?;
        let context = context.first().map(|word| word.text.clone());
        self.access = Access { kubeconfig: Some(file.text.clone().into()), context, endpoint: None };
        self.access_place = line.name.place;
        Some(())
    }

    /// A kubeconfig says it all, and a URL needs no certificates.
    fn reach(&mut self, checked: &mut Checked<'_>) {
        match (self.endpoint.take(), self.tls.take()) {
            (Some((place, _)), _) | (None, Some((place, _))) if self.access.kubeconfig.is_some() => {
                checked.report.note(place, "this is not read: `kubeconfig` says where the API server is, and who asks");
            }
            (None, Some((place, _))) => {
                checked.report.note(place, "this is not read: `tls` is about the server of an `endpoint`");
            }
            (Some((place, url)), tls) => {
                let (identity, authority) =
                    tls.map(|(_, [certificate, key, authority])| ((certificate, key), authority)).unzip();
                self.access.endpoint = Some(Endpoint::new(&url, identity, authority));
                self.access_place = place;
            }
            (None, None) => {}
        }
    }

    /// What excludes each other.
    fn check(&mut self, checked: &mut Checked<'_>) {
        if let (Some(place), Some(_)) = (self.namespaces, &self.view.namespace_labels) {
            checked.problem::<()>(place, "`namespaces` and `namespace_labels` exclude each other: keep one of them");
        }
        if let (Some(place), true) = (self.no_endpoints, self.view.zonal) {
            checked.problem::<()>(place, "`zonal` needs endpoints: take `noendpoints` or `zonal` out");
        }
    }
}

fn pods(line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<Pods> {
    let word = checked.one(line, usage)?;
    match &*word.text {
        "disabled" => Some(Pods::Disabled),
        "insecure" => Some(Pods::Insecure),
        "verified" => Some(Pods::Verified),
        other => checked.problem(word.place, format!("{} is no mode of pods: write `{usage}`", quoted(other))),
    }
}

/// Of several URLs CoreDNS takes the first.
fn endpoint(line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<String> {
    let url = checked.first(line, usage)?;
    checked.report.checked(url.place, api_url(&url.text))
}

fn tls(line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<[PathBuf; 3]> {
    let [certificate, key, authority] = checked.at_most(line, 3, usage)? else {
        return checked.problem(line.name.place, format!("something is missing behind `tls`: write `{usage}`"));
    };
    let (certificate, key, authority) = (checked.file(certificate), checked.file(key), checked.file(authority));
    Some([certificate?, key?, authority?])
}

/// A selector may have white space, and needs no quotes.
fn selector(line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<Selector> {
    let words = checked.some(line, usage)?;
    let text = words.iter().map(|word| &*word.text).collect::<Vec<_>>().join(" ");
    let place = Place { end: words.last()?.place.end, ..words.first()?.place };
    checked.report.checked(place, Selector::parse(&text).map_err(|error| error.to_string()))
}

/// CoreDNS takes `ignore` alone, and ignores nothing then.
fn empty_service(line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<bool> {
    let Some(word) = line.arguments.first() else { return Some(false) };
    match &*word.text {
        "empty_service" => Some(true),
        other => checked.problem(word.place, format!("{} cannot be ignored: write `{usage}`", quoted(other))),
    }
}

fn ttl_secs(line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<u32> {
    let word = checked.first(line, usage)?;
    match word.text.parse() {
        Ok(secs @ 0..=TTL_SECS_MAX) => Some(secs),
        _ => checked.problem(word.place, format!("{} is no TTL: 0 to {TTL_SECS_MAX} seconds", quoted(&word.text))),
    }
}

/// Limits of requests to the API server: read, and without effect.
fn requests(name: &str, line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<()> {
    let word = checked.one(line, usage)?;
    let is_limit = match name {
        "apiserver_qps" => word.text.parse::<f32>().is_ok_and(|limit| limit.is_nan() || limit >= 0.0),
        _ => word.text.parse::<i64>().is_ok_and(|limit| limit >= 0),
    };
    if !is_limit {
        return checked.problem(word.place, format!("{} is no limit: write `{usage}`", quoted(&word.text)));
    }
    checked.report.note(line.name.place, plugins::without_effect("kubernetes", name)?);
    Some(())
}
