//! Random clusters, and random questions that have a chance to be about them.

use std::{cell::OnceCell, net::IpAddr};

use clusterdns::{
    objects::{Change, Known, Origin, ServiceSpec},
    records::{
        name::Name,
        view::{Pods, ViewOptions},
    },
    search::finish::{Completion, SearchList},
};
use proptest::{option, prelude::*, sample::select};

use crate::support::{
    Query, Server, cluster as empty_cluster,
    cluster::{Cluster, listed, namespace, options as default_options, service},
    query::Opt,
};

const SERVICES: [&str; 5] =
    ["web", "db", "a", "svc", "x23456789-123456789-123456789-123456789-123456789-123456789-123"];
const NAMESPACES: [&str; 4] = ["shop", "pod", "n", "x23456789-123456789-123456789-123456789-123456789-123456789-123"];
const PORTS: [&str; 8] =
    ["http:80/TCP", "http:80/UDP", "dns:53/UDP", "dns-tcp:53/TCP", ":7000/TCP", "nil:/TCP", "Odd:1/x", "_u:2/SCTP"];
/// Who asks.
const ASKING: &str = "10.1.2.3";
const IPS: [&str; 6] = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fd00::2", "2001:db8::"];
const HOSTNAMES: [&str; 8] = [
    // With a long service in a long namespace this is no name any more.
    "x23456789-123456789-123456789-123456789-123.x23456789-123456789-123456789-123456789-123456789-123456789-123",
    "web-0",
    "UPPER",
    "upper",
    "two.labels",
    "",
    "bad..name",
    "x23456789-123456789-123456789-123456789-123456789-123456789-123",
];
const TARGETS: [&str; 10] = [
    "web.shop.svc.cluster.local",
    "db.shop.svc.Cluster.Local.",
    "a.n.svc.cluster.local",
    "a.pod.svc.cluster.local.",
    "web-0.web.shop.svc.cluster.local",
    "ns.dns.cluster.local",
    "www.example.com",
    "",
    "192.0.2.1",
    "not..legal",
];
const FRONTS: [&str; 14] = [
    "",
    "",
    "",
    "_http._tcp.",
    "_dns._udp.",
    "http.tcp.",
    "_._.",
    "__u._sctp.",
    "web-0.",
    "upper.",
    "10-0-0-1.",
    "fd00--1.",
    "eu.prefer._zone.",
    "a.b.c.",
];
const ENDS: [&str; 12] = [
    "svc",
    "",
    "shop.svc.cluster.local",
    "svc.shop.svc.cluster.local",
    "svc.cluster.local",
    "svc.cluster.local",
    "svc.cluster.local",
    "pod.cluster.local",
    "cluster.local",
    "x.cluster.local",
    "svc.in-addr.arpa",
    "example.com",
];
const SPECIAL: [&str; 8] = [
    "cluster.local",
    "svc.cluster.local",
    "ns.dns.cluster.local",
    "dns-version.cluster.local",
    "in-addr.arpa",
    "arpa",
    "10-0-0-1.shop.pod.cluster.local",
    ".",
];
const QTYPES: [u16; 19] = [1, 1, 1, 28, 28, 33, 33, 5, 12, 2, 6, 16, 0, 15, 43, 65, 251, 252, 255];

/// A cluster, and which of [`OPTIONS`] it is served with.
#[derive(Debug)]
pub(crate) struct Drawn {
    cluster: Cluster,
    options: usize,
}

impl Drawn {
    /// Shows the cluster to the server of these options, which each test makes once: empty tables
    /// of a size for real clusters take longer to make than an answer.
    pub(crate) fn serve(&self, test: impl FnOnce(&Server) -> Result<(), TestCaseError>) -> Result<(), TestCaseError> {
        thread_local! {
            static SERVERS: [OnceCell<Server>; OPTIONS] = const { [const { OnceCell::new() }; OPTIONS] };
        }
        SERVERS.with(|servers| {
            let server = servers[self.options].get_or_init(|| server(self.options));
            server.apply(Change::Reset(self.cluster.picture()));
            test(server)
        })
    }
}

