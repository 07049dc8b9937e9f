//! What the control plane would add to plain manifests: cluster IPs and endpoints.
//!
//! A tutorial's folder holds Services without `clusterIP` and perhaps Pods, because the API server
//! and the controllers fill in the rest. A snapshot of such files is completed here, by fixed rules,
//! so that two runs give the same addresses. Objects that come from an API are never completed.

mod addresses;
mod endpoints;

pub(crate) use addresses::allocate;
pub(crate) use endpoints::derive;

use super::{Key, Labels};
use std::{collections::BTreeMap, net::IpAddr};

/// What an object says beyond its slim form, needed only until its snapshot is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Backing {
    Service(Selecting),
    Pod(PodBacking),
}

/// How a Service turns the Pods it selects into endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selecting {
    /// `spec.publishNotReadyAddresses`
    pub(crate) publish_not_ready: bool,
    /// `spec.ports[].targetPort`, beside the Service's ports.
    pub(crate) targets: Box<[TargetPort]>,
}

/// `spec.ports[].targetPort`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum TargetPort {
    /// Absent: the port itself.
    #[default]
    Same,
    Number(u16),
    Name(Box<str>),
}

/// What a Pod brings to the Services that select it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodBacking {
    pub(crate) labels: Labels,
    /// `status.podIP` and `status.podIPs`, each once.
    pub(crate) ips: Box<[IpAddr]>,
    /// Its condition `Ready` is true and it is not being deleted.
    pub(crate) ready: bool,
    pub(crate) hostname: Box<str>,
    pub(crate) subdomain: Box<str>,
    pub(crate) ports: Box<[ContainerPort]>,
}

/// `spec.containers[].ports[]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContainerPort {
    pub(crate) name: Box<str>,
    pub(crate) protocol: Box<str>,
    pub(crate) number: u16,
}

/// The backing of every object of a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Backings {
    pub(crate) services: BTreeMap<Key, Selecting>,
    pub(crate) pods: BTreeMap<Key, PodBacking>,
}

impl Backings {
    /// A later object of the same key takes the place of the earlier one.
    pub(crate) fn insert(&mut self, key: Key, backing: Backing) {
        match backing {
            Backing::Service(selecting) => drop(self.services.insert(key, selecting)),
            Backing::Pod(pod) => drop(self.pods.insert(key, pod)),
        }
    }
}

#[cfg(test)]
mod tests;
