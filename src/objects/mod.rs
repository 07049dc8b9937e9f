//! What the cluster says.
//!
//! The only room that knows JSON, YAML and the shapes of the Kubernetes API. Everything behind it
//! sees the slim objects below: the few fields DNS is made of, already parsed. A field that no
//! option of the configuration asks for (see [`Needs`]) is dropped while decoding, because the
//! store of these objects is part of the server's memory budget.
//!
//! Data enters as a [`Change`]: one object applied or deleted, or a whole picture that replaces
//! the last one. Snapshots, the Kubernetes API and the state saved on disk all speak in these.

pub mod api;
pub mod decode;
mod endpoint;
pub mod env;
pub mod manifest;
pub mod problem;
pub mod snapshot;
pub mod state;
pub mod watch;
pub mod write;

use std::{fmt, net::IpAddr};

pub use endpoint::{Address, Addresses, Endpoint, Names};

/// One object of a kind that DNS is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// A Service (v1).
    Service(Service),
    /// An EndpointSlice (discovery.k8s.io/v1), an Endpoints (v1), or endpoints derived from Pods.
    Endpoints(Endpoints),
    /// A Namespace (v1).
    Namespace(Namespace),
    /// A Pod (v1).
    Pod(Pod),
}

/// Which object: its kind, namespace and name. Two objects with one key are the same object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The kind, as the API names it.
    pub kind: Kind,
    /// Empty for a Namespace.
    pub namespace: Box<str>,
    /// `metadata.name`.
    pub name: Box<str>,
}

/// The kinds we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `v1/Namespace`
    Namespace,
    /// `v1/Service`
    Service,
    /// `discovery.k8s.io/v1/EndpointSlice`
    EndpointSlice,
    /// `v1/Endpoints`
    Endpoints,
    /// `v1/Pod`
    Pod,
}

/// `v1/Service`: what DNS needs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// `metadata.namespace`
    pub namespace: Box<str>,
    /// `metadata.name`
    pub name: Box<str>,
    /// What its name leads to.
    pub spec: ServiceSpec,
    /// `spec.ports`, in their order.
    pub ports: Box<[Port]>,
    /// `spec.selector`, sorted; kept only where endpoints may be derived from Pods ([`Needs::selectors`]).
    pub selector: Labels,
    /// `metadata.labels`, sorted; kept only with [`Needs::labels`].
    pub labels: Labels,
}

/// What a Service's name leads to: `spec.type` and `spec.clusterIPs` taken together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceSpec {
    /// ClusterIP, NodePort, LoadBalancer or no type: the cluster IPs in their order, without
    /// duplicates. Empty while none is allocated.
    Cluster {
        /// `spec.clusterIPs`, or `spec.clusterIP` where the list is absent.
        ips: Box<[IpAddr]>,
        /// True where a manifest left the choice to the API server and we chose ([`manifest`]).
        chosen: bool,
    },
    /// `clusterIP: None`: the name leads to the endpoints.
    Headless,
    /// `type: ExternalName`.
    External {
        /// `spec.externalName` as written.
        target: Box<str>,
        /// Left-over `spec.clusterIPs`: they still have a PTR (behaviour A4).
        ips: Box<[IpAddr]>,
    },
}

/// A port of a Service or of a set of endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Empty where unnamed.
    pub name: Box<str>,
    /// As the object says (`TCP`, `UDP`, `SCTP`, ...), empty where absent in an EndpointSlice.
    pub protocol: Box<str>,
    /// Absent in an EndpointSlice means "all ports": addresses without SRV.
    pub number: Option<u16>,
}

/// The endpoints of one Service that one object lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Where they were listed.
    pub origin: Origin,
    /// `metadata.namespace`
    pub namespace: Box<str>,
    /// `metadata.name` of the listing object.
    pub name: Box<str>,
    /// The Service they belong to: the label `kubernetes.io/service-name` of a slice, the name of
    /// an Endpoints. A slice without the label belongs to none.
    pub service: Option<Box<str>>,
    /// One for a slice, any number for an Endpoints. Each has its own ports.
    pub subsets: Box<[Subset]>,
    /// `metadata.labels`, sorted; kept only with [`Needs::labels`].
    pub labels: Labels,
}

/// Where endpoints were listed: slices win over Endpoints, both over what is derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// An EndpointSlice.
    Slice,
    /// An Endpoints object.
    Endpoints,
    /// The Pods that a Service of plain manifests selects ([`manifest`]).
    Pods,
}

/// Endpoints that share their ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subset {
    /// The ready ones, in their order.
    pub ready: Box<[Endpoint]>,
    /// How many more are listed and not ready. They have no records.
    pub not_ready: u32,
    /// In their order; empty means "no ports": addresses without SRV.
    pub ports: Box<[Port]>,
}

