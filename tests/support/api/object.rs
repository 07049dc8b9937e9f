//! Objects as the API server gives them: what a test says of them, in the noise that real ones carry.
//!
//! Paths are `NAMESPACE/NAME`, or `NAME` alone for a Namespace.

use serde_json::{Value, json};

use super::kind::{Kind, kind};

/// An object and where it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(super) kind: &'static Kind,
    pub(super) path: String,
    pub(crate) value: Value,
}

/// A Service of type ClusterIP without an address so far.
pub(crate) fn service(path: &str) -> Object {
    Object::new("services", path)
        .with("/spec", json!({"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"}))
        .with("/status", json!({"loadBalancer": {}}))
}

/// An EndpointSlice of a Service: `shop/web-x7k2p` is one of `shop/web`.
pub(crate) fn slice(path: &str) -> Object {
    let service = path.split_once('/').and_then(|(_, name)| name.rsplit_once('-')).expect("SERVICE-SUFFIX").0;
    Object::new("endpointslices", path)
        .label("kubernetes.io/service-name", service)
        .label("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io")
        .with("/metadata/generateName", json!(format!("{service}-")))
        .with("/addressType", json!("IPv4"))
        .with("/endpoints", json!([]))
        .with("/ports", json!([{"name": "http", "port": 8080, "protocol": "TCP"}]))
}

/// A Namespace.
pub(crate) fn namespace(name: &str) -> Object {
    Object::new("namespaces", name)
        .label("kubernetes.io/metadata.name", name)
        .with("/spec", json!({"finalizers": ["kubernetes"]}))
        .with("/status", json!({"phase": "Active"}))
}

/// A running Pod without an address so far.
pub(crate) fn pod(path: &str) -> Object {
    Object::new("pods", path)
        .with("/spec", json!({"nodeName": "node-1", "containers": [{"name": "main", "image": "example.com/main:1"}]}))
        .with("/status", json!({"phase": "Running", "qosClass": "BestEffort", "conditions": []}))
}

impl Object {
    fn new(plural: &str, path: &str) -> Self {
        let kind = kind(plural);
        let (namespace, name) = path.split_once('/').unwrap_or(("", path));
        let mut value = json!({
            "apiVersion": kind.api_version,
            "kind": kind.name,
            "metadata": {
                "name": name,
                "uid": uid(plural, path),
                "generation": 1,
                "creationTimestamp": "2024-05-06T07:08:09Z",
                "labels": {"app.kubernetes.io/managed-by": "tests"},
                "annotations": {"example.com/note": "braces {\"and\": [\"quotes\"]}, an é and a \\ backslash"},
                "managedFields": [{
                    "manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": kind.api_version,
                    "time": "2024-05-06T07:08:09Z", "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:metadata": {"f:annotations": {".": {}}}, "f:spec": {"f:type": {}}}
                }]
            }
        });
        if kind.namespaced {
            value["metadata"]["namespace"] = json!(namespace);
        }
        Self { kind, path: path.to_owned(), value }
    }

    /// A Service's addresses; `None` makes it headless.
    pub(crate) fn cluster_ip(self, ip: &str) -> Self {
        self.cluster_ips(&[ip])
    }

    /// A Service's addresses of both families.
    pub(crate) fn cluster_ips(self, ips: &[&str]) -> Self {
        self.with("/spec/clusterIP", json!(ips[0])).with("/spec/clusterIPs", json!(ips))
    }

    /// `clusterIP: None`.
    pub(crate) fn headless(self) -> Self {
        self.cluster_ip("None")
    }

    /// `type: ExternalName`.
    pub(crate) fn external_name(self, target: &str) -> Self {
        self.with("/spec/type", json!("ExternalName")).with("/spec/externalName", json!(target))
    }

    /// One more ready endpoint of a slice.
    pub(crate) fn ready(mut self, address: &str) -> Self {
        let endpoint = json!({
            "addresses": [address],
            "conditions": {"ready": true, "serving": true, "terminating": false},
            "nodeName": "node-1",
            "targetRef": {"kind": "Pod", "namespace": "shop", "name": format!("pod-{}", address.replace('.', "-"))}
        });
        self.value["endpoints"].as_array_mut().expect("a slice").push(endpoint);
        self
    }

    /// A Pod's address.
    pub(crate) fn ip(self, ip: &str) -> Self {
        self.with("/status/podIP", json!(ip)).with("/status/podIPs", json!([{"ip": ip}]))
    }

    /// A Pod's phase.
    pub(crate) fn phase(self, phase: &str) -> Self {
        self.with("/status/phase", json!(phase))
    }

    /// One more label.
    pub(crate) fn label(mut self, name: &str, value: &str) -> Self {
        self.value["metadata"]["labels"][name] = json!(value);
        self
    }

    /// With this value at a JSON pointer, whatever the API's schema says to that.
    pub(crate) fn with(mut self, pointer: &str, value: Value) -> Self {
        let (parent, name) = pointer.rsplit_once('/').expect("a JSON pointer");
        let parent = self.value.pointer_mut(parent).expect("what it is put into is there");
        parent[name] = value;
        self
    }

    /// Without a name, which no API server lets through: its path stays.
    pub(crate) fn nameless(mut self) -> Self {
        self.value["metadata"].as_object_mut().expect("metadata").remove("name");
        self
    }
}

/// Different for every object, and of the usual form.
fn uid(plural: &str, path: &str) -> String {
    let sum = plural.bytes().chain(path.bytes()).fold(0_u64, |sum, octet| sum.wrapping_mul(31) + u64::from(octet));
    format!("6fa1c8b2-0000-4000-8000-{:012x}", sum & 0xffff_ffff_ffff)
}
