//! Changes of objects through the API, one at a time or in a stream.

use std::{
    net::Ipv4Addr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use axum::http::Request;
use futures_util::TryStreamExt;
use k8s_openapi::jiff::Timestamp;
use kube::{Client, core::WatchEvent};
use serde_json::{Value, json};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{self, MissedTickBehavior},
};

use crate::{
    filling::{slice_name, slices},
    objects::Cluster,
    random::Random,
};

/// Writes to the slices of a cluster.
pub(crate) struct Changes<'a> {
    api: &'a Cluster,
    /// `NAMESPACE`, `SERVICE`
    services: Vec<(String, String)>,
    next_address: AtomicU32,
}

/// What a stream changes.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    /// An endpoint of a random Service.
    Endpoints,
    /// Objects that no DNS server looks at: the control plane is as busy, and the server hears nothing.
    Others,
}

/// What a stream of changes came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streamed {
    pub(crate) changes: u64,
    pub(crate) a_second: f64,
}

/// Changes that are on their way at a time, so that a slow API server is not buried.
const PARALLEL: usize = 32;
/// The endpoint that a stream changes; the other one belongs to whoever measures a single change.
const STREAMED: usize = 0;
pub(crate) const MEASURED: usize = 1;
/// How many objects there are that nobody looks at.
const OTHERS: u32 = 100;
/// Addresses that no endpoint has had.
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 1);

impl<'a> Changes<'a> {
    pub(crate) fn new(api: &'a Cluster, services: Vec<(String, String)>) -> Self {
        Self { api, services, next_address: AtomicU32::new(FIRST_ADDRESS.to_bits()) }
    }

    /// An address that nothing has yet.
    pub(crate) fn new_address(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.next_address.fetch_add(1, Ordering::Relaxed))
    }

    /// Gives one endpoint of a Service this address. Returns when the API server has acknowledged it.
    pub(crate) fn write(&self, namespace: &str, service: &str, endpoint: usize, address: Ipv4Addr) {
        self.api.run(write(self.api.client(), request(namespace, service, endpoint, address)));
    }

    /// Watches the slice of a Service alone. Says when the watch stands, and returns when an event has the address.
    pub(crate) fn await_event(
        &self,
        namespace: &str,
        service: &str,
        address: Ipv4Addr,
        watches: &mpsc::Sender<()>,
    ) -> Instant {
        let path = format!("{}?watch=1&fieldSelector=metadata.name%3D{}", slices(namespace), slice_name(service));
        let request = Request::get(path).body(Vec::new()).expect("a request");
        let address = json!(address).to_string();
        self.api.run(async {
            let events = self.api.client().request_events::<Value>(request).await.expect("a watch");
            let mut events = pin!(events);
            loop {
                let event = events.try_next().await.expect("an event").expect("a watch that goes on");
                let now = Instant::now();
                if let WatchEvent::Modified(slice) = event
                    && slice.to_string().contains(&address)
                {
                    return now;
                }
                // Nobody listens any more from the second time on.
                let _ = watches.send(());
            }
        })
    }

    /// Changes objects at this rate while `work` lasts.
    pub(crate) fn during<T>(&self, of: Of, rate: u32, work: impl FnOnce() -> T) -> (T, Streamed) {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let stream = scope.spawn(|| self.api.run(self.stream(of, rate, &stop)));
            let seen = work();
            stop.store(true, Ordering::SeqCst);
            (seen, stream.join().expect("a stream of changes"))
        })
    }

    async fn stream(&self, of: Of, rate: u32, stop: &AtomicBool) -> Streamed {
        let (started, acknowledged) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let free = Arc::new(Semaphore::new(PARALLEL));
        let mut random = Random::seeded(u64::from(self.next_address.load(Ordering::Relaxed)));
        let mut beat = time::interval(Duration::from_secs(1) / rate);
        beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut tasks = JoinSet::new();
        while !stop.load(Ordering::SeqCst) {
            beat.tick().await;
            let turn = free.clone().acquire_owned().await.expect("a semaphore that stays open");
            let request = self.next(of, &mut random);
            let (client, acknowledged) = (self.api.client(), acknowledged.clone());
            tasks.spawn(async move {
                write(client, request).await;
                acknowledged.fetch_add(1, Ordering::Relaxed);
                drop(turn);
            });
            while let Some(ended) = tasks.try_join_next() {
                ended.expect("a change");
            }
        }
        let elapsed = started.elapsed();
        tasks.join_all().await;
        let changes = acknowledged.load(Ordering::Relaxed);
        Streamed { changes, a_second: changes as f64 / elapsed.as_secs_f64() }
    }

    fn next(&self, of: Of, random: &mut Random) -> Request<Vec<u8>> {
        let address = self.new_address();
        match of {
            Of::Endpoints => {
                let (namespace, service) = &self.services[random.below(self.services.len())];
                request(namespace, service, STREAMED, address)
            }
            Of::Others => request_of_other(address),
        }
    }
}

/// A JSON patch, with the annotation of a controller that has seen a change of a Pod.
fn request(namespace: &str, service: &str, endpoint: usize, address: Ipv4Addr) -> Request<Vec<u8>> {
    let annotations = json!({"endpoints.kubernetes.io/last-change-trigger-time": Timestamp::now().to_string()});
    let patch = json!([
        {"op": "replace", "path": format!("/endpoints/{endpoint}/addresses/0"), "value": address},
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
    ]);
    let path = format!("{}/{}", slices(namespace), slice_name(service));
    let request = Request::patch(path).header("content-type", "application/json-patch+json");
    request.body(patch.to_string().into_bytes()).expect("a request")
}

/// Makes one where there is none. Those that are on their way at a time are not the same.
fn request_of_other(address: Ipv4Addr) -> Request<Vec<u8>> {
    let name = format!("other-{}", address.to_bits() % OTHERS);
    let path = format!("/api/v1/namespaces/default/configmaps/{name}?fieldManager=benches&force=true");
    let object =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"address": address}});
    let request = Request::patch(path).header("content-type", "application/apply-patch+yaml");
    request.body(object.to_string().into_bytes()).expect("a request")
}

async fn write(client: Client, request: Request<Vec<u8>>) {
    let path = request.uri().to_string();
    client.request_text(request).await.unwrap_or_else(|error| panic!("PATCH {path}: {error}"));
}
