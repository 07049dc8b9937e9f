//! `clusterdns snapshot`: the cluster that a server knows, as a file.

use std::{
    io::{self, BufWriter, Write},
    process::ExitCode,
    sync::{Arc, Mutex},
};

use super::{Failure, Inputs, load, printed, remote};
use crate::{
    app::{Server, unix_secs},
    objects::{Change, write::List},
    records::store::Pages,
};

/// Save the cluster that a running server knows, as a file to serve from.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "\
What is printed is a list of objects, one a line, with what names are made of and nothing else:
  clusterdns snapshot > cluster.json
  clusterdns records --snapshot cluster.json
With --snapshot or --config that cluster is read instead of asking a server.")]
pub(super) struct Snapshot {
    /// Only what is in this namespace
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// The admin address of the server
    #[arg(long, value_name = "URL", default_value = SERVER, conflicts_with_all = ["config", "snapshot", "kubernetes", "kubeconfig", "context"])]
    server: String,
    #[command(flatten)]
    inputs: Inputs,
}

/// Where a server that was told nothing else has its admin address.
const SERVER: &str = "http://127.0.0.1:9153";

impl Snapshot {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let namespace = self.namespace.as_deref();
        if self.inputs.is_empty() {
            return remote::snapshot(&self.server, namespace, &mut io::stdout().lock());
        }
        let config = self.inputs.config()?;
        let loaded = load(&config)?;
        let (_plan, mut store) = Server::tables(&config);
        store.apply(Change::Reset(loaded.picture), unix_secs());
        let pages = Pages::new(Arc::new(Mutex::new(store)), namespace);
        match namespace {
            Some(name) if pages.is_empty() => Err(Failure(format!("namespace {name} does not exist"))),
            _ => printed(write(pages)),
        }
    }
}

fn write(pages: Pages) -> io::Result<()> {
    let known = pages.known();
    let mut list = List::new(BufWriter::new(io::stdout().lock()));
    for object in pages.flatten() {
        list.add(&object)?;
    }
    list.finish(known)?.flush()
}
