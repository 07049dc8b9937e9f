//! `discovery.k8s.io/EndpointSlice` and `v1/Endpoints`: two shapes of the same facts.

use super::{
    Decoded, Raw,
    carried::{Carried, WholeMetadata},
    check_name, field, known_kind, labels, list_part, namespace_of,
    protobuf::{Field, Fields, Malformed, Message, Value, message},
};
use crate::objects::{Address, Endpoint, Endpoints, Kind, Names, Needs, Object, Origin, Port, Subset};
use field::{Metadata, Pairs, Text, Texts, ip, ipv4, is_label, nullable, nullable_list, port_number};
use serde::Deserialize;
use std::net::Ipv4Addr;

/// A slice as a watch carries it, read in one pass: of ten changes of a cluster, nine are of slices.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::objects) struct WholeSlice<'a> {
    #[serde(borrow)]
    api_version: Text<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    metadata: WholeMetadata<'a>,
    #[serde(borrow, deserialize_with = "nullable_list")]
    endpoints: Vec<SliceEndpoint<'a>>,
    #[serde(borrow, deserialize_with = "nullable_list")]
    ports: Vec<EndpointPort<'a>>,
}

/// What a slice says behind its metadata. Its endpoints are made slim one by one: all beside each other as
/// they are read would take ten times the memory.
#[derive(Debug)]
pub(super) struct SliceParts<'a> {
    needs: Needs,
    ready: Vec<Endpoint>,
    not_ready: u32,
    ports: Vec<EndpointPort<'a>>,
}

/// `endpoints[]` of a slice.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
struct SliceEndpoint<'a> {
    #[serde(borrow)]
    addresses: Texts<'a>,
    #[serde(deserialize_with = "nullable")]
    conditions: Conditions,
    #[serde(borrow)]
    hostname: Text<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    target_ref: TargetRef<'a>,
    #[serde(borrow)]
    zone: Text<'a>,
    /// Where v1beta1 keeps the zone.
    #[serde(borrow)]
    topology: Pairs<'a>,
}

message!(SliceEndpoint<'a> {
    1 => addresses, 2 => conditions, 3 => hostname, 4 => target_ref, 5 => topology, 7 => zone,
});

/// The address of an endpoint that is as nearly all are, and whether it is ready: one of IPv4, and no name that
/// anybody needs. None of any other. The numbers are those above.
fn usual(octets: &[u8], needs: Needs) -> Result<Option<(Ipv4Addr, bool)>, Malformed> {
    let (mut address, mut conditions) = (None, Conditions::default());
    for field in Fields(octets) {
        match field? {
            (1, Value::Octets(text)) if address.is_none() => address = Some(text),
            (2, value) => conditions.take(value)?,
            (1 | 3, _) => return Ok(None),
            (4, _) if needs.pod_names => return Ok(None),
            (5 | 7, _) if needs.zones => return Ok(None),
            _ => {}
        }
    }
    Ok(address.and_then(ipv4).map(|address| (address, conditions.ready != Some(false))))
}

/// `endpoints[].conditions`: `serving` and `terminating` do not matter to DNS.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "an object")]
struct Conditions {
    ready: Option<bool>,
}

message!(Conditions { 1 => ready });

/// `targetRef`
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct TargetRef<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

message!(TargetRef<'a> { 3 => name });

/// `ports[]` of a slice or of a subset.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct EndpointPort<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    protocol: Text<'a>,
    port: Option<i64>,
}

// Of a slice: in a subset they have other numbers.
message!(EndpointPort<'a> { 1 => name, 2 => protocol, 3 => port });

/// `subsets[]` of an Endpoints.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
struct EndpointsSubset<'a> {
    #[serde(borrow, deserialize_with = "nullable_list")]
    addresses: Vec<EndpointAddress<'a>>,
    #[serde(borrow, deserialize_with = "nullable_list")]
    not_ready_addresses: Vec<EndpointAddress<'a>>,
    #[serde(borrow, deserialize_with = "nullable_list")]
    ports: Vec<EndpointPort<'a>>,
}

/// `subsets[].addresses[]`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
struct EndpointAddress<'a> {
    #[serde(borrow)]
    ip: Text<'a>,
    #[serde(borrow)]
    hostname: Text<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    target_ref: TargetRef<'a>,
}

pub(super) fn slice(raw: &Raw<'_>, metadata: &Metadata<'_>, needs: Needs) -> Result<Decoded, String> {
    let endpoints: Vec<SliceEndpoint<'_>> = list_part("endpoints", raw.endpoints)?;
    SliceParts::listing(&endpoints, list_part("ports", raw.ports)?, needs).decoded(metadata)
}

impl<'a> SliceParts<'a> {
    /// Nothing is taken yet of what these octets list, and there is room for just that: 10,000 such lists are there
    /// at a time while a large cluster is read.
    pub(super) fn of(octets: &[u8], needs: Needs) -> Self {
        let endpoints = Fields(octets).filter(|field| matches!(field, Ok((ENDPOINTS, _)))).count();
        Self { needs, ready: Vec::with_capacity(endpoints), not_ready: 0, ports: Vec::new() }
    }