/// `v1/Namespace`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// `metadata.name`
    pub name: Box<str>,
    /// `metadata.labels`, sorted; kept only with [`Needs::labels`].
    pub labels: Labels,
}

/// `v1/Pod`: kept only with [`Needs::pods`], and only while it has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// `metadata.namespace`
    pub namespace: Box<str>,
    /// `metadata.name`
    pub name: Box<str>,
    /// `status.podIP`.
    pub ip: Option<IpAddr>,
    /// `status.hostIP` is the same: the address is its node's, and others ask from there too.
    pub on_host: bool,
    /// It has a deletion timestamp: not added any more, but kept where it is known already.
    pub deleting: bool,
    /// `metadata.labels`, sorted; kept only with [`Needs::labels`].
    pub labels: Labels,
}

/// Sorted pairs of key and value.
pub type Labels = Box<[(Box<str>, Box<str>)]>;

/// What the configuration asks for beyond the bare minimum. The decoder drops the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// `labels` or `namespace_labels` is set.
    pub labels: bool,
    /// `endpoint_pod_names` is set.
    pub pod_names: bool,
    /// `zonal` is set.
    pub zones: bool,
    /// `pods = "verified"`.
    pub pods: bool,
    /// Endpoints may be derived from Pods: snapshots only.
    pub selectors: bool,
}

/// One step from the cluster as we knew it to the cluster as it is.
#[derive(Clone, Debug)]
pub enum Change {
    /// An object is there now, or is different now.
    Apply(Object),
    /// An object is no longer there.
    Delete(Key),
    /// A whole picture: what it does not hold does not exist. Applied as a difference.
    Reset(Picture),
}

/// A whole picture of the cluster, as far as its source can see.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// Every object.
    pub objects: Vec<Object>,
    /// Objects that are there and cannot be read: what was known of them stays.
    pub left_out: Vec<Key>,
    /// The kinds about which the cluster is known completely with this picture.
    pub known: Known,
    /// What it speaks about.
    pub scope: Scope,
}

/// What a picture speaks about: of anything else it says nothing, whatever it does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The whole cluster.
    #[default]
    Everything,
    /// Objects of one kind.
    Kind {
        /// Which.
        kind: Kind,
        /// Only those in this namespace; of Namespaces only itself.
        namespace: Option<Box<str>>,
    },
}

/// The kinds about which we hold a complete picture. For another kind "not found" means
/// "unknown", which is never answered with NXDOMAIN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Services.
    pub services: bool,
    /// EndpointSlices, Endpoints or Pods to derive them from.
    pub endpoints: bool,
    /// Namespaces.
    pub namespaces: bool,
    /// Pods, where verified pod names are served.
    pub pods: bool,
}

impl Known {
    /// Everything is known.
    pub const ALL: Self = Self { services: true, endpoints: true, namespaces: true, pods: true };

    /// What both are complete about.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            services: self.services && other.services,
            endpoints: self.endpoints && other.endpoints,
            namespaces: self.namespaces && other.namespaces,
            pods: self.pods && other.pods,
        }
    }
}

impl Scope {
    /// Whether it speaks about this object.
    pub fn holds(&self, key: &Key) -> bool {
        match self {
            Self::Everything => true,
            Self::Kind { kind, namespace } => {
                let lives_in = if *kind == Kind::Namespace { &key.name } else { &key.namespace };
                *kind == key.kind && namespace.as_ref().is_none_or(|namespace| namespace == lives_in)
            }
        }
    }
}

impl Object {
    /// Which object this is.
    pub fn key(&self) -> Key {
        let (kind, namespace, name) = match self {
            Self::Service(o) => (Kind::Service, &o.namespace, &o.name),
            Self::Endpoints(o) => (o.origin.kind(), &o.namespace, &o.name),
            Self::Namespace(o) => (Kind::Namespace, &Box::default(), &o.name),
            Self::Pod(o) => (Kind::Pod, &o.namespace, &o.name),
        };
        Key { kind, namespace: namespace.clone(), name: name.clone() }
    }
}

impl Origin {
    /// The kind of the object that lists such endpoints. Derived endpoints take the place of an
    /// Endpoints object: the control plane would have made one.
    pub fn kind(self) -> Kind {
        match self {
            Self::Slice => Kind::EndpointSlice,
            Self::Endpoints | Self::Pods => Kind::Endpoints,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Namespace => "Namespace",
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::Endpoints => "Endpoints",
            Self::Pod => "Pod",
        })
    }
}

/// `Service shop/web`, `Namespace shop`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.namespace {
            "" => write!(f, "{} {}", self.kind, self.name),
            namespace => write!(f, "{} {namespace}/{}", self.kind, self.name),
        }
    }
}
