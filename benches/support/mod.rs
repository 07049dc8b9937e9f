//! The cluster that benchmarks work on, and questions about it: the same in every run.
//!
//! Names and addresses follow from indices, as in `benches/load`, whose cluster and mix these are.

#![allow(dead_code, reason = "every benchmark uses a part of it")]

use std::{net::Ipv4Addr, sync::Arc};

use clusterdns::{
    objects::{
        Address, Change, Endpoint, Endpoints, Known, Names, Namespace, Object, Origin, Picture, Port, Service,
        ServiceSpec, Subset,
    },
    records::{
        name::Name,
        store::Store,
        view::{View, ViewOptions},
        zone::Zone,
    },
    respond::{
        Asked, Responder, Transport,
        plan::{Listener, Plan, Route, Server},
    },
    search::finish::Completion,
};

/// How large a cluster is.
#[derive(Clone, Copy)]
pub(crate) struct Cluster {
    pub(crate) services: usize,
    pub(crate) headless: usize,
    /// Of a Service with a cluster IP.
    pub(crate) endpoints: usize,
}

/// 10,000 Services, and 500 headless ones with 20 endpoints each.
pub(crate) const MIXED: Cluster = Cluster { services: 10_000, headless: 500, endpoints: 0 };
pub(crate) const NAMESPACES: usize = 200;
const HEADLESS_ENDPOINTS: usize = 20;
const ZONES: [&str; 3] = ["cluster.local", "in-addr.arpa", "ip6.arpa"];
/// Who asks.
pub(crate) const ASKED: Asked = Asked {
    client: std::net::SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)), 5353),
    transport: Transport::Udp,
    listener: 0,
};

/// Whether this run is to measure, or only to show that it would.
pub(crate) fn measures() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

impl Cluster {
    /// Tables that hold it, and the store that keeps them.
    pub(crate) fn store(self) -> (Store, Arc<View>) {
        let view = Arc::new(View::new(ViewOptions {
            local_addresses: vec![[192, 0, 2, 53].into()],
            ..ViewOptions::new(ZONES.iter().flat_map(|zone| Zone::parse(zone).expect("a zone")).collect())
        }));
        let mut store = Store::new(vec![view.clone()]);
        store.apply(
            Change::Reset(Picture { objects: self.objects().collect(), known: Known::ALL, ..Picture::default() }),
            1,
        );
        (store, view)
    }

    /// Everything in it.
    pub(crate) fn objects(self) -> impl Iterator<Item = Object> {
        let namespaces = (0..NAMESPACES)
            .map(|index| Object::Namespace(Namespace { name: format!("ns-{index}").into(), labels: Box::default() }));
        let services = (0..self.services).flat_map(move |index| [service(index), self.slice(index, 0)]);
        let headless = (0..self.headless).flat_map(|index| {
            let hostname = |number| Some(format!("headless-{index}-{number}").into());
            let ready =
                (0..HEADLESS_ENDPOINTS).map(|number| endpoint(index * HEADLESS_ENDPOINTS + number, hostname(number)));
            let name = format!("headless-{index}");
            [with_spec(&name, index, ServiceSpec::Headless), slice(&name, index, ready.collect())]
        });
        namespaces.chain(services).chain(headless)
    }

    /// The endpoints of a Service; the first of them is another in each round.
    pub(crate) fn slice(self, index: usize, round: usize) -> Object {
        let first = (1 << 20) + index * self.endpoints;
        let others = (1..self.endpoints).map(|number| endpoint(first + number, None));
        let ready = (0..self.endpoints.min(1)).map(|_| endpoint(first ^ (round % 2) << 23, None)).chain(others);
        slice(&format!("svc-{index}"), index, ready.collect())
    }
}

/// A Service with a cluster IP and the port `http`.
pub(crate) fn service(index: usize) -> Object {
    let ips = [(Ipv4Addr::from_bits(0x0a60_0010 + index as u32)).into()].into();
    with_spec(&format!("svc-{index}"), index, ServiceSpec::Cluster { ips, chosen: false })
}

fn with_spec(name: &str, index: usize, spec: ServiceSpec) -> Object {
    let headless = spec == ServiceSpec::Headless;
    Object::Service(Service {
        namespace: namespace(index).into(),
        name: name.into(),
        spec,
        ports: [Port { name: "http".into(), protocol: "TCP".into(), number: Some(if headless { 8080 } else { 80 }) }]
            .into(),
        selector: Box::default(),
        labels: Box::default(),
    })
}

