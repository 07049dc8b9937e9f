//! How the API server is reached: by the service account of a Pod, by a kubeconfig, or by its URL.
//!
//! In a Pod no name is looked up: its environment has the address, and a look-up would come to us.
//! Credentials are read anew when they may have changed: by the client once a minute, and here
//! whenever the server does not accept them or cannot be reached.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use kube::{
    Client, Config,
    config::{
        AuthInfo, Cluster, Context, KubeConfigOptions, Kubeconfig, KubeconfigError, NamedAuthInfo, NamedCluster,
        NamedContext,
    },
};
use thiserror::Error;
use tokio::{runtime::Handle, sync::Mutex, task, time};

/// Where the credentials are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// This kubeconfig. None: in a Pod its service account, elsewhere `$KUBECONFIG` or `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// This context of the kubeconfig instead of its current one.
    pub context: Option<String>,
    /// This server, where there is no kubeconfig.
    pub endpoint: Option<Endpoint>,
}

/// A server by its URL, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `http://` or `https://`.
    pub url: String,
    /// The client's certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The authority of the server's certificate; none: the system's.
    pub authority: Option<PathBuf>,
}

/// Why there are no credentials.
#[derive(Debug, Error)]
pub enum AccessError {
    /// A kubeconfig or a URL was asked for, or there is nothing else.
    #[error("{origin}: {why}{}", advice(.origin))]
    Kubeconfig {
        /// Its path, or where it was looked for.
        origin: String,
        /// What is wrong with it.
        why: String,
    },
    /// The files that a Pod is given.
    #[error(
        "the service account of this pod cannot be used: {0}; set automountServiceAccountToken: true, or mount \
         token, ca.crt and namespace at {FOLDER}"
    )]
    ServiceAccount(String),
}

/// A client that can be made anew. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connection(Arc<Shared>);

struct Shared {
    access: Access,
    server: String,
    host: String,
    current: Mutex<Current>,
}

/// The client of now.
struct Current {
    number: u64,
    client: Client,
    made: Instant,
}

impl Access {
    /// Makes a client. Nothing is sent yet.
    pub(super) async fn connect(self) -> Result<Connection, AccessError> {
        // Where the program has chosen a provider of cryptography, that one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = self.config().await?;
        if config.accept_invalid_certs {
            tracing::warn!("the kubeconfig says insecure-skip-tls-verify: whoever answers is taken for the API server");
        }
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let host = config.cluster_url.authority().map(ToString::to_string).unwrap_or_default();
        let client = self.client(config)?;
        let current = Mutex::new(Current { number: 0, client, made: Instant::now() });
        Ok(Connection(Arc::new(Shared { access: self, server, host, current })))
    }

    async fn config(&self) -> Result<Config, AccessError> {
        let mut config = if self.is_in_pod() {
            Config::incluster_env().map_err(|why| AccessError::ServiceAccount(told(&why)))?
        } else {
            self.config_of_kubeconfig().await.map_err(|why| AccessError::Kubeconfig { origin: self.origin(), why })?
        };
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        // What the server refuses is heard at once, and tried again by whoever knows what for.
        config.default_retry = false;
        Ok(config)
    }

    async fn config_of_kubeconfig(&self) -> Result<Config, String> {
        let kubeconfig = match (&self.kubeconfig, &self.endpoint) {
            (Some(path), _) => Kubeconfig::read_from(path),
            (None, Some(endpoint)) => Ok(endpoint.kubeconfig()),
            (None, None) => Kubeconfig::read(),
        };
        let kubeconfig = kubeconfig.map_err(|why| match why {
            KubeconfigError::ReadConfig(why, _) => why.to_string(),
            why => told(&why),
        })?;
        let contexts: Vec<_> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
        if let Some(context) = self.context.as_ref().filter(|context| !contexts.contains(context)) {
            return Err(format!("no context {context}; it has: {}", contexts.join(", ")));
        }
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|why| told(&why))
    }

    fn client(&self, config: Config) -> Result<Client, AccessError> {
        Client::try_from(config).map_err(|why| self.bad(&told(&why)))
    }

    fn bad(&self, why: &str) -> AccessError {
        match self.is_in_pod() {
            true => AccessError::ServiceAccount(why.into()),
            false => AccessError::Kubeconfig { origin: self.origin(), why: why.into() },
        }
    }

    /// Nobody chose, and this is a Pod. Where it was given no token, it may have been given a kubeconfig.
    fn is_in_pod(&self) -> bool {
        let chosen = self.kubeconfig.is_some()
            || self.context.is_some()
            || self.endpoint.is_some()
            || env::var_os("KUBECONFIG").is_some();
        let home = env::home_dir().map(|home| home.join(".kube/config"));
        let has_kubeconfig = || home.is_some_and(|path| path.exists());
        let is_pod = env::var_os(POD).is_some();
        !chosen && is_pod && (Path::new(FOLDER).join("token").exists() || !has_kubeconfig())
    }

    fn origin(&self) -> String {
        match (&self.kubeconfig, &self.endpoint, env::var("KUBECONFIG")) {
            (Some(path), ..) => path.display().to_string(),
            (None, Some(endpoint), _) => endpoint.url.clone(),
            (None, None, Ok(paths)) => paths,
            (None, None, Err(_)) => DEFAULT_KUBECONFIG.into(),
        }
    }
}

