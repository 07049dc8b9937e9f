//! Endpoints of the Pods that a Service selects, as the endpoints controller would list them.

use super::{Backings, ContainerPort, PodBacking, Selecting, TargetPort};
use crate::objects::{
    Address, Endpoint, Endpoints, Key, Kind, Labels, Names, Needs, Object, Origin, Port, Service, ServiceSpec, Subset,
};
use std::collections::BTreeMap;

/// Lists the endpoints of every Service that has a selector.
pub(crate) fn derive(objects: &[Object], backings: &Backings, needs: Needs) -> Vec<Endpoints> {
    let services = objects.iter().filter_map(|object| match object {
        Object::Service(service) => Some((service, backings.services.get(&object.key())?)),
        _ => None,
    });
    services
        .filter(|(service, _)| !matches!(service.spec, ServiceSpec::External { .. }))
        .map(|(service, selecting)| endpoints_of(service, selecting, &backings.pods, needs))
        .collect()
}

fn endpoints_of(service: &Service, selecting: &Selecting, pods: &BTreeMap<Key, PodBacking>, needs: Needs) -> Endpoints {
    let mut subsets: BTreeMap<Vec<ResolvedPort>, (Vec<Endpoint>, u32)> = BTreeMap::new();
    for (key, pod) in pods_of(&service.namespace, pods) {
        if pod.ips.is_empty() || !selects(&service.selector, &pod.labels) {
            continue;
        }
        let (ready, not_ready) = subsets.entry(resolve_ports(service, selecting, pod)).or_default();
        if pod.ready || selecting.publish_not_ready {
            ready.push(endpoint(service, key, pod, needs));
        } else {
            *not_ready += 1;
        }
    }
    let subsets = subsets.into_iter().map(|(ports, (ready, not_ready))| Subset {
        ready: ready.into(),
        not_ready,
        ports: ports
            .into_iter()
            .map(|(at, number)| Port { number: Some(number), ..service.ports[at].clone() })
            .collect(),
    });
    Endpoints {
        origin: Origin::Pods,
        namespace: service.namespace.clone(),
        name: service.name.clone(),
        service: Some(service.name.clone()),
        subsets: subsets.collect(),
        labels: service.labels.clone(),
    }
}

/// A port of the Service by its place in the list, and the number it has on a Pod.
type ResolvedPort = (usize, u16);

fn pods_of<'p>(
    namespace: &str,
    pods: &'p BTreeMap<Key, PodBacking>,
) -> impl Iterator<Item = (&'p Key, &'p PodBacking)> {
    let first = Key { kind: Kind::Pod, namespace: namespace.into(), name: Box::default() };
    let namespace = first.namespace.clone();
    pods.range(first..).take_while(move |(key, _)| key.namespace == namespace)
}

fn selects(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|wanted| labels.binary_search(wanted).is_ok())
}

/// The ports that this Pod has; a named port that it lacks is left out.
fn resolve_ports(service: &Service, selecting: &Selecting, pod: &PodBacking) -> Vec<ResolvedPort> {
    let ports = service.ports.iter().zip(&selecting.targets).enumerate();
    ports.filter_map(|(at, (port, target))| Some((at, resolve_port(port, target, &pod.ports)?))).collect()
}

fn resolve_port(port: &Port, target: &TargetPort, container_ports: &[ContainerPort]) -> Option<u16> {
    match target {
        TargetPort::Same => port.number,
        TargetPort::Number(number) => Some(*number),
        TargetPort::Name(name) => {
            let of_name = |p: &&ContainerPort| p.name == *name && p.protocol == port.protocol;
            container_ports.iter().find(of_name).map(|p| p.number)
        }
    }
}

/// A hostname counts only below the Service that the Pod names as its subdomain.
fn endpoint(service: &Service, key: &Key, pod: &PodBacking, needs: Needs) -> Endpoint {
    let has_hostname = !pod.hostname.is_empty() && pod.subdomain == service.name;
    let names = Names {
        hostname: has_hostname.then(|| pod.hostname.clone()),
        pod: (needs.pod_names && key.name.len() < 64).then(|| key.name.clone()),
        zone: None,
    };
    Endpoint::new(pod.ips.iter().copied().map(Address::Ip), names)
}
