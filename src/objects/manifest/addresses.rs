//! Cluster IPs for the Services whose manifests leave the choice to the API server.
//!
//! The address is a hash of `namespace/name`, so it stays when files are reordered, when other
//! Services come and go, and on every machine. Where two Services meet at one address, the later
//! name moves on to the next free one.

use crate::objects::{Address, Object, Service, ServiceSpec};
use ipnet::Ipv4Net;
use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr},
};

/// What came of choosing cluster IPs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allocation {
    /// So many Services were given an address.
    pub(crate) chosen: usize,
    /// For so many there was none left.
    pub(crate) without: usize,
}

/// Gives each cluster-type Service without a cluster IP one of `range`. The objects come sorted.
pub(crate) fn allocate<'p>(
    objects: &mut [Object],
    pod_ips: impl Iterator<Item = &'p IpAddr>,
    range: Ipv4Net,
) -> Allocation {
    let mut allocation = Allocation::default();
    if !objects.iter().any(|object| service_to_choose_for(object).is_some()) {
        return allocation;
    }
    let mut taken = taken(objects, pod_ips, range);
    for object in objects {
        let Some(wanted) = service_to_choose_for(object).map(|service| free_address(service, range, &taken)) else {
            continue;
        };
        if let (Some(ip), Object::Service(service)) = (wanted, object) {
            taken.insert(ip);
            service.spec = ServiceSpec::Cluster { ips: Box::new([IpAddr::V4(ip)]), chosen: true };
            allocation.chosen += 1;
        } else {
            allocation.without += 1;
        }
    }
    allocation
}

fn service_to_choose_for(object: &Object) -> Option<&Service> {
    match object {
        Object::Service(service) => match &service.spec {
            ServiceSpec::Cluster { ips, .. } if ips.is_empty() => Some(service),
            _ => None,
        },
        _ => None,
    }
}

/// The first free address from the one that the name hashes to. The network and the broadcast
/// address are never given away.
fn free_address(service: &Service, range: Ipv4Net, taken: &HashSet<Ipv4Addr>) -> Option<Ipv4Addr> {
    let hosts = (u64::from(u32::from(range.broadcast())) - u64::from(u32::from(range.network()))).saturating_sub(1);
    if hosts <= taken.len() as u64 {
        return None;
    }
    let start = fnv1a(&service.namespace, &service.name) % hosts;
    let first = u32::from(range.network()) + 1;
    (0..hosts)
        .map(|step| first + u32::try_from((start + step) % hosts).expect("fewer than 2^32 hosts"))
        .map(Ipv4Addr::from)
        .find(|ip| !taken.contains(ip))
}

/// Every address of the range that an object holds.
fn taken<'p>(objects: &[Object], pod_ips: impl Iterator<Item = &'p IpAddr>, range: Ipv4Net) -> HashSet<Ipv4Addr> {
    let mut taken = HashSet::new();
    let mut hold = |ip: &IpAddr| {
        if let IpAddr::V4(ip) = ip
            && range.contains(ip)
            && *ip != range.network()
            && *ip != range.broadcast()
        {
            taken.insert(*ip);
        }
    };
    pod_ips.for_each(&mut hold);
    for object in objects {
        match object {
            Object::Service(service) => match &service.spec {
                ServiceSpec::Cluster { ips, .. } | ServiceSpec::External { ips, .. } => ips.iter().for_each(&mut hold),
                ServiceSpec::Headless => {}
            },
            Object::Endpoints(endpoints) => {
                let ready = endpoints.subsets.iter().flat_map(|subset| &subset.ready);
                let addresses = ready.flat_map(|endpoint| endpoint.addresses.iter());
                addresses.filter_map(Address::ip).for_each(|ip| hold(&ip));
            }
            Object::Pod(pod) => pod.ip.iter().for_each(&mut hold),
            Object::Namespace(_) => {}
        }
    }
    taken
}

/// FNV-1a, 64 bits, of `namespace/name`. Written down here because a hash of a library may change
/// with its version, and then every chosen address would.
fn fnv1a(namespace: &str, name: &str) -> u64 {
    let octets = namespace.bytes().chain([b'/']).chain(name.bytes());
    octets.fold(FNV_OFFSET, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(FNV_PRIME))
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::Pod;

    #[test]
    fn an_address_depends_on_the_name_alone() {
        let mut one = [service("shop", "web", None)];
        let mut many = [service("shop", "api", None), service("shop", "web", None), service("zoo", "web", None)];
        let range = "10.96.0.0/12".parse().unwrap();
        assert_eq!(allocate(&mut one, [].iter(), range).chosen, 1);
        assert_eq!(allocate(&mut many, [].iter(), range).chosen, 3);
        assert_eq!(one[0], many[1]);
        assert_eq!(ip_of(&one[0]), "10.110.190.7".parse::<IpAddr>().ok(), "the written-down hash gives this address");
    }

    #[test]
    fn an_address_that_another_object_holds_is_never_chosen() {
        let pod = Pod {
            namespace: "shop".into(),
            name: "p".into(),
            ip: Some([192, 0, 2, 2].into()),
            on_host: false,
            deleting: false,
            labels: Box::default(),
        };
        let pod_ip: IpAddr = [192, 0, 2, 3].into();
        let mut objects = [
            service("shop", "a", Some([192, 0, 2, 1])),
            service("shop", "b", None),
            service("shop", "c", None),
            service("shop", "d", None),
            service("shop", "e", None),
            Object::Pod(pod),
        ];
        let allocation = allocate(&mut objects, [pod_ip].iter(), "192.0.2.0/29".parse().unwrap());
        assert_eq!(allocation, Allocation { chosen: 3, without: 1 }, "six hosts, three are taken");
        let mut chosen: Vec<_> = objects[1..5].iter().filter_map(ip_of).collect();
        chosen.sort();
        assert_eq!(chosen, [[192, 0, 2, 4], [192, 0, 2, 5], [192, 0, 2, 6]].map(IpAddr::from));
    }

    #[test]
    fn a_range_without_hosts_gives_nothing() {
        for range in ["192.0.2.1/32", "192.0.2.0/31"] {
            let mut objects = [service("shop", "a", None)];
            let allocation = allocate(&mut objects, [].iter(), range.parse().unwrap());
            assert_eq!(allocation, Allocation { chosen: 0, without: 1 });
        }
    }

    fn service(namespace: &str, name: &str, ip: Option<[u8; 4]>) -> Object {
        Object::Service(Service {
            namespace: namespace.into(),
            name: name.into(),
            spec: ServiceSpec::Cluster { ips: ip.map(IpAddr::from).into_iter().collect(), chosen: false },
            ports: Box::default(),
            selector: Box::default(),
            labels: Box::default(),
        })
    }

    fn ip_of(object: &Object) -> Option<IpAddr> {
        match object {
            Object::Service(Service { spec: ServiceSpec::Cluster { ips, .. }, .. }) => ips.first().copied(),
            _ => None,
        }
    }
}
