//! The cluster of a test, built by calls.
//!
//! Paths are `NAMESPACE/NAME`, ports `NAME:NUMBER/PROTOCOL`, endpoints `HOSTNAME=ADDRESS` or only
//! the address; several addresses of one endpoint are joined by `+`. A namespace is there when
//! something lives in it.

use clusterdns::{
    objects::{
        Address, Change, Endpoint, Endpoints, Known, Names, Namespace, Object, Origin, Picture, Pod, Port, Service,
        ServiceSpec, Subset,
    },
    records::{name::Name, view::ViewOptions, zone::Zone},
    search::finish::{Completion, SearchList},
};

use super::Server;

/// See the module.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) objects: Vec<Object>,
    known: Known,
    options: ViewOptions,
    rotate: bool,
    search: Option<SearchList>,
    completion: Option<Completion>,
}

/// A cluster with nothing in it, of which everything is known.
pub(crate) fn cluster() -> Cluster {
    Cluster {
        objects: Vec::new(),
        known: Known::ALL,
        options: options(),
        rotate: false,
        search: None,
        completion: None,
    }
}

impl Cluster {
    /// A Service with cluster IPs.
    pub(crate) fn service(self, path: &str, ips: &[&str], ports: &[&str]) -> Self {
        self.add(service(path, cluster_ips(ips), ports))
    }

    /// A Service of `clusterIP: None`, without endpoints so far.
    pub(crate) fn headless(self, path: &str) -> Self {
        self.add(service(path, ServiceSpec::Headless, &[]))
    }

    /// A Service of `type: ExternalName`.
    pub(crate) fn external(self, path: &str, target: &str) -> Self {
        self.add(service(path, ServiceSpec::External { target: target.into(), ips: Box::default() }, &[]))
    }

    /// An EndpointSlice of a Service.
    pub(crate) fn slice(self, path: &str, endpoints: &[&str], ports: &[&str]) -> Self {
        let name = format!("slice-{}", self.objects.len());
        self.add(listed(Origin::Slice, path, &name, endpoints, ports))
    }

    /// An Endpoints object of a Service.
    pub(crate) fn endpoints(self, path: &str, endpoints: &[&str], ports: &[&str]) -> Self {
        let name = split(path).1.to_owned();
        self.add(listed(Origin::Endpoints, path, &name, endpoints, ports))
    }

    /// A live Pod.
    pub(crate) fn pod(self, path: &str, ip: &str) -> Self {
        self.add(pod(path, ip, false))
    }

    /// A live Pod with the address of its node.
    pub(crate) fn pod_on_host(self, path: &str, ip: &str) -> Self {
        self.add(pod(path, ip, true))
    }

    /// A Namespace; needed only where nothing lives in it.
    pub(crate) fn namespace(self, name: &str) -> Self {
        self.add(namespace(name))
    }

    /// Any object.
    pub(crate) fn add(mut self, object: Object) -> Self {
        self.objects.push(object);
        self
    }

    /// Answers are turned.
    pub(crate) fn rotating(mut self) -> Self {
        self.rotate = true;
        self
    }

    /// Names with fewer than five dots are looked for in these domains.
    pub(crate) fn searching(mut self, domains: &[&str]) -> Self {
        let domains = domains.iter().map(|domain| Name::parse(domain).expect("a name")).collect();
        self.search = Some(SearchList { domains, ndots: 5 });
        self
    }

    /// Names that a search list has begun are completed.
    pub(crate) fn completing(mut self, completion: Completion) -> Self {
        self.completion = Some(completion);
        self
    }

    /// What the cluster is known completely about.
    pub(crate) fn known(mut self, known: Known) -> Self {
        self.known = known;
        self
    }

    /// With these options changed.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut ViewOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// Everything in it, its namespaces too.
    pub(crate) fn picture(&self) -> Picture {
        let mut objects = self.objects.clone();
        let mut namespaces: Vec<_> = objects.iter().map(|object| object.key().namespace).collect();
        namespaces.retain(|name| !name.is_empty());
        namespaces.sort();
        namespaces.dedup();
        objects.extend(namespaces.iter().map(|name| namespace(name)));
        Picture { objects, known: self.known, ..Picture::default() }
    }

    /// A server that has seen it.
    pub(crate) fn start(&self) -> Server {
        let server = Server::new(self.options.clone(), self.rotate, (self.search.clone(), self.completion.clone()));
        server.apply(Change::Reset(self.picture()));
        server
    }
}

/// kubeadm's zones, a TTL of 5 seconds, and nothing else.
pub(crate) fn options() -> ViewOptions {
    ViewOptions::new(
        ["cluster.local", "in-addr.arpa", "ip6.arpa"].map(|zone| Zone::parse(zone).unwrap().remove(0)).into(),
    )
}

pub(crate) fn namespace(name: &str) -> Object {
    Object::Namespace(Namespace { name: name.into(), labels: Box::default() })
}

pub(crate) fn pod(path: &str, ip: &str, on_host: bool) -> Object {
    let (namespace, name) = split(path);
    Object::Pod(Pod {
        namespace: namespace.into(),
        name: name.into(),
        ip: Some(ip.parse().expect("an address")),
        on_host,
        deleting: false,
        labels: Box::default(),
    })
}

pub(crate) fn service(path: &str, spec: ServiceSpec, ports: &[&str]) -> Object {
    let (namespace, name) = split(path);
    Object::Service(Service {
        namespace: namespace.into(),
        name: name.into(),
        spec,
        ports: ports.iter().map(|port| parse_port(port)).collect(),
        selector: Box::default(),
        labels: Box::default(),
    })
}

pub(crate) fn cluster_ips(ips: &[&str]) -> ServiceSpec {
    let ips = ips.iter().map(|ip| ip.parse().expect("an address")).collect();
    ServiceSpec::Cluster { ips, chosen: false }
}

/// An object that lists endpoints of the Service at `path`.
pub(crate) fn listed(origin: Origin, path: &str, name: &str, endpoints: &[&str], ports: &[&str]) -> Object {
    let (namespace, service) = split(path);
    let subset = Subset {
        ready: endpoints.iter().map(|endpoint| parse_endpoint(endpoint)).collect(),
        not_ready: 0,
        ports: ports.iter().map(|port| parse_port(port)).collect(),
    };
    Object::Endpoints(Endpoints {
        origin,
        namespace: namespace.into(),
        name: name.into(),
        service: Some(service.into()),
        subsets: [subset].into(),
        labels: Box::default(),
    })
}

fn parse_endpoint(text: &str) -> Endpoint {
    let (hostname, addresses) = match text.split_once('=') {
        Some((hostname, addresses)) => (Some(hostname.into()), addresses),
        None => (None, text),
    };
    let addresses = addresses.split('+').map(|address| Address::read(address, address.parse().ok()));
    Endpoint::new(addresses, Names { hostname, ..Names::default() })
}

/// `http:80/TCP`; without a name `:80/TCP`, without a number `http:/TCP`.
fn parse_port(text: &str) -> Port {
    let (name, rest) = text.split_once(':').expect("NAME:NUMBER/PROTOCOL");
    let (number, protocol) = rest.split_once('/').expect("NUMBER/PROTOCOL");
    Port { name: name.into(), protocol: protocol.into(), number: number.parse().ok() }
}

fn split(path: &str) -> (&str, &str) {
    path.split_once('/').expect("NAMESPACE/NAME")
}
