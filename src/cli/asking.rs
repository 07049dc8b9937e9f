//! Whom `explain` and `lookup` ask: a cluster in a file, or a server that runs.

use std::{
    process::ExitCode,
    sync::{Arc, Mutex},
};

use super::{Failure, Inputs, complain, load, remote};
use crate::{
    app::{Server, unix_secs},
    explain::{Explainer, Explanation, Request},
    objects::Change,
    respond::Responder,
};

/// Where the answers come from.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Asking {
    #[command(flatten)]
    inputs: Inputs,
    /// Ask a running server at its admin address, http://127.0.0.1:9153 say
    #[arg(long, value_name = "URL", conflicts_with_all = ["config", "corefile", "snapshot", "kubernetes", "kubeconfig", "context"])]
    server: Option<String>,
}

impl Asking {
    pub(super) fn explain(&self, request: &Request) -> Result<Explanation, Failure> {
        match &self.server {
            Some(server) => remote::explain(server, request),
            None => Ok(self.explainer()?.explain(request)),
        }
    }

    /// A server of the snapshot that does not serve.
    fn explainer(&self) -> Result<Explainer, Failure> {
        let mut config = self.inputs.config()?;
        if let (None, Some(search)) = (&self.inputs.config, &mut config.search) {
            // The default is there for clients without a search list, and a pod has one. What stays:
            // a single label that the cluster does not have is nobody else's name.
            search.domains.drain(..search.domains.len().saturating_sub(1));
            search.ndots = 1;
        }
        let loaded = load(&config)?;
        let (plan, mut store) = Server::offline(&config).map_err(|error| Failure(error.to_string()))?;
        store.apply(Change::Reset(loaded.picture), unix_secs());
        Ok(Explainer::new(Arc::new(Responder::new(plan)), Arc::new(Mutex::new(store))))
    }
}

/// 0 where a name resolves, 1 where it does not, 2 where others would have to be asked.
pub(super) fn exit_code(explanation: &Explanation) -> ExitCode {
    match (explanation.resolves, explanation.undecided) {
        (true, _) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
        (false, true) => ExitCode::from(2),
    }
}

/// Not resolving is an answer: what keeps a command from one has an exit code of its own.
pub(super) fn without_answer(done: Result<ExitCode, Failure>) -> Result<ExitCode, Failure> {
    done.or_else(|Failure(text)| {
        complain(&text);
        Ok(ExitCode::from(2))
    })
}
