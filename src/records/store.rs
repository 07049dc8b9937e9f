//! The writer's side: every object as we know it, and the index that turns a change into the
//! services it touches.
//!
//! A change of one object rebuilds the record set of one Service and publishes it where it
//! differs. A whole picture is applied as a difference: what is equal is not touched, and what it
//! does not hold is deleted at the end, so no reader meets a half-empty cluster.

mod joined;
mod pages;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
};

use foldhash::quality::RandomState;

use self::joined::{Joined, Listed};
pub use self::pages::Pages;
use super::{
    publish::{forget_namespace, namespace_cell},
    service::{self, Declared, KeyOctets, ServiceKey, wire_label},
    view::{PodAddress, View, mapped},
};
use crate::objects::{self, Change, Key, Kind, Known, Object, Picture, Scope, ServiceSpec};

/// Every object as we know it.
#[derive(Default)]
pub struct Store {
    services: HashMap<Arc<[u8]>, Joined, RandomState>,
    /// To which Service the endpoints of an object belong, by the object's key.
    listed: HashMap<Key, ServiceKey, RandomState>,
    namespaces: HashMap<Box<str>, objects::Namespace>,
    pods: HashMap<Key, objects::Pod>,
    known: Known,
    views: Vec<Arc<View>>,
    /// What changed and is not published yet, each once.
    touched: Vec<ServiceKey>,
}

/// What is known of a Service beyond its records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceFacts {
    /// Whether there is a Service, and not only endpoints of one.
    pub is_declared: bool,
    /// How many endpoints are listed and ready. One with two families is listed twice.
    pub ready: usize,
    /// How many more are listed and not ready.
    pub not_ready: usize,
}

impl Store {
    /// A store that keeps these views up to date.
    pub fn new(views: Vec<Arc<View>>) -> Self {
        Self { views, ..Self::default() }
    }

    /// Takes one step from the cluster as we knew it to the cluster as it is.
    pub fn apply(&mut self, change: Change, now_unix_secs: u32) {
        self.apply_all([change], now_unix_secs);
    }

    /// Takes many steps at once: a Service that several of them touch is published once, as it is
    /// after the last.
    pub fn apply_all(&mut self, changes: impl IntoIterator<Item = Change>, now_unix_secs: u32) {
        for change in changes {
            match change {
                Change::Apply(object) => self.put(object, now_unix_secs),
                Change::Delete(key) => self.delete(&key, now_unix_secs),
                Change::Reset(picture) => self.reset(picture, now_unix_secs),
            }
        }
        self.publish_touched(now_unix_secs);
        self.vouch(self.known);
    }

    /// Publishes everything that is known, whether or not it changed: what a defect has left undone is
    /// done after that.
    pub fn publish_all(&mut self, now_unix_secs: u32) {
        for name in self.namespaces.keys() {
            self.publish_namespace(name);
        }
        self.touched = self.services.values().map(|joined| joined.key.clone()).collect();
        self.publish_touched(now_unix_secs);
    }

    /// From now on these views are kept up to date. All that is known is in them when this comes back.
    pub fn show(&mut self, views: Vec<Arc<View>>, now_unix_secs: u32) {
        let is_stale = self.views.iter().any(|view| view.is_stale());
        self.views = views;
        self.set_stale(is_stale);
        self.publish_all(now_unix_secs);
        for (key, pod) in &self.pods {
            self.publish_pod(key, None, Some(pod));
        }
        self.vouch(self.known);
    }

    /// Says whether what is known is a state that was saved before.
    pub fn set_stale(&self, stale: bool) {
        self.views.iter().for_each(|view| view.set_stale(stale));
    }

    /// Says what the tables are complete about, where something else than a picture tells.
    pub fn vouch(&mut self, known: Known) {
        self.known = known;
        for view in &self.views {
            view.set_known(known);
        }
    }

    /// Every Service that is known, without those of which only endpoints are.
    pub fn services(&self) -> impl Iterator<Item = &objects::Service> {
        self.services.values().filter_map(|joined| Some(&joined.service.as_ref()?.object))
    }

    /// What is known of a Service, whether or not a view shows it.
    pub fn service(&self, namespace: &str, name: &str) -> Option<ServiceFacts> {
        let key = KeyOctets::new(namespace, name)?;
        self.services.get(&*key).map(Joined::facts)
    }

    /// What the name of a Service leads to, if there is one.
    pub fn service_spec(&self, namespace: &str, name: &str) -> Option<&ServiceSpec> {
        let key = KeyOctets::new(namespace, name)?;
        Some(&self.services.get(&*key)?.service.as_ref()?.object.spec)
    }

