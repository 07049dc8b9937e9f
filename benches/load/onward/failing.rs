//! How long forwarded questions take while all is well, and while one of two upstreams is not.
//!
//! Each visit is of a server that has just started, has had a second to learn, and is asked at a
//! fixed rate. What counts is the ratio to the visit with two good upstreams in the same round.

use std::{
    error::Error,
    net::{Ipv4Addr, UdpSocket},
    time::Duration,
};

use super::{Bench, corefile, peers::Program, secs, upstream};
use crate::{
    paced::{self, Percentiles, Stream},
    process::Server,
    questions::Questions,
    random::Random,
    servers,
    table::{machine, median, sorted},
};

/// What the second upstream is like.
const CASES: [&str; 4] = ["well", "nobody listens", "silent", "300 ms"];

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
    let seconds = [well.address, nobody, silent.local_addr()?, slow.address];
    let questions = Questions::without_end();
    let mut direct = Row { name: "the upstream itself".to_owned(), visits: Vec::new() };
    let cells = bench.programs.iter().flat_map(|program| (0..CASES.len()).map(move |case| (program, case)));
    let cells: Vec<_> = cells.collect();
    let named = |(program, case): &(&Program, usize)| format!("{}, second {}", program.name, CASES[*case]);
    let mut rows: Vec<_> = cells.iter().map(|cell| Row { name: named(cell), visits: Vec::new() }).collect();
    let mut order: Vec<usize> = (0..cells.len()).collect();
    let mut random = Random::seeded(u64::from(std::process::id()));
    for round in 1..=visits.rounds {
        eprintln!("round {round} of {}", visits.rounds);
        direct.visits.push(ask(bench, &bench.upstream, &questions)?);
        random.shuffle(&mut order);
        for &index in &order {
            let (program, case) = cells[index];
            let upstreams = [bench.upstream.address, seconds[case]];
            let recipe = program.recipe(folder, |address| corefile::outside(address, &upstreams))?;
            let server = Server::start(recipe, visits.server_core, folder, &questions)?;
            rows[index].visits.push(ask(bench, &server, &questions)?);
        }
    }
    print(bench, &direct, &rows);
    Ok(())
}

fn ask(bench: &Bench<'_>, server: &Server, questions: &Questions) -> Result<Visit, Box<dyn Error>> {
    let options = bench.options;
    let mut streams = [Stream::new(server.address, questions, options.rate)?];
    paced::run(&mut streams, secs(options.learn_seconds)?, Duration::ZERO);
    let cpu_before = server.cpu()?;
    let heard = paced::run(&mut streams, secs(options.visits.seconds)?, PATIENCE).remove(0);
    let cpu = server.cpu()?.saturating_sub(cpu_before);
    Ok(Visit {
        of: heard.percentiles(),
        cpu_us_per_query: cpu.as_secs_f64() * 1e6 / heard.asked as f64,
        lost: heard.lost(),
        refused: heard.refused,
    })
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