/// Most of them finish names, one of them by the client's address too.
fn server(index: usize) -> Server {
    let completion = Completion { top_level_namespaces: index == 3, by_address: index == 2, ..Completion::default() };
    let domains = ["shop.svc.cluster.local", "svc.Cluster.local", "cluster.local", "in-addr.arpa", "example.com"];
    let domains = domains.iter().map(|domain| Name::parse(domain).expect("a name").to_lower()).collect();
    let finish = (Some(SearchList { domains, ndots: 5 }), Some(completion));
    Server::new(options(index), false, if index > 0 { finish } else { (None, None) })
}

/// Every kind of pod names, and every option that changes an answer.
fn options(index: usize) -> ViewOptions {
    let pods = [Pods::Insecure, Pods::Disabled, Pods::Verified, Pods::Insecure][index];
    ViewOptions {
        pods,
        zonal: index == 1,
        ignore_empty_service: index == 2,
        no_endpoints: index == 3,
        local_addresses: IPS[..index].iter().map(|ip| ip.parse().expect("an address")).collect(),
        ..default_options()
    }
}

const OPTIONS: usize = 4;

/// Some services of every kind, with whatever lists their endpoints.
pub(crate) fn cluster() -> impl Strategy<Value = Drawn> {
    let services = prop::collection::vec((path(), spec(), ports()), 0..6);
    let origin = select(&[Origin::Slice, Origin::Slice, Origin::Endpoints][..]);
    let endpoints = prop::collection::vec((path(), origin, endpoints(), ports()), 0..8);
    let namespaces = prop::collection::vec(select(&NAMESPACES[..]), 2..4);
    let pods = prop::collection::vec((path(), select(&["10.0.0.1", ASKING][..])), 0..4);
    (services, endpoints, namespaces, known(), pods, 0..OPTIONS).prop_map(
        |(services, endpoints, namespaces, known, pods, options)| {
            let mut cluster = empty_cluster().known(known);
            for (path, spec, ports) in services {
                cluster = cluster.add(service(&path, spec, &ports));
            }
            for (index, (path, origin, endpoints, ports)) in endpoints.iter().enumerate() {
                let endpoints: Vec<_> = endpoints.iter().map(|text| &**text).collect();
                cluster = cluster.add(listed(*origin, path, &format!("list-{index}"), &endpoints, ports));
            }
            for (path, ip) in pods {
                cluster = cluster.pod(&path, ip);
            }
            let cluster = namespaces.into_iter().fold(cluster, |cluster, name| cluster.add(namespace(name)));
            Drawn { cluster, options }
        },
    )
}

fn known() -> impl Strategy<Value = Known> {
    let some = any::<[bool; 4]>().prop_map(|[services, endpoints, namespaces, pods]| Known {
        services,
        endpoints,
        namespaces,
        pods,
    });
    prop_oneof![4 => Just(Known::ALL), 1 => some]
}

fn path() -> impl Strategy<Value = String> {
    (select(&NAMESPACES[..]), select(&SERVICES[..])).prop_map(|(namespace, name)| format!("{namespace}/{name}"))
}

fn spec() -> impl Strategy<Value = ServiceSpec> {
    let ips = || {
        prop::collection::vec(select(&IPS[..]), 0..4).prop_map(|mut ips| {
            ips.sort_unstable();
            ips.dedup();
            ips.iter().map(|ip| ip.parse::<IpAddr>().expect("an address")).collect::<Box<[_]>>()
        })
    };
    prop_oneof![
        2 => ips().prop_map(|ips| ServiceSpec::Cluster { ips, chosen: false }),
        2 => Just(ServiceSpec::Headless),
        2 => (select(&TARGETS[..]), ips()).prop_map(|(target, ips)| ServiceSpec::External { target: target.into(), ips }),
    ]
}

fn ports() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(select(&PORTS[..]), 0..4)
}

