//! The ready endpoints that an object lists, as the store keeps them.
//!
//! Nearly every list is of plain addresses of one family. Kept as such they take an eighth of the
//! memory, and the list that a change replaces is given back without a look at it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Port, Ports};
use crate::objects::{self, Address, Endpoint, Names};

/// Ready endpoints that share their ports.
#[derive(Debug)]
pub struct Subset {
    pub(super) ports: Ports,
    /// How many more are not ready: of no record, but of interest to whoever asks why.
    not_ready: u32,
    ready: Ready,
}

#[derive(Debug)]
enum Ready {
    /// Without names.
    V4(Box<[Ipv4Addr]>),
    /// Without names, each in its canonical spelling.
    V6(Box<[Ipv6Addr]>),
    Any(Box<[Endpoint]>),
}

impl Subset {
    /// The subset of an object. Where `before` has the same ports, they are shared.
    pub fn read(subset: objects::Subset, before: Option<&Self>) -> Self {
        let ports = before.map(|before| &before.ports).filter(|ports| are_ports(ports, &subset.ports));
        let ports = ports.map_or_else(|| subset.ports.iter().map(Port::new).collect(), Ports::clone);
        Self { ports, not_ready: subset.not_ready, ready: Ready::new(subset.ready) }
    }

    /// The subset as an object has it.
    pub fn object(&self) -> objects::Subset {
        let plain = |ip: IpAddr| Endpoint::new([Address::Ip(ip)], Names::default());
        let ready = match &self.ready {
            Ready::V4(addresses) => addresses.iter().map(|&ip| plain(ip.into())).collect(),
            Ready::V6(addresses) => addresses.iter().map(|&ip| plain(ip.into())).collect(),
            Ready::Any(endpoints) => endpoints.clone(),
        };
        objects::Subset { ready, not_ready: self.not_ready, ports: self.ports.iter().map(Port::object).collect() }
    }

    /// Whether it is the subset of this object, as far as records are made of it.
    pub fn is(&self, subset: &objects::Subset) -> bool {
        let same_ready = match &self.ready {
            Ready::V4(addresses) => addresses.iter().copied().map(Some).eq(subset.ready.iter().map(plain_v4)),
            Ready::V6(addresses) => addresses.iter().copied().map(Some).eq(subset.ready.iter().map(plain_v6)),
            Ready::Any(endpoints) => *endpoints == subset.ready,
        };
        same_ready && are_ports(&self.ports, &subset.ports)
    }

    /// Takes over how many are not ready.
    pub fn count_not_ready(&mut self, subset: &objects::Subset) {
        self.not_ready = subset.not_ready;
    }

    /// How many are not ready.
    pub fn not_ready(&self) -> usize {
        self.not_ready as usize
    }

    /// How many are ready.
    pub fn len(&self) -> usize {
        match &self.ready {
            Ready::V4(addresses) => addresses.len(),
            Ready::V6(addresses) => addresses.len(),
            Ready::Any(endpoints) => endpoints.len(),
        }
    }

    /// Whether none is ready.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shows every address with the names of its endpoint.
    pub(super) fn for_each(&self, mut show: impl FnMut(&Address, &Names)) {
        match &self.ready {
            Ready::V4(addresses) => addresses.iter().for_each(|&ip| show(&Address::Ip(ip.into()), Names::none())),
            Ready::V6(addresses) => addresses.iter().for_each(|&ip| show(&Address::Ip(ip.into()), Names::none())),
            Ready::Any(endpoints) => {
                for endpoint in endpoints {
                    endpoint.addresses.iter().for_each(|address| show(address, endpoint.names()));
                }
            }
        }
    }

    /// The topology zones of the endpoints that have one.
    pub fn zones(&self) -> impl Iterator<Item = &str> {
        let endpoints = if let Ready::Any(endpoints) = &self.ready { &**endpoints } else { &[] };
        endpoints.iter().filter_map(|endpoint| endpoint.names().zone.as_deref())
    }
}

impl Ready {
    fn new(endpoints: Box<[Endpoint]>) -> Self {
        if let Some(addresses) = all(&endpoints, plain_v4) {
            return Self::V4(addresses);
        }
        all(&endpoints, plain_v6).map_or(Self::Any(endpoints), Self::V6)
    }
}

/// What `plain` makes of the endpoints, if it makes something of each.
fn all<T>(endpoints: &[Endpoint], plain: impl Fn(&Endpoint) -> Option<T>) -> Option<Box<[T]>> {
    let mut all = Vec::with_capacity(endpoints.len());
    all.extend(endpoints.iter().map_while(plain));
    (all.len() == endpoints.len()).then(|| all.into())
}

fn plain_v4(endpoint: &Endpoint) -> Option<Ipv4Addr> {
    plain(endpoint).and_then(|ip| if let IpAddr::V4(ip) = ip { Some(ip) } else { None })
}

fn plain_v6(endpoint: &Endpoint) -> Option<Ipv6Addr> {
    plain(endpoint).and_then(|ip| if let IpAddr::V6(ip) = ip { Some(ip) } else { None })
}

fn plain(endpoint: &Endpoint) -> Option<IpAddr> {
    match *endpoint.addresses {
        [Address::Ip(ip)] if endpoint.names() == Names::none() => Some(ip),
        _ => None,
    }
}

fn are_ports(ports: &[Port], of: &[objects::Port]) -> bool {
    ports.len() == of.len() && ports.iter().zip(of).all(|(port, of)| port.is(of))
}
