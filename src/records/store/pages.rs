//! The objects that a store was given, given back: for whoever saves or shows the whole cluster.
//!
//! Changes wait while the store is read, so it is read a page at a time. Which objects there are is
//! settled first; each is then shown as it is when its page is read, and one that has vanished by
//! then is left out. Their order is fixed, so what is written of an unchanged cluster is the same
//! each time.

use std::{
    cmp::Ordering,
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    vec,
};

use super::{Joined, Store};
use crate::{
    objects::{Key, Kind, Known, Object},
    records::service::{ServiceKey, wire_label},
};

/// Every object that a store knows, a page at a time, by namespace, then by Service, then by name.
pub struct Pages {
    store: Arc<Mutex<Store>>,
    places: vec::IntoIter<Place>,
    known: Known,
}

/// Under which key something stands in the store.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Namespace(Box<str>),
    /// A Service and what lists its endpoints.
    Service(ServiceKey),
    Pod(Key),
}

/// A page is full with so many objects and endpoints. Copying them takes less than a millisecond,
/// and a cluster of 10,000 Services with 15 endpoints each has some forty pages.
const PAGE_FULL: usize = 4_096;

impl Pages {
    /// Everything, or what is in one namespace.
    pub fn new(store: Arc<Mutex<Store>>, namespace: Option<&str>) -> Self {
        let (mut places, known) = {
            let store = lock(&store);
            (store.places(namespace), store.known())
        };
        places.sort_unstable();
        Self { store, places: places.into_iter(), known }
    }

    /// The kinds about which the store was complete.
    pub fn known(&self) -> Known {
        self.known
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.places.len() == 0
    }
}

impl Iterator for Pages {
    type Item = Vec<Object>;

    fn next(&mut self) -> Option<Vec<Object>> {
        let mut page = Vec::new();
        let mut endpoints = 0;
        let store = lock(&self.store);
        while page.len() + endpoints < PAGE_FULL {
            let Some(place) = self.places.next() else { break };
            endpoints += store.put_into(&place, &mut page);
        }
        Some(page).filter(|page| !page.is_empty())
    }
}

impl Store {
    fn places(&self, namespace: Option<&str>) -> Vec<Place> {
        let wanted = |name: &[u8]| namespace.is_none_or(|namespace| name.eq_ignore_ascii_case(namespace.as_bytes()));
        let namespaces = self.namespaces.keys().filter(|name| wanted(name.as_bytes())).cloned().map(Place::Namespace);
        // What lives in a namespace that is not there, or not to be seen, would be seen by who reads it.
        let existing: HashSet<Vec<u8>> = self.namespaces.keys().map(|name| wire_label(name)).collect();
        let exists = |joined: &&Joined| {
            let label = joined.key.namespace_label();
            wanted(&label[1..]) && (!self.known.namespaces || existing.contains(label))
        };
        let services = self.services.values().filter(exists);
        let services = services.map(|joined| Place::Service(joined.key.clone()));
        let pods = self.pods.keys().filter(|key| wanted(key.namespace.as_bytes())).cloned().map(Place::Pod);
        namespaces.chain(services).chain(pods).collect()
    }

    /// Adds what stands at a place, and says how many endpoints were among it.
    fn put_into(&self, place: &Place, page: &mut Vec<Object>) -> usize {
        match place {
            Place::Namespace(name) => page.extend(self.namespaces.get(name).cloned().map(Object::Namespace)),
            Place::Pod(key) => page.extend(self.pods.get(key).cloned().map(Object::Pod)),
            Place::Service(key) => {
                let Some(joined) = self.services.get(&key.wire) else { return 0 };
                page.extend(joined.service.as_ref().map(|service| Object::Service(service.object.clone())));
                let listed = joined.listed_objects();
                let endpoints = listed.iter().flat_map(|listed| &listed.subsets).map(|subset| subset.ready.len()).sum();
                page.extend(listed.into_iter().map(Object::Endpoints));
                return endpoints;
            }
        }
        0
    }
}

impl Place {
    /// Namespace, kind and name.
    fn order(&self) -> (&[u8], Kind, &[u8]) {
        match self {
            Self::Namespace(name) => (name.as_bytes(), Kind::Namespace, b""),
            Self::Service(key) => (&key.namespace_label()[1..], Kind::Service, key.service_label()),
            Self::Pod(key) => (key.namespace.as_bytes(), Kind::Pod, key.name.as_bytes()),
        }
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
