//! How long forwarded questions take while all is well, and while one of two upstreams is not.
//!
//! In each round a server is started for each state of the second upstream. They are asked at a
//! fixed rate, each question going to the next of them: whatever halts the machine meets all of them alike. They have a
//! second to learn before that. What counts is the ratio to the one with two good upstreams.

use std::{
    error::Error,
    io,
    net::{Ipv4Addr, UdpSocket},
    time::Duration,
};

use super::{Bench, corefile, peers::Program, secs, upstream};
use crate::{
    paced::{self, Heard, Percentiles, Stream},
    process::Server,
    questions::Questions,
    servers::{self, Recipe},
    table::{machine, median, sorted},
};

/// What the second upstream is like. The first case is what the others are held against; the second says what it costs
/// that one upstream has the work of two.
const CASES: [&str; 5] = ["well", "none", "nobody listens", "silent", "300 ms"];

/// What one visit gave.
struct Visit {
    of: Percentiles,
    cpu_us_per_query: f64,
    lost: u64,
    refused: u64,
}

/// Each with the round's own base.
struct Row {
    name: String,
    visits: Vec<Visit>,
}

pub(super) fn measure(bench: &Bench<'_>) -> Result<(), Box<dyn Error>> {
    let (visits, folder) = (&bench.options.visits, &bench.files.folder);
    let well = upstream(bench.options.upstream_delay_ms, visits, folder)?;
    let slow = upstream(SLOW_MS, visits, folder)?;
    let nobody = servers::free_address()?;
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let seconds = [Some(well.address), None, Some(nobody), Some(silent.local_addr()?), Some(slow.address)];
    let questions = Questions::without_end();
    let mut direct = Row { name: "the upstream itself".to_owned(), visits: Vec::new() };
    let named = |program: &Program, case| format!("{}, second {case}", program.name);
    let row = |name| Row { name, visits: Vec::new() };
    let rows = bench.programs.iter().flat_map(|program| CASES.map(|case| row(named(program, case))));
    let mut rows: Vec<_> = rows.collect();
    for round in 1..=visits.rounds {
        eprintln!("round {round} of {}", visits.rounds);
        direct.visits.extend(ask(bench, &[&bench.upstream], &questions)?);
        for (program, rows) in bench.programs.iter().zip(rows.chunks_mut(CASES.len())) {
            let servers = CASES.iter().zip(seconds).map(|(case, second)| {
                let upstreams: Vec<_> = [bench.upstream.address].into_iter().chain(second).collect();
                let recipe = program.recipe(folder, |address| corefile::outside(address, &upstreams))?;
                let recipe = Recipe { name: named(program, case), ..recipe };
                Server::start(recipe, visits.server_core, folder, &questions)
            });
            let servers: Vec<_> = servers.collect::<io::Result<_>>()?;
            let visits = ask(bench, &servers.iter().collect::<Vec<_>>(), &questions)?;
            rows.iter_mut().zip(visits).for_each(|(row, visit)| row.visits.push(visit));
        }
    }
    print(bench, &direct, &rows);
    Ok(())
}

/// Asks them in turn, question by question, each as many as in a visit of its own.
fn ask(bench: &Bench<'_>, servers: &[&Server], questions: &Questions) -> Result<Vec<Visit>, Box<dyn Error>> {
    let options = bench.options;
    let rate = options.rate / servers.len() as f64;
    let streams = servers.iter().map(|server| Stream::new(server.address, questions, rate));
    let mut streams: Vec<_> = streams.collect::<io::Result<_>>()?;
    paced::run(&mut streams, secs(options.learn_seconds)?, Duration::ZERO);
    let cpu = || servers.iter().map(|server| server.cpu()).collect::<io::Result<Vec<_>>>();
    let before = cpu()?;
    let heard = paced::run(&mut streams, secs(options.visits.seconds * servers.len() as f64)?, PATIENCE);
    let spent = cpu()?.into_iter().zip(before).map(|(after, before)| after.saturating_sub(before));
    let visit = |(heard, spent): (Heard, Duration)| Visit {
        of: heard.percentiles(),
        cpu_us_per_query: spent.as_secs_f64() * 1e6 / heard.asked as f64,
        lost: heard.lost(),
        refused: heard.refused,
    };
    Ok(heard.into_iter().zip(spent).map(visit).collect())
}

fn print(bench: &Bench<'_>, direct: &Row, rows: &[Row]) {
    println!("\nforwarded, {} questions a second; {} rounds; {}\n", bench.options.rate, direct.visits.len(), machine());
    println!(
        "| {:<33} | {:>7} | {:>7} | {:>7} | {:>7} | {:>12} | {:>22} | {:>7} | {:>5} |",
        "milliseconds, medians of the rounds",
        "µs CPU",
        "p50",
        "p99",
        "max",
        "p99 added",
        "p99 to well (min-max)",
        "refused",
        "lost"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    line(direct, direct, direct);
    for case in rows.chunks(CASES.len()) {
        case.iter().for_each(|row| line(row, &case[0], direct));
    }
}

fn line(row: &Row, well: &Row, direct: &Row) {
    let of = |value: fn(&Percentiles) -> f64| median(&sorted(row.visits.iter().map(|visit| value(&visit.of))));
    let pairs = |base: &Row, with: fn(f64, f64) -> f64| {
        sorted(row.visits.iter().zip(&base.visits).map(|(own, base)| with(own.of.p99, base.of.p99)))
    };
    let ratios = pairs(well, |own, well| own / well);
    println!(
        "| {:<33} | {:>7.1} | {:>7.3} | {:>7.3} | {:>7.2} | {:>12.3} | {:>22} | {:>7} | {:>5} |",
        row.name,
        median(&sorted(row.visits.iter().map(|visit| visit.cpu_us_per_query))),
        of(|percentiles| percentiles.p50),
        of(|percentiles| percentiles.p99),
        of(|percentiles| percentiles.max),
        median(&pairs(direct, |own, direct| own - direct)),
        format!("{:.2} ({:.2}-{:.2})", median(&ratios), ratios[0], ratios[ratios.len() - 1]),
        row.visits.iter().map(|visit| visit.refused).sum::<u64>(),
        row.visits.iter().map(|visit| visit.lost).sum::<u64>(),
    );
}

const SLOW_MS: u64 = 300;
/// Longer than servers try.
const PATIENCE: Duration = Duration::from_secs(6);
