//! The cluster as `kubectl get namespaces,services,endpointslices --all-namespaces -o json` prints
//! it, with the fields that a real one carries and DNS does not need: reading past them is part of
//! the work.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use serde::{Serialize, Serializer};
use serde_json::{Value, json, ser::PrettyFormatter};

use crate::cluster::{Cluster, ENDPOINT_PORT, Endpoint, PORT_NAME, SERVICE_PORT, Service};

/// Writes the snapshot, item by item: the large variant would fill the memory.
pub(crate) fn write(cluster: &Cluster, path: &Path) -> io::Result<()> {
    let namespaces = cluster.namespaces().map(|name| namespace(&name));
    let services = cluster.services().map(|it| service(&it));
    let slices = cluster.services().filter(|it| !it.endpoints.is_empty()).map(|it| slice(&it));
    let list = List {
        api_version: "v1",
        items: Items(namespaces.chain(services).chain(slices)),
        kind: "List",
        metadata: json!({ "resourceVersion": "" }),
    };
    let mut file = BufWriter::new(File::create(path)?);
    list.serialize(&mut serde_json::Serializer::with_formatter(&mut file, PrettyFormatter::with_indent(b"    ")))?;
    writeln!(file)?;
    file.flush()
}

#[derive(Serialize)]
#[serde(bound = "")]
struct List<I: Iterator<Item = Value> + Clone> {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    items: Items<I>,
    kind: &'static str,
    metadata: Value,
}

struct Items<I>(I);

impl<I: Iterator<Item = Value> + Clone> Serialize for Items<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

pub(crate) fn namespace(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "creationTimestamp": CREATED,
            "labels": { "kubernetes.io/metadata.name": name },
            "name": name,
            "resourceVersion": "301",
            "uid": uid(name, "")
        },
        "spec": { "finalizers": ["kubernetes"] },
        "status": { "phase": "Active" }
    })
}

pub(crate) fn service(service: &Service) -> Value {
    let Service { name, namespace, cluster_ip, .. } = service;
    let cluster_ip = cluster_ip.map_or("None".to_owned(), |ip| ip.to_string());
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "creationTimestamp": CREATED,
            "labels": { "app.kubernetes.io/name": name },
            "name": name,
            "namespace": namespace,
            "resourceVersion": "4711",
            "uid": uid(name, namespace)
        },
        "spec": {
            "clusterIP": cluster_ip,
            "clusterIPs": [cluster_ip],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [
                { "name": PORT_NAME, "port": SERVICE_PORT, "protocol": "TCP", "targetPort": ENDPOINT_PORT }
            ],
            "selector": { "app.kubernetes.io/name": name },
            "sessionAffinity": "None",
            "type": "ClusterIP"
        },
        "status": { "loadBalancer": {} }
    })
}

/// One slice holds all: there are fewer than 100 endpoints, where the control plane would start another.
pub(crate) fn slice(service: &Service) -> Value {
    let Service { name, namespace, endpoints, .. } = service;
    let slice_name = format!("{name}-x7k2p");
    json!({
        "addressType": "IPv4",
        "apiVersion": "discovery.k8s.io/v1",
        "endpoints": endpoints.iter().enumerate().map(|(index, it)| endpoint(index, it, namespace)).collect::<Vec<_>>(),
        "kind": "EndpointSlice",
        "metadata": {
            "creationTimestamp": CREATED,
            "generateName": format!("{name}-"),
            "generation": 3,
            "labels": {
                "app.kubernetes.io/name": name,
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                "kubernetes.io/service-name": name
            },
            "name": slice_name,
            "namespace": namespace,
            "ownerReferences": [{
                "apiVersion": "v1",
                "blockOwnerDeletion": true,
                "controller": true,
                "kind": "Service",
                "name": name,
                "uid": uid(name, namespace)
            }],
            "resourceVersion": "4822",
            "uid": uid(&slice_name, namespace)
        },
        "ports": [{ "name": PORT_NAME, "port": ENDPOINT_PORT, "protocol": "TCP" }]
    })
}

fn endpoint(index: usize, endpoint: &Endpoint, namespace: &str) -> Value {
    let Endpoint { address, pod, hostname } = endpoint;
    let mut value = json!({
        "addresses": [address],
        "conditions": { "ready": true, "serving": true, "terminating": false },
        "nodeName": format!("node-{}", index % 100),
        "targetRef": { "kind": "Pod", "name": pod, "namespace": namespace, "uid": uid(pod, namespace) },
        "zone": format!("zone-{}", index % 3)
    });
    if let Some(hostname) = hostname {
        value["hostname"] = json!(hostname);
    }
    value
}

/// Looks like a UUID, follows from the names (FNV-1a).
fn uid(name: &str, namespace: &str) -> String {
    let hash = name
        .bytes()
        .chain([b'/'])
        .chain(namespace.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3));
    format!("{:08x}-{:04x}-4000-8000-{:012x}", hash >> 32, hash & 0xffff, hash >> 16)
}

const CREATED: &str = "2026-01-01T00:00:00Z";
