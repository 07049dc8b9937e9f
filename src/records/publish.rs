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
    let before = view.services.read(hash, is, Service::clone);
    if before.as_ref().is_some_and(|before| before.says_the_same(&fresh)) || before.is_none() && fresh.is_empty() {
        return false;
    }
    // New addresses are entered before the Service is shown and old ones removed after, so that
    // a PTR never misses a name that can be seen.
    let addresses = |service: &Service| sorted(service.endpoint_addresses());
    let clusters = |service: &Service| sorted(service.cluster_ips.iter().copied());
    let (old, old_clusters) = before.as_ref().map(|old| (addresses(old), clusters(old))).unwrap_or_default();
    let (new, new_clusters) = (addresses(&fresh), clusters(&fresh));
    missing(&old, &new).for_each(|address| enter(&view.endpoints, address, &key, true));
    missing(&old_clusters, &new_clusters).for_each(|address| enter(&view.clusters, address, &key, true));
    view.services.publish(hash, is, (!fresh.is_empty()).then_some(fresh));
    missing(&new, &old).for_each(|address| enter(&view.endpoints, address, &key, false));
    missing(&new_clusters, &old_clusters).for_each(|address| enter(&view.clusters, address, &key, false));
    true
}

fn sorted(addresses: impl Iterator<Item = IpAddr>) -> Vec<[u8; 16]> {
    let mut addresses: Vec<_> = addresses.map(mapped).collect();
    addresses.sort_unstable();
    addresses
}

/// What of `all` is not in `here`.
fn missing<'a>(here: &'a [[u8; 16]], all: &'a [[u8; 16]]) -> impl Iterator<Item = [u8; 16]> + 'a {
    all.iter().copied().filter(|address| here.binary_search(address).is_err())
}

fn enter(table: &Published<Addressed>, address: [u8; 16], key: &ServiceKey, present: bool) {
    let is = |entry: &Addressed| entry.address == address && entry.key == *key;
    table.publish(service::hash(&address), is, present.then(|| Addressed { address, key: key.clone() }));
}