/// Up to sixty, so that some do not fit into a datagram.
fn endpoints() -> impl Strategy<Value = Vec<String>> {
    let address = prop_oneof![
        6 => select(&IPS[..]).prop_map(str::to_owned),
        2 => any::<[u8; 2]>().prop_map(|[a, b]| format!("10.1.{a}.{b}")),
        1 => select(&["2001:DB8::1", "2001:db8:0:0:0:0:0:2", "www.example.com", "web.shop.svc.cluster.local"][..]).prop_map(str::to_owned),
    ];
    let addresses = prop::collection::vec(address, 1..3).prop_map(|all| all.join("+"));
    let endpoint =
        (option::weighted(0.4, select(&HOSTNAMES[..])), addresses).prop_map(|(hostname, addresses)| match hostname {
            Some(hostname) => format!("{hostname}={addresses}"),
            None => addresses,
        });
    prop_oneof![4 => prop::collection::vec(endpoint.clone(), 0..4), 1 => prop::collection::vec(endpoint, 20..60)]
}

/// Questions to one cluster.
pub(crate) fn queries() -> impl Strategy<Value = Vec<Query>> {
    prop::collection::vec(query(), 1..12)
}

/// A question that hickory's parser takes too.
pub(crate) fn query() -> impl Strategy<Value = Query> {
    let qtype = prop_oneof![9 => select(&QTYPES[..]), 1 => any::<u16>().prop_filter("hickory reads these as records", |qtype| *qtype != 41)];
    let header = (
        any::<u16>(),
        any::<u16>(),
        prop_oneof![9 => Just(0u16), 1 => Just(4u16)],
        prop_oneof![9 => Just(1u16), 1 => select(&[0u16, 3, 255][..])],
    );
    (name(), qtype, header, option::of(opt())).prop_map(|(name, qtype, (id, flags, opcode, qclass), opt)| Query {
        id,
        flags: flags & 0x07f0 | opcode << 11,
        name,
        qtype,
        qclass,
        opts: opt.into_iter().collect(),
        ..Query::new(".", "A")
    })
}

/// Options that replies repeat, and others that they drop.
fn opt() -> impl Strategy<Value = Opt> {
    let option = (select(&[3u16, 10, 12, 15, 65_001][..]), prop::collection::vec(any::<u8>(), 0..24));
    let size = prop_oneof![3 => Just(1232u16), 1 => Just(512u16), 1 => 512..u16::MAX];
    let version = prop_oneof![9 => Just(0u8), 1 => any::<u8>()];
    (size, version, any::<bool>(), prop::collection::vec(option, 0..3))
        .prop_map(|(size_octets, version, dnssec_ok, options)| Opt { size_octets, version, dnssec_ok, options })
}

/// A name of some cluster in any letter case, in wire form; one octet may be anything.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let composed = (select(&FRONTS[..]), path(), select(&ENDS[..])).prop_map(|(front, path, end)| {
        let (namespace, service) = path.split_once('/').expect("a path");
        format!("{front}{service}.{namespace}.{end}")
    });
    let reverse =
        select(&IPS[..]).prop_map(|ip| clusterdns::records::zone::reverse_name(ip.parse().expect("an address")));
    let namespace = select(&NAMESPACES[..]).prop_map(|name| format!("{name}.svc.cluster.local"));
    let text =
        prop_oneof![6 => composed, 1 => namespace, 1 => reverse, 1 => select(&SPECIAL[..]).prop_map(str::to_owned)];
    let odd = option::weighted(0.1, (any::<prop::sample::Index>(), any::<u8>()));
    (text, any::<u64>(), odd).prop_map(|(text, upper, odd)| {
        let spelled: String = text
            .chars()
            .enumerate()
            .map(|(index, character)| match upper >> (index % 64) & 1 {
                1 => character.to_ascii_uppercase(),
                _ => character,
            })
            .collect();
        let mut wire = Query::new(&spelled, "A").name;
        if let Some((place, octet)) = odd {
            let starts: Vec<usize> = label_starts(&wire).collect();
            let at = place.index(wire.len());
            // A length is no octet of a label.
            if !starts.contains(&at) && at + 1 < wire.len() {
                wire[at] = octet;
            }
        }
        wire
    })
}

fn label_starts(wire: &[u8]) -> impl Iterator<Item = usize> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let here = at;
        (here < wire.len()).then(|| at += 1 + usize::from(wire[here]))?;
        Some(here)
    })
}