fn slice(service: &str, index: usize, ready: Box<[Endpoint]>) -> Object {
    let ports = [Port { name: "http".into(), protocol: "TCP".into(), number: Some(8080) }].into();
    Object::Endpoints(Endpoints {
        origin: Origin::Slice,
        namespace: namespace(index).into(),
        name: format!("{service}-x7k2p").into(),
        service: Some(service.into()),
        subsets: [Subset { ready, not_ready: 0, ports }].into(),
        labels: Box::default(),
    })
}

fn endpoint(number: usize, hostname: Option<Box<str>>) -> Endpoint {
    let address = Ipv4Addr::from_bits(0x0a80_0001 + number as u32);
    Endpoint::new([Address::Ip(address.into())], Names { hostname, ..Names::default() })
}

pub(crate) fn namespace(index: usize) -> String {
    format!("ns-{}", index % NAMESPACES)
}

/// A server of these tables, for the root as in kubeadm's Corefile.
pub(crate) fn responder(view: Arc<View>) -> Responder {
    responder_with(view, None)
}

/// The same, completing names.
pub(crate) fn responder_with(view: Arc<View>, completion: Option<Completion>) -> Responder {
    Responder::new(Plan {
        completion,
        servers: vec![Server { view: Some(view), transfer: None, rotate: true, unanswered: 2, ..Server::default() }],
        listeners: vec![Listener {
            address: ([0, 0, 0, 0], 53).into(),
            any_class: true,
            zones: vec![(Zone::new(Name::root()), 0)],
        }],
        routes: vec![Route { listener: 0, zone: ".".into(), server: 0 }],
        ..Plan::default()
    })
}

/// The kinds of questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The address of a Service.
    Address,
    /// Its IPv6 address: there is none.
    NoData,
    /// What a search path makes of a name in another namespace.
    Miss,
    /// The twenty addresses of a headless Service.
    Headless,
    /// A named port.
    Port,
    /// The name of a cluster IP.
    Pointer,
}

impl Kind {
    pub(crate) const ALL: [(&'static str, Self); 6] = [
        ("address", Self::Address),
        ("no_data", Self::NoData),
        ("miss", Self::Miss),
        ("headless", Self::Headless),
        ("port", Self::Port),
        ("pointer", Self::Pointer),
    ];

    /// A question of this kind, about any of the cluster.
    pub(crate) fn packet(self, cluster: Cluster, random: &mut Random) -> Vec<u8> {
        let index = random.below(cluster.services);
        let name = format!("svc-{index}.{}.svc.cluster.local", namespace(index));
        match self {
            Self::Address => packet(&name, 1),
            Self::NoData => packet(&name, 28),
            Self::Miss => packet(&format!("{name}.{}.svc.cluster.local", namespace(random.below(NAMESPACES))), 1),
            Self::Headless => {
                let index = random.below(cluster.headless);
                packet(&format!("headless-{index}.{}.svc.cluster.local", namespace(index)), 1)
            }
            Self::Port => packet(&format!("_http._tcp.{name}"), 33),
            Self::Pointer => {
                let [a, b, c, d] = (0x0a60_0010 + index as u32).to_be_bytes();
                packet(&format!("{d}.{c}.{b}.{a}.in-addr.arpa"), 12)
            }
        }
    }
}

/// So many questions of one kind.
pub(crate) fn packets(cluster: Cluster, kind: Kind, count: usize) -> Vec<Vec<u8>> {
    let mut random = Random(1);
    (0..count).map(|_| kind.packet(cluster, &mut random)).collect()
}

/// So many questions of the mix that clusters ask: 70, 10, 10, 5 and 5 percent.
pub(crate) fn mix(cluster: Cluster, count: usize) -> Vec<Vec<u8>> {
    let mut random = Random(1);
    let kind = |percent| match percent {
        0..70 => Kind::Address,
        70..80 => Kind::NoData,
        80..90 => Kind::Miss,
        90..95 => Kind::Headless,
        _ => Kind::Port,
    };
    (0..count).map(|_| kind(random.below(100)).packet(cluster, &mut random)).collect()
}

/// As a stub resolver asks.
pub(crate) fn packet(name: &str, qtype: u8) -> Vec<u8> {
    let name = Name::parse(name).expect("a name");
    [&[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], name.wire(), &[0, qtype, 0, 1]].concat()
}

/// xorshift64*, which is even enough for choosing what to ask.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
}
