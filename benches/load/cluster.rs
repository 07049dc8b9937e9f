//! The cluster everyone is asked about: given by its sizes, the same in every run.
//!
//! Nothing is stored. Names and addresses follow from an index, so the snapshot, the zone file and
//! the questions agree without one of them reading another.

use std::net::Ipv4Addr;

use clap::{Args, builder::RangedU64ValueParser};

/// The sizes.
#[derive(Args, Clone, Copy)]
pub(crate) struct Cluster {
    /// How many services have a cluster IP
    #[arg(long, default_value_t = 10_000, value_parser = RangedU64ValueParser::<usize>::new().range(1..1_000_000))]
    pub(crate) services: usize,
    /// How many namespaces the services are spread over
    #[arg(long, default_value_t = 200, value_parser = RangedU64ValueParser::<usize>::new().range(1..100_000))]
    pub(crate) namespaces: usize,
    /// How many headless services there are beside them
    #[arg(long, default_value_t = 500, value_parser = RangedU64ValueParser::<usize>::new().range(1..100_000))]
    pub(crate) headless: usize,
    /// How many endpoints, each with a name, a headless service has
    #[arg(long, default_value_t = 20, value_parser = RangedU64ValueParser::<usize>::new().range(1..100))]
    pub(crate) headless_endpoints: usize,
    /// How many endpoints each service with a cluster IP has: 14 make 150,000 in all, the large variant
    #[arg(long, default_value_t = 0, value_parser = RangedU64ValueParser::<usize>::new().range(0..100))]
    pub(crate) service_endpoints: usize,
}

/// A service and where its endpoints' addresses start.
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) namespace: String,
    /// None for a headless one.
    pub(crate) cluster_ip: Option<Ipv4Addr>,
    pub(crate) endpoints: Vec<Endpoint>,
}

pub(crate) struct Endpoint {
    pub(crate) address: Ipv4Addr,
    /// The name of its pod.
    pub(crate) pod: String,
    /// Its own name below its service; only in a headless one.
    pub(crate) hostname: Option<String>,
}

impl Cluster {
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = String> + Clone {
        (0..self.namespaces).map(|index| format!("ns-{index}"))
    }

    /// Those with a cluster IP first.
    pub(crate) fn services(&self) -> impl Iterator<Item = Service> + Clone {
        let cluster = *self;
        let with_ip = (0..cluster.services).map(move |index| cluster.service(index));
        with_ip.chain((0..cluster.headless).map(move |index| cluster.headless_service(index)))
    }

    /// `svc-7.ns-7`: the part of a service's name in front of the zone.
    pub(crate) fn service_name(&self, index: usize) -> String {
        format!("svc-{index}.ns-{}", index % self.namespaces)
    }

    pub(crate) fn headless_name(&self, index: usize) -> String {
        format!("headless-{index}.ns-{}", index % self.namespaces)
    }

    fn service(&self, index: usize) -> Service {
        let first = self.headless * self.headless_endpoints + index * self.service_endpoints;
        let endpoint = |number| Endpoint {
            address: nth(FIRST_POD_IP, first + number),
            pod: format!("svc-{index}-7d9c6b5f4-{number:05}"),
            hostname: None,
        };
        Service {
            name: format!("svc-{index}"),
            namespace: format!("ns-{}", index % self.namespaces),
            cluster_ip: Some(nth(FIRST_CLUSTER_IP, index)),
            endpoints: (0..self.service_endpoints).map(endpoint).collect(),
        }
    }

    fn headless_service(&self, index: usize) -> Service {
        let endpoint = |number| Endpoint {
            address: nth(FIRST_POD_IP, index * self.headless_endpoints + number),
            pod: format!("headless-{index}-{number}"),
            hostname: Some(format!("headless-{index}-{number}")),
        };
        Service {
            name: format!("headless-{index}"),
            namespace: format!("ns-{}", index % self.namespaces),
            cluster_ip: None,
            endpoints: (0..self.headless_endpoints).map(endpoint).collect(),
        }
    }
}

fn nth(first: Ipv4Addr, index: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(first.to_bits() + index as u32)
}

/// The zone that the services are named in.
pub(crate) const ZONE: &str = "cluster.local";

/// The one port of every service, by name and number, and where its endpoints listen.
pub(crate) const PORT_NAME: &str = "http";
pub(crate) const SERVICE_PORT: u16 = 80;
pub(crate) const ENDPOINT_PORT: u16 = 8080;

/// kubeadm's range starts at 10.96.0.0, with room for the API server and DNS.
const FIRST_CLUSTER_IP: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 16);
const FIRST_POD_IP: Ipv4Addr = Ipv4Addr::new(10, 128, 0, 1);
