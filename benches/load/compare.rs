//! The comparison: all servers run, one at a time is asked, in another order in each round.
//!
//! A server's number is its processor time divided by the answers received, over a slice of some
//! seconds; it is set in relation to the echo of the same round, seconds apart, because the machine
//! itself gets faster and slower over minutes.

use std::{error::Error, path::PathBuf, time::Duration};

use clap::Args;

use crate::{
    Work, flood,
    flood::Flood,
    process::{self, Server},
    questions::Questions,
    random::Random,
    servers::{self, Files},
    table,
};

#[derive(Args)]
pub(crate) struct Options {
    /// The clusterdns to measure
    #[arg(long, default_value = "target/release/clusterdns")]
    pub(crate) clusterdns: PathBuf,
    /// How to start CoreDNS against an API server that holds this cluster; {port} is filled in
    #[arg(long, value_name = "COMMAND")]
    pub(crate) coredns_command: Option<String>,
    /// One more server, such as another build; {address}, {port}, {snapshot}, {zone} and {config} (of clusterdns) are
    /// filled in
    #[arg(long, value_name = "NAME=COMMAND")]
    pub(crate) also: Vec<String>,
    /// How often each server is visited
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How long a visit is measured
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How long it lasts before that
    #[arg(long, default_value_t = 1.0)]
    warm_up_seconds: f64,
    /// How many queries are on their way at a time
    #[arg(long, default_value_t = flood::OUTSTANDING, value_parser = flood::outstanding_parser())]
    outstanding: usize,
    /// The core that all servers share
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// The core of the load
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    #[command(flatten)]
    work: Work,
}

/// What one visit of one server gave.
pub(crate) struct Sample {
    pub(crate) cpu_us_per_query: f64,
    pub(crate) queries_per_second: f64,
    /// The share of the time that it held its core. A server that waits is not at its limit.
    pub(crate) busy: f64,
    pub(crate) lost: f64,
    pub(crate) unexpected: u64,
}

pub(crate) fn compare(options: &Options) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let files = Files::write(&options.work.cluster, folder.path())?;
    let questions = Questions::draw(&options.work.cluster, &options.work.mix);
    process::pin_this_process(options.load_core)?;
    let servers = start(options, &files, &questions)?;
    let mut samples: Vec<Vec<Sample>> = servers.iter().map(|_| Vec::new()).collect();
    let mut order: Vec<usize> = (0..servers.len()).collect();
    let mut random = Random::seeded(u64::from(std::process::id()));
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        random.shuffle(&mut order);
        for &index in &order {
            let server = &servers[index];
            let sample = visit(server, &questions, options).map_err(|error| format!("{}: {error}", server.name))?;
            samples[index].push(sample);
        }
    }
    table::print(&servers, &samples, &options.work)?;
    Ok(())
}

/// All of them, the echo first. One that does not come up is left out and said so.
fn start(options: &Options, files: &Files, questions: &Questions) -> Result<Vec<Server>, Box<dyn Error>> {
    let (recipes, missing) = servers::recipes(options, files)?;
    let mut servers = Vec::new();
    for line in missing {
        println!("{line}");
    }
    for recipe in recipes {
        let name = recipe.name.clone();
        match Server::start(recipe, options.server_core, &files.folder, questions) {
            Ok(server) => servers.push(server),
            Err(error) if servers.is_empty() => return Err(format!("{name}: {error}").into()),
            Err(error) => println!("{name}: did not start, left out: {error}"),
        }
    }
    Ok(servers)
}

fn visit(server: &Server, questions: &Questions, options: &Options) -> Result<Sample, Box<dyn Error>> {
    let mut flood = Flood::start(server.address, questions, options.outstanding)?;
    flood.run(Duration::try_from_secs_f64(options.warm_up_seconds)?)?;
    let cpu_before = server.cpu()?;
    let tally = flood.run(Duration::try_from_secs_f64(options.seconds)?)?;
    let cpu = server.cpu()?.saturating_sub(cpu_before);
    if tally.answers == 0 {
        return Err("it stopped answering".into());
    }
    Ok(Sample {
        cpu_us_per_query: cpu.as_secs_f64() * 1e6 / tally.answers as f64,
        queries_per_second: tally.answers_per_second(),
        busy: cpu.as_secs_f64() / tally.elapsed.as_secs_f64(),
        lost: tally.lost as f64 / (tally.lost + tally.answers) as f64,
        unexpected: if server.answers { tally.unexpected } else { 0 },
    })
}