    /// What the name of the Service leads to that an object is, or lists endpoints of.
    pub fn spec_behind(&self, key: &Key) -> Option<&ServiceSpec> {
        match key.kind {
            Kind::Service => self.service_spec(&key.namespace, &key.name),
            _ => {
                let owner = self.listed.get(key)?;
                Some(&self.services.get(&owner.wire)?.service.as_ref()?.object.spec)
            }
        }
    }

    /// Whether there is such a namespace, whether or not a view shows it.
    pub fn has_namespace(&self, name: &str) -> bool {
        self.namespaces.contains_key(name)
    }

    /// The kinds about which the store is complete.
    pub fn known(&self) -> Known {
        self.known
    }

    /// Every Service is published once, when all of its objects are as they will be: none is ever
    /// seen with only some of its endpoints.
    fn reset(&mut self, picture: Picture, now_unix_secs: u32) {
        // What is known no more is unknown before anything of it is deleted.
        for view in &self.views {
            view.set_known(self.known.and(picture.known));
        }
        // What is there and cannot be read is as it was.
        let mut kept: HashSet<Key> = picture.left_out.into_iter().collect();
        // Namespaces first: a service that arrives before its namespace would be hidden for a while.
        let (namespaces, others): (Vec<_>, Vec<_>) =
            picture.objects.into_iter().partition(|object| matches!(object, Object::Namespace(_)));
        for object in namespaces.into_iter().chain(others) {
            kept.insert(object.key());
            self.put(object, now_unix_secs);
        }
        let gone = |key: &Key| picture.scope.holds(key) && !kept.contains(key);
        for key in self.keys(&picture.scope).filter(gone).collect::<Vec<_>>() {
            self.delete(&key, now_unix_secs);
        }
        self.known = picture.known;
        self.publish_touched(now_unix_secs);
        for view in &self.views {
            view.namespaces.for_each(|cell| forget_namespace(view, cell.clone()));
        }
    }

    /// Every key of the kinds that the scope speaks about, and perhaps more of them.
    fn keys(&self, scope: &Scope) -> impl Iterator<Item = Key> {
        let has = |kind: Kind| match scope {
            Scope::Everything => true,
            Scope::Kind { kind: of, .. } => *of == kind,
        };
        let namespaces = self.namespaces.keys().filter(move |_| has(Kind::Namespace)).map(|name| Key {
            kind: Kind::Namespace,
            namespace: Box::default(),
            name: name.clone(),
        });
        let services = self.services().filter(move |_| has(Kind::Service)).map(|service| Key {
            kind: Kind::Service,
            namespace: service.namespace.clone(),
            name: service.name.clone(),
        });
        let others = self.listed.keys().chain(self.pods.keys()).filter(move |key| has(key.kind)).cloned();
        namespaces.chain(services).chain(others)
    }

    fn put(&mut self, object: Object, now_unix_secs: u32) {
        match object {
            Object::Service(service) => {
                // The decoder refuses names that are no labels; a program that embeds us might not.
                let Some(key) = KeyOctets::new(&service.namespace, &service.name) else { return };
                let joined = joined(&mut self.services, key);
                if joined.service.as_ref().is_none_or(|known| known.object != service) {
                    joined.service = Some(Declared::new(service));
                    joined.touch(&mut self.touched);
                }
            }
            Object::Endpoints(endpoints) => self.put_endpoints(endpoints),
            Object::Namespace(namespace) => {
                let name = namespace.name.clone();
                if self.namespaces.get(&name) != Some(&namespace) {
                    self.namespaces.insert(name.clone(), namespace);
                    self.publish_namespace(&name);
                    self.moved(now_unix_secs);
                }
            }
            Object::Pod(pod) => self.put_pod(pod, now_unix_secs),
        }
    }

    fn delete(&mut self, key: &Key, now_unix_secs: u32) {
        match key.kind {
            Kind::Service => {
                let Some(key) = KeyOctets::new(&key.namespace, &key.name) else { return };
                if let Some(joined) = self.services.get_mut(&*key)
                    && joined.service.take().is_some()
                {
                    joined.touch(&mut self.touched);
                }
            }
            Kind::EndpointSlice | Kind::Endpoints => self.delete_endpoints(key),
            Kind::Namespace => {
                if self.namespaces.remove(&key.name).is_some() {
                    self.publish_namespace(&key.name);
                    self.moved(now_unix_secs);
                }
            }
            Kind::Pod => {
                if let Some(pod) = self.pods.remove(key) {
                    self.publish_pod(key, Some(&pod), None);
                    self.moved(now_unix_secs);
                }
            }
        }
    }

