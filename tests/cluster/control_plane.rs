//! etcd, kube-apiserver and kube-controller-manager on loopback, in a folder of their own.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use data_encoding::BASE64;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use tempfile::TempDir;

use crate::clusterdns::Access;
use crate::process::{Process, await_that, free_port, http, tail};

/// The environment that names the programs: `tests/cluster/run` sets it.
pub(crate) const PROGRAMS: [&str; 3] = ["CLUSTER_ETCD", "CLUSTER_API_SERVER", "CLUSTER_CONTROLLER_MANAGER"];

/// May do everything.
pub(crate) const ADMIN: &str = "admin";
/// May do what clusterdns needs, and no more.
pub(crate) const READER: &str = "reader";
/// May see one namespace.
pub(crate) const TENANT: &str = "tenant";
/// May not see EndpointSlices.
pub(crate) const NARROW: &str = "narrow";

/// Token, user, uid, groups. RBAC knows the group of the first one.
const TOKENS: &str = "admin-token,admin,1,system:masters\nreader-token,reader,2\nnarrow-token,narrow,3\n\
                      tenant-token,tenant,4\n";

/// Those that clusterdns sees the work of: no Deployments, no Pods on nodes.
const CONTROLLERS: &str = "endpointslice-controller,endpoints-controller,endpointslice-mirroring-controller,\
                           namespace-controller,garbage-collector-controller";

/// Both families, so that Services can be dual stack.
const SERVICE_RANGES: &str = "10.96.0.0/16,fd00:10:96::/112";

/// Made by the API server, with the authority that signed it.
const CERTIFICATE: &str = "pki/apiserver.crt";

/// A control plane. Dropping it ends its programs.
pub(crate) struct ControlPlane {
    folder: TempDir,
    etcd: Process,
    etcd_address: SocketAddr,
    api: Mutex<Option<Process>>,
    api_port: u16,
    manager: Mutex<Process>,
}

impl ControlPlane {
    /// Starts all of it and waits until the API is ready.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("etcd");
        Self::start_in(folder, &data)
    }

    /// The same with etcd's data in a folder that stays: what another control plane has left there exists.
    #[allow(dead_code, reason = "benches/cluster uses it")]
    pub(crate) fn start_on(data: &Path) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"), data)
    }

    fn start_in(folder: TempDir, data: &Path) -> Self {
        fs::write(folder.path().join("tokens.csv"), TOKENS).expect("a file");
        write_signing_key(folder.path());
        let (client, peer, api_port) = (free_port(), free_port(), free_port());
        let etcd = start_etcd(folder.path(), data, client, peer);
        let etcd_address = loopback(client);
        await_that("etcd", || match http(etcd_address, "GET", "/health", "") {
            Ok((200, _)) => Ok(()),
            other => Err(format!("{other:?}")),
        });
        let api = start_api(folder.path(), etcd_address, api_port, &[]);
        for user in [ADMIN, READER, NARROW, TENANT] {
            let credentials = format!("token: {}", token(user));
            write_kubeconfig(folder.path(), user, &credentials, api_port);
        }
        let manager = Mutex::new(start_manager(folder.path()));
        Self { folder, etcd, etcd_address, api: Mutex::new(Some(api)), api_port, manager }
    }

    /// A kubeconfig of one of the users.
    pub(crate) fn kubeconfig(&self, user: &str) -> PathBuf {
        self.folder.path().join(format!("{user}.kubeconfig"))
    }

    /// The same for clusterdns.
    pub(crate) fn access(&self, user: &str) -> Access {
        Access::Kubeconfig(self.kubeconfig(user))
    }

    /// Other credentials, or another port.
    pub(crate) fn access_by(&self, name: &str, credentials: &str, port: u16) -> Access {
        Access::Kubeconfig(write_kubeconfig(self.folder.path(), name, credentials, port))
    }

    /// What proves that it is the API server.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join(CERTIFICATE)
    }

    /// Where files of a test can be.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn api_port(&self) -> u16 {
        self.api_port
    }

    /// Ends the API server at once, as a crash does.
    pub(crate) fn kill_api(&self) {
        drop(self.api_slot().take().expect("an API server that runs"));
    }

    /// Starts it again, with the same arguments and the same data.
    pub(crate) fn start_api(&self) {
        self.start_api_with(&[]);
    }

    /// The same with further arguments.
    pub(crate) fn start_api_with(&self, arguments: &[&str]) {
        let api = start_api(self.folder.path(), self.etcd_address, self.api_port, arguments);
        assert!(self.api_slot().replace(api).is_none(), "an API server runs already");
        // One that has seen several outages would look again after half a minute only.
        *lock(&self.manager) = start_manager(self.folder.path());
    }

    /// Whether a scenario has left it running.
    pub(crate) fn has_api(&self) -> bool {
        self.api_slot().is_some()
    }

    fn api_slot(&self) -> MutexGuard<'_, Option<Process>> {
        lock(&self.api)
    }

    /// Forgets the past, so that nobody can watch from there: their watches get a 410.
    pub(crate) fn compact(&self) {
        let post = |path: &str, body: &str| {
            let (status, reply) = http(self.etcd_address, "POST", path, body).expect("etcd");
            assert_eq!(status, 200, "{path}: {reply}");
            serde_json::from_str::<serde_json::Value>(&reply).expect("JSON")
        };
        let revision = post("/v3/kv/range", r#"{"key": "AA=="}"#)["header"]["revision"].clone();
        let revision = revision.as_str().expect("a revision");
        post("/v3/kv/compaction", &format!(r#"{{"revision": "{revision}", "physical": true}}"#));
    }

    /// The ends of all logs, for who reads a failure.
    pub(crate) fn logs(&self) -> String {
        let api = self.api_slot().as_ref().map(Process::said).unwrap_or_default();
        let logs = [
            ("etcd", self.etcd.said()),
            ("kube-apiserver", api),
            ("kube-controller-manager", lock(&self.manager).said()),
        ];
        let shown = |(name, log): (&str, String)| format!("--- the end of {name}'s log\n{}\n", tail(&log, 6));
        logs.map(shown).concat()
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.logs());
        }
    }
}

