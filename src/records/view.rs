//! The tables that answers are read from: what the options of one `kubernetes` stanza make of the
//! cluster.
//!
//! ```text
//! services    (namespace, service) ─► Service       forward names
//! namespaces  label ─► Namespace                    which names may exist at all
//! clusters    address ─► ServiceKey                 PTR of cluster IPs
//! endpoints   address ─► ServiceKey                 PTR of endpoints
//! pods        address ─► namespace                  verified pod names, whose client it is
//! ```
//!
//! Readers only load; the [`Store`](super::store::Store) is the one writer.

use std::{
    net::IpAddr,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering},
    },
};

use super::{
    endpoints::Naming,
    name::Name,
    published::Published,
    selector::Selector,
    service::{self, Namespace, Rules, Service, ServiceKey},
    zone::Zone,
};
use crate::objects::{self, Known, Needs};

/// The options of a view, named as CoreDNS's `kubernetes` plugin names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewOptions {
    /// What it is authoritative for: in the order of the configuration, in a view longest first.
    pub zones: Vec<Zone>,
    /// The TTL of its records.
    pub ttl_secs: u32,
    /// Names of pods.
    pub pods: Pods,
    /// Endpoints without hostname are named after their Pod.
    pub endpoint_pod_names: bool,
    /// Only these namespaces.
    pub namespaces: Vec<String>,
    /// Only namespaces with such labels.
    pub namespace_labels: Option<Selector>,
    /// Only Services, EndpointSlices and Pods with such labels.
    pub labels: Option<Selector>,
    /// No endpoint is looked at.
    pub no_endpoints: bool,
    /// A cluster IP without a ready endpoint does not exist.
    pub ignore_empty_service: bool,
    /// Endpoints of headless services are also found by topology zone.
    pub zonal: bool,
    /// Where a name that does not exist is left to the next stage.
    pub fallthrough: Vec<Name>,
    /// The addresses under which this server is found, for NS and `ns.dns`. Empty in a configuration: those that it
    /// listens on.
    pub local_addresses: Vec<IpAddr>,
    /// Within what the TTLs of its replies are: where a cache stands in front of it (behaviour E3).
    pub ttl_limits: Option<TtlLimits>,
}

/// Within what TTLs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TtlLimits {
    /// In replies with records, in seconds.
    pub success_secs: RangeInclusive<u32>,
    /// In replies without, in seconds.
    pub denial_secs: RangeInclusive<u32>,
}

/// The TTLs of a view's records, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ttls {
    /// Of most records.
    pub records: u32,
    /// Of the SOA that is asked for.
    pub soa: u32,
    /// Of the SOA of a negative reply.
    pub denial: u32,
    /// Of `dns-version`.
    pub version: u32,
}

/// Which names of pods exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pods {
    /// None.
    #[default]
    Disabled,
    /// Every address in an existing namespace.
    Insecure,
    /// The addresses of live Pods in their namespace.
    Verified,
}

/// [`Known`] as a reader loads it: taken apart only where something is missing.
#[derive(Clone, Copy, Debug)]
pub struct Complete(u8);

impl Complete {
    /// The kinds, one by one.
    pub fn known(self) -> Known {
        let Self(bits) = self;
        Known { services: bits & 1 != 0, endpoints: bits & 2 != 0, namespaces: bits & 4 != 0, pods: bits & 8 != 0 }
    }
}

/// See the module.
pub struct View {
    /// What it was made with.
    pub options: ViewOptions,
    /// What its records say of how long they last.
    pub ttls: Ttls,
    /// The forward zone that PTRs point into, if there is one.
    pub primary: Option<Zone>,
    /// The services.
    pub services: Published<Service>,
    /// The namespaces, existing or not.
    pub namespaces: Published<Arc<Namespace>>,
    /// Which Service holds a cluster IP.
    pub clusters: Published<Addressed>,
    /// Which Services have an endpoint at an address.
    pub endpoints: Published<Addressed>,
    /// Which namespaces have a live Pod at an address.
    pub pods: Published<PodAddress>,
    known: AtomicU8,
    stale: AtomicBool,
    serial: AtomicU32,
}