impl Endpoint {
    /// As for kubectl, the scheme may be left out: who has a certificate to show means HTTPS.
    pub fn new(url: &str, identity: Option<(PathBuf, PathBuf)>, authority: Option<PathBuf>) -> Self {
        let scheme = if identity.is_some() { "https" } else { "http" };
        let url = if url.contains("://") { url.into() } else { format!("{scheme}://{url}") };
        Self { url, identity, authority }
    }

    /// A kubeconfig that says the same.
    fn kubeconfig(&self) -> Kubeconfig {
        let path = |path: &PathBuf| path.to_string_lossy().into_owned();
        let (certificate, key) = self.identity.as_ref().map(|(one, other)| (path(one), path(other))).unzip();
        let cluster = Cluster {
            server: Some(self.url.clone()),
            certificate_authority: self.authority.as_ref().map(path),
            ..Cluster::default()
        };
        let user = AuthInfo { client_certificate: certificate, client_key: key, ..AuthInfo::default() };
        let context = Context { cluster: NAME.into(), user: Some(NAME.into()), ..Context::default() };
        Kubeconfig {
            clusters: vec![NamedCluster { name: NAME.into(), cluster: Some(cluster), other: BTreeMap::new() }],
            auth_infos: vec![NamedAuthInfo { name: NAME.into(), auth_info: Some(user), other: BTreeMap::new() }],
            contexts: vec![NamedContext { name: NAME.into(), context: Some(context), other: BTreeMap::new() }],
            current_context: Some(NAME.into()),
            ..Kubeconfig::default()
        }
    }
}

impl Connection {
    /// The URL of the API server.
    pub(super) fn server(&self) -> &str {
        &self.0.server
    }

    /// Host and port of the API server.
    pub(super) fn host(&self) -> &str {
        &self.0.host
    }

    /// The client of now, and its number.
    pub(super) async fn client(&self) -> (u64, Client) {
        let current = self.0.current.lock().await;
        (current.number, current.client.clone())
    }

    /// Reads the credentials again, unless somebody has done so since client `number` was made. If it is
    /// not `urgent`, once a minute will do: a kubeconfig may name a program to run for them.
    pub(super) async fn renew(&self, number: u64, urgent: bool) -> Result<(), AccessError> {
        let mut current = self.0.current.lock().await;
        let is_due = urgent || current.made.elapsed() >= RENEWAL_INTERVAL;
        if current.number != number || !is_due {
            return Ok(());
        }
        current.made = Instant::now();
        // That program may want a person's answer. Nobody else waits for it.
        let (access, runtime) = (self.0.access.clone(), Handle::current());
        let made = task::spawn_blocking(move || {
            let config = runtime.block_on(access.config())?;
            let _in_runtime = runtime.enter();
            access.client(config)
        });
        match time::timeout(RENEWAL_TIMEOUT, made).await {
            Ok(Ok(client)) => (current.number, current.client) = (number + 1, client?),
            Ok(Err(_)) => return Err(self.0.access.bad("a defect of clusterdns was met: see the log")),
            Err(_) => return Err(self.0.access.bad("nobody has given them for 30 s")),
        }
        Ok(())
    }
}

/// An error and what it comes from, as one sentence.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

/// What an error comes from in the end, without the address of somebody's documentation.
pub(super) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    text.split(": https://").next().unwrap_or(&text).to_owned()
}

fn advice(origin: &str) -> &'static str {
    match (origin, env::var_os(POD)) {
        (DEFAULT_KUBECONFIG, None) => {
            "; this is no pod, where KUBERNETES_SERVICE_HOST would be set: name a kubeconfig with --kubeconfig FILE, \
             or serve a file with --snapshot FILE"
        }
        (DEFAULT_KUBECONFIG, Some(_)) => {
            "; name a kubeconfig with --kubeconfig FILE, or serve a file with --snapshot FILE"
        }
        _ => "",
    }
}

const FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Set in every Pod.
const POD: &str = "KUBERNETES_SERVICE_HOST";
const DEFAULT_KUBECONFIG: &str = "~/.kube/config";
/// Of the one entry of each kind in a kubeconfig that nobody has written.
const NAME: &str = "endpoint";
/// A server that is there answers a handshake at once; the next try may reach another.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two looks at credentials that are perhaps not at fault.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(60);
/// What a program may take that fetches credentials from somewhere.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn access(url: &str, authority: Option<PathBuf>) -> Access {
        let identity = Some(("cert.pem".into(), "key.pem".into()));
        Access { endpoint: Some(Endpoint::new(url, identity, authority)), ..Access::default() }
    }

    #[tokio::test]
    async fn a_url_needs_no_kubeconfig() {
        let config = access("http://127.0.0.1:8001", None).config().await.unwrap();
        assert_eq!(config.cluster_url.to_string(), "http://127.0.0.1:8001/");
        assert_eq!(Endpoint::new("a:1", None, None).url, "http://a:1");
        assert_eq!(access("a:1", None).endpoint.unwrap().url, "https://a:1");
        let user = config.auth_info;
        assert_eq!(user.client_certificate.as_deref(), Some("cert.pem"));
        assert_eq!((user.client_key.as_deref(), user.token.is_none()), (Some("key.pem"), true));
    }

    #[tokio::test]
    async fn what_is_wrong_is_told_with_the_url() {
        let folder = tempfile::tempdir().unwrap();
        let error = access("https://10.0.0.1", Some(folder.path().join("ca.pem"))).config().await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("https://10.0.0.1: ") && text.contains("ca.pem"), "{text}");
    }
}