/// What a failed scenario has left is as good as before.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What proves that somebody is one of the users.
pub(crate) fn token(user: &str) -> String {
    format!("{user}-token")
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// One of the programs, or the words of `tests/cluster/run` about it.
fn program(variable: &str) -> Command {
    Command::new(env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: use tests/cluster/run")))
}

fn start_etcd(folder: &Path, data: &Path, client: u16, peer: u16) -> Process {
    let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    let mut command = program(PROGRAMS[0]);
    command.arg("--unsafe-no-fsync").arg("--data-dir").arg(data);
    command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
    command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    command.args(["--initial-cluster", &format!("default={peer}")]);
    Process::start(&mut command, &folder.join("etcd.log"))
}

fn start_api(folder: &Path, etcd: SocketAddr, port: u16, further: &[&str]) -> Process {
    let path = |option: &str, name: &str| format!("--{option}={}", folder.join(name).display());
    let mut command = program(PROGRAMS[1]);
    command.args([
        format!("--etcd-servers=http://{etcd}"),
        format!("--secure-port={port}"),
        format!("--service-cluster-ip-range={SERVICE_RANGES}"),
        path("cert-dir", "pki"),
        path("token-auth-file", "tokens.csv"),
        path("service-account-signing-key-file", "accounts.pem"),
        path("service-account-key-file", "accounts.pub"),
    ]);
    // What Endpoints of `kubernetes` show: an address for documentation, for loopback is not allowed.
    command.args(["--bind-address=127.0.0.1", "--advertise-address=192.0.2.1", "--authorization-mode=RBAC"]);
    command.arg("--service-account-issuer=https://kubernetes.default.svc.cluster.local");
    // It would make Pods wait for ServiceAccounts, and their controller does not run.
    command.arg("--disable-admission-plugins=ServiceAccount").args(further);
    let mut process = Process::start(&mut command, &folder.join("api.log"));
    await_that("the API server listens", || {
        process.check();
        TcpStream::connect(loopback(port)).map(drop).map_err(|error| error.to_string())
    });
    process
}

fn start_manager(folder: &Path) -> Process {
    let path = |option: &str, name: &str| format!("--{option}={}", folder.join(name).display());
    let mut command = program(PROGRAMS[2]);
    command.args([
        path("kubeconfig", "admin.kubeconfig"),
        path("service-account-private-key-file", "accounts.pem"),
        path("cert-dir", "manager-pki"),
        format!("--controllers={CONTROLLERS}"),
        format!("--secure-port={}", free_port()),
    ]);
    // The limits are for real clusters, where others want something too.
    command.args(["--bind-address=127.0.0.1", "--leader-elect=false", "--kube-api-qps=2000", "--kube-api-burst=2000"]);
    Process::start(&mut command, &folder.join("manager.log"))
}

fn write_kubeconfig(folder: &Path, name: &str, credentials: &str, port: u16) -> PathBuf {
    let path = folder.join(format!("{name}.kubeconfig"));
    let certificate = folder.join(CERTIFICATE);
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
         contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n\
         clusters: [{{name: test, cluster: {{server: \"https://127.0.0.1:{port}\", certificate-authority: \"{}\"}}}}]\n\
         users: [{{name: test, user: {{{credentials}}}}}]\n",
        certificate.display()
    );
    fs::write(&path, text).expect("a file");
    path
}

/// What stands before the point of a P-256 key in a `SubjectPublicKeyInfo` (RFC 5480).
const P256_PREFIX: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";

/// What tokens of ServiceAccounts are signed with, and what they are verified with.
fn write_signing_key(folder: &Path) {
    let (algorithm, random) = (&ECDSA_P256_SHA256_ASN1_SIGNING, SystemRandom::new());
    let private = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, private.as_ref(), &random).expect("the same key");
    let public = [P256_PREFIX, pair.public_key().as_ref()].concat();
    for (name, label, octets) in [("pem", "PRIVATE", private.as_ref()), ("pub", "PUBLIC", &public)] {
        let text = format!("-----BEGIN {label} KEY-----\n{}\n-----END {label} KEY-----\n", BASE64.encode(octets));
        fs::write(folder.join(format!("accounts.{name}")), text).expect("a file");
    }
}
