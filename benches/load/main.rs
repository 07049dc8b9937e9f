//! The load benchmark: what a query costs the processor, beside other servers in the same minutes.
//!
//! A time on a shared machine means nothing by itself, so every number here is a ratio to something
//! that ran in the same round: at best to `echo`, which does nothing but move packets and so shows
//! the limit of the socket. README.md says what is measured and how to read it.
//!
//! ```text
//! cluster ─► snapshot, zone ─► servers ─┐
//!    └─────► questions ─► flood ────────┴─► compare ─► table
//! ```

mod api;
mod cluster;
mod compare;
mod echo;
mod flood;
mod onward;
mod paced;
mod process;
mod programs;
mod questions;
mod random;
mod servers;
mod snapshot;
mod table;
mod upstream;
mod zone;

use std::{error::Error, fmt, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::{
    cluster::Cluster,
    flood::Flood,
    questions::{Mix, Questions},
};

/// Measures what a DNS query costs, against the limit of the socket and against other servers.
#[derive(Parser)]
#[command(name = "load")]
struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
    /// What `cargo bench` adds to every command line.
    #[arg(long, global = true, hide = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Task {
    /// Write the cluster as kubectl prints it, as a zone file, and as dnsperf's queries
    Generate(Generate),
    /// Send every packet back as an answer, on one thread: the limit of the socket
    Echo {
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:5300")]
        listen: SocketAddr,
    },
    /// Ask one server as fast as it answers
    Flood(Ask),
    /// Run the servers found here side by side and print the table
    Compare(compare::Options),
    /// Start clusterdns and CoreDNS with kubeadm's Corefile and print what cluster names, cached names, forwarded names
    /// and bad upstreams cost; Unbound and dnsmasq beside them where they are installed
    Onward(onward::Options),
    /// Answer as an upstream that knows every name
    Upstream {
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:5301")]
        listen: SocketAddr,
        /// How long each answer takes
        #[arg(long, default_value_t = 0)]
        delay_ms: u64,
    },
}

#[derive(Args)]
struct Generate {
    /// The folder to write cluster.json, cluster.zone and queries.txt into
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    #[command(flatten)]
    work: Work,
}

#[derive(Args)]
struct Ask {
    /// The server to ask
    #[arg(long)]
    server: SocketAddr,
    /// For how long
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// How many queries are on their way at a time
    #[arg(long, default_value_t = flood::OUTSTANDING, value_parser = flood::outstanding_parser())]
    outstanding: usize,
    #[command(flatten)]
    work: Work,
}

/// What there is and what is asked about it.
#[derive(Args, Clone)]
pub(crate) struct Work {
    #[command(flatten)]
    cluster: Cluster,
    /// Shares of the kinds of query, in percent or any other unit
    #[arg(long, default_value_t = Mix::default())]
    mix: Mix,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cluster { services, headless, headless_endpoints, service_endpoints, .. } = self.cluster;
        write!(
            f,
            "{services} services, {headless} headless of {headless_endpoints} endpoints, {service_endpoints} endpoints \
             behind each other service; mix {}",
            self.mix
        )
    }
}

fn main() -> ExitCode {
    match Arguments::parse().task.map(run) {
        None => {
            print!("{}", Arguments::command().render_help());
            ExitCode::SUCCESS
        }
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<(), Box<dyn Error>> {
    match task {
        Task::Generate(options) => generate(&options),
        Task::Echo { listen } => Ok(echo::serve(listen)?),
        Task::Flood(options) => ask(&options),
        Task::Compare(options) => compare::compare(&options),
        Task::Onward(options) => onward::measure(&options),
        Task::Upstream { listen, delay_ms } => Ok(upstream::serve(listen, Duration::from_millis(delay_ms))?),
    }
}

fn generate(options: &Generate) -> Result<(), Box<dyn Error>> {
    let Generate { folder, work } = options;
    std::fs::create_dir_all(folder)?;
    snapshot::write(&work.cluster, &folder.join("cluster.json"))?;
    zone::write(&work.cluster, &folder.join("cluster.zone"))?;
    Questions::draw(&work.cluster, &work.mix).write_for_dnsperf(&folder.join("queries.txt"))?;
    println!("wrote cluster.json, cluster.zone and queries.txt into {}", folder.display());
    Ok(())
}

fn ask(options: &Ask) -> Result<(), Box<dyn Error>> {
    let questions = Questions::draw(&options.work.cluster, &options.work.mix);
    let mut flood = Flood::start(options.server, &questions, options.outstanding)?;
    let tally = flood.run(Duration::try_from_secs_f64(options.seconds)?)?;
    println!(
        "{} answers, {:.0} a second; {} not as expected, {} lost",
        tally.answers,
        tally.answers_per_second(),
        tally.unexpected,
        tally.lost
    );
    Ok(())
}
