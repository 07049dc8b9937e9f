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
    servers::{self, Files, Recipe},
    table,
};

#[derive(Args)]
pub(crate) struct Options {
    /// The clusterdns to measure
    #[arg(long, default_value = "target/dist/clusterdns")]
    pub(crate) clusterdns: PathBuf,
    /// How to start CoreDNS against an API server that holds this cluster; {port} is filled in
    #[arg(long, value_name = "COMMAND")]
    pub(crate) coredns_command: Option<String>,
    /// One more server, such as another build; {address}, {port}, {snapshot}, {zone} and {config} (of clusterdns) are
    /// filled in
    #[arg(long, value_name = "NAME=COMMAND")]
    pub(crate) also: Vec<String>,
    #[command(flatten)]
    visits: Visits,
    #[command(flatten)]
    work: Work,
}

/// How servers are visited.
#[derive(Args, Clone)]
pub(crate) struct Visits {
    /// How often each server is visited
    #[arg(long, default_value_t = 7)]
    pub(crate) rounds: usize,
    /// How long a visit is measured
    #[arg(long, default_value_t = 2.0)]
    pub(crate) seconds: f64,
    /// How long it lasts before that
    #[arg(long, default_value_t = 1.0)]
    pub(crate) warm_up_seconds: f64,
    /// How many queries are on their way at a time
    #[arg(long, default_value_t = flood::OUTSTANDING, value_parser = flood::outstanding_parser())]
    pub(crate) outstanding: usize,
    /// The core that all servers share
    #[arg(long, default_value_t = 0)]
    pub(crate) server_core: usize,
    /// The core of the load
    #[arg(long, default_value_t = 1)]
    pub(crate) load_core: usize,
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
    process::pin_this_process(options.visits.load_core)?;
    let (recipes, missing) = servers::recipes(options, &files)?;
    for line in missing {
        println!("{line}");
    }
    let servers = start(recipes, &options.visits, &files, &questions)?;
    let samples = options.visits.all(&servers, &questions)?;
    table::print(&options.work.to_string(), &servers, &samples)?;
    Ok(())
}

/// All of them, the echo first. One that does not come up is left out and said so.
pub(crate) fn start(
    recipes: Vec<Recipe>,
    visits: &Visits,
    files: &Files,
    questions: &Questions,
) -> Result<Vec<Server>, Box<dyn Error>> {
    let mut servers = Vec::new();
    for recipe in recipes {
        let name = recipe.name.clone();
        match Server::start(recipe, visits.server_core, &files.folder, questions) {
            Ok(server) => servers.push(server),
            Err(error) if servers.is_empty() => return Err(format!("{name}: {error}").into()),
            Err(error) => println!("{name}: did not start, left out: {error}"),
        }
    }
    Ok(servers)
}

impl Visits {
    /// Visits them all, in every round in another order. What each gave, by round.
    pub(crate) fn all(&self, servers: &[Server], questions: &Questions) -> Result<Vec<Vec<Sample>>, Box<dyn Error>> {
        let mut samples: Vec<Vec<Sample>> = servers.iter().map(|_| Vec::new()).collect();
        let mut order: Vec<usize> = (0..servers.len()).collect();
        let mut random = Random::seeded(u64::from(std::process::id()));
        for round in 1..=self.rounds {
            eprintln!("round {round} of {}", self.rounds);
            random.shuffle(&mut order);
            for &index in &order {
                let server = &servers[index];
                let sample = self.one(server, questions).map_err(|error| format!("{}: {error}", server.name))?;
                samples[index].push(sample);
            }
        }
        Ok(samples)
    }

    fn one(&self, server: &Server, questions: &Questions) -> Result<Sample, Box<dyn Error>> {
        let mut flood = Flood::start(server.address, questions, self.outstanding)?;
        flood.run(Duration::try_from_secs_f64(self.warm_up_seconds)?)?;
        let cpu_before = server.cpu()?;
        let tally = flood.run(Duration::try_from_secs_f64(self.seconds)?)?;
        let cpu = server.cpu()?.saturating_sub(cpu_before);
        if tally.answers == 0 {
            return Err("it stopped answering".into());
        }
        Ok(Sample {
            cpu_us_per_query: cpu.as_secs_f64() * 1e6 / (tally.answers + tally.late) as f64,
            queries_per_second: tally.answers_per_second(),
            busy: cpu.as_secs_f64() / tally.elapsed.as_secs_f64(),
            lost: tally.lost as f64 / (tally.lost + tally.answers) as f64,
            unexpected: if server.answers { tally.unexpected } else { 0 },
        })
    }
}
