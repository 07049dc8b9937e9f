//! `discovery.k8s.io/EndpointSlice` and `v1/Endpoints`: two shapes of the same facts.

use super::{
    Decoded, Raw,
    carried::{Carried, WholeMetadata},
    check_name, field, known_kind, labels, list_part, namespace_of,
    protobuf::message,
};
use crate::objects::{Address, Endpoint, Endpoints, Kind, Names, Needs, Object, Origin, Port, Subset};
use field::{Metadata, Pairs, Text, Texts, ip, is_label, nullable, nullable_list, port_number};
use serde::Deserialize;

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

/// What a slice says behind its metadata.
#[derive(Debug, Default)]
pub(super) struct SliceParts<'a> {
    endpoints: Vec<SliceEndpoint<'a>>,
    ports: Vec<EndpointPort<'a>>,
}

message!(SliceParts<'a> { 2 => endpoints, 3 => ports });

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
    let endpoints = list_part("endpoints", raw.endpoints)?;
    slice_of(metadata, &SliceParts { endpoints, ports: list_part("ports", raw.ports)? }, needs)
}

pub(super) fn slice_of(metadata: &Metadata<'_>, parts: &SliceParts<'_>, needs: Needs) -> Result<Decoded, String> {
    let SliceParts { endpoints, ports } = parts;
    let listed_ready = endpoints.iter().filter(|endpoint| endpoint.conditions.ready != Some(false));
    let not_ready = endpoints.len() - listed_ready.clone().count();
    let mut ready = Vec::with_capacity(endpoints.len());
    ready.extend(listed_ready.filter_map(|endpoint| slice_endpoint(endpoint, needs)));
    let subset = Subset {
        ready: ready.into(),
        not_ready: u32::try_from(not_ready).unwrap_or(u32::MAX),
        ports: ports.iter().map(|port| self::port(port, "")).collect::<Result<_, _>>()?,
    };
    let service = metadata.labels.get(SERVICE_NAME_LABEL);
    Ok(object(Origin::Slice, metadata, service, Box::new([subset]), needs))
}

impl WholeSlice<'_> {
    /// None where something about it is unusual: then it is read the careful way.
    pub(in crate::objects) fn carried(self, needs: Needs) -> Option<Carried> {
        let Self { api_version, kind, metadata, endpoints, ports } = self;
        let is_slice = known_kind(&api_version.0, &kind.0) == Some(Kind::EndpointSlice);
        let (metadata, revision) = metadata.parted();
        let is_usual = is_slice && revision.is_known() && check_name(Kind::EndpointSlice, &metadata).is_ok();
        let decoded = is_usual.then(|| slice_of(&metadata, &SliceParts { endpoints, ports }, needs).ok())??;
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
        ports: listed.ports.iter().map(|port| self::port(port, "TCP")).collect::<Result<_, _>>()?,
    })
}

/// `None` where no address says anything.
fn endpoint<'t>(listed: impl IntoIterator<Item = &'t Text<'t>>, names: Names) -> Option<Endpoint> {
    let addresses = listed.into_iter().filter_map(Text::filled).map(|text| Address::read(text, ip(text)));
    Some(Endpoint::new(addresses, names)).filter(|endpoint| !endpoint.addresses.is_empty())
}

fn port(listed: &EndpointPort<'_>, protocol: &str) -> Result<Port, String> {
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
