//! The seam to the server: how a run's facts become a running instance, and how it is asked.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use clusterdns::{
    objects::{Change, Key, Kind, Known, Needs, Object, Picture, decode},
    records::{
        name::Name,
        selector::Selector,
        store::Store,
        view::{Pods, View, ViewOptions},
        zone::Zone,
    },
    respond::{
        Asked, Memory, REPLY_OCTETS_MAX, Responder, Transport as Over,
        general::Handler,
        plan::{Listener, Plan, Route, Server as PlanServer, Transfer},
    },
    search::finish::Completion,
};

use super::{
    case::{Run, Transport},
    corefile::{Kubernetes, Pods as PodMode, ServerBlock},
};

/// One instance, configured as the run's Corefile says.
pub(crate) struct Server {
    store: Mutex<Store>,
    responder: Arc<Responder>,
}

/// Any time after the first second of 1970: serials are not compared.
const NOW: u32 = 1;

impl Server {
    /// Starts an instance for `run` with these objects (a `kind: List`), which it has only seen if the run is synced.
    pub(crate) fn start(run: &Run, objects: &str, local_addresses: &[IpAddr]) -> Self {
        let servers: Vec<_> = run.blocks.iter().map(|block| server(block, local_addresses)).collect();
        let views = servers.iter().filter_map(|server| server.view.clone()).collect();
        let server = Self {
            store: Mutex::new(Store::new(views)),
            responder: Arc::new(Responder::new(plan(&run.blocks, servers))),
        };
        if run.synced {
            let list: serde_json::Value = serde_json::from_str(objects).expect("a list of objects");
            let items = list["items"].as_array().expect("items");
            let objects = items.iter().filter_map(|item| object(&item.to_string())).collect();
            server.apply(Change::Reset(Picture { objects, known: Known::ALL, ..Picture::default() }));
        }
        server
    }

    /// An object appears, or takes the place of its former self.
    pub(crate) fn put(&self, object_json: &str) {
        self.apply(Change::Apply(object(object_json).expect("an object of a kind that is served")));
    }

    /// An object goes away.
    pub(crate) fn delete(&self, kind: &str, namespace: Option<&str>, name: &str) {
        let kind = match kind {
            "Namespace" => Kind::Namespace,
            "Service" => Kind::Service,
            "EndpointSlice" => Kind::EndpointSlice,
            "Pod" => Kind::Pod,
            other => panic!("no case deletes a {other}"),
        };
        self.apply(Change::Delete(Key { kind, namespace: namespace.unwrap_or_default().into(), name: name.into() }));
    }

    /// The messages that answer a packet, without the length that precedes them over TCP; none if there is no reply.
    pub(crate) fn ask(&self, packet: &[u8], client: IpAddr, transport: Transport) -> Vec<Vec<u8>> {
        let client = SocketAddr::new(client, 5353);
        match transport {
            Transport::Tcp => {
                let handler = Handler::new(self.responder.clone(), 0);
                handler.answer_stream(packet, client).messages().unwrap_or_default()
            }
            Transport::Udp => {
                let asked = Asked { client, transport: Over::Udp, listener: 0 };
                let mut reply = vec![0; REPLY_OCTETS_MAX];
                let outcome = self.responder.answer(packet, &asked, &mut Memory::default(), &mut reply);
                outcome.map(|outcome| reply[..outcome.reply_octets].to_vec()).into_iter().collect()
            }
        }
    }

    fn apply(&self, change: Change) {
        self.store.lock().expect("no test panicked").apply(change, NOW);
    }
}

/// Everything that any run's options ask for.
const NEEDS: Needs = Needs { labels: true, pod_names: true, zones: true, pods: true, selectors: false };

fn object(json: &str) -> Option<Object> {
    match decode::object(json, NEEDS).expect("a legal object") {
        decode::Decoded::Object(object) => Some(object),
        _ => None,
    }
}

fn plan(blocks: &[ServerBlock], servers: Vec<PlanServer>) -> Plan {
    let zones =
        blocks.iter().enumerate().flat_map(|(server, block)| block.zones.iter().map(move |zone| (server, zone)));
    let routes: Vec<_> = zones.map(|(server, zone)| Route { listener: 0, zone: zone.clone(), server }).collect();
    let mut zones: Vec<_> = routes
        .iter()
        .enumerate()
        .map(|(index, route)| (Zone::parse(&route.zone).expect("a zone").remove(0), index))
        .collect();
    zones.sort_by_key(|(zone, _)| std::cmp::Reverse(zone.labels));
    let any_class = blocks.iter().any(ServerBlock::forward);
    let listeners = vec![Listener { address: ([0, 0, 0, 0], 53).into(), any_class, zones }];
    let completion = blocks.iter().any(|block| block.uses("autopath")).then(Completion::default);
    Plan { servers, listeners, routes, completion, ..Plan::default() }
}

fn server(block: &ServerBlock, local_addresses: &[IpAddr]) -> PlanServer {
    let refused = 5;
    let server_failure = 2;
    PlanServer {
        view: block.kubernetes.as_ref().map(|facts| Arc::new(View::new(options(facts, local_addresses)))),
        transfer: block.transfer_to.as_ref().map(|_| Transfer { to: vec!["0.0.0.0/0".parse().expect("a CIDR")] }),
        rotate: block.uses("loadbalance"),
        unanswered: if block.plugins.is_empty() { refused } else { server_failure },
        ..Default::default()
    }
}

fn options(facts: &Kubernetes, local_addresses: &[IpAddr]) -> ViewOptions {
    let selector = |text: &Option<String>| text.as_ref().map(|text| Selector::parse(text).expect("a selector"));
    let all = ["."].map(str::to_owned).to_vec();
    let fallthrough = facts.fallthrough.as_ref().map(|zones| if zones.is_empty() { &all } else { zones });
    ViewOptions {
        ttl_limits: None,
        zones: facts.zones.iter().flat_map(|zone| Zone::parse(zone).expect("a zone")).collect(),
        ttl_secs: facts.ttl,
        pods: match facts.pods {
            PodMode::Disabled => Pods::Disabled,
            PodMode::Insecure => Pods::Insecure,
            PodMode::Verified => Pods::Verified,
        },
        endpoint_pod_names: false,
        namespaces: facts.namespaces.clone(),
        namespace_labels: selector(&facts.namespace_labels),
        labels: selector(&facts.labels),
        no_endpoints: facts.noendpoints,
        ignore_empty_service: facts.ignore_empty_service,
        zonal: facts.zonal,
        fallthrough: fallthrough.into_iter().flatten().map(|zone| Name::parse(zone).expect("a zone")).collect(),
        local_addresses: local_addresses.to_vec(),
    }
}
