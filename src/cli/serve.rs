//! `clusterdns serve`: the main job.

use std::{io::IsTerminal, net::SocketAddr, process::ExitCode, time::Instant};

use tracing_subscriber::{EnvFilter, fmt};

use super::{Failure, Inputs, dig_server, options, origin, sources};
use crate::{
    app::{Server, source::Snapshots},
    config::Config,
    sockets::seldom::Seldom,
};

/// Answer DNS questions about a cluster.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(after_help = "\
Snapshot files may change while they are served: they are read again.
Log lines go to standard error. CLUSTERDNS_LOG says which: error, warn, info (the default), debug.
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
}

impl Serve {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        log_to_stderr();
        let mut config = self.inputs.config()?;
        if !self.listen.is_empty() {
            config.listen_on(&self.listen).map_err(Failure)?;
        }
        if !self.admin.is_empty() {
            config.admin_listen.clone_from(&self.admin);
        }
        let sources = sources(&config)?;
        let mut server = Server::bind(&config).map_err(|error| Failure(error.to_string()))?;
        let snapshots =
            Snapshots::start(sources, options(&config), server.feed()).map_err(|error| Failure(error.to_string()))?;
        // From here on there are answers that a signal must not interrupt.
        let signals = server.signals().map_err(|error| Failure(error.to_string()))?;
        server.start().map_err(|error| Failure(error.to_string()))?;
        announce(&config, &server, &snapshots);
        server.run_until(signals);
        Ok(ExitCode::SUCCESS)
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an address and a port: 127.0.0.1:5300, 0.0.0.0:53 or [::]:53".into())
}

/// What is served, from where, where it listens, and a line to try.
fn announce(config: &Config, server: &Server, snapshots: &Snapshots) {
    let zones: Vec<String> = server.zones().iter().map(ToString::to_string).collect();
    let addresses: Vec<String> = server.addresses().iter().map(ToString::to_string).collect();
    tracing::info!("serving {} from {}: {}", zones.join(" "), origin(config), snapshots.summary);
    tracing::info!("listening on {} (UDP, TCP)", addresses.join(", "));
    if let Some(search) = config.search.as_ref().filter(|search| !search.domains.is_empty()) {
        let domains: Vec<String> = search.domains.iter().map(ToString::to_string).collect();
        tracing::info!("looking for names with fewer than {} dots in {}", search.ndots, domains.join(" "));
    }
    for address in server.admin_addresses() {
        let page = if config.admin_explain { "names explained, " } else { "" };
        tracing::info!("{page}metrics, health and readiness on http://{address}/");
    }
    if let (Some(address), Some(question)) = (server.addresses().first(), server.example_question()) {
        tracing::info!("try: dig {} {question}", dig_server(*address));
    }
}

/// Lines on standard error; `CLUSTERDNS_LOG` chooses, for example `warn` or `clusterdns=debug`.
fn log_to_stderr() {
    let filter = EnvFilter::builder().with_env_var("CLUSTERDNS_LOG");
    // hickory logs every response, with its name.
    let filter = filter.with_default_directive(tracing::Level::INFO.into()).from_env_lossy();
    let filter = ["hickory_server=warn", "hickory_proto=warn"]
        .into_iter()
        .filter_map(|directive| directive.parse().ok())
        .fold(filter, EnvFilter::add_directive);
    let terminal = std::io::stderr().is_terminal();
    let lines = fmt().with_env_filter(filter).with_target(false).with_ansi(terminal).with_writer(std::io::stderr);
    // A program that embeds us may have set a logger of its own.
    let _ = lines.try_init();
    // Whoever found a packet that leads to a defect can send it again.
    static LOGGED: Seldom = Seldom::new();
    std::panic::set_hook(Box::new(|panic| {
        if LOGGED.is_due(Instant::now()) {
            tracing::error!("a defect was met, please report it: {panic}");
        }
    }));
}
