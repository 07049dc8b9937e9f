//! How a name below a zone is taken apart (behaviour A1).
//!
//! From the right: the tree (`svc` or `pod`), the namespace, the service or the dashed address,
//! and what stands in front of it.

use super::question::QueryName;
use crate::records::{endpoints::Port, zone::Zone};

/// What a name means by its shape. Labels are in wire form and lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'n> {
    /// The apex, or the root of a tree: there is something below, and no record.
    Empty,
    /// `dns-version`
    Version,
    /// `ns.dns`
    NameServer,
    /// `NAMESPACE.svc` or `NAMESPACE.pod`
    Namespace {
        /// Whether it is the tree of pods.
        pod: bool,
        /// Its label.
        label: &'n [u8],
    },
    /// `SERVICE.NAMESPACE.svc`, or a name in front of it.
    Service {
        /// Service and namespace: the key of the tables.
        key: &'n [u8],
        /// What stands in front.
        front: Front<'n>,
    },
    /// `1-2-3-4.NAMESPACE.pod`; one or two labels in front do not count (behaviour C8).
    Pod {
        /// The namespace's label.
        namespace: &'n [u8],
        /// The address with dashes, and the namespace: what the pod's own name starts with.
        name: &'n [u8],
    },
    /// Nothing can be there.
    Nowhere,
}

/// What stands in front of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front<'n> {
    /// Nothing: the service itself.
    Nothing,
    /// One label: an endpoint.
    Endpoint(&'n [u8]),
    /// `_PORT._PROTOCOL`, each without length and without its underscore; empty matches any.
    Port(PortFilter<'n>),
    /// `ZONE.pin._zone` or `ZONE.prefer._zone` (behaviour C9).
    TopologyZone {
        /// Labels of the topology zone.
        zone: &'n [u8],
        /// `prefer`: all endpoints where none is in the zone.
        prefer: bool,
    },
}

/// Which ports of a service are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortFilter<'n> {
    /// The port's name; empty matches any.
    pub port: &'n [u8],
    /// The protocol; empty matches any.
    pub protocol: &'n [u8],
}

impl PortFilter<'_> {
    /// Every port.
    pub const ANY: PortFilter<'static> = PortFilter { port: &[], protocol: &[] };

    /// Whether every port is meant.
    #[inline]
    pub fn is_any(&self) -> bool {
        self.port.is_empty() && self.protocol.is_empty()
    }

    /// Whether a port is meant. Both sides are in lower case.
    pub fn matches(&self, port: &Port) -> bool {
        (self.port.is_empty() || *self.port == *port.name.as_bytes())
            && (self.protocol.is_empty() || *self.protocol == *port.protocol.as_bytes())
    }
}

/// Takes a name of `zone` apart.
#[inline]
pub fn locate<'n>(name: &'n QueryName, zone: &Zone, zonal: bool) -> Place<'n> {
    let labels = name.labels() - zone.labels;
    if labels == 0 {
        return Place::Empty;
    }
    let tree = name.label(labels - 1);
    let (svc, pod) = (tree == b"\x03svc", tree == b"\x03pod");
    match labels {
        1 if svc || pod => Place::Empty,
        1 if tree == b"\x0bdns-version" => Place::Version,
        2 if tree == b"\x03dns" && name.label(0) == b"\x02ns" => Place::NameServer,
        // Nothing but addresses lives in a reverse zone.
        _ if !(svc || pod) || zone.reverse => Place::Nowhere,
        2 => Place::Namespace { pod, label: name.label(0) },
        3..=5 if pod => Place::Pod { namespace: name.label(labels - 2), name: name.span(labels - 3, labels - 1) },
        _ if svc => service(name, labels - 3, zonal),
        _ => Place::Nowhere,
    }
}

/// `index`: which label is the service's.
#[inline]
fn service(name: &QueryName, index: usize, zonal: bool) -> Place<'_> {
    let front = match index {
        0 => Front::Nothing,
        1 => Front::Endpoint(name.label(0)),
        2 => Front::Port(PortFilter {
            port: without_underscore(name.label(0)),
            protocol: without_underscore(name.label(1)),
        }),
        _ if zonal => match topology_zone(name, index) {
            Some(front) => front,
            None => return Place::Nowhere,
        },
        _ => return Place::Nowhere,
    };
    Place::Service { key: name.span(index, index + 2), front }
}

fn topology_zone(name: &QueryName, index: usize) -> Option<Front<'_>> {
    let prefer = match name.label(index - 2) {
        b"\x03pin" => false,
        b"\x06prefer" => true,
        _ => return None,
    };
    (name.label(index - 1) == b"\x05_zone").then(|| Front::TopologyZone { zone: name.span(0, index - 2), prefer })
}

/// A name goes without its first underscore, if it has one (behaviour A1).
fn without_underscore(label: &[u8]) -> &[u8] {
    label[1..].strip_prefix(b"_").unwrap_or(&label[1..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::name::Name;

    /// The place of a name below `cluster.local`, as text.
    fn place(text: &str) -> String {
        let zone = Zone::parse("cluster.local").unwrap().remove(0);
        let mut name = QueryName::new();
        name.read(Name::parse(&format!("{text}cluster.local")).unwrap().wire()).unwrap();
        format!("{:?}", locate(&name, &zone, true)).replace(char::is_whitespace, "")
    }

    fn shape(text: &str) -> String {
        place(text).split(['{', '(']).next().unwrap().to_owned()
    }

    #[test]
    fn the_tree_decides() {
        for empty in ["", "svc.", "pod.", "SVC."] {
            assert_eq!(place(empty), "Empty", "{empty}");
        }
        for nowhere in ["foo.", "dns.", "a.dns.", "web.foo.", "x.dns-version.", "a.b.c.d.1-2-3-4.ns.pod."] {
            assert_eq!(place(nowhere), "Nowhere", "{nowhere}");
        }
        assert_eq!((&*place("dns-version."), &*place("NS.dns.")), ("Version", "NameServer"));
        assert_eq!((&*shape("ns.svc."), &*shape("ns.pod.")), ("Namespace", "Namespace"));
        assert_eq!(shape("x.y.1-2-3-4.ns.pod."), "Pod");
    }

    #[test]
    fn what_stands_in_front_of_a_service_has_its_meaning() {
        let front = |text: &str| place(text).split("front:").nth(1).unwrap_or("none").to_owned();
        assert_eq!(front("web.ns.svc."), "Nothing}");
        assert!(front("web-0.web.ns.svc.").starts_with("Endpoint"));
        assert_eq!(front("_http._tcp.web.ns.svc."), front("http.tcp.web.ns.svc."));
        assert_ne!(front("__http._tcp.web.ns.svc."), front("_http._tcp.web.ns.svc."));
        assert!(front("eu.west.pin._zone.web.ns.svc.").contains("prefer:false"));
        assert!(front("eu.prefer._zone.web.ns.svc.").contains("prefer:true"));
        assert_eq!(place("a.b.c.web.ns.svc."), "Nowhere");
    }
}
