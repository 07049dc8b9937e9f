//! Rights that are missing, and tokens that change.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use k8s_openapi::api::{
    authentication::v1::TokenRequest,
    core::v1::{Secret, ServiceAccount},
    discovery::v1::EndpointSlice,
    rbac::v1::{ClusterRole, Role, RoleBinding},
};
use kube::{
    Api, Client,
    api::PostParams,
    config::{AuthInfo, KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use crate::{
    World,
    clusterdns::{Access, Clusterdns, can_be_in_a_pod},
    control_plane::{ADMIN, NARROW, READER, TENANT},
    objects::{Cluster, endpoint, http, selector, slice},
    process::await_that,
    relay::Relay,
    scenarios::{DEFAULTS, bind, parsed, role, rule, served},
};

pub(crate) fn a_right_is_missing(world: &World) -> String {
    let cluster = &world.cluster;
    cluster.namespace("rights");
    let address = cluster.service("rights/web", selector("web")).remove(0);
    cluster.service("rights/db", http(json!({"clusterIP": "None"})));
    cluster.create(&slice("rights/db-1", "db", vec![endpoint("10.10.0.1", None)]));
    let config = "[kubernetes]\nstartup_timeout_secs = 1\n";
    let server = Clusterdns::launch(&world.plane.access(NARROW), config);
    await_that("/ready names endpointslices", || match server.readiness() {
        (503, body) if body.contains("endpointslices") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    for word in ["endpointslices", "discovery.k8s.io", "list", "watch"] {
        server.await_log(word);
    }
    // What is known is served, and nothing else is denied.
    server.eventually("web.rights A", &address);
    server.eventually("nothing.rights A", "NXDOMAIN");
    server.eventually("db.rights A", "SERVFAIL");

    let rules = [rule("", &["services", "namespaces"]), rule("discovery.k8s.io", &["endpointslices"])];
    cluster.patch::<ClusterRole>(NARROW, &json!({"rules": rules}));
    server.await_ready();
    server.eventually("db.rights A", "10.10.0.1");
    String::new()
}

/// A Role in the namespace, and the sight of its Namespace by name.
pub(crate) fn rights_in_one_namespace_are_enough(world: &World) -> String {
    let cluster = &world.cluster;
    cluster.namespace("tenant");
    let address = cluster.service("tenant/web", selector("web")).remove(0);
    cluster.service("tenant/db", http(json!({"clusterIP": "None"})));
    cluster.create(&slice("tenant/db-1", "db", vec![endpoint("10.13.0.1", None)]));
    let mut itself = rule("", &["namespaces"]);
    itself["resourceNames"] = json!(["tenant"]);
    role(cluster, TENANT, &[itself]);
    let rules = [rule("", &["services"]), rule("discovery.k8s.io", &["endpointslices"])];
    cluster.create(&parsed::<Role>(json!({"metadata": {"namespace": "tenant", "name": TENANT}, "rules": rules})));
    cluster.create(&parsed::<RoleBinding>(json!({
        "metadata": {"namespace": "tenant", "name": TENANT}, "subjects": [{"kind": "User", "name": TENANT}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": TENANT}})));
    let server = Clusterdns::ready(&world.plane.access(TENANT), &served(r#"namespaces = ["tenant"]"#));
    server.eventually("web.tenant A", &address);
    server.eventually("db.tenant A", "10.13.0.1");
    server.now("web.steady A", "NXDOMAIN");
    cluster.patch::<EndpointSlice>("tenant/db-1", &json!({"endpoints": [endpoint("10.13.0.2", None)]}));
    server.eventually("db.tenant A", "10.13.0.2");
    String::new()
}

/// A ServiceAccount's token lives as long as the Secret that it is bound to.
pub(crate) fn a_token_is_rotated(world: &World) -> String {
    let cluster = &world.cluster;
    cluster.namespace("token");
    account(cluster, "token", "dns", READER);
    let first = token(cluster, "first");
    let files = mounted(world, "token", &first);
    let relay = Relay::to(world.plane.api_port());
    let (servers, seen) = servers(world, &files, relay.port());

    replace(&files, &token(cluster, "second"));
    cluster.delete::<Secret>("token/first");
    await_that("the first token is dead", || match cluster.run(versions_as(world, &first)) {
        Err(kube::Error::Api(status)) if status.code == 401 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    // A watch lives on with the token that it began with.
    relay.cut();
    relay.mend();
    let address = cluster.service("token/web", selector("web")).remove(0);
    for server in servers {
        server.eventually("web.token A", &address);
    }
    seen
}

/// One with a kubeconfig that names the file of the token, and one as in a Pod.
fn servers(world: &World, files: &Path, port: u16) -> (Vec<Clusterdns>, String) {
    let credentials = format!("tokenFile: \"{}\"", files.join("token").display());
    let access = world.plane.access_by("account", &credentials, port);
    let mut servers = vec![Clusterdns::ready(&access, DEFAULTS)];
    if can_be_in_a_pod() {
        servers.push(Clusterdns::ready(&Access::Pod(files.to_owned(), port), DEFAULTS));
        return (servers, String::new());
    }
    (servers, no_pod())
}

/// What is said where nothing can be tried as in a Pod, which CI does not accept.
pub(crate) fn no_pod() -> String {
    assert!(env::var_os("CI").is_none(), "unshare (util-linux) is missing, or not allowed to make a namespace");
    "not tried as in a Pod, for unshare does not work here".to_owned()
}

/// A ServiceAccount with the rights of a ClusterRole.
pub(crate) fn account(cluster: &Cluster, namespace: &str, name: &str, role: &str) {
    cluster.create(&parsed::<ServiceAccount>(json!({"metadata": {"namespace": namespace, "name": name}})));
    bind(cluster, name, role, json!({"kind": "ServiceAccount", "namespace": namespace, "name": name}));
}

/// The folder that a Pod of a namespace would see, with this token.
pub(crate) fn mounted(world: &World, namespace: &str, token: &str) -> PathBuf {
    let files = world.plane.folder().join(format!("account-of-{namespace}"));
    fs::create_dir(&files).expect("a folder");
    fs::copy(world.plane.certificate(), files.join("ca.crt")).expect("a certificate");
    fs::write(files.join("namespace"), namespace).expect("a file");
    replace(&files, token);
    files
}

/// A token that dies with a Secret of this name.
fn token(cluster: &Cluster, secret: &str) -> String {
    let secret = cluster.create(&parsed::<Secret>(json!({"metadata": {"namespace": "token", "name": secret}})));
    let bound = json!({"apiVersion": "v1", "kind": "Secret", "name": secret.metadata.name, "uid": secret.metadata.uid});
    token_of(cluster, "token", "dns", json!({"audiences": [], "boundObjectRef": bound}))
}

/// A token of a ServiceAccount.
pub(crate) fn token_of(cluster: &Cluster, namespace: &str, account: &str, spec: Value) -> String {
    let request = parsed::<TokenRequest>(json!({"spec": spec}));
    let accounts = Api::<ServiceAccount>::namespaced(cluster.client(), namespace);
    let made = cluster.run(accounts.create_token_request(account, &PostParams::default(), &request));
    made.expect("a token").status.expect("a status").token
}

/// As a kubelet does: nobody reads half of it.
fn replace(files: &Path, token: &str) {
    fs::write(files.join("next"), token).expect("a file");
    fs::rename(files.join("next"), files.join("token")).expect("another file");
}

/// Asks for something that everybody may see who is known.
async fn versions_as(world: &World, token: &str) -> kube::Result<String> {
    let mut kubeconfig = Kubeconfig::read_from(world.plane.kubeconfig(ADMIN)).expect("a kubeconfig");
    let credentials = AuthInfo { token: Some(token.to_owned().into()), ..AuthInfo::default() };
    kubeconfig.auth_infos[0].auth_info = Some(credentials);
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("a configuration");
    let request = axum::http::Request::get("/api").body(Vec::new()).expect("a request");
    Client::try_from(config)?.request_text(request).await
}
