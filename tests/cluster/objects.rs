//! Objects in short, and what is done with them through the API, typed and by kube.

use k8s_openapi::api::{
    core::v1::{Endpoints, Namespace, Node, Pod, Service},
    discovery::v1::EndpointSlice,
    networking::v1::ServiceCIDR,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{
    future::Future,
    path::Path,
    sync::{Mutex, PoisonError},
};
use tokio::runtime::Runtime;

use crate::process::await_that;

/// A kind of object that the types of k8s-openapi know.
pub(crate) trait Kind: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Send + 'static {}

impl<K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Send + 'static> Kind for K {}

/// The cluster as its administrator sees it.
pub(crate) struct Cluster {
    runtime: Runtime,
    client: Mutex<Client>,
    kubeconfig: Kubeconfig,
}

impl Cluster {
    pub(crate) fn new(kubeconfig: &Path) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
        let client = Mutex::new(runtime.block_on(connect(&kubeconfig)));
        Self { runtime, client, kubeconfig }
    }

    /// Waits until the API answers, with new connections.
    pub(crate) fn await_api(&self) {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = self.run(connect(&self.kubeconfig));
        await_that("the API server is ready", || {
            let request = axum::http::Request::get("/readyz").body(Vec::new()).expect("a request");
            self.run(self.client().request_text(request)).map_err(|error| format!("{error:?}"))
        });
    }

    /// Waits until Services can have addresses.
    pub(crate) fn await_service_ranges(&self) {
        await_that("a range of cluster IPs", || match self.list::<ServiceCIDR>() {
            ranges if ranges.iter().any(|range| range["status"]["conditions"][0]["status"] == "True") => Ok(()),
            ranges => Err(format!("{ranges:?}")),
        });
    }

    pub(crate) fn client(&self) -> Client {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn run<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    fn api<K: Kind>(&self, namespace: Option<&str>) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<K>(&());
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client(), namespace, &resource),
            None => Api::all_with(self.client(), &resource),
        }
    }

    // ----------- Verbs ---------------------------------------------------

    /// Creates an object. Returns it as the API server completed it.
    pub(crate) fn create<K: Kind>(&self, object: &K) -> K {
        self.run(self.creating(object))
    }

    /// Creates many at once.
    pub(crate) fn create_all<K: Kind>(&self, objects: &[K]) {
        self.at_once(objects.iter().map(|object| self.creating(object)));
    }

    fn creating<K: Kind>(&self, object: &K) -> impl Future<Output = K> + Send + use<K> {
        let api = self.api::<K>(object.meta().namespace.as_deref());
        let object: DynamicObject = convert(object);
        async move {
            let created = api.create(&PostParams::default(), &object).await;
            convert(&created.unwrap_or_else(|error| panic!("{} is not created: {error}", object.name_any())))
        }
    }

    fn at_once<T: Send + 'static>(&self, requests: impl Iterator<Item = impl Future<Output = T> + Send + 'static>) {
        let tasks: Vec<_> = requests.map(|request| self.runtime.spawn(request)).collect();
        for task in tasks {
            self.run(task).expect("a request that succeeds");
        }
    }

    /// Merges this into an object.
    pub(crate) fn patch<K: Kind>(&self, path: &str, change: &Value) -> K {
        let (namespace, name) = parts(path);
        let patched = self.run(self.api::<K>(namespace).patch(name, &PatchParams::default(), &Patch::Merge(change)));
        convert(&patched.unwrap_or_else(|error| panic!("{path} is not changed: {error}")))
    }

    /// Deletes an object without waiting for anybody.
    pub(crate) fn delete<K: Kind>(&self, path: &str) {
        let (namespace, name) = parts(path);
        let now = DeleteParams::default().grace_period(0);
        let deleted = self.run(self.api::<K>(namespace).delete(name, &now));
        deleted.unwrap_or_else(|error| panic!("{path} is not deleted: {error}"));
    }

    /// All objects of a kind, as `kubectl get -A -o json` gives them.
    pub(crate) fn list<K: Kind>(&self) -> Vec<Value> {
        let list = self.run(self.api::<K>(None).list(&ListParams::default())).expect("a list");
        let typed = |object: &DynamicObject| {
            let mut value = serde_json::to_value(object).expect("JSON");
            value["apiVersion"] = K::api_version(&()).into();
            value["kind"] = K::kind(&()).into();
            value
        };
        list.items.iter().map(typed).collect()
    }

    // ----------- Sentences -----------------------------------------------

    pub(crate) fn namespace(&self, name: &str) {
        self.create(&namespace(name));
    }

    /// Creates a Service and returns its cluster IPs.
    pub(crate) fn service(&self, path: &str, spec: Value) -> Vec<String> {
        let created = self.create(&service(path, spec));
        created.spec.and_then(|spec| spec.cluster_ips).unwrap_or_default()
    }

    /// Creates Pods and says in the place of a kubelet that they run and are ready.
    pub(crate) fn pods(&self, namespace: &str, pods: &[(&str, &str)], app: &str) {
        self.create_all(&pods.iter().map(|(name, _)| pod(namespace, name, app)).collect::<Vec<_>>());
        self.at_once(pods.iter().map(|(name, address)| self.reporting(namespace, name, running(address, true))));
    }

    /// What a readiness probe of a kubelet says.
    pub(crate) fn pod_is_ready(&self, path: &str, address: &str, ready: bool) {
        let (namespace, name) = parts(path);
        self.run(self.reporting(namespace.expect("a namespace"), name, running(address, ready)));
    }

    fn reporting(&self, namespace: &str, pod: &str, status: Value) -> impl Future<Output = ()> + Send + use<> {
        let (api, pod) = (self.api::<Pod>(Some(namespace)), pod.to_owned());
        async move {
            let patched = api.patch_status(&pod, &PatchParams::default(), &Patch::Merge(status)).await;
            patched.unwrap_or_else(|error| panic!("{pod} is not changed: {error}"));
        }
    }
}

