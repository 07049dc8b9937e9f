//! Any sequence of changes and troubles: once it is quiet, all answers are those of a model, and a
//! Service that nothing happened to was answered all along.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::{api::*, running::*};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// A Service has this cluster IP from now on.
    Cluster(usize, u8),
    /// It is headless.
    Headless(usize),
    Delete(usize),
    /// The endpoints of one of two slices of a Service.
    Endpoints(usize, bool, BTreeSet<u8>),
    /// A Namespace without anything comes or goes.
    Namespace(u8),
    /// What happens to the streams of a resource.
    Stream(usize, Order),
    /// What the next request for a resource meets.
    Request(usize, Fault),
    /// The server forgets what was.
    Compact,
    Stop,
    Resume,
    /// Everything heals, and the answers are compared.
    Quiet,
}

/// What must be answered.
#[derive(Default)]
struct Model {
    /// By index; None is headless.
    services: BTreeMap<usize, Option<u8>>,
    slices: BTreeMap<(usize, bool), BTreeSet<u8>>,
    namespaces: BTreeSet<u8>,
}

const SERVICES: usize = 4;
const NAMESPACES: u8 = 2;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let order = prop_oneof![
        Just(Order::End),
        Just(Order::HalfLine),
        Just(Order::Reset),
        Just(Order::Bookmark),
        Just(Order::Error(410)),
        Just(Order::Error(500)),
        Just(Order::Line("garbage".into())),
        Just(Order::Line(String::new())),
        Just(Order::Octets(vec![0xff; 5])),
    ];
    let fault = prop_oneof![
        Just(Fault::status(410)),
        Just(Fault::status(429)),
        Just(Fault::status(500)),
        Just(Fault::body(503, "no")),
        Just(Fault::body(200, "{\"half")),
        Just(Fault::reset()),
    ];
    let step = prop_oneof![
        6 => (0..SERVICES, any::<u8>()).prop_map(|(service, ip)| Step::Cluster(service, ip)),
        3 => (0..SERVICES).prop_map(Step::Headless),
        3 => (0..SERVICES).prop_map(Step::Delete),
        6 => (0..SERVICES, any::<bool>(), prop::collection::btree_set(any::<u8>(), 0..3))
            .prop_map(|(service, slice, hosts)| Step::Endpoints(service, slice, hosts)),
        2 => (0..NAMESPACES).prop_map(Step::Namespace),
        4 => (0..WATCHED.len(), order).prop_map(|(resource, order)| Step::Stream(resource, order)),
        3 => (0..WATCHED.len(), fault).prop_map(|(resource, fault)| Step::Request(resource, fault)),
        2 => Just(Step::Compact),
        1 => Just(Step::Stop),
        1 => Just(Step::Resume),
        2 => Just(Step::Quiet),
    ];
    prop::collection::vec(step, 1..60)
}

fn habits() -> impl Strategy<Value = (StreamingLists, TooOld, Form, usize)> {
    let streaming_lists = prop_oneof![Just(StreamingLists::Served), Just(StreamingLists::Refused(422))];
    let too_old = prop_oneof![Just(TooOld::Event), Just(TooOld::Response)];
    (streaming_lists, too_old, prop_oneof![Just(Form::Protobuf), Just(Form::Json)], 1..4_usize)
}

proptest! {
    // A failure takes its patience, so little is tried to make it smaller.
    #![proptest_config(ProptestConfig {
        cases: 12, max_shrink_iters: 12, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn after_each_quiet_moment_all_answers_are_those_of_the_model(steps in steps(), habits in habits()) {
        let (streaming_lists, too_old, form, page) = habits;
        let api = shop();
        api.streaming_lists(streaming_lists);
        api.too_old(too_old);
        api.speaks(form);
        api.pages_of(page);
        let server = following(&api);
        let meanwhile = server.meanwhile("web.shop", "A");
        let mut model = Model::default();
        let mut is_up = true;
        for step in steps.into_iter().chain([Step::Quiet]) {
            match step {
                Step::Stop => api.stop(),
                Step::Resume | Step::Quiet if !is_up => api.resume(),
                _ => {}
            }
            is_up = match step {
                Step::Stop => false,
                Step::Resume | Step::Quiet => true,
                _ => is_up,
            };
            if matches!(step, Step::Quiet) {
                WATCHED.iter().for_each(|plural| api.heal(plural));
                model.compare(&server);
            } else {
                model.take(&api, step);
            }
        }
        prop_assert_eq!(meanwhile.heard(), ["10.0.0.1"]);
    }
}

impl Model {
    fn take(&mut self, api: &Api, step: Step) {
        match step {
            Step::Cluster(index, ip) => {
                api.apply(service(&format!("shop/service-{index}")).cluster_ip(&format!("10.4.0.{ip}")));
                self.services.insert(index, Some(ip));
            }
            Step::Headless(index) => {
                api.apply(service(&format!("shop/service-{index}")).headless());
                self.services.insert(index, None);
            }
            Step::Delete(index) => {
                if self.services.remove(&index).is_some() {
                    api.delete("services", &format!("shop/service-{index}"));
                }
            }
            Step::Endpoints(index, which, hosts) => {
                let path = format!("shop/service-{index}-{which}");
                if hosts.is_empty() && self.slices.remove(&(index, which)).is_some() {
                    api.delete("endpointslices", &path);
                }
                if !hosts.is_empty() {
                    api.apply(hosts.iter().fold(slice(&path), |slice, host| slice.ready(&format!("10.5.0.{host}"))));
                    self.slices.insert((index, which), hosts);
                }
            }
            Step::Namespace(number) => {
                if self.namespaces.remove(&number) {
                    api.delete("namespaces", &format!("empty-{number}"));
                } else {
                    api.apply(namespace(&format!("empty-{number}")));
                    self.namespaces.insert(number);
                }
            }
            Step::Stream(resource, order) => api.order(WATCHED[resource], order),
            Step::Request(resource, fault) => api.fail_next(WATCHED[resource], fault),
            Step::Compact => api.compact(),
            Step::Stop | Step::Resume | Step::Quiet => {}
        }
    }

    fn compare(&self, server: &Running) {
        for index in 0..SERVICES {
            server.answers(&format!("service-{index}.shop"), "A", &self.expected(index));
        }
        for number in 0..NAMESPACES {
            let expected = if self.namespaces.contains(&number) { "NODATA" } else { "NXDOMAIN" };
            server.answers(&format!("empty-{number}.svc.cluster.local."), "A", expected);
        }
        server.answers("db.shop", "A", "10.1.0.1");
        server.answers("no.shop", "A", "NXDOMAIN");
        server.is_well();
    }

    fn expected(&self, index: usize) -> String {
        let slices = || [true, false].into_iter().filter_map(|which| self.slices.get(&(index, which)));
        match self.services.get(&index) {
            Some(Some(ip)) => format!("10.4.0.{ip}"),
            Some(None) if slices().next().is_some() => {
                let addresses: BTreeSet<_> = slices().flatten().map(|host| format!("10.5.0.{host}")).collect();
                addresses.into_iter().collect::<Vec<_>>().join(" ")
            }
            _ => "NXDOMAIN".to_owned(),
        }
    }
}
