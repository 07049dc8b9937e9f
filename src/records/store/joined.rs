//! A Service and the objects that list its endpoints.

use std::sync::Arc;

use super::ServiceFacts;
use crate::{
    objects::{self, Kind, Labels, Origin},
    records::{
        endpoints::Subset,
        publish::{forget_namespace, namespace_cell, publish_service},
        service::{Declared, Service, ServiceKey},
        view::View,
    },
};

/// See the module.
pub(super) struct Joined {
    pub(super) key: ServiceKey,
    pub(super) service: Option<Declared>,
    pub(super) listed: Vec<Listed>,
    /// Whether it stands among what is to be published.
    touched: bool,
}

/// What is kept of an object that lists endpoints: its namespace and its Service are known where it is.
pub(super) struct Listed {
    origin: Origin,
    name: Box<str>,
    subsets: Box<[Subset]>,
    labels: Labels,
}

impl Joined {
    /// A Service of which nothing is known.
    pub(super) fn new(key: ServiceKey) -> Self {
        Self { key, service: None, listed: Vec::new(), touched: false }
    }

    /// Whether nothing is known of it.
    pub(super) fn is_empty(&self) -> bool {
        self.service.is_none() && self.listed.is_empty()
    }

    /// Has it published when the whole change is made.
    pub(super) fn touch(&mut self, touched: &mut Vec<ServiceKey>) {
        if !self.touched {
            self.touched = true;
            touched.push(self.key.clone());
        }
    }

    /// Publishes it in every view where it differs.
    pub(super) fn publish(&mut self, views: &[Arc<View>], now_unix_secs: u32) {
        self.touched = false;
        for view in views {
            let namespace = namespace_cell(view, self.key.namespace_label());
            let service = self.service.as_ref().filter(|service| view.selects(&service.object.labels));
            let fresh = Service::new(self.key.clone(), namespace.clone(), service, self.subsets(view), view.rules());
            if publish_service(view, fresh) {
                view.set_serial(now_unix_secs);
            }
            forget_namespace(view, namespace);
        }
    }

    /// What is known beyond the records.
    pub(super) fn facts(&self) -> ServiceFacts {
        let subsets = || self.winners().flat_map(|listed| &listed.subsets);
        ServiceFacts {
            is_declared: self.service.is_some(),
            ready: subsets().map(Subset::len).sum(),
            not_ready: subsets().map(Subset::not_ready).sum(),
        }
    }

    /// What lists its endpoints, by kind and name. Where there is no Service its name and namespace are
    /// those of the key, in lower case.
    pub(super) fn listed_objects(&self) -> Vec<objects::Endpoints> {
        let text = |label: &[u8]| String::from_utf8_lossy(label).into();
        let (namespace, name) = match &self.service {
            Some(Declared { object, .. }) => (object.namespace.clone(), object.name.clone()),
            None => (text(&self.key.namespace_label()[1..]), text(self.key.service_label())),
        };
        let mut listed: Vec<_> = self.listed.iter().map(|listed| listed.object(&namespace, &name)).collect();
        listed.sort_unstable_by(|one, other| (one.origin, &one.name).cmp(&(other.origin, &other.name)));
        listed
    }

    /// Of all that lists its endpoints what wins, as far as the view selects it.
    fn subsets<'a>(&'a self, view: &'a View) -> impl Iterator<Item = &'a Subset> + Clone {
        self.winners().filter(|listed| view.selects(&listed.labels)).flat_map(|listed| &listed.subsets)
    }

    fn winners(&self) -> impl Iterator<Item = &Listed> + Clone {
        let wins = self.listed.iter().map(|listed| listed.origin).min();
        self.listed.iter().filter(move |listed| Some(listed.origin) == wins)
    }
}

impl Listed {
    pub(super) fn new(object: objects::Endpoints) -> Self {
        let objects::Endpoints { origin, name, subsets, labels, .. } = object;
        Self { origin, name, subsets: subsets.into_iter().map(|subset| Subset::read(subset, None)).collect(), labels }
    }

    /// The object, of this namespace and Service.
    fn object(&self, namespace: &str, service: &str) -> objects::Endpoints {
        objects::Endpoints {
            origin: self.origin,
            namespace: namespace.into(),
            name: self.name.clone(),
            service: Some(service.into()),
            subsets: self.subsets.iter().map(Subset::object).collect(),
            labels: self.labels.clone(),
        }
    }

    /// Whether it is the object of this kind and name in its namespace.
    pub(super) fn is(&self, kind: Kind, name: &str) -> bool {
        self.origin.kind() == kind && *self.name == *name
    }

    /// Takes the later state of the same object. Says whether records may differ.
    pub(super) fn replace(&mut self, object: objects::Endpoints) -> bool {
        let objects::Endpoints { origin, subsets, labels, .. } = object;
        let same = |(known, subset): (&Subset, &objects::Subset)| known.is(subset);
        let all_same = self.subsets.len() == subsets.len() && self.subsets.iter().zip(&subsets).all(same);
        if all_same && self.origin == origin && self.labels == labels {
            self.subsets.iter_mut().zip(&subsets).for_each(|(known, subset)| known.count_not_ready(subset));
            return false;
        }
        let mut known = self.subsets.iter();
        let subsets = subsets.into_iter().map(|subset| Subset::read(subset, known.next())).collect();
        (self.origin, self.subsets, self.labels) = (origin, subsets, labels);
        true
    }
}