    fn listing(endpoints: &[SliceEndpoint<'_>], ports: Vec<EndpointPort<'a>>, needs: Needs) -> Self {
        let mut parts = Self { needs, ready: Vec::with_capacity(endpoints.len()), not_ready: 0, ports };
        endpoints.iter().for_each(|endpoint| parts.add(endpoint));
        parts
    }

    fn add_octets(&mut self, octets: &'a [u8]) -> Result<(), Malformed> {
        match usual(octets, self.needs)? {
            Some((_, false)) => self.not_ready += 1,
            Some((address, true)) => {
                self.ready.push(Endpoint::new([Address::Ip(address.into())], Names::default()));
            }
            None => {
                let mut listed = SliceEndpoint::default();
                listed.merge(octets)?;
                self.add(&listed);
            }
        }
        Ok(())
    }

    fn add(&mut self, listed: &SliceEndpoint<'_>) {
        match listed.conditions.ready {
            Some(false) => self.not_ready += 1,
            _ => self.ready.extend(slice_endpoint(listed, self.needs)),
        }
    }

    /// The object with these metadata.
    pub(super) fn decoded(self, metadata: &Metadata<'_>) -> Result<Decoded, String> {
        let Self { needs, ready, not_ready, ports } = self;
        let ports = ports.iter().map(|port| port_of(port, "")).collect::<Result<_, _>>()?;
        let subset = Subset { ready: ready.into(), not_ready, ports };
        let service = metadata.labels.get(SERVICE_NAME_LABEL);
        Ok(object(Origin::Slice, metadata, service, Box::new([subset]), needs))
    }
}

impl<'a> Message<'a> for SliceParts<'a> {
    fn set(&mut self, number: u64, value: Value<'a>) -> Result<(), Malformed> {
        match number {
            ENDPOINTS => value
                .octets()
                .and_then(|octets| self.add_octets(octets))
                .map_err(|malformed| malformed.inside("endpoints")),
            PORTS => self.ports.take(value).map_err(|malformed| malformed.inside("ports")),
            _ => Ok(()),
        }
    }
}

impl WholeSlice<'_> {
    /// None where something about it is unusual: then it is read the careful way.
    pub(in crate::objects) fn carried(self, needs: Needs) -> Option<Carried> {
        let Self { api_version, kind, metadata, endpoints, ports } = self;
        let is_slice = known_kind(&api_version.0, &kind.0) == Some(Kind::EndpointSlice);
        let (metadata, revision) = metadata.parted();
        let is_usual = is_slice && revision.is_known() && check_name(Kind::EndpointSlice, &metadata).is_ok();
        let decoded = is_usual.then(|| SliceParts::listing(&endpoints, ports, needs).decoded(&metadata).ok())??;
        Some(revision.carry(Ok(decoded)))
    }
}

pub(super) fn endpoints(raw: &Raw<'_>, metadata: &Metadata<'_>, needs: Needs) -> Result<Decoded, String> {
    let listed: Vec<EndpointsSubset<'_>> = list_part("subsets", raw.subsets)?;
    let subsets = listed.iter().map(|subset| endpoints_subset(subset, needs)).collect::<Result<_, _>>()?;
    Ok(object(Origin::Endpoints, metadata, metadata.name.filled(), subsets, needs))
}

/// A service name that cannot be one belongs to no Service.
fn object(
    origin: Origin,
    metadata: &Metadata<'_>,
    service: Option<&str>,
    subsets: Box<[Subset]>,
    needs: Needs,
) -> Decoded {
    Decoded::Object(Object::Endpoints(Endpoints {
        origin,
        namespace: namespace_of(metadata),
        name: metadata.name.boxed(),
        service: service.filter(|name| is_label(name)).map(Box::from),
        subsets,
        labels: labels(&metadata.labels, needs),
    }))
}

fn slice_endpoint(listed: &SliceEndpoint<'_>, needs: Needs) -> Option<Endpoint> {
    let zone = listed.zone.filled().or_else(|| listed.topology.get(ZONE_LABEL));
    let names = Names {
        hostname: listed.hostname.filled().map(Box::from),
        pod: pod_name(&listed.target_ref, needs),
        zone: zone.filter(|_| needs.zones).map(Box::from),
    };
    endpoint(listed.addresses.iter(), names)
}

fn endpoints_subset(listed: &EndpointsSubset<'_>, needs: Needs) -> Result<Subset, String> {
    let ready = listed.addresses.iter().filter_map(|address| {
        let names = Names {
            hostname: address.hostname.filled().map(Box::from),
            pod: pod_name(&address.target_ref, needs),
            zone: None,
        };
        endpoint([&address.ip], names)
    });
    Ok(Subset {
        ready: ready.collect(),
        not_ready: count(&listed.not_ready_addresses),
        ports: listed.ports.iter().map(|port| port_of(port, "TCP")).collect::<Result<_, _>>()?,
    })
}

/// `None` where no address says anything.
fn endpoint<'t>(listed: impl IntoIterator<Item = &'t Text<'t>>, names: Names) -> Option<Endpoint> {
    let addresses = listed.into_iter().filter_map(Text::filled).map(|text| Address::read(text, ip(text)));
    Some(Endpoint::new(addresses, names)).filter(|endpoint| !endpoint.addresses.is_empty())
}

fn port_of(listed: &EndpointPort<'_>, protocol: &str) -> Result<Port, String> {
    Ok(Port {
        name: listed.name.boxed(),
        protocol: listed.protocol.filled().unwrap_or(protocol).into(),
        number: listed.port.map(port_number).transpose()?,
    })
}

fn pod_name(target: &TargetRef<'_>, needs: Needs) -> Option<Box<str>> {
    target.name.filled().filter(|name| needs.pod_names && name.len() < POD_NAME_OCTETS_LIMIT).map(Box::from)
}

fn count<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

/// Which Service a slice belongs to.
pub(in crate::objects) const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";
/// Where v1beta1 says what `zone` says now.
const ZONE_LABEL: &str = "topology.kubernetes.io/zone";
/// A longer name cannot be a label.
const POD_NAME_OCTETS_LIMIT: usize = 64;
/// `endpoints` and `ports` of a slice.
const ENDPOINTS: u64 = 2;
const PORTS: u64 = 3;
