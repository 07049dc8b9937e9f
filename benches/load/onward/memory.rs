//! What a flood takes that the upstream does not answer: memory, and the time of those who ask for names of
//! the cluster.

use std::{
    error::Error,
    net::{Ipv4Addr, UdpSocket},
    time::Duration,
};

use super::{Bench, corefile, peers::Program, secs};
use crate::{
    api,
    paced::{self, Heard, Stream},
    process::Server,
    questions::Questions,
    table::machine,
};

/// What was seen in a stretch of time.
struct Seen {
    cpu: Duration,
    heard: Vec<Heard>,
}

pub(super) fn measure(bench: &Bench<'_>) -> Result<(), Box<dyn Error>> {
    println!(
        "\n{FLOOD} names that a silent upstream does not answer, {FLOOD_PER_SECOND} a second; names of the cluster \
         beside them in the second half, {} a second; {}\n",
        bench.options.rate,
        machine()
    );
    println!(
        "| {:<28} | {:>9} | {:>9} | {:>13} | {:>20} | {:>20} | {:>9} | {:>12} |",
        "",
        "before MB",
        "peak MB",
        "µs CPU before",
        "while flooded (ratio)",
        "p99 ms before, while",
        "lost",
        "µs CPU, flood"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for program in &bench.programs {
        for max_concurrent in [Some(1000), None] {
            flood(bench, program, max_concurrent)?;
        }
    }
    Ok(())
}

fn flood(bench: &Bench<'_>, program: &Program, max_concurrent: Option<usize>) -> Result<(), Box<dyn Error>> {
    let options = bench.options;
    let api = api::serve(&options.work.cluster)?;
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let recipe = program
        .recipe(&bench.files.folder, |address| corefile::kubeadm(address, api, silent.local_addr()?, max_concurrent))?;
    let cluster = Questions::draw(&options.work.cluster, &options.work.mix);
    let outside = Questions::without_end();
    let server = Server::start(recipe, options.visits.server_core, &bench.files.folder, &cluster)?;
    let names = || Stream::new(server.address, &cluster, options.rate);
    let misses = || Stream::new(server.address, &outside, FLOOD_PER_SECOND);
    let half = Duration::from_secs_f64(FLOOD / FLOOD_PER_SECOND / 2.0);
    see(&server, &mut [names()?], secs(options.learn_seconds)?)?;
    let start_kib = server.memory()?.now_kib;
    let before = see(&server, &mut [names()?], half)?;
    let alone = see(&server, &mut [misses()?], half)?;
    let both = see(&server, &mut [misses()?, names()?], half)?;
    let memory = server.memory()?;

    let micros = |cpu: f64, heard: &Heard| cpu * 1e6 / heard.asked as f64;
    let flood_secs = alone.cpu.as_secs_f64() * both.heard[0].asked as f64 / alone.heard[0].asked as f64;
    let cpu_before = micros(before.cpu.as_secs_f64(), &before.heard[0]);
    let cpu_while = micros(both.cpu.as_secs_f64() - flood_secs, &both.heard[1]);
    let (p99_before, p99_while) = (before.heard[0].percentiles().p99, both.heard[1].percentiles().p99);
    let limit = max_concurrent.map_or("no limit".to_owned(), |limit| format!("max_concurrent {limit}"));
    println!(
        "| {:<28} | {:>9.1} | {:>9.1} | {:>13.2} | {:>20} | {:>20} | {:>9} | {:>12.2} |",
        format!("{}, {limit}", program.name),
        start_kib as f64 / 1024.0,
        memory.peak_kib as f64 / 1024.0,
        cpu_before,
        format!("{cpu_while:.2} ({:.2})", cpu_while / cpu_before),
        format!("{p99_before:.2}, {p99_while:.2}"),
        both.heard[1].lost(),
        micros(alone.cpu.as_secs_f64(), &alone.heard[0]),
    );
    Ok(())
}

fn see(server: &Server, streams: &mut [Stream<'_>], duration: Duration) -> Result<Seen, Box<dyn Error>> {
    let cpu_before = server.cpu()?;
    let heard = paced::run(streams, duration, PATIENCE);
    Ok(Seen { cpu: server.cpu()?.saturating_sub(cpu_before), heard })
}

const FLOOD: f64 = 100_000.0;
const FLOOD_PER_SECOND: f64 = 20_000.0;
/// Names of the cluster are answered by then; nobody waits for the others.
const PATIENCE: Duration = Duration::from_millis(100);
