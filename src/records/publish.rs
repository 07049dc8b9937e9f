//! One Service, or one namespace, into the tables of a view.
//!
//! Names and the PTRs of their addresses stand in different tables and change one after the other,
//! in such an order that whoever sees a name finds the way back from its address.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::AtomicBool},
};

use super::{
    published::Published,
    service::{self, Namespace, Service, ServiceKey},
    view::{Addressed, View, mapped},
};

/// The cell of a namespace; made where there is none, and then not exposed.
pub(super) fn namespace_cell(view: &View, label: &[u8]) -> Arc<Namespace> {
    let hash = service::hash(label);
    let is = |namespace: &Arc<Namespace>| *namespace.label == *label;
    view.namespaces.read(hash, is, Arc::clone).unwrap_or_else(|| {
        let cell = Arc::new(Namespace { label: label.into(), exposed: AtomicBool::new(false) });
        view.namespaces.publish(hash, is, Some(cell.clone()));
        cell
    })
}

/// Removes the cell of a namespace that is not there and that no Service refers to.
pub(super) fn forget_namespace(view: &View, cell: Arc<Namespace>) {
    // One reference is the table's, one is ours.
    if !cell.is_exposed() && Arc::strong_count(&cell) <= 2 {
        view.namespaces.publish(service::hash(&cell.label), |other| Arc::ptr_eq(other, &cell), None);
    }
}

/// Publishes a Service and its addresses where they differ from those before.
pub(super) fn publish_service(view: &View, fresh: Service) -> bool {
    let key = fresh.key.clone();
    let is = |service: &Service| service.key == key;
    let hash = key.hash();
    let differences = view.services.read(hash, is, |before| {
        let differs = !before.says_the_same(&fresh);
        differs.then(|| (Own::of(&fresh, Some(before)), Own::of(before, Some(&fresh))))
    });
    let (came, went) = match differences {
        Some(None) => return false,
        None if fresh.is_empty() => return false,
        Some(Some(differences)) => differences,
        None => (Own::of(&fresh, None), Own::default()),
    };
    // New addresses are entered before the Service is shown and old ones removed after, so that
    // a PTR never misses a name that can be seen.
    came.endpoints.into_iter().for_each(|address| enter(&view.endpoints, address, &key));
    came.clusters.into_iter().for_each(|address| enter(&view.clusters, address, &key));
    view.services.publish(hash, is, (!fresh.is_empty()).then_some(fresh));
    went.endpoints.into_iter().for_each(|address| remove(&view.endpoints, address, &key));
    went.clusters.into_iter().for_each(|address| remove(&view.clusters, address, &key));
    true
}

/// The addresses that a Service has and another state of it has not, each once.
#[derive(Default)]
struct Own {
    endpoints: Vec<IpAddr>,
    clusters: Vec<IpAddr>,
}

impl Own {
    fn of(service: &Service, other: Option<&Service>) -> Self {
        let others = other.map(|other| &*other.endpoints).unwrap_or_default();
        let endpoints = service.endpoints.iter().flat_map(|group| {
            let v4 = absent(&group.v4, others.iter().map(|other| &*other.v4)).map(IpAddr::V4);
            v4.chain(absent(&group.v6, others.iter().map(|other| &*other.v6)).map(IpAddr::V6))
        });
        let has_cluster_ip = |ip: &IpAddr| other.is_some_and(|other| other.cluster_ips.contains(ip));
        Self {
            endpoints: distinct(endpoints),
            clusters: distinct(service.cluster_ips.iter().copied().filter(|ip| !has_cluster_ip(ip))),
        }
    }
}

/// What of `own` is in none of these lists; all are sorted. Nearly always there is one list, and both are walked
/// together.
fn absent<'a, T: Ord + Copy>(
    own: &'a [T],
    mut lists: impl Iterator<Item = &'a [T]> + Clone,
) -> impl Iterator<Item = T> {
    let mut first = lists.next().unwrap_or_default();
    own.iter().copied().filter(move |one| {
        while let [head, rest @ ..] = first
            && head < one
        {
            first = rest;
        }
        first.first() != Some(one) && lists.clone().all(|list| list.binary_search(one).is_err())
    })
}

fn distinct(addresses: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut addresses: Vec<_> = addresses.collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Enters an address that the Service did not have.
fn enter(table: &Published<Addressed>, address: IpAddr, key: &ServiceKey) {
    let address = mapped(address);
    table.add(service::hash(&address), Addressed { address, key: key.clone() });
}

fn remove(table: &Published<Addressed>, address: IpAddr, key: &ServiceKey) {
    let address = mapped(address);
    table.publish(service::hash(&address), |entry| entry.address == address && entry.key == *key, None);
}
