//! The cluster that everything is measured in: filled once through the API, kept as etcd's data.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::Request;
use kube::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    cluster::{ENDPOINT_PORT, Endpoint, PORT_NAME, SERVICE_PORT, Service},
    control_plane::{ADMIN, ControlPlane},
    objects::Cluster,
    size::Size,
};

/// A request to create an object.
struct Creation {
    path: String,
    object: Value,
}

/// On their way at a time: enough to keep two cores busy with API server and etcd.
const PARALLEL: usize = 48;
const PROGRESS: Duration = Duration::from_secs(5);

/// A copy of etcd's data with this cluster, in a folder of its own. Fills it first, if nobody has.
pub(crate) fn filled(size: Size, kept: &Path) -> TempDir {
    let data = kept.join(format!("{size}"));
    if !data.exists() {
        fs::create_dir_all(kept).expect("a folder");
        fill(size, &data);
    }
    let copy = tempfile::tempdir().expect("a folder");
    copy_folder(&data, &copy.path().join("etcd")).expect("a copy of etcd's data");
    copy
}

/// Only what is finished gets its name.
fn fill(size: Size, data: &Path) {
    let unfinished = data.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).expect("no remains of an earlier try");
    }
    let plane = ControlPlane::start_on(&unfinished);
    let cluster = Cluster::new(&plane.kubeconfig(ADMIN));
    cluster.await_api();
    cluster.await_service_ranges();
    let all = size.cluster();
    create(&cluster, "namespaces", all.namespaces().map(|name| namespace(&name)).collect());
    create(&cluster, "services", all.services().map(|it| service(&it)).collect());
    create(&cluster, "slices", all.services().map(|it| slice(&it)).collect());
    drop(plane);
    fs::rename(&unfinished, data).expect("a name for the data");
}

fn create(cluster: &Cluster, what: &str, creations: Vec<Creation>) {
    let (started, count) = (Instant::now(), creations.len());
    let done = Arc::new(AtomicUsize::new(0));
    let told = |done| eprintln!("  {what}: {done} of {count} after {:.0} s", started.elapsed().as_secs_f64());
    cluster.run(async {
        let free = Arc::new(Semaphore::new(PARALLEL));
        let mut tasks = JoinSet::new();
        for creation in creations {
            let (free, done, client) = (free.clone(), done.clone(), cluster.client());
            tasks.spawn(async move {
                let _turn = free.acquire().await.expect("a semaphore that stays open");
                creation.send(client).await;
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        let mut progress = tokio::time::interval(PROGRESS);
        loop {
            tokio::select! {
                _ = progress.tick() => told(done.load(Ordering::Relaxed)),
                ended = tasks.join_next() => match ended {
                    Some(ended) => ended.expect("an object that is created"),
                    None => break,
                },
            }
        }
    });
    told(count);
}

impl Creation {
    async fn send(self, client: Client) {
        let request = Request::post(&self.path).header("content-type", "application/json");
        let request = request.body(self.object.to_string().into_bytes()).expect("a request");
        let created = client.request_text(request).await;
        created.unwrap_or_else(|error| panic!("POST {} {}: {error}", self.path, self.object["metadata"]["name"]));
    }
}

fn namespace(name: &str) -> Creation {
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    Creation { path: "/api/v1/namespaces".to_owned(), object }
}

/// Without a selector: nobody else makes slices of it.
fn service(service: &Service) -> Creation {
    let Service { name, namespace, cluster_ip, .. } = service;
    let cluster_ip = cluster_ip.map_or("None".to_owned(), |ip| ip.to_string());
    let object = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/name": name}},
        "spec": {"clusterIP": cluster_ip, "ports": [
            {"name": PORT_NAME, "port": SERVICE_PORT, "protocol": "TCP", "targetPort": ENDPOINT_PORT}]}});
    Creation { path: format!("/api/v1/namespaces/{namespace}/services"), object }
}

/// As the control plane writes them, but managed by somebody else, so that it leaves them alone.
fn slice(service: &Service) -> Creation {
    let Service { name, namespace, endpoints, .. } = service;
    let endpoints: Vec<_> = endpoints.iter().enumerate().map(|(index, it)| endpoint(index, it, namespace)).collect();
    let object = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": slice_name(name), "generateName": format!("{name}-"), "labels": {
            "app.kubernetes.io/name": name, "kubernetes.io/service-name": name,
            "endpointslice.kubernetes.io/managed-by": "benches.clusterdns"}},
        "endpoints": endpoints, "ports": [{"name": PORT_NAME, "port": ENDPOINT_PORT, "protocol": "TCP"}]});
    Creation { path: slices(namespace), object }
}

fn endpoint(index: usize, endpoint: &Endpoint, namespace: &str) -> Value {
    let Endpoint { address, pod, hostname } = endpoint;
    let bits = address.to_bits();
    let mut value = json!({
        "addresses": [address],
        "conditions": {"ready": true, "serving": true, "terminating": false},
        "nodeName": format!("node-{}", index % 100),
        "targetRef": {"kind": "Pod", "name": pod, "namespace": namespace,
            "uid": format!("{bits:08x}-0000-4000-8000-0000{bits:08x}")},
        "zone": format!("zone-{}", index % 3)
    });
    if let Some(hostname) = hostname {
        value["hostname"] = json!(hostname);
    }
    value
}

/// The one slice of a Service.
pub(crate) fn slice_name(service: &str) -> String {
    format!("{service}-x7k2p")
}

/// The path of the slices of a namespace.
pub(crate) fn slices(namespace: &str) -> String {
    format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices")
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let from: PathBuf = entry?.path();
        let to = to.join(from.file_name().unwrap_or_default());
        match from.is_dir() {
            true => copy_folder(&from, &to)?,
            false => drop(fs::copy(&from, &to)?),
        }
    }
    Ok(())
}
