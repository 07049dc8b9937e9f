//! The environment variables that a kubelet gives to the containers of a namespace: the way to find
//! a Service that is older than DNS in clusters, and that programs still go by.
//!
//! The rules are those of Kubernetes 1.36, `pkg/kubelet/envvars` and `getServiceEnvVarMap`: each
//! Service of the namespace that has a cluster IP, and `kubernetes` of `default` for everybody. A
//! Service has `_SERVICE_HOST` and `_SERVICE_PORT`, its named ports, and what Docker's links had.
//!
//! Two things differ. An address is written in its plainest form, where the kubelet repeats the
//! object. And where two Services give one name (`web` has a `WEB_SERVICE_PORT`, so has
//! `web-service`) the kubelet takes either, by chance: here the first wins, and the other is told.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
};

use super::{Object, Port, Service, ServiceSpec};

/// What the containers of a namespace are given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// By the name of the Service, then in the kubelet's order. Each name once.
    pub variables: Vec<Variable>,
    /// What lost against a variable of the same name.
    pub contested: Vec<Contested>,
}

/// A variable, and who gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// `BACKEND_SERVICE_HOST`
    pub name: String,
    /// An address, a number, or `tcp://10.96.0.1:443`.
    pub value: String,
    /// The name of the Service.
    pub service: Box<str>,
}

/// Two Services that give one name different values: in a Pod it is either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contested {
    /// The one that is in [`Environment::variables`].
    pub kept: Variable,
    /// The one that is not.
    pub lost: Variable,
}

impl Environment {
    /// Of the containers of a Pod that starts now, and has not set `enableServiceLinks: false`.
    pub fn of_namespace(objects: &[Object], namespace: &str) -> Self {
        let mut environment = Self::default();
        let mut places = HashMap::new();
        for variable in services(objects, namespace).into_iter().flat_map(variables) {
            match places.get(&variable.name) {
                None => {
                    places.insert(variable.name.clone(), environment.variables.len());
                    environment.variables.push(variable);
                }
                Some(&place) => {
                    let kept: &Variable = &environment.variables[place];
                    if kept.value != variable.value {
                        environment.contested.push(Contested { kept: kept.clone(), lost: variable });
                    }
                }
            }
        }
        environment
    }
}

/// Those that count in a namespace, by name. Its own `kubernetes` wins over everybody's.
fn services<'o>(objects: &'o [Object], namespace: &str) -> Vec<&'o Service> {
    let mut by_name = BTreeMap::new();
    for object in objects {
        let Object::Service(service) = object else { continue };
        if cluster_ip(service).is_none() {
            continue;
        }
        if &*service.namespace == namespace {
            by_name.insert(&*service.name, service);
        } else if &*service.namespace == "default" && &*service.name == "kubernetes" {
            by_name.entry(&*service.name).or_insert(service);
        }
    }
    by_name.into_values().collect()
}

/// The first alone, also where there is one of each family. The kubelet asks for no type.
fn cluster_ip(service: &Service) -> Option<IpAddr> {
    match &service.spec {
        ServiceSpec::Cluster { ips, .. } | ServiceSpec::External { ips, .. } => ips.first().copied(),
        ServiceSpec::Headless => None,
    }
}

/// All of one Service. One without ports has none: the API server takes no such Service.
fn variables(service: &Service) -> Vec<Variable> {
    let ports: Vec<(&Port, u16)> = service.ports.iter().filter_map(|port| Some((port, port.number?))).collect();
    let (Some(ip), Some((_, first))) = (cluster_ip(service), ports.first()) else { return Vec::new() };
    let prefix = variable_name(&service.name);
    let mut pairs =
        vec![(format!("{prefix}_SERVICE_HOST"), ip.to_string()), (format!("{prefix}_SERVICE_PORT"), first.to_string())];
    for (port, number) in ports.iter().filter(|(port, _)| !port.name.is_empty()) {
        pairs.push((format!("{prefix}_SERVICE_PORT_{}", variable_name(&port.name)), number.to_string()));
    }
    for (index, (port, number)) in ports.iter().enumerate() {
        let link = Link::new(ip, port, *number);
        if index == 0 {
            pairs.push((format!("{prefix}_PORT"), link.url()));
        }
        pairs.extend(link.pairs(&prefix));
    }
    let variable = |(name, value)| Variable { name, value, service: service.name.clone() };
    pairs.into_iter().map(variable).collect()
}

