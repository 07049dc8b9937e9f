//! Which configuration and which cluster: the arguments that most commands have.

use std::{
    io::{self, Read},
    path::PathBuf,
};

use clap::Args;

use super::{Failure, coredns};
use crate::{
    config::{
        Config,
        corefile::FILE_OCTETS_MAX,
        error::ConfigError,
        reading::{Origin, Reading},
    },
    objects::snapshot::STDIN,
};

/// Which configuration and which cluster.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Inputs {
    /// Configuration in TOML; `clusterdns config` prints one
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Configuration in CoreDNS's language: a Corefile, or - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    pub(super) corefile: Option<PathBuf>,
    /// The port of a Corefile's zones that name none
    #[arg(long, value_name = "PORT", requires = "corefile")]
    port: Option<u16>,
    /// A cluster as kubectl prints it, or manifests: a file, a folder, or - for standard input. May be repeated;
    /// without it the configured ones, or the example cluster
    #[arg(long, value_name = "PATH")]
    snapshot: Vec<PathBuf>,
    /// The cluster of the Kubernetes API: in a pod by its service account, elsewhere by $KUBECONFIG or ~/.kube/config
    #[arg(long, conflicts_with = "snapshot")]
    kubernetes: bool,
    /// The same by this kubeconfig
    #[arg(long, value_name = "FILE", conflicts_with = "snapshot")]
    kubeconfig: Option<PathBuf>,
    /// The same by this context of the kubeconfig
    #[arg(long, value_name = "NAME", conflicts_with = "snapshot")]
    context: Option<String>,
}

impl Inputs {
    /// Whether none is given.
    pub(super) fn is_empty(&self) -> bool {
        self.config.is_none() && self.corefile.is_none() && !self.names_cluster()
    }

    /// Whether the command line says where the cluster is.
    pub(super) fn names_cluster(&self) -> bool {
        !self.snapshot.is_empty() || self.watches()
    }

    fn watches(&self) -> bool {
        self.kubernetes || self.kubeconfig.is_some() || self.context.is_some()
    }

    /// Where the configuration is written.
    pub(super) fn origin(&self) -> Result<Origin, Failure> {
        let port = self.port.unwrap_or(coredns::PORT);
        match (&self.config, &self.corefile) {
            (Some(path), _) => Ok(Origin::Toml(path.clone())),
            (None, Some(path)) if path.to_str() == Some("-") => Ok(Origin::Piped(piped()?, port)),
            (None, Some(path)) => Ok(Origin::Corefile(path.clone(), port)),
            (None, None) => Ok(Origin::Default),
        }
    }

    /// The cluster of the command line in the place of the configured one.
    pub(super) fn apply(&self, config: &mut Config) {
        if !self.snapshot.is_empty() {
            config.snapshot.paths.clone_from(&self.snapshot);
            config.kubernetes.enabled = false;
        }
        if self.watches() {
            config.watch(self.kubeconfig.clone(), self.context.clone());
        }
    }

    /// The configuration, with the cluster of the command line.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        let inputs = self.clone();
        let adjust = move |config: &mut Config| {
            inputs.apply(config);
            Ok(())
        };
        first(&mut Reading::new(self.origin()?).adjusted(adjust))
    }
}

/// The configuration when it is read for the first time.
pub(super) fn first(reading: &mut Reading) -> Result<Config, Failure> {
    match reading.again() {
        Ok(config) => Ok(config.unwrap_or_default()),
        Err(errors) => Err(Failure(lines(&errors))),
    }
}

/// Problems or notes, one below the other.
pub(super) fn lines(errors: &[ConfigError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A Corefile on standard input.
fn piped() -> Result<String, Failure> {
    let mut text = String::new();
    let read = io::stdin().lock().take(FILE_OCTETS_MAX as u64 + 1).read_to_string(&mut text);
    match read {
        Ok(octets) if octets > FILE_OCTETS_MAX => Err(Failure(format!("{STDIN}: more than {FILE_OCTETS_MAX} octets"))),
        Ok(_) => Ok(text),
        Err(error) => Err(Failure(format!("{STDIN}: {error}"))),
    }
}
