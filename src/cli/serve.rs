//! `clusterdns serve`: the main job.

use std::{
    error::Error,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{self, ExitCode},
    time::Duration,
};

use super::{
    Failure, coredns, dig_server,
    inputs::{self, Inputs},
    lines::{self, Form},
    origin, print,
};
use crate::{
    app::{Server, StartError, cluster::Cluster, run::Ended},
    config::{Config, reading::Reading},
    forward::IN_FLIGHT_MAX,
};

/// Answer DNS questions about a cluster.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(after_help = "\
Snapshot files may change while they are served: they are read again. With --kubernetes the API is watched;
where it goes away, what was known stays in service.
Log lines go to standard error, with a Corefile to standard output and in CoreDNS's form. CLUSTERDNS_LOG says
which: error, warn, info (the default), debug; CLUSTERDNS_LOG_FORMAT how: text, coredns, json.
SIGTERM and SIGINT end it, once what has arrived is answered.")]
pub(super) struct Serve {
    #[command(flatten)]
    inputs: Inputs,
    /// Where to listen, UDP and TCP, in place of the configured addresses. May be repeated
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    listen: Vec<SocketAddr>,
    /// Where to serve the page that explains names, metrics, health and readiness, in place of the configured addresses. May be repeated
    #[arg(long, value_name = "ADDR:PORT")]
    admin: Vec<SocketAddr>,
    /// Write the number of the process into a file, until it ends
    #[arg(long, value_name = "FILE")]
    pidfile: Option<PathBuf>,
    /// Do not print what is served, from where, and where it listens
    #[arg(long)]
    quiet: bool,
}

impl Serve {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let is_corefile = self.inputs.corefile.is_some();
        let form = Form::chosen(is_corefile)?;
        lines::start(form, is_corefile);
        let serve = self.clone();
        let mut reading = Reading::new(self.inputs.origin()?).adjusted(move |config| serve.apply(config));
        let config = inputs::first(&mut reading)?;
        reading.notes().iter().for_each(|note| tracing::warn!("{}", note.line_and_message()));
        let _pid = self.pidfile.as_deref().map(PidFile::write).transpose()?;
        raise_file_limit();
        let unbound = |error: StartError| unbound(&error, is_corefile);
        let mut server = Server::bind(&config).map_err(unbound)?;
        server.set_log_form(form.of_questions());
        let cluster = Cluster::start(&config, server.feed()).map_err(failure)?;
        // The kernel keeps signals from the first process of a container that does not ask for them.
        let mut signals = server.signals().map_err(failure)?;
        if let Cluster::Api(live) = &cluster {
            tracing::info!("reading the cluster from {}", live.server);
        }
        // What others know is answered while the cluster is read. A successor takes its place when it knows all.
        let takes_over = server.has_predecessor();
        if !takes_over {
            server.set_starting(true);
            server.start().map_err(unbound)?;
        }
        if !cluster.wait(&config, || server.is_told_to_end(&mut signals, Duration::ZERO)) {
            server.set_starting(false);
            server.shutdown();
            return Ok(ExitCode::SUCCESS);
        }
        if takes_over {
            server.start().map_err(unbound)?;
        }
        server.set_starting(false);
        if !self.quiet {
            announce(&config, &server, &cluster);
            if form.is_for_people() {
                advise(&server);
            }
            if is_corefile && form != Form::Json {
                print(&coredns::banner(&config))?;
            }
        }
        match server.run(signals, cluster, reading) {
            Ended::Told => Ok(ExitCode::SUCCESS),
            Ended::Loop(text) => Err(Failure(text)),
        }
    }

    /// What the command line says in the place of the configuration.
    fn apply(&self, config: &mut Config) -> Result<(), String> {
        self.inputs.apply(config);
        if !self.admin.is_empty() {
            config.admin_listen.clone_from(&self.admin);
        }
        if self.listen.is_empty() { Ok(()) } else { config.listen_on(&self.listen) }
    }
}

/// The file with the number of the process. It goes when the process ends as it should.
struct PidFile<'p>(&'p Path);

impl<'p> PidFile<'p> {
    fn write(path: &'p Path) -> Result<Self, Failure> {
        let written = fs::write(path, format!("{}\n", process::id()));
        written.map(|()| Self(path)).map_err(|error| Failure(format!("{}: {error}", path.display())))
    }
}

impl Drop for PidFile<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.0);
    }
}

/// Questions that are forwarded take many sockets, and the usual limit is for programs that have few.
fn raise_file_limit() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(FILES_NEEDED..) => {}
        Ok(files) => tracing::warn!("the system grants {files} open files: too few for many questions to upstreams"),
        Err(error) => tracing::warn!(%error, "how many files may be open is not known"),
    }
}

/// Two sockets for each question in flight, and 1,000 connections.
const FILES_NEEDED: u64 = 2 * IN_FLIGHT_MAX as u64 + 1000;

fn failure(error: impl Error) -> Failure {
    Failure(error.to_string())
}

/// Says of an address that cannot be had where it is written.
fn unbound(error: &StartError, is_corefile: bool) -> Failure {
    let place = match (error, is_corefile) {
        (StartError::Bind(_), false) => " (--listen)",
        (StartError::Bind(_), true) => " (`bind`, or the port of a key, in the Corefile)",
        (StartError::Admin(_), false) => " ([admin] listen or --admin)",
        (StartError::Admin(_), true) => " (`health`, `ready` and `prometheus` in the Corefile)",
        _ => "",
    };
    Failure(format!("{error}{place}"))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an address and a port: 127.0.0.1:5300, 0.0.0.0:53 or [::]:53".into())
}

/// What is served, from where, and where it listens.
fn announce(config: &Config, server: &Server, cluster: &Cluster) {
    let zones: Vec<String> = server.zones().iter().map(ToString::to_string).collect();
    let addresses: Vec<String> = server.addresses().iter().map(ToString::to_string).collect();
    if config.has_cluster() {
        tracing::info!("serving {} from {}", zones.join(" "), summary(config, cluster));
    }
    tracing::info!("listening on {} (UDP, TCP)", addresses.join(", "));
    if let Some(search) = config.search.as_ref().filter(|search| !search.domains.is_empty()) {
        let domains: Vec<String> = search.domains.iter().map(ToString::to_string).collect();
        tracing::info!("looking for names with fewer than {} dots in {}", search.ndots, domains.join(" "));
    }
    for address in server.admin_addresses() {
        let page = if config.admin_explain { "names explained, " } else { "" };
        tracing::info!("{page}metrics, health and readiness on http://{address}/");
    }
}

/// A line to try.
fn advise(server: &Server) {
    if let (Some(address), Some(question)) = (server.addresses().first(), server.example_question()) {
        tracing::info!("try: dig {} {question}", dig_server(*address));
    }
}

/// From where, and how much.
fn summary(config: &Config, cluster: &Cluster) -> String {
    match cluster {
        Cluster::Files(snapshots) => format!("{}: {}", origin(config), snapshots.summary),
        Cluster::Api(live) if live.is_stale() => format!("what was saved of {}: {}", live.server, live.summary()),
        Cluster::Api(live) => format!("{}: {}", live.server, live.summary()),
    }
}
