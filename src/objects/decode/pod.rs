//! `v1/Pod`: its address and, for plain manifests, whether a Service may send traffic to it.

use super::{Decoded, Raw, WithBacking, field, key, labels, namespace_of, part, protobuf::message};
use crate::objects::{
    Kind, Needs, Object, Pod,
    manifest::{Backing, ContainerPort, PodBacking},
};
use field::{Metadata, Text, ip, nullable, nullable_list, port_number};
use serde::Deserialize;
use std::net::IpAddr;

/// What a Pod says behind its metadata, in protobuf.
#[derive(Default)]
pub(super) struct Parts<'a> {
    pub(super) status: Status<'a>,
}

message!(Parts<'a> { 3 => status });

/// `status`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
pub(super) struct Status<'a> {
    #[serde(borrow)]
    phase: Text<'a>,
    #[serde(borrow, rename = "hostIP")]
    host_ip: Text<'a>,
    #[serde(borrow, rename = "podIP")]
    pod_ip: Text<'a>,
    #[serde(borrow, rename = "podIPs", deserialize_with = "nullable_list")]
    pod_ips: Vec<PodIp<'a>>,
    #[serde(borrow, deserialize_with = "nullable_list")]
    conditions: Vec<Condition<'a>>,
}

// Conditions count in plain manifests alone.
message!(Status<'a> { 1 => phase, 5 => host_ip, 6 => pod_ip, 12 => pod_ips });

/// `status.podIPs[]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct PodIp<'a> {
    #[serde(borrow)]
    ip: Text<'a>,
}

message!(PodIp<'a> { 1 => ip });

/// `status.conditions[]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct Condition<'a> {
    #[serde(borrow, rename = "type")]
    type_: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
}

/// `spec`
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct Spec<'a> {
    #[serde(borrow)]
    hostname: Text<'a>,
    #[serde(borrow)]
    subdomain: Text<'a>,
    #[serde(borrow, deserialize_with = "nullable_list")]
    containers: Vec<Container<'a>>,
}

/// `spec.containers[]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct Container<'a> {
    #[serde(borrow, deserialize_with = "nullable_list")]
    ports: Vec<NamedPort<'a>>,
}

/// `spec.containers[].ports[]`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
struct NamedPort<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    protocol: Text<'a>,
    #[serde(deserialize_with = "nullable")]
    container_port: i64,
}

pub(super) fn read(raw: &Raw<'_>, metadata: &Metadata<'_>, needs: Needs) -> Result<WithBacking, String> {
    let status: Status<'_> = part("status", raw.status)?;
    let decoded = pod(metadata, &status, needs)?;
    let backing = if needs.selectors && !has_ended(&status) { Some(backing(raw, metadata, &status)?) } else { None };
    Ok((decoded, backing.map(Backing::Pod)))
}

pub(super) fn pod(metadata: &Metadata<'_>, status: &Status<'_>, needs: Needs) -> Result<Decoded, String> {
    if has_ended(status) {
        return Ok(Decoded::Without(key(Kind::Pod, metadata)));
    }
    pod_ips(status)?;
    let address = |text: &Text<'_>| text.filled().and_then(ip);
    let pod_ip = address(&status.pod_ip);
    Ok(match needs.pods {
        true => Decoded::Object(Object::Pod(Pod {
            namespace: namespace_of(metadata),
            name: metadata.name.boxed(),
            ip: pod_ip,
            on_host: pod_ip.is_some() && pod_ip == address(&status.host_ip),
            deleting: metadata.deletion_timestamp.0,
            labels: labels(&metadata.labels, needs),
        })),
        false => Decoded::Without(key(Kind::Pod, metadata)),
    })
}

fn has_ended(status: &Status<'_>) -> bool {
    matches!(&*status.phase.0, "Succeeded" | "Failed" | "Unknown")
}

fn pod_ips(status: &Status<'_>) -> Result<Box<[IpAddr]>, String> {
    let listed = status.pod_ips.iter().filter_map(|pod_ip| pod_ip.ip.filled());
    let mut ips = Vec::new();
    for text in status.pod_ip.filled().into_iter().chain(listed) {
        let ip = ip(text).ok_or_else(|| format!("pod IP {text:?} is no IP address"))?;
        if !ips.contains(&ip) {
            ips.push(ip);
        }
    }
    Ok(ips.into())
}

fn backing(raw: &Raw<'_>, metadata: &Metadata<'_>, status: &Status<'_>) -> Result<PodBacking, String> {
    let spec: Spec<'_> = part("spec", raw.spec)?;
    let ports = spec.containers.iter().flat_map(|container| &container.ports);
    Ok(PodBacking {
        labels: metadata.labels.sorted(),
        ips: pod_ips(status)?,
        ready: is_ready(status) && !metadata.deletion_timestamp.0,
        hostname: spec.hostname.boxed(),
        subdomain: spec.subdomain.boxed(),
        ports: ports.map(container_port).collect::<Result<_, _>>()?,
    })
}

/// A Pod written by hand has an address and no conditions: whoever wrote it wants it to be used.
fn is_ready(status: &Status<'_>) -> bool {
    status.conditions.is_empty() || status.conditions.iter().any(|c| c.type_.0 == "Ready" && c.status.0 == "True")
}

fn container_port(port: &NamedPort<'_>) -> Result<ContainerPort, String> {
    Ok(ContainerPort {
        name: port.name.boxed(),
        protocol: port.protocol.filled().unwrap_or("TCP").into(),
        number: port_number(port.container_port)?,
    })
}
