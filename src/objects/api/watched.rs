//! What is asked of the API: no kind, namespace or label more than the configuration needs.

use form_urlencoded::Serializer;

use crate::objects::{Kind, Needs, Scope};

/// What the configuration needs of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// What to keep of each object.
    pub needs: Needs,
    /// Whether anybody looks at endpoints.
    pub endpoints: bool,
    /// Only Services, EndpointSlices and Pods that this label selector selects.
    pub labels: Option<String>,
    /// Only these namespaces; empty: all.
    pub namespaces: Vec<String>,
    /// Only Namespaces that this label selector selects.
    pub namespace_labels: Option<String>,
}

/// A list of objects that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Of which kind.
    pub kind: Kind,
    /// Only those in this namespace; of Namespaces only itself.
    pub namespace: Option<Box<str>>,
    labels: Option<String>,
}

/// Each namespace is a watch of its own for each kind, and a watch is a connection: beyond so many
/// namespaces all are watched.
const NAMESPACES_MAX: usize = 16;

impl Asks {
    /// The lists to watch. Namespaces come first, for without them no Service is shown.
    pub fn watched(&self) -> Vec<Watched> {
        let kinds = [
            (Kind::Namespace, true, &self.namespace_labels),
            (Kind::Service, true, &self.labels),
            (Kind::EndpointSlice, self.endpoints, &self.labels),
            (Kind::Pod, self.needs.pods, &self.labels),
        ];
        let narrowed = (1..=NAMESPACES_MAX).contains(&self.namespaces.len());
        let namespaces: Vec<Option<Box<str>>> = match narrowed {
            true => self.namespaces.iter().map(|namespace| Some((**namespace).into())).collect(),
            false => vec![None],
        };
        let asked = kinds.into_iter().filter(|(_, needed, _)| *needed);
        asked
            .flat_map(|(kind, _, labels)| {
                namespaces.iter().map(move |namespace| Watched {
                    kind,
                    namespace: namespace.clone(),
                    labels: labels.clone(),
                })
            })
            .collect()
    }
}

/// One line that differs where something else is asked for: what is kept of a cluster under one is no
/// picture under another.
impl std::fmt::Display for Asks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { needs, endpoints, labels, namespaces, namespace_labels } = self;
        let Needs { labels: keeps_labels, pod_names, zones, pods, selectors } = needs;
        let switches = [*endpoints, *keeps_labels, *pod_names, *zones, *pods, *selectors].map(u8::from);
        let texts = [labels.as_deref(), namespace_labels.as_deref()].map(Option::unwrap_or_default);
        write!(f, "{switches:?} {texts:?} {namespaces:?}")
    }
}

impl Watched {
    /// What a whole list of it speaks about.
    pub fn scope(&self) -> Scope {
        Scope::Kind { kind: self.kind, namespace: self.namespace.clone() }
    }

    /// The resource, as the API and its access rules name it.
    pub fn resource(&self) -> &'static str {
        resource(self.kind)
    }

    /// The rule that a ClusterRole needs for it, as YAML in one line.
    pub fn rule(&self) -> String {
        let group = if self.kind == Kind::EndpointSlice { "discovery.k8s.io" } else { "" };
        format!(r#"{{apiGroups: ["{group}"], resources: ["{}"], verbs: ["list", "watch"]}}"#, self.resource())
    }

    /// A page of the list, the first or a later one.
    pub(super) fn page(&self, continued: Option<&str>) -> String {
        self.path(|query| {
            query.append_pair("limit", PAGE_OBJECTS);
            if let Some(continued) = continued {
                query.append_pair("continue", continued);
            }
        })
    }

    /// What happens after `version`.
    pub(super) fn after(&self, version: &str, secs: u64) -> String {
        self.path(|query| {
            watching(query, secs).append_pair("resourceVersion", version);
        })
    }

    /// The whole list as events, then what happens after it. Without a version: as of now, and not
    /// from a cache that may be older than what we know.
    pub(super) fn streamed(&self, secs: u64) -> String {
        self.path(|query| {
            watching(query, secs)
                .append_pair("sendInitialEvents", "true")
                .append_pair("resourceVersionMatch", "NotOlderThan");
        })
    }

    fn path(&self, query: impl FnOnce(&mut Serializer<'_, String>)) -> String {
        let group = if self.kind == Kind::EndpointSlice { "/apis/discovery.k8s.io/v1" } else { "/api/v1" };
        let mut fields = Vec::new();
        let mut path = match &self.namespace {
            Some(namespace) if self.kind == Kind::Namespace => {
                fields.push(format!("metadata.name={namespace}"));
                format!("{group}/namespaces?")
            }
            Some(namespace) => format!("{group}/namespaces/{namespace}/{}?", self.resource()),
            None => format!("{group}/{}?", self.resource()),
        };
        if self.kind == Kind::Pod {
            fields.extend(["Succeeded", "Failed", "Unknown"].map(|phase| format!("status.phase!={phase}")));
        }
        let start = path.len();
        let mut serializer = Serializer::for_suffix(std::mem::take(&mut path), start);
        if let Some(labels) = &self.labels {
            serializer.append_pair("labelSelector", labels);
        }
        if !fields.is_empty() {
            serializer.append_pair("fieldSelector", &fields.join(","));
        }
        query(&mut serializer);
        serializer.finish()
    }
}

/// `services`, or `services in namespace shop`
impl std::fmt::Display for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.resource())?;
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => Ok(()),
        }
    }
}

