//! The command line: arguments in, exit code out.

mod asking;
mod check;
mod completions;
mod coredns;
mod env;
mod explain;
mod inputs;
mod lines;
mod lookup;
mod man;
mod records;
mod remote;
mod serve;
mod snapshot;

use std::{
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use tokio::runtime::Builder;

use self::inputs::Inputs;
use crate::{
    app::cluster,
    config::{self, Config},
    objects::{
        api,
        snapshot::{self as files, Loaded, STDIN, Source},
    },
};

/// A DNS server for Kubernetes clusters
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = FIRST_STEPS)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer DNS questions about a cluster
    Serve(serve::Serve),
    /// Print every record of a zone, as a zone file
    Records(records::Records),
    /// Look a name up as a pod would
    Lookup(lookup::Lookup),
    /// Show why a name resolves for a program in a pod, or why not
    Explain(explain::Explain),
    /// Save the cluster that a running server knows, as a file to serve from
    Snapshot(snapshot::Snapshot),
    /// Look for mistakes in a configuration and a snapshot
    Check(check::Check),
    /// Print the variables that Kubernetes gives to the containers of a namespace
    Env(env::Env),
    /// Print the commented default configuration
    Config,
    /// Print the directives of a Corefile that are understood
    Plugins,
    /// Print what a shell needs to complete commands and options
    Completions(completions::Completions),
    /// Print the manual page, with every command in it
    #[command(after_help = "Read it, or keep it:
  clusterdns man | man -l -
  clusterdns man > ~/.local/share/man/man1/clusterdns.1")]
    Man,
}

const FIRST_STEPS: &str = "\
Without a command it serves a small example cluster, or the Corefile of the folder if it has one:
  clusterdns
  dig @127.0.0.1 -p 5300 backend-service.example.svc.cluster.local

Your own:
  kubectl get svc,endpoints,endpointslices,pods,ns -A -o json > cluster.json
  clusterdns check --snapshot cluster.json
  clusterdns serve --snapshot cluster.json
or as it is, and as it changes:
  clusterdns serve --kubernetes

In the place of CoreDNS, by its Corefile:
  clusterdns -conf /etc/coredns/Corefile";

/// Why a command ends early: what to tell, as whole sentences.
#[derive(Debug)]
struct Failure(String);

impl Cli {
    /// Reads the arguments of the program, those of CoreDNS too. Ends the process where they are wrong.
    pub fn from_arguments() -> Self {
        Self::parse_from(coredns::arguments(std::env::args_os(), Path::new(coredns::COREFILE).is_file()))
    }

    /// Does what the arguments say.
    pub fn run(self) -> ExitCode {
        let done = match self.command.unwrap_or_else(|| Command::Serve(serve::Serve::default())) {
            Command::Serve(serve) => serve.run(),
            Command::Records(records) => records.run(),
            Command::Lookup(lookup) => lookup.run(),
            Command::Explain(explain) => explain.run(),
            Command::Snapshot(snapshot) => snapshot.run(),
            Command::Check(check) => check.run(),
            Command::Env(env) => env.run(),
            Command::Config => print(config::EXAMPLE),
            Command::Plugins => coredns::plugins(),
            Command::Completions(completions) => completions.run(),
            Command::Man => man::run(),
        };
        match done {
            Ok(code) => code,
            Err(Failure(text)) => {
                complain(&text);
                ExitCode::FAILURE
            }
        }
    }
}

/// The cluster that a configuration reads, and what is wrong with it.
fn read_cluster(config: &Config) -> Result<Loaded, Failure> {
    if !config.kubernetes.enabled {
        return files::load(&sources(config)?, &cluster::options(config), &mut |_| {})
            .map_err(|error| Failure(error.to_string()));
    }
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| Failure(error.to_string()))?;
    let asks = config.asks();
    let read = api::read(config.kubernetes.access.clone(), &asks, API_PATIENCE);
    let (picture, problems) = runtime.block_on(read).map_err(|error| Failure(error.to_string()))?;
    Ok(Loaded::from_elsewhere(picture, problems))
}

/// The cluster that a configuration reads. What is wrong with it is said on standard error.
fn load(config: &Config) -> Result<Loaded, Failure> {
    let loaded = read_cluster(config)?;
    problems(&loaded).iter().for_each(|problem| complain(problem));
    Ok(loaded)
}

/// Where the configuration reads the cluster from.
fn sources(config: &Config) -> Result<Vec<Source>, Failure> {
    cluster::sources(config).map_err(|error| Failure(format!("{STDIN}: {error}")))
}

/// What is read from, in words.
fn origin(config: &Config) -> String {
    if config.kubernetes.enabled {
        return "the Kubernetes API".into();
    }
    match &config.snapshot.paths[..] {
        _ if !config.has_cluster() => cluster::NOTHING.into(),
        [] => "the built-in example".into(),
        paths => {
            let name = |path: &PathBuf| match path.to_str() {
                Some("-") => STDIN.to_owned(),
                _ => path.display().to_string(),
            };
            paths.iter().map(name).collect::<Vec<_>>().join(", ")
        }
    }
}

/// What was found wrong with a snapshot, one problem a line.
fn problems(loaded: &Loaded) -> Vec<String> {
    let mut lines: Vec<_> = loaded.problems.iter().map(ToString::to_string).collect();
    if loaded.summary.problems_left_off > 0 {
        lines.push(format!("and {} more problems", loaded.summary.problems_left_off));
    }
    lines
}

/// How long somebody waits who has typed a command.
const API_PATIENCE: Duration = Duration::from_secs(30);

/// Says something on standard error. Where that is closed nobody is left to tell.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// A text for a terminal: what came from a file or a server cannot command it.
fn printable(text: &str) -> String {
    let shown = |letter: char| if letter.is_control() && letter != '\n' { char::REPLACEMENT_CHARACTER } else { letter };
    text.chars().map(shown).collect()
}

/// Prints to standard output.
fn print(text: &str) -> Result<ExitCode, Failure> {
    printed(io::stdout().lock().write_all(text.as_bytes()))
}

/// What came of printing to standard output. A reader that has seen enough is no failure.
fn printed(result: io::Result<()>) -> Result<ExitCode, Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure(format!("standard output: {error}"))),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// `@127.0.0.1 -p 5300`: how dig is told where to ask. Who listens on all addresses listens on those of IPv4.
fn dig_server(address: SocketAddr) -> String {
    let ip = match address.ip() {
        all if all.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    match address.port() {
        53 => format!("@{ip}"),
        port => format!("@{ip} -p {port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dig_is_sent_where_somebody_listens() {
        let at = |address: &str| dig_server(address.parse().unwrap());
        assert_eq!([at("[::]:53"), at("0.0.0.0:53")], ["@127.0.0.1"; 2]);
        assert_eq!([at("[::1]:5300"), at("192.0.2.1:5300")], ["@::1 -p 5300", "@192.0.2.1 -p 5300"]);
    }
}
