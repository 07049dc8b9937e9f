//! How the API server is reached: by the service account of a Pod, or by a kubeconfig.
//!
//! In a Pod no name is looked up: its environment has the address, and a look-up would come to us.
//! Credentials are read anew when they may have changed: by the client once a minute, and here
//! whenever the server does not accept them or cannot be reached.

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use thiserror::Error;
use tokio::sync::Mutex;

/// Where the credentials are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// This kubeconfig. None: in a Pod its service account, elsewhere `$KUBECONFIG` or `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// This context of the kubeconfig instead of its current one.
    pub context: Option<String>,
}

/// Why there are no credentials.
#[derive(Debug, Error)]
pub enum AccessError {
    /// A kubeconfig was asked for, or there is nothing else.
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
    current: Mutex<(u64, Client)>,
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
        Ok(Connection(Arc::new(Shared { access: self, server, host, current: Mutex::new((0, client)) })))
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
        let kubeconfig = match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
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
        Client::try_from(config).map_err(|why| match self.is_in_pod() {
            true => AccessError::ServiceAccount(told(&why)),
            false => AccessError::Kubeconfig { origin: self.origin(), why: told(&why) },
        })
    }

    fn is_in_pod(&self) -> bool {
        let nobody_chose = self.kubeconfig.is_none() && self.context.is_none();
        nobody_chose && env::var_os("KUBERNETES_SERVICE_HOST").is_some() && Path::new(TOKEN).exists()
    }

    fn origin(&self) -> String {
        match (&self.kubeconfig, env::var("KUBECONFIG")) {
            (Some(path), _) => path.display().to_string(),
            (None, Ok(paths)) => paths,
            (None, Err(_)) => DEFAULT_KUBECONFIG.into(),
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
        self.0.current.lock().await.clone()
    }

    /// Reads the credentials again, unless somebody has done so since client `number` was made.
    pub(super) async fn renew(&self, number: u64) -> Result<(), AccessError> {
        let mut current = self.0.current.lock().await;
        if current.0 == number {
            let config = self.0.access.config().await?;
            *current = (number + 1, self.0.access.client(config)?);
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
    match origin {
        DEFAULT_KUBECONFIG => "; name a kubeconfig with --kubeconfig FILE, or serve a file with --snapshot FILE",
        _ => "",
    }
}

const FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
const DEFAULT_KUBECONFIG: &str = "~/.kube/config";
/// A server that is there answers a handshake at once; the next try may reach another.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