/// Where a port is reached, as Docker's links said it.
struct Link {
    address: SocketAddr,
    protocol: String,
}

impl Link {
    fn new(ip: IpAddr, port: &Port, number: u16) -> Self {
        Self { address: SocketAddr::new(ip, number), protocol: port.protocol.to_ascii_lowercase() }
    }

    fn url(&self) -> String {
        format!("{}://{}", self.protocol, self.address)
    }

    fn pairs(&self, prefix: &str) -> [(String, String); 4] {
        let front = format!("{prefix}_PORT_{}_{}", self.address.port(), self.protocol.to_ascii_uppercase());
        [
            (front.clone(), self.url()),
            (format!("{front}_PROTO"), self.protocol.clone()),
            (format!("{front}_PORT"), self.address.port().to_string()),
            (format!("{front}_ADDR"), self.address.ip().to_string()),
        ]
    }
}

/// A name may begin with a digit, and then the variable does too.
fn variable_name(name: &str) -> String {
    name.replace('-', "_").to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Service of namespace `shop`: its address, or `None`, and `name/protocol/number` for each port.
    fn service(name: &str, ip: &str, ports: &[&str]) -> Object {
        let spec = match ip {
            "None" => ServiceSpec::Headless,
            ips => ServiceSpec::Cluster {
                ips: ips.split_whitespace().map(|ip| ip.parse().unwrap()).collect(),
                chosen: false,
            },
        };
        let port = |text: &&str| {
            let [name, protocol, number] = text.split('/').collect::<Vec<_>>().try_into().unwrap();
            Port { name: name.into(), protocol: protocol.into(), number: Some(number.parse().unwrap()) }
        };
        Object::Service(Service {
            namespace: "shop".into(),
            name: name.into(),
            spec,
            ports: ports.iter().map(port).collect(),
            selector: Box::default(),
            labels: Box::default(),
        })
    }

    fn in_namespace(namespace: &str, mut object: Object) -> Object {
        if let Object::Service(service) = &mut object {
            service.namespace = namespace.into();
        }
        object
    }

    /// What containers of `shop` are given, `NAME=value` for each.
    fn shop(objects: &[Object]) -> Vec<String> {
        let environment = Environment::of_namespace(objects, "shop");
        environment.variables.iter().map(|variable| format!("{}={}", variable.name, variable.value)).collect()
    }

    #[test]
    fn an_unnamed_port_has_an_address_a_number_and_a_link() {
        assert_eq!(
            shop(&[service("foo-bar", "1.2.3.4", &["/TCP/8080"])]),
            [
                "FOO_BAR_SERVICE_HOST=1.2.3.4",
                "FOO_BAR_SERVICE_PORT=8080",
                "FOO_BAR_PORT=tcp://1.2.3.4:8080",
                "FOO_BAR_PORT_8080_TCP=tcp://1.2.3.4:8080",
                "FOO_BAR_PORT_8080_TCP_PROTO=tcp",
                "FOO_BAR_PORT_8080_TCP_PORT=8080",
                "FOO_BAR_PORT_8080_TCP_ADDR=1.2.3.4",
            ]
        );
    }

    /// The first port stands for the Service, whatever its protocol.
    #[test]
    fn named_ports_of_one_number_differ_by_name_and_by_protocol() {
        assert_eq!(
            shop(&[service("abc-123", "5.6.7.8", &["u-d-p/UDP/8081", "t-c-p/TCP/8081"])]),
            [
                "ABC_123_SERVICE_HOST=5.6.7.8",
                "ABC_123_SERVICE_PORT=8081",
                "ABC_123_SERVICE_PORT_U_D_P=8081",
                "ABC_123_SERVICE_PORT_T_C_P=8081",
                "ABC_123_PORT=udp://5.6.7.8:8081",
                "ABC_123_PORT_8081_UDP=udp://5.6.7.8:8081",
                "ABC_123_PORT_8081_UDP_PROTO=udp",
                "ABC_123_PORT_8081_UDP_PORT=8081",
                "ABC_123_PORT_8081_UDP_ADDR=5.6.7.8",
                "ABC_123_PORT_8081_TCP=tcp://5.6.7.8:8081",
                "ABC_123_PORT_8081_TCP_PROTO=tcp",
                "ABC_123_PORT_8081_TCP_PORT=8081",
                "ABC_123_PORT_8081_TCP_ADDR=5.6.7.8",
            ]
        );
    }

    #[test]
    fn a_port_may_be_named_by_a_number_and_follow_one_without_a_name() {
        let given = shop(&[service("q-u-u-x", "9.8.7.6", &["/TCP/8082", "8083/TCP/8083"])]);
        assert_eq!(
            given[1..4],
            ["Q_U_U_X_SERVICE_PORT=8082", "Q_U_U_X_SERVICE_PORT_8083=8083", "Q_U_U_X_PORT=tcp://9.8.7.6:8082",]
        );
        assert_eq!(given.len(), 12);
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets_before_a_port_and_only_there() {
        let given = shop(&[service("super-ipv6", "2001:db8::", &["u-d-p/UDP/8084"])]);
        assert_eq!(given[0], "SUPER_IPV6_SERVICE_HOST=2001:db8::");
        assert_eq!(given[3], "SUPER_IPV6_PORT=udp://[2001:db8::]:8084");
        assert_eq!(given[4], "SUPER_IPV6_PORT_8084_UDP=udp://[2001:db8::]:8084");
        assert_eq!(given[7], "SUPER_IPV6_PORT_8084_UDP_ADDR=2001:db8::");
    }

    #[test]
    fn sctp_is_a_protocol_like_the_others() {
        let given = shop(&[service("sctp-1", "1.2.3.4", &["/SCTP/777"])]);
        assert_eq!(
            given[2..5],
            [
                "SCTP_1_PORT=sctp://1.2.3.4:777",
                "SCTP_1_PORT_777_SCTP=sctp://1.2.3.4:777",
                "SCTP_1_PORT_777_SCTP_PROTO=sctp",
            ]
        );
    }

    #[test]
    fn a_service_without_a_cluster_ip_gives_nothing() {
        assert_eq!(shop(&[service("none", "None", &["/TCP/1"]), service("empty", "", &["/TCP/1"])]), [""; 0]);
        assert_eq!(shop(&[service("portless", "1.2.3.4", &[])]), [""; 0]);
    }

    #[test]
    fn of_two_addresses_the_first_counts() {
        let given = shop(&[service("web", "fd00::1 10.0.0.1", &["/TCP/80"])]);
        assert!(given.contains(&"WEB_SERVICE_HOST=fd00::1".into()));
        assert!(!given.iter().any(|variable| variable.contains("10.0.0.1")));
    }

    #[test]
    fn everybody_has_the_kubernetes_service_and_no_other_of_default() {
        let default = |name, ip| in_namespace("default", service(name, ip, &["https/TCP/443"]));
        let objects = [default("kubernetes", "10.0.0.1"), default("web", "10.0.0.2")];
        let given = shop(&objects);
        assert_eq!(given[0], "KUBERNETES_SERVICE_HOST=10.0.0.1");
        assert_eq!(given.len(), 8);
        assert_eq!(Environment::of_namespace(&objects, "default").variables.len(), 16);
    }

    #[test]
    fn a_kubernetes_service_of_the_namespace_wins_where_it_has_an_address() {
        let everybodys = in_namespace("default", service("kubernetes", "10.0.0.1", &["/TCP/443"]));
        for (own, host) in [("10.9.9.9", "10.9.9.9"), ("None", "10.0.0.1")] {
            let own = service("kubernetes", own, &["/TCP/443"]);
            for objects in [[everybodys.clone(), own.clone()], [own, everybodys.clone()]] {
                assert_eq!(shop(&objects)[0], format!("KUBERNETES_SERVICE_HOST={host}"));
            }
        }
    }

    #[test]
    fn a_name_that_two_services_give_is_the_first_ones_and_the_other_is_told() {
        let objects = [service("web-service", "10.0.0.2", &["/TCP/90"]), service("web", "10.0.0.1", &["/TCP/80"])];
        let environment = Environment::of_namespace(&objects, "shop");
        assert_eq!(environment.variables.len(), 13);
        let variable = |value: &str, service: &str| Variable {
            name: "WEB_SERVICE_PORT".into(),
            value: value.into(),
            service: service.into(),
        };
        let (kept, lost) = (variable("80", "web"), variable("tcp://10.0.0.2:90", "web-service"));
        assert!(environment.variables.contains(&kept));
        assert_eq!(environment.contested, [Contested { kept, lost }]);
    }
}
