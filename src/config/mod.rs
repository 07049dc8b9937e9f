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

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::{IpNet, Ipv4Net};

use crate::{
    cache, forward,
    objects::{
        Needs,
        api::{Access, Asks},
    },
    records::{name::Name, selector::Selector, view::ViewOptions, zone::Zone},
};
use error::ConfigError;

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
        let Access { kubeconfig: file, context: name } = &mut self.kubernetes.access;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The errors of a text, each as its first line.
    fn errors(text: &str) -> Vec<String> {
        let errors = Config::parse(text, "c.toml").expect_err("the text is wrong");
        errors.iter().map(|error| error.to_string().lines().next().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_example_is_the_default() {
        // Only who names no file at all is taken for somebody without a search list.
        let search = Config::parse("[search]\nnamespace = \"default\"", "search");
        assert_eq!(search, Config::parse(EXAMPLE, "example"));
        assert_eq!(Config::parse("", "empty").unwrap(), Config { search: None, ..Config::default() });
        assert_eq!(Config::default().servers[0].listen, ["127.0.0.1:5300".parse().unwrap()]);
    }

    #[test]
    fn the_example_shows_every_key() {
        let example: toml::Table = EXAMPLE.parse().unwrap();
        let mut keys = Vec::new();
        collect(&toml::Value::Table(example), &mut keys);
        for key in keys {
            let misspelled = EXAMPLE.replacen(&format!("\n{key} ="), &format!("\n{key}x ="), 1);
            let error = errors(&misspelled).remove(0);
            assert!(error.contains(&format!("unknown field `{key}x`")), "{error}");
            // The error lists the keys that stand in the same table: the example must have them all.
            let known = error.split("expected").nth(1).unwrap_or_default();
            for key in known.split('`').skip(1).step_by(2) {
                assert!(EXAMPLE.contains(&format!("\n{key} =")) || EXAMPLE.contains(&format!(".{key}]")), "{key}");
            }
        }
    }

    fn collect(value: &toml::Value, keys: &mut Vec<String>) {
        match value {
            toml::Value::Table(table) => table.iter().for_each(|(key, value)| match value {
                toml::Value::Table(_) | toml::Value::Array(_)
                    if value.as_array().is_none_or(|list| list.iter().any(toml::Value::is_table)) =>
                {
                    collect(value, keys);
                }
                _ => keys.push(key.clone()),
            }),
            toml::Value::Array(list) => list.iter().for_each(|value| collect(value, keys)),
            _ => {}
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place() {
        let error = Config::parse("[udp]\nthreads = 1\n  sise = 5\n", "c.toml").unwrap_err().remove(0);
        assert_eq!((error.line, error.column), (3, 3));
        assert_eq!(
            error.to_string(),
            "c.toml:3:3: unknown field `sise`, expected `sockets` or `threads`\n  |\n3 |   sise = 5\n  |   ^^^^"
        );
    }

    #[test]
    fn every_bad_value_is_named_at_once() {
        let text = "[[server]]\nlisten = [\"localhost\"]\nzones = [\"a..b\"]\n[server.kubernetes]\nttl_secs = 3601\nlabels = \"a in b\"\n\
                    fallthrough = [\"..\"]\n[server.transfer]\nto = [\"peer\"]\n[snapshot]\nservice_cidr = \"10.0.0.0\"\n";
        let errors = errors(text);
        let places: Vec<_> = errors.iter().map(|error| error.split(' ').next().unwrap()).collect();
        assert_eq!(
            places,
            [
                "c.toml:2:11:",
                "c.toml:3:10:",
                "c.toml:5:12:",
                "c.toml:6:10:",
                "c.toml:7:16:",
                "c.toml:9:7:",
                "c.toml:11:16:"
            ]
        );
    }

    #[test]
    fn what_excludes_each_other_is_refused() {
        let kubernetes = |options: &str| errors(&format!("[[server]]\n[server.kubernetes]\n{options}")).remove(0);
        assert!(kubernetes("namespaces = [\"a\"]\nnamespace_labels = \"b\"").contains("exclude each other"));
        assert!(kubernetes("noendpoints = true\nzonal = true").contains("zonal needs endpoints"));
        assert!(kubernetes("zones = [\"10.0.0.0/8\"]").contains("only reverse zones"));
        assert!(errors("[[server]]\n[[server]]\n").remove(0).contains("zone . has a server on 127.0.0.1:5300 already"));
        assert!(errors("[[server]]\nlisten = []").remove(0).contains("at least"));
    }

    #[test]
    fn a_server_may_have_nothing_of_the_cluster() {
        let config = Config::parse("[[server]]\n[server.kubernetes]\nzones = []\n", "c.toml").unwrap();
        assert_eq!(config.servers[0].kubernetes, None);
    }

    #[test]
    fn the_api_is_asked_for_what_all_views_need() {
        let asks = |views: &[&str]| {
            let server = |(number, view): (usize, &&str)| {
                format!("[[server]]\nzones = [\"z{number}\"]\n[server.kubernetes]\n{view}\n")
            };
            Config::parse(&views.iter().enumerate().map(server).collect::<String>(), "c.toml").unwrap().asks()
        };
        let one = asks(&["labels = \"a=b\"\nnamespaces = [\"y\", \"x\"]\nnoendpoints = true"]);
        assert_eq!(
            (one.labels.as_deref(), one.namespaces, one.endpoints),
            (Some("a=b"), vec!["x".into(), "y".into()], false)
        );
        let two = asks(&["labels = \"a=b\"\nnamespaces = [\"x\"]\nnoendpoints = true", "pods = \"verified\""]);
        assert_eq!((two.labels, two.namespaces, two.endpoints, two.needs.pods), (None, vec![], true, true));
        assert_eq!(asks(&["namespace_labels = \"t\""; 2]).namespace_labels.as_deref(), Some("t"));
    }

    #[test]
    fn the_cluster_is_watched_or_read() {
        let parse = |text: &str| Config::parse(text, "c.toml").unwrap().kubernetes;
        assert!(!parse("").enabled);
        let kubernetes = parse("[kubernetes]\nenabled = true\ncontext = \"kind\"");
        assert_eq!((kubernetes.access.context.as_deref(), &kubernetes.access.kubeconfig), (Some("kind"), &None));
        assert_eq!((kubernetes.enabled, kubernetes.startup_timeout), (true, Duration::from_secs(5)));
        let both = "[snapshot]\npaths = [\"a\"]\n[kubernetes]\nenabled = true";
        assert!(errors(both).remove(0).starts_with("c.toml:4:11: the cluster is read from [snapshot] paths already"));
    }

    #[test]
    fn a_search_list_is_that_of_a_pod_and_what_stands_behind() {
        let domains = |text: &str| {
            let search = Config::parse(text, "c.toml").unwrap().search.unwrap();
            search.domains.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let pods = ["shop.svc.cluster.local.", "svc.cluster.local.", "cluster.local.", "corp.example."];
        assert_eq!(domains("[search]\nnamespace = \"shop\"\ndomains = [\"Corp.example\"]"), pods);
        assert_eq!(domains("[search]\ndomains = [\"corp.example\"]"), pods[3..]);
        let other =
            "[search]\nnamespace = \"a\"\n[[server]]\n[server.kubernetes]\nzones = [\"10.in-addr.arpa\", \"k8s\"]";
        assert_eq!(domains(other), ["a.svc.k8s.", "svc.k8s.", "k8s."]);
        assert!(errors("[search]\nndots = 16").remove(0).contains("16 is not within 1 and 15"));
        assert!(errors("[search]\nnamespace = \"a.b\"").remove(0).starts_with("c.toml:2:13: "));
    }

    #[test]
    fn completion_is_off_until_it_is_asked_for() {
        let completion = |text: &str| Config::parse(&format!("[completion]\n{text}"), "c.toml").unwrap().completion;
        assert_eq!(completion("except_namespaces = [\"a\"]"), None);
        let on = completion("enabled = true\nexcept_namespaces = [\"A\"]\nresolv_conf = \"\"").unwrap();
        assert_eq!((on.except_namespaces, on.resolv_conf, on.top_level_namespaces), (vec!["a".into()], None, false));
        assert_eq!(completion("enabled = true").unwrap().resolv_conf, Some("/etc/resolv.conf".into()));
        assert!(errors("[completion]\nexcept_namespaces = [\"a.b\"]").remove(0).contains("no namespace"));
    }
}
