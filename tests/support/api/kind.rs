//! The resources that the stand-in has, and which of them a path means.

/// A resource of the API.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// As paths and tests call it.
    pub(super) plural: &'static str,
    pub(super) name: &'static str,
    pub(super) api_version: &'static str,
    pub(super) namespaced: bool,
}

static KINDS: [Kind; 4] = [
    Kind { plural: "services", name: "Service", api_version: "v1", namespaced: true },
    Kind { plural: "endpointslices", name: "EndpointSlice", api_version: "discovery.k8s.io/v1", namespaced: true },
    Kind { plural: "namespaces", name: "Namespace", api_version: "v1", namespaced: false },
    Kind { plural: "pods", name: "Pod", api_version: "v1", namespaced: true },
];

/// The resource of this name.
pub(super) fn kind(plural: &str) -> &'static Kind {
    KINDS.iter().find(|kind| kind.plural == plural).unwrap_or_else(|| panic!("{plural}: no such resource"))
}

/// What a path asks for: all objects of a resource, or those of a namespace.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) kind: &'static Kind,
    pub(super) namespace: Option<String>,
}

impl Target {
    /// None for what the stand-in does not have.
    pub(super) fn of(path: &str) -> Option<Self> {
        let (api_version, rest) = match path.strip_prefix("/api/v1/") {
            Some(rest) => ("v1", rest),
            None => ("discovery.k8s.io/v1", path.strip_prefix("/apis/discovery.k8s.io/v1/")?),
        };
        let (namespace, plural) = match rest.split('/').collect::<Vec<_>>()[..] {
            [plural] => (None, plural),
            ["namespaces", namespace, plural] => (Some(namespace.to_owned()), plural),
            _ => return None,
        };
        let kind = KINDS.iter().find(|kind| kind.plural == plural && kind.api_version == api_version)?;
        (kind.namespaced || namespace.is_none()).then_some(Self { kind, namespace })
    }
}

impl Kind {
    /// What a 403 calls it.
    pub(super) fn group(&self) -> &'static str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }
}