/// An address and a Service that it belongs to.
#[derive(Clone, Debug)]
pub struct Addressed {
    /// IPv4 addresses in their mapped form.
    pub address: [u8; 16],
    /// Whose it is.
    pub key: ServiceKey,
}

/// An address and a Pod that has it.
#[derive(Clone, Debug)]
pub struct PodAddress {
    /// IPv4 addresses in their mapped form.
    pub address: [u8; 16],
    /// The Pod's namespace, one label in wire form.
    pub namespace: Box<[u8]>,
    /// The Pod's name.
    pub pod: Box<str>,
    /// Whether the address is its node's.
    pub on_host: bool,
}

/// The TTL of `dns-version`, whatever the option says (behaviour A2).
const VERSION_TTL_SECS: u32 = 28_800;
/// A SOA lives no longer than this (behaviour A2).
const SOA_TTL_SECS_MAX: u32 = 300;
/// Slots for 10,000 Services, as many as Kubernetes supports, at three a Service: 256 KiB.
const SERVICE_SLOTS_LOG2: u32 = 15;
/// Slots for 10,000 namespaces, as many as Kubernetes supports: 128 KiB.
const NAMESPACE_SLOTS_LOG2: u32 = 14;
/// Slots for 150,000 endpoints, as many as Kubernetes supports: 1 MiB.
const ENDPOINT_SLOTS_LOG2: u32 = 17;

impl View {
    /// Empty tables: nothing is known yet.
    pub fn new(mut options: ViewOptions) -> Self {
        let primary = options.zones.iter().find(|zone| !zone.reverse).cloned();
        options.zones.sort_by_key(|zone| std::cmp::Reverse(zone.labels));
        let pod_slots_log2 = if options.pods == Pods::Verified { ENDPOINT_SLOTS_LOG2 } else { 0 };
        Self {
            ttls: options.ttls(),
            primary,
            services: Published::new(SERVICE_SLOTS_LOG2),
            namespaces: Published::new(NAMESPACE_SLOTS_LOG2),
            clusters: Published::new(SERVICE_SLOTS_LOG2),
            endpoints: Published::new(ENDPOINT_SLOTS_LOG2),
            pods: Published::new(pod_slots_log2),
            known: AtomicU8::new(0),
            stale: AtomicBool::new(false),
            serial: AtomicU32::new(0),
            options,
        }
    }

    /// The kinds about which the tables are complete. To be loaded before a name is looked up: what
    /// is missed after that is missing.
    #[inline]
    pub fn complete(&self) -> Complete {
        Complete(self.known.load(Ordering::Acquire))
    }

    /// The kinds about which the tables are complete.
    pub fn known(&self) -> Known {
        self.complete().known()
    }

    /// Whether the tables hold all that the options ask for.
    pub fn is_complete(&self) -> bool {
        let Known { services, endpoints, namespaces, pods } = self.known();
        services && endpoints && namespaces && (pods || self.options.pods != Pods::Verified)
    }

    /// Says that the tables are complete about these kinds. Called when they are.
    pub fn set_known(&self, known: Known) {
        // Who looks at no endpoint knows all that there is to know of them.
        let endpoints = known.endpoints || self.options.no_endpoints;
        let bits = u8::from(known.services)
            | u8::from(endpoints) << 1
            | u8::from(known.namespaces) << 2
            | u8::from(known.pods) << 3;
        self.known.store(bits, Ordering::Release);
    }

