//! `v1/Service`.

use super::{Decoded, Raw, WithBacking, field, labels, namespace_of, part, protobuf::message};
use crate::objects::{
    Needs, Object, Port, Service, ServiceSpec,
    manifest::{Backing, Selecting, TargetPort},
};
use field::{Metadata, Pairs, Text, ip, nullable, nullable_list, port_number};
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};
use std::{fmt, net::IpAddr};

/// What a Service says behind its metadata, in protobuf.
#[derive(Default)]
pub(super) struct Parts<'a> {
    pub(super) spec: Spec<'a>,
}

message!(Parts<'a> { 2 => spec });

/// `spec`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
pub(super) struct Spec<'a> {
    #[serde(borrow, rename = "type")]
    type_: Text<'a>,
    #[serde(borrow, rename = "clusterIP")]
    cluster_ip: Text<'a>,
    #[serde(borrow, rename = "clusterIPs", deserialize_with = "nullable_list")]
    cluster_ips: Vec<Text<'a>>,
    #[serde(borrow)]
    external_name: Text<'a>,
    #[serde(borrow, deserialize_with = "nullable_list")]
    ports: Vec<SpecPort<'a>>,
    #[serde(borrow)]
    selector: Pairs<'a>,
    #[serde(deserialize_with = "nullable")]
    publish_not_ready_addresses: bool,
}

message!(Spec<'a> { 1 => ports, 2 => selector, 3 => cluster_ip, 4 => type_, 10 => external_name, 18 => cluster_ips });

/// `spec.ports[]`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
struct SpecPort<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    protocol: Text<'a>,
    port: Option<i64>,
    #[serde(deserialize_with = "target_port")]
    target_port: TargetPort,
}

// A target counts in plain manifests alone.
message!(SpecPort<'a> { 1 => name, 2 => protocol, 3 => port });

pub(super) fn read(raw: &Raw<'_>, metadata: &Metadata<'_>, needs: Needs) -> Result<WithBacking, String> {
    let spec: Spec<'_> = part("spec", raw.spec)?;
    let service = service(metadata, &spec, needs)?;
    let backing = (needs.selectors && !service.selector.is_empty()).then(|| {
        Backing::Service(Selecting {
            publish_not_ready: spec.publish_not_ready_addresses,
            targets: spec.ports.into_iter().map(|port| port.target_port).collect(),
        })
    });
    Ok((Decoded::Object(Object::Service(service)), backing))
}

pub(super) fn service(metadata: &Metadata<'_>, spec: &Spec<'_>, needs: Needs) -> Result<Service, String> {
    Ok(Service {
        namespace: namespace_of(metadata),
        name: metadata.name.boxed(),
        spec: service_spec(spec)?,
        ports: spec.ports.iter().map(port).collect::<Result<_, _>>()?,
        selector: if needs.selectors { spec.selector.sorted() } else { Box::default() },
        labels: labels(&metadata.labels, needs),
    })
}

/// What the name leads to. `ExternalName` wins over cluster IPs, `None` over the addresses after it.
fn service_spec(spec: &Spec<'_>) -> Result<ServiceSpec, String> {
    let listed: Vec<&str> = if spec.cluster_ips.is_empty() {
        spec.cluster_ip.filled().into_iter().collect()
    } else {
        spec.cluster_ips.iter().filter_map(Text::filled).collect()
    };
    let headless = listed.first() == Some(&"None");
    let external = &*spec.type_.0 == "ExternalName";
    if headless && !external {
        return Ok(ServiceSpec::Headless);
    }
    let ips = if headless { Box::default() } else { cluster_ips(&listed)? };
    Ok(if external {
        ServiceSpec::External { target: spec.external_name.boxed(), ips }
    } else {
        ServiceSpec::Cluster { ips, chosen: false }
    })
}

/// In their order, each once.
fn cluster_ips(listed: &[&str]) -> Result<Box<[IpAddr]>, String> {
    let mut ips = Vec::with_capacity(listed.len());
    for text in listed {
        let ip = ip(text).ok_or_else(|| format!("cluster IP {text:?} is no IP address"))?;
        if !ips.contains(&ip) {
            ips.push(ip);
        }
    }
    Ok(ips.into())
}

/// The API server fills in TCP; a manifest may leave it out.
fn port(port: &SpecPort<'_>) -> Result<Port, String> {
    let number = port.port.ok_or("a port without a number")?;
    Ok(Port {
        name: port.name.boxed(),
        protocol: port.protocol.filled().unwrap_or("TCP").into(),
        number: Some(port_number(number)?),
    })
}

/// A number, a name, or nothing: then it is the port itself.
fn target_port<'de, D: Deserializer<'de>>(input: D) -> Result<TargetPort, D::Error> {
    struct TargetPortVisitor;

    impl<'de> Visitor<'de> for TargetPortVisitor {
        type Value = TargetPort;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a port number or name")
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<TargetPort, E> {
            match u16::try_from(number) {
                Ok(0) => Ok(TargetPort::Same),
                Ok(number) => Ok(TargetPort::Number(number)),
                Err(_) => Err(E::custom(format_args!("target port {number} is not between 0 and 65535"))),
            }
        }

        fn visit_str<E>(self, name: &str) -> Result<TargetPort, E> {
            Ok(if name.is_empty() { TargetPort::Same } else { TargetPort::Name(name.into()) })
        }

        fn visit_unit<E>(self) -> Result<TargetPort, E> {
            Ok(TargetPort::Same)
        }
    }

    input.deserialize_any(TargetPortVisitor)
}
