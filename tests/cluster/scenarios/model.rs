//! Random changes, and after each few of them: what is served is what the API lists.

use std::{
    collections::BTreeSet,
    env,
    time::{SystemTime, UNIX_EPOCH},
};

use k8s_openapi::api::{
    core::v1::{Namespace, Service},
    discovery::v1::EndpointSlice,
};
use serde_json::{Value, json};

use crate::{
    World,
    clusterdns::Clusterdns,
    control_plane::READER,
    objects::{Cluster, endpoint, http, selector, service, slice},
    prober::Prober,
    process::await_that,
    zone,
};

/// Steps if `CLUSTER_STEPS` does not say otherwise: half a minute.
const STEPS: u64 = 200;

/// Steps between two comparisons: enough for changes to overtake each other.
const BURST: u64 = 20;

/// Few names, so that they are used again and again.
const NAMESPACES: u64 = 3;
const SERVICES: u64 = 8;
const SLICES: u64 = 24;

pub(crate) fn served_is_what_the_api_lists(world: &World) -> String {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")));
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs());
    let (steps, seed) = (number("CLUSTER_STEPS").unwrap_or(STEPS), number("CLUSTER_SEED").unwrap_or_else(clock));
    println!("   model: {steps} steps, CLUSTER_SEED={seed}");
    let config = |state: &str| {
        let state = world.plane.folder().join(state);
        format!(
            "[kubernetes]\nstate = \"{}\"\nstate_interval_secs = 1\n[[server]]\n[server.transfer]\nto = [\"127.0.0.1\"]\n",
            state.display()
        )
    };
    let access = world.plane.access(READER);
    let steady = Clusterdns::ready(&access, &config("model-steady"));
    let mut restarted = Clusterdns::ready(&access, &config("model-restarted"));
    let prober = Prober::start(steady.address(), world.probes());
    let mut model = Model::new(world, seed);
    for step in 1..=steps {
        model.step();
        if step % BURST == 0 || step == steps {
            // A restart of some kind in every other burst: they take the longest.
            match model.random.below(6) {
                0 => model.restart_api(),
                1 => restarted.restart(),
                2 => {
                    world.plane.kill_api();
                    restarted.kill();
                    restarted.launch_again();
                    world.plane.start_api();
                    world.cluster.await_api();
                }
                _ => {}
            }
            for server in [&steady, &restarted] {
                zone::eventually_listed(world, server, &format!("after step {step}"));
            }
        }
    }
    prober.finish()
}

/// What exists in the namespaces of this scenario, by what was done.
struct Model<'a> {
    world: &'a World,
    random: Random,
    namespaces: BTreeSet<String>,
    services: BTreeSet<String>,
    slices: BTreeSet<String>,
}

impl<'a> Model<'a> {
    fn new(world: &'a World, seed: u64) -> Self {
        let empty = BTreeSet::new;
        Self { world, random: Random(seed), namespaces: empty(), services: empty(), slices: empty() }
    }

    fn cluster(&self) -> &'a Cluster {
        &self.world.cluster
    }

    /// One change of one object.
    fn step(&mut self) {
        let namespace = format!("model-{}", self.random.below(NAMESPACES));
        if self.namespaces.insert(namespace.clone()) {
            self.cluster().namespace(&namespace);
        }
        match self.random.below(40) {
            0 => self.delete_namespace(&namespace),
            1..18 => {
                let path = format!("{namespace}/s{}", self.random.below(SERVICES));
                self.change_service(path);
            }
            _ => {
                let path = format!("{namespace}/e{}", self.random.below(SLICES));
                self.change_slice(path);
            }
        }
    }

    fn change_service(&mut self, path: String) {
        if self.services.insert(path.clone()) {
            let spec = self.random.spec();
            self.cluster().create(&service(&path, spec));
        } else if self.random.below(2) == 0 {
            let port = 1_000 + self.random.below(3);
            let ports = json!([{"name": format!("p{port}"), "port": port, "protocol": "TCP"}]);
            self.cluster().patch::<Service>(&path, &json!({"spec": {"ports": ports}}));
        } else {
            self.cluster().delete::<Service>(&path);
            // Another of this name, of another kind perhaps: nobody may mix them up.
            if self.random.below(3) == 0 {
                let spec = self.random.spec();
                self.cluster().create(&service(&path, spec));
            } else {
                self.services.remove(&path);
            }
        }
    }

    fn change_slice(&mut self, path: String) {
        let owner = format!("s{}", self.random.below(SERVICES));
        let endpoints = self.random.endpoints();
        if self.slices.insert(path.clone()) {
            self.cluster().create(&slice(&path, &owner, endpoints));
        } else if self.random.below(3) > 0 {
            let owner = json!({"labels": {"kubernetes.io/service-name": owner}});
            self.cluster().patch::<EndpointSlice>(&path, &json!({"metadata": owner, "endpoints": endpoints}));
        } else {
            self.cluster().delete::<EndpointSlice>(&path);
            self.slices.remove(&path);
        }
    }

    /// With all that is in it; the name is free again when the controller has cleared it.
    fn delete_namespace(&mut self, name: &str) {
        self.cluster().delete::<Namespace>(name);
        let inside = |path: &String| path.starts_with(&format!("{name}/"));
        self.services.retain(|path| !inside(path));
        self.slices.retain(|path| !inside(path));
        self.namespaces.remove(name);
        await_that(&format!("{name} is gone"), || match self.cluster().list::<Namespace>() {
            left if left.iter().all(|namespace| namespace["metadata"]["name"] != name) => Ok(()),
            left => Err(format!("{} namespaces", left.len())),
        });
    }

    fn restart_api(&self) {
        self.world.plane.kill_api();
        self.world.plane.start_api();
        self.cluster().await_api();
    }
}

/// `SplitMix64`: a seed gives the same steps everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn spec(&mut self) -> Value {
        match self.below(5) {
            0 => selector("nothing"),
            1 | 2 => http(json!({"clusterIP": "None"})),
            3 => http(json!({"ipFamilyPolicy": "RequireDualStack"})),
            _ => {
                let target = format!("s{}.model-{}.svc.cluster.local", self.below(SERVICES), self.below(NAMESPACES));
                http(json!({"type": "ExternalName", "externalName": target}))
            }
        }
    }

    /// Up to four, of which some are not ready, have a hostname, or share one.
    fn endpoints(&mut self) -> Vec<Value> {
        let count = self.below(5);
        let one = |random: &mut Self| {
            let address = format!("10.20.0.{}", 1 + random.below(40));
            let hostname = format!("h{}", random.below(6));
            let mut made = endpoint(&address, (random.below(2) == 0).then_some(hostname.as_str()));
            made["conditions"]["ready"] = (random.below(5) > 0).into();
            made
        };
        (0..count).map(|_| one(self)).collect()
    }
}
