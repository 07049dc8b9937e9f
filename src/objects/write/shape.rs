//! The shapes of the API, borrowed from slim objects: `decode` has the same to read them.

use std::net::IpAddr;

use serde::{Serialize, Serializer};

use super::endpoints::{Ports, SliceEndpoints, Subsets};
use crate::objects::{
    Endpoints, Labels, Namespace, Object, Origin, Pod, Service, ServiceSpec, decode::SERVICE_NAME_LABEL,
};

/// An object of any kind, with the parts that its kind has.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Written<'o> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'o>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<Spec<'o>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints: Option<SliceEndpoints<'o>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<Ports<'o>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subsets: Option<Subsets<'o>>,
}

/// `metadata`
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'o> {
    name: &'o str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'o str>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    labels: Pairs<'o>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_timestamp: Option<&'static str>,
}

/// Labels or a selector, with the Service of a slice as one more label.
#[derive(Default)]
struct Pairs<'o> {
    service: Option<&'o str>,
    pairs: &'o [(Box<str>, Box<str>)],
}

/// `spec` of a Service
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'o> {
    #[serde(rename = "type")]
    type_: &'static str,
    #[serde(rename = "clusterIP", skip_serializing_if = "Option::is_none")]
    cluster_ip: Option<ClusterIp>,
    #[serde(rename = "clusterIPs", skip_serializing_if = "ClusterIps::is_empty")]
    cluster_ips: ClusterIps<'o>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_name: Option<&'o str>,
    #[serde(skip_serializing_if = "Ports::is_empty")]
    ports: Ports<'o>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    selector: Pairs<'o>,
}

/// One of `spec.clusterIPs`.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
enum ClusterIp {
    Address(IpAddr),
    Headless(&'static str),
}

/// `spec.clusterIPs`
enum ClusterIps<'o> {
    Addresses(&'o [IpAddr]),
    Headless,
}

/// `status` of a Pod
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    /// Only where it is the same.
    #[serde(rename = "hostIP", skip_serializing_if = "Option::is_none")]
    host_ip: Option<IpAddr>,
    #[serde(rename = "podIP", skip_serializing_if = "Option::is_none")]
    pod_ip: Option<IpAddr>,
}

impl<'o> Written<'o> {
    pub(super) fn of(object: &'o Object) -> Self {
        match object {
            Object::Service(service) => Self::service(service),
            Object::Endpoints(endpoints) if endpoints.origin == Origin::Slice => Self::slice(endpoints),
            Object::Endpoints(endpoints) => Self::endpoints(endpoints),
            Object::Namespace(namespace) => Self::namespace(namespace),
            Object::Pod(pod) => Self::pod(pod),
        }
    }

    fn service(service: &'o Service) -> Self {
        Self {
            api_version: "v1",
            kind: "Service",
            metadata: Metadata::new(&service.namespace, &service.name, &service.labels),
            spec: Some(Spec::of(service)),
            ..Self::default()
        }
    }

    /// A slice has one subset, and without any it lists nothing.
    fn slice(slice: &'o Endpoints) -> Self {
        let mut metadata = Metadata::new(&slice.namespace, &slice.name, &slice.labels);
        metadata.labels.service = slice.service.as_deref();
        let subset = slice.subsets.first();
        Self {
            api_version: "discovery.k8s.io/v1",
            kind: "EndpointSlice",
            metadata,
            endpoints: subset.map(SliceEndpoints),
            ports: subset.map(|subset| Ports(&subset.ports)),
            ..Self::default()
        }
    }

    fn endpoints(endpoints: &'o Endpoints) -> Self {
        Self {
            api_version: "v1",
            kind: "Endpoints",
            metadata: Metadata::new(&endpoints.namespace, &endpoints.name, &endpoints.labels),
            subsets: Some(Subsets(&endpoints.subsets)),
            ..Self::default()
        }
    }

    fn namespace(namespace: &'o Namespace) -> Self {
        let labels = Pairs::new(&namespace.labels);
        let metadata = Metadata { name: &namespace.name, labels, ..Metadata::default() };
        Self { api_version: "v1", kind: "Namespace", metadata, ..Self::default() }
    }

    fn pod(pod: &'o Pod) -> Self {
        let mut metadata = Metadata::new(&pod.namespace, &pod.name, &pod.labels);
        metadata.deletion_timestamp = pod.deleting.then_some(SOME_TIME);
        let status = Some(Status { host_ip: pod.ip.filter(|_| pod.on_host), pod_ip: pod.ip });
        Self { api_version: "v1", kind: "Pod", metadata, status, ..Self::default() }
    }
}

impl<'o> Metadata<'o> {
    fn new(namespace: &'o str, name: &'o str, labels: &'o Labels) -> Self {
        Self { name, namespace: Some(namespace), labels: Pairs::new(labels), deletion_timestamp: None }
    }
}

impl<'o> Pairs<'o> {
    fn new(pairs: &'o Labels) -> Self {
        Self { service: None, pairs }
    }

    fn is_empty(&self) -> bool {
        self.service.is_none() && self.pairs.is_empty()
    }
}

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let service = self.service.map(|service| (SERVICE_NAME_LABEL, service));
        let others = self.pairs.iter().map(|(key, value)| (&**key, &**value));
        out.collect_map(service.into_iter().chain(others.filter(|(key, _)| service.is_none_or(|(own, _)| own != *key))))
    }
}

impl<'o> Spec<'o> {
    fn of(service: &'o Service) -> Self {
        let (type_, cluster_ips, external_name) = match &service.spec {
            ServiceSpec::Cluster { ips, .. } => ("ClusterIP", ClusterIps::Addresses(ips), None),
            ServiceSpec::Headless => ("ClusterIP", ClusterIps::Headless, None),
            ServiceSpec::External { target, ips } => ("ExternalName", ClusterIps::Addresses(ips), Some(&**target)),
        };
        Self {
            type_,
            cluster_ip: cluster_ips.first(),
            cluster_ips,
            external_name,
            ports: Ports(&service.ports),
            selector: Pairs::new(&service.selector),
        }
    }
}

impl ClusterIps<'_> {
    fn first(&self) -> Option<ClusterIp> {
        match self {
            Self::Addresses(ips) => ips.first().copied().map(ClusterIp::Address),
            Self::Headless => Some(HEADLESS),
        }
    }

    fn is_empty(&self) -> bool {
        self.first().is_none()
    }
}

impl Serialize for ClusterIps<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Addresses(ips) => out.collect_seq(*ips),
            Self::Headless => out.collect_seq([HEADLESS]),
        }
    }
}

/// What `spec.clusterIPs` of a headless Service holds.
const HEADLESS: ClusterIp = ClusterIp::Headless("None");
/// When a Pod was deleted is not kept.
const SOME_TIME: &str = "1970-01-01T00:00:00Z";