async fn connect(kubeconfig: &Kubeconfig) -> Client {
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await.expect("a configuration");
    Client::try_from(config).expect("a client")
}

fn convert<From: Serialize, To: DeserializeOwned>(from: &From) -> To {
    serde_json::from_value(serde_json::to_value(from).expect("JSON")).expect("an object of this kind")
}

/// `NAMESPACE/NAME`, or the name of what has no namespace.
fn parts(path: &str) -> (Option<&str>, &str) {
    path.split_once('/').map_or((None, path), |(namespace, name)| (Some(namespace), name))
}

// ----------- Objects -------------------------------------------------------

fn metadata(path: &str) -> Value {
    let (namespace, name) = parts(path);
    json!({"namespace": namespace, "name": name})
}

fn object<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("an object of this kind")
}

pub(crate) fn namespace(name: &str) -> Namespace {
    object(json!({"metadata": metadata(name)}))
}

/// There is no kubelet; the controllers ask for the Node of a Pod.
pub(crate) fn node(name: &str) -> Node {
    object(json!({"metadata": metadata(name)}))
}

/// A Service with this `spec`.
pub(crate) fn service(path: &str, spec: Value) -> Service {
    object(json!({"metadata": metadata(path), "spec": spec}))
}

/// Port 80, called `http`, for what this spec says else.
pub(crate) fn http(mut spec: Value) -> Value {
    spec["ports"] = json!([{"name": "http", "port": 80, "protocol": "TCP"}]);
    spec
}

pub(crate) fn selector(app: &str) -> Value {
    http(json!({"selector": {"app": app}}))
}

pub(crate) fn headless(app: &str) -> Value {
    http(json!({"selector": {"app": app}, "clusterIP": "None"}))
}

/// The Node that all Pods run on.
pub(crate) const NODE: &str = "node-1";

/// A Pod whose hostname is its name, in the subdomain that its app is called by.
fn pod(namespace: &str, name: &str, app: &str) -> Pod {
    let mut meta = metadata(&format!("{namespace}/{name}"));
    meta["labels"] = json!({"app": app});
    object(json!({"metadata": meta, "spec": {
        "nodeName": NODE, "hostname": name, "subdomain": app, "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "main", "image": "none"}]}}))
}

fn running(address: &str, ready: bool) -> Value {
    let ready = if ready { "True" } else { "False" };
    json!({"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": ready}]}})
}

/// An endpoint of a slice: an address, with a hostname perhaps.
pub(crate) fn endpoint(address: &str, hostname: Option<&str>) -> Value {
    let mut endpoint = json!({"addresses": [address], "conditions": {"ready": true}});
    if let Some(hostname) = hostname {
        endpoint["hostname"] = hostname.into();
    }
    endpoint
}

/// A slice that somebody else manages, so that the controllers leave it alone. Its port is `http`, 80.
pub(crate) fn slice(path: &str, service: &str, endpoints: Vec<Value>) -> EndpointSlice {
    let six =
        endpoints.first().is_some_and(|first| first["addresses"][0].as_str().is_some_and(|text| text.contains(':')));
    let mut meta = metadata(path);
    meta["labels"] = json!({"kubernetes.io/service-name": service, "endpointslice.kubernetes.io/managed-by": "tests"});
    object(json!({"metadata": meta, "addressType": if six { "IPv6" } else { "IPv4" }, "endpoints": endpoints,
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}))
}

/// Endpoints of old, which a controller mirrors into slices.
pub(crate) fn endpoints(path: &str, addresses: &[&str]) -> Endpoints {
    let addresses: Vec<Value> = addresses.iter().map(|address| json!({"ip": address})).collect();
    object(json!({"metadata": metadata(path), "subsets": [{"addresses": addresses,
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}]}))
}