    fn put_endpoints(&mut self, endpoints: objects::Endpoints) {
        // A slice without the label belongs to no Service: nothing can be said of it.
        let owner = endpoints.service.as_deref().and_then(|service| KeyOctets::new(&endpoints.namespace, service));
        // Nearly always its Service has it already, and no other index is asked.
        let (kind, name) = (endpoints.origin.kind(), &endpoints.name);
        if let Some(joined) = owner.as_ref().and_then(|owner| self.services.get_mut(&**owner))
            && let Some(known) = joined.listed.iter_mut().find(|listed| listed.is(kind, name))
        {
            if known.replace(endpoints) {
                joined.touch(&mut self.touched);
            }
            return;
        }
        let key = Key { kind, namespace: endpoints.namespace.clone(), name: name.clone() };
        self.delete_endpoints(&key);
        let Some(owner) = owner else { return };
        let joined = joined(&mut self.services, owner);
        joined.listed.push(Listed::new(endpoints));
        joined.touch(&mut self.touched);
        self.listed.insert(key, joined.key.clone());
    }

    fn delete_endpoints(&mut self, key: &Key) {
        let Some(owner) = self.listed.remove(key) else { return };
        let Some(joined) = self.services.get_mut(&owner.wire) else { return };
        joined.listed.retain(|listed| !listed.is(key.kind, &key.name));
        joined.touch(&mut self.touched);
    }

    /// A Pod that is being deleted is not added, and stays as it was where it is known.
    fn put_pod(&mut self, pod: objects::Pod, now_unix_secs: u32) {
        if pod.deleting {
            return;
        }
        let key = Key { kind: Kind::Pod, namespace: pod.namespace.clone(), name: pod.name.clone() };
        let before = self.pods.insert(key.clone(), pod);
        let now = self.pods.get(&key);
        if before.as_ref() != now {
            self.publish_pod(&key, before.as_ref(), now);
            self.moved(now_unix_secs);
        }
    }

    fn publish_touched(&mut self, now_unix_secs: u32) {
        // One by one: where publishing one panics, the others are still to be published.
        while let Some(key) = self.touched.pop() {
            let Some(joined) = self.services.get_mut(&key.wire) else { continue };
            joined.publish(&self.views, now_unix_secs);
            if joined.is_empty() {
                self.services.remove(&key.wire);
            }
        }
        self.touched.shrink_to(TOUCHED_USUAL);
    }

    fn publish_namespace(&self, name: &str) {
        for view in &self.views {
            let exposed = self.namespaces.get(name).is_some_and(|namespace| view.exposes(namespace));
            let cell = namespace_cell(view, &wire_label(name));
            cell.exposed.store(exposed, Ordering::Relaxed);
            forget_namespace(view, cell);
        }
    }

    fn publish_pod(&self, key: &Key, before: Option<&objects::Pod>, now: Option<&objects::Pod>) {
        for view in self.views.iter().filter(|view| view.options.needs().pods) {
            let place = |pod: Option<&objects::Pod>| {
                let pod = pod.filter(|pod| view.selects(&pod.labels))?;
                Some((mapped(pod.ip?), pod.on_host))
            };
            let (before, now) = (place(before), place(now));
            if before == now {
                continue;
            }
            let namespace: Box<[u8]> = wire_label(&key.namespace).into();
            let publish = |address: [u8; 16], on_host: Option<bool>| {
                let is = |other: &PodAddress| {
                    other.address == address && other.namespace == namespace && other.pod == key.name
                };
                let (namespace, pod) = (namespace.clone(), key.name.clone());
                let entry = on_host.map(|on_host| PodAddress { address, namespace, pod, on_host });
                view.pods.publish(service::hash(&address), is, entry);
            };
            if let Some((address, on_host)) = now {
                publish(address, Some(on_host));
            }
            if let Some((address, _)) = before
                && now.is_none_or(|(other, _)| other != address)
            {
                publish(address, None);
            }
        }
    }

    fn moved(&self, now_unix_secs: u32) {
        for view in &self.views {
            view.set_serial(now_unix_secs);
        }
    }
}

/// The Service of this key; made where there is none.
fn joined(services: &mut HashMap<Arc<[u8]>, Joined, RandomState>, key: KeyOctets) -> &mut Joined {
    let key = ServiceKey::from(key);
    services.entry(key.wire.clone()).or_insert_with(|| Joined::new(key))
}

/// As many services as one change touches; after a whole picture the memory is given back.
const TOUCHED_USUAL: usize = 16;

#[cfg(test)]
mod tests;