    /// Whether the records are those of a state that was saved before the server started.
    #[inline]
    pub fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Relaxed)
    }

    /// Says whether the records are those of a saved state.
    pub fn set_stale(&self, stale: bool) {
        self.stale.store(stale, Ordering::Relaxed);
    }

    /// The SOA serial: the Unix time of the last change, 0 before any.
    pub fn serial(&self) -> u32 {
        self.serial.load(Ordering::Relaxed)
    }

    /// Says that the records changed.
    pub fn set_serial(&self, now_unix_secs: u32) {
        self.serial.store(now_unix_secs, Ordering::Relaxed);
    }

    /// Reads a Service by its key in wire form and lower case.
    #[inline]
    pub fn service<R>(&self, key: &[u8], read: impl FnOnce(&Service) -> R) -> Option<R> {
        self.services.read(service::hash(key), |service| service.is(key), read)
    }

    /// Whether the namespace of this label exists and is exposed.
    pub fn namespace_exposed(&self, label: &[u8]) -> bool {
        self.namespaces
            .read(service::hash(label), |namespace| *namespace.label == *label, |namespace| namespace.is_exposed())
            .unwrap_or(false)
    }

    /// Whether who asks from an address is a Pod of the namespace of this label, or one of another. None where the address
    /// does not tell: no Pod has it, more than one has, or it is a node's.
    pub fn client_is_of(&self, namespace: &[u8], address: IpAddr) -> Option<bool> {
        let address = mapped(address);
        let (mut pods, mut told) = (0, None);
        let tell = |pod: &PodAddress| {
            pods += 1;
            told = (!pod.on_host).then(|| *pod.namespace == *namespace);
        };
        self.pods.read_all(service::hash(&address), |pod| pod.address == address, tell);
        told.filter(|_| pods == 1)
    }

    /// How objects become records here.
    pub fn rules(&self) -> Rules {
        Rules {
            naming: Naming { pod_names: self.options.endpoint_pod_names },
            no_endpoints: self.options.no_endpoints,
            ignore_empty: self.options.ignore_empty_service,
            zonal: self.options.zonal,
        }
    }

    /// Whether it is what these options make: then it need not be made anew.
    pub fn is_of(&self, options: &ViewOptions) -> bool {
        let primary = options.zones.iter().find(|zone| !zone.reverse);
        let mut options = options.clone();
        options.zones.sort_by_key(|zone| std::cmp::Reverse(zone.labels));
        self.options == options && self.primary.as_ref() == primary
    }

    /// Whether `labels` lets an object through.
    pub fn selects(&self, labels: &objects::Labels) -> bool {
        self.options.labels.as_ref().is_none_or(|selector| selector.matches(labels))
    }

    /// Whether a namespace that exists is exposed.
    pub fn exposes(&self, namespace: &objects::Namespace) -> bool {
        let listed = &self.options.namespaces;
        (listed.is_empty() || listed.iter().any(|name| **name == *namespace.name))
            && self.options.namespace_labels.as_ref().is_none_or(|selector| selector.matches(&namespace.labels))
    }
}

impl ViewOptions {
    /// These zones, and everything else as CoreDNS has it where nothing is said.
    pub fn new(zones: Vec<Zone>) -> Self {
        Self {
            zones,
            ttl_secs: 5,
            pods: Pods::Disabled,
            endpoint_pod_names: false,
            namespaces: Vec::new(),
            namespace_labels: None,
            labels: None,
            no_endpoints: false,
            ignore_empty_service: false,
            zonal: false,
            fallthrough: Vec::new(),
            local_addresses: Vec::new(),
            ttl_limits: None,
        }
    }

    fn ttls(&self) -> Ttls {
        let soa = self.ttl_secs.min(SOA_TTL_SECS_MAX);
        let ttls = Ttls { records: self.ttl_secs, soa, denial: soa, version: VERSION_TTL_SECS };
        let Some(limits) = &self.ttl_limits else { return ttls };
        let within = |range: &RangeInclusive<u32>, secs: u32| secs.max(*range.start()).min(*range.end());
        Ttls {
            records: within(&limits.success_secs, ttls.records),
            soa: within(&limits.success_secs, ttls.soa),
            denial: within(&limits.denial_secs, ttls.denial),
            version: within(&limits.success_secs, ttls.version),
        }
    }

    /// What the objects must keep for this view.
    pub fn needs(&self) -> Needs {
        Needs {
            labels: self.labels.is_some() || self.namespace_labels.is_some(),
            pod_names: self.endpoint_pod_names,
            zones: self.zonal,
            pods: self.pods == Pods::Verified,
            selectors: false,
        }
    }
}

/// The form in which tables hold addresses.
pub fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}