/// How the API names the objects of a kind.
pub fn resource(kind: Kind) -> &'static str {
    match kind {
        Kind::Namespace => "namespaces",
        Kind::Service => "services",
        Kind::EndpointSlice => "endpointslices",
        Kind::Endpoints => "endpoints",
        Kind::Pod => "pods",
    }
}

fn watching<'q, 'p>(query: &'q mut Serializer<'p, String>, secs: u64) -> &'q mut Serializer<'p, String> {
    query
        .append_pair("watch", "1")
        .append_pair("allowWatchBookmarks", "true")
        .append_pair("timeoutSeconds", &secs.to_string())
}

/// As kubectl does: 500 slices of 100 endpoints have some 15 MB.
const PAGE_OBJECTS: &str = "500";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::Key;

    fn paths(asks: &Asks) -> Vec<String> {
        asks.watched().iter().map(|watched| watched.page(None)).collect()
    }

    #[test]
    fn nothing_is_asked_for_that_nobody_needs() {
        let all = Asks { endpoints: true, ..Asks::default() };
        assert_eq!(
            paths(&all),
            [
                "/api/v1/namespaces?limit=500",
                "/api/v1/services?limit=500",
                "/apis/discovery.k8s.io/v1/endpointslices?limit=500"
            ]
        );
        let pods = Asks { needs: Needs { pods: true, ..Needs::default() }, ..Asks::default() };
        assert_eq!(
            paths(&pods)[2],
            "/api/v1/pods?fieldSelector=status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed\
             %2Cstatus.phase%21%3DUnknown&limit=500"
        );
    }

    #[test]
    fn labels_and_namespaces_narrow_what_is_asked() {
        let narrow = Asks {
            labels: Some("app in (a,b)".into()),
            namespaces: vec!["shop".into()],
            namespace_labels: None,
            ..Asks::default()
        };
        assert_eq!(
            paths(&narrow),
            [
                "/api/v1/namespaces?fieldSelector=metadata.name%3Dshop&limit=500",
                "/api/v1/namespaces/shop/services?labelSelector=app+in+%28a%2Cb%29&limit=500"
            ]
        );
        let many = Asks { namespaces: vec!["x".into(); NAMESPACES_MAX + 1], ..Asks::default() };
        assert_eq!(paths(&many), ["/api/v1/namespaces?limit=500", "/api/v1/services?limit=500"]);
    }

    #[test]
    fn a_list_speaks_about_its_namespace_only() {
        let key = |kind, namespace: &str, name: &str| Key { kind, namespace: namespace.into(), name: name.into() };
        let asks = Asks { namespaces: vec!["shop".into()], ..Asks::default() };
        let [namespaces, services] = &asks.watched()[..] else { panic!("two lists") };
        assert!(namespaces.scope().holds(&key(Kind::Namespace, "", "shop")));
        assert!(!namespaces.scope().holds(&key(Kind::Namespace, "", "shop2")));
        assert!(services.scope().holds(&key(Kind::Service, "shop", "web")));
        assert!(!services.scope().holds(&key(Kind::Service, "other", "web")));
        assert!(!services.scope().holds(&key(Kind::Endpoints, "shop", "web")));
    }
}
