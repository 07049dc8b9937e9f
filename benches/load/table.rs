//! The table at the end, ready to be pasted into a document.

use std::{fs, io};

use crate::{compare::Sample, process::Server};

/// Prints one line for each server. The first one, the echo, is what the others are held against; how many times
/// clusterdns's each costs stands beside it.
pub(crate) fn print(title: &str, servers: &[Server], samples: &[Vec<Sample>]) -> io::Result<()> {
    println!("\n{title}; {} rounds; {}\n", samples[0].len(), machine());
    println!(
        "| {:<12} | {:>7} | {:>22} | {:>8} | {:>10} | {:>6} | {:>6} | {:>3} | {:>7} | {:>6} | {:>7} |",
        "server",
        "µs CPU",
        "to echo (min-max)",
        "to ours",
        "throughput",
        "busy %",
        "lost %",
        "odd",
        "start s",
        "RSS MB",
        "peak MB"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let ours = servers.iter().position(|server| server.name.starts_with("clusterdns")).unwrap_or(0);
    for (server, own) in servers.iter().zip(samples) {
        let memory = server.memory()?;
        let ratios = against(own, &samples[0], |sample| sample.cpu_us_per_query);
        let (least, most) = (ratios.first().unwrap_or(&f64::NAN), ratios.last().unwrap_or(&f64::NAN));
        println!(
            "| {:<12} | {:>7.2} | {:>22} | {:>8.2} | {:>10.2} | {:>6.0} | {:>6.2} | {:>3} | {:>7.2} | {:>6.1} | {:>7.1} |",
            server.name,
            median(&sorted(own.iter().map(|sample| sample.cpu_us_per_query))),
            format!("{:.2} ({least:.2}-{most:.2})", median(&ratios)),
            median(&against(own, &samples[ours], |sample| sample.cpu_us_per_query)),
            median(&against(own, &samples[0], |sample| sample.queries_per_second)),
            100.0 * median(&sorted(own.iter().map(|sample| sample.busy))),
            100.0 * median(&sorted(own.iter().map(|sample| sample.lost))),
            own.iter().map(|sample| sample.unexpected).sum::<u64>(),
            server.start.as_secs_f64(),
            memory.now_kib as f64 / 1024.0,
            memory.peak_kib as f64 / 1024.0,
        );
    }
    Ok(())
}

/// Kernel and load average: others may be at work here.
pub(crate) fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let load = read("/proc/loadavg").split_whitespace().take(1).collect::<String>();
    format!("kernel {}, load average {load}", read("/proc/sys/kernel/osrelease").trim())
}

/// A server's values divided by the echo's of the same rounds, in ascending order.
fn against(own: &[Sample], echo: &[Sample], value: impl Fn(&Sample) -> f64) -> Vec<f64> {
    sorted(own.iter().zip(echo).map(|(own, echo)| value(own) / value(echo)))
}

pub(crate) fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

pub(crate) fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
