//! What a slice and an Endpoints list, in the shapes of the API.

use std::{borrow::Cow, iter::repeat_n};

use serde::{Serialize, Serializer};

use crate::objects::{Addresses, Names, Port, Subset};

/// `endpoints` of a slice
pub(super) struct SliceEndpoints<'o>(pub(super) &'o Subset);

/// `endpoints[]` of a slice
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct SliceEndpoint<'o> {
    addresses: Texts<'o>,
    conditions: Conditions,
    #[serde(flatten)]
    names: WrittenNames<'o>,
}

/// `endpoints[].conditions`
#[derive(Clone, Serialize)]
struct Conditions {
    ready: bool,
}

/// What an endpoint is called, where it is called something.
#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenNames<'o> {
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<&'o str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_ref: Option<TargetRef<'o>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<&'o str>,
}

/// `targetRef`
#[derive(Clone, Serialize)]
struct TargetRef<'o> {
    name: &'o str,
}

/// Addresses, each as it is spelled.
#[derive(Clone, Default)]
struct Texts<'o>(Option<&'o Addresses>);

/// `subsets` of an Endpoints
pub(super) struct Subsets<'o>(pub(super) &'o [Subset]);

/// `subsets[]`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EndpointsSubset<'o> {
    addresses: EndpointAddresses<'o>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_ready_addresses: Option<NotReady>,
    ports: Ports<'o>,
}

/// `subsets[].addresses`
struct EndpointAddresses<'o>(&'o Subset);

/// `subsets[].notReadyAddresses`: only their number is known.
struct NotReady(u32);

/// `subsets[].addresses[]`
#[derive(Clone, Serialize)]
struct EndpointAddress<'o> {
    ip: Cow<'o, str>,
    #[serde(flatten)]
    names: WrittenNames<'o>,
}

/// `ports` of a Service, a slice or a subset
pub(super) struct Ports<'o>(pub(super) &'o [Port]);

/// `ports[]`
#[derive(Serialize)]
struct WrittenPort<'o> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'o str,
    #[serde(skip_serializing_if = "str::is_empty")]
    protocol: &'o str,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

impl Serialize for SliceEndpoints<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let Self(subset) = self;
        let ready = subset.ready.iter().map(|endpoint| SliceEndpoint {
            addresses: Texts(Some(&endpoint.addresses)),
            conditions: Conditions { ready: true },
            names: WrittenNames::of(endpoint.names()),
        });
        let not_ready = SliceEndpoint {
            addresses: Texts::default(),
            conditions: Conditions { ready: false },
            names: WrittenNames::default(),
        };
        out.collect_seq(ready.chain(repeat_n(not_ready, subset.not_ready as usize)))
    }
}

impl<'o> WrittenNames<'o> {
    fn of(names: &'o Names) -> Self {
        Self {
            hostname: names.hostname.as_deref(),
            target_ref: names.pod.as_deref().map(|name| TargetRef { name }),
            zone: names.zone.as_deref(),
        }
    }
}

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(self.0.iter().flat_map(|addresses| addresses.iter()).map(|address| address.text()))
    }
}

impl Serialize for Subsets<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(self.0.iter().map(|subset| EndpointsSubset {
            addresses: EndpointAddresses(subset),
            not_ready_addresses: Some(NotReady(subset.not_ready)).filter(|NotReady(number)| *number > 0),
            ports: Ports(&subset.ports),
        }))
    }
}

impl Serialize for EndpointAddresses<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let Self(subset) = self;
        out.collect_seq(subset.ready.iter().flat_map(|endpoint| {
            let names = WrittenNames { zone: None, ..WrittenNames::of(endpoint.names()) };
            endpoint.addresses.iter().map(move |address| EndpointAddress { ip: address.text(), names: names.clone() })
        }))
    }
}

impl Serialize for NotReady {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let Self(number) = self;
        let unknown = EndpointAddress { ip: Cow::Borrowed(""), names: WrittenNames::default() };
        out.collect_seq(repeat_n(unknown, *number as usize))
    }
}

impl Ports<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Ports<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(self.0.iter().map(|port| WrittenPort {
            name: &port.name,
            protocol: &port.protocol,
            port: port.number,
        }))
    }
}
