//! The table at the end, ready to be pasted into a document.

use std::{fs, io};

use crate::{Work, compare::Sample, process::Server};

/// Prints one line for each server. The first one, the echo, is what the others are held against.
pub(crate) fn print(servers: &[Server], samples: &[Vec<Sample>], work: &Work) -> io::Result<()> {
    let cluster = &work.cluster;
    println!("\nkernel {}", fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim());
    println!(
        "{} services, {} headless of {} endpoints, {} endpoints behind each other service; mix {}; {} rounds\n",
        cluster.services,
        cluster.headless,
        cluster.headless_endpoints,
        cluster.service_endpoints,
        work.mix,
        samples[0].len()
    );
    println!(
        "| {:<12} | {:>7} | {:>22} | {:>10} | {:>6} | {:>6} | {:>3} | {:>7} | {:>6} | {:>7} |",
        "server",
        "µs CPU",
        "to echo (min-max)",
        "throughput",
        "busy %",
        "lost %",
        "odd",
        "start s",
        "RSS MB",
        "peak MB"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for (server, own) in servers.iter().zip(samples) {
        let memory = server.memory()?;
        let ratios = against(own, &samples[0], |sample| sample.cpu_us_per_query);
        let (least, most) = (ratios.first().unwrap_or(&f64::NAN), ratios.last().unwrap_or(&f64::NAN));
        println!(
            "| {:<12} | {:>7.2} | {:>22} | {:>10.2} | {:>6.0} | {:>6.2} | {:>3} | {:>7.2} | {:>6.1} | {:>7.1} |",
            server.name,
            median(&sorted(own.iter().map(|sample| sample.cpu_us_per_query))),
            format!("{:.2} ({least:.2}-{most:.2})", median(&ratios)),
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

/// A server's values divided by the echo's of the same rounds, in ascending order.
fn against(own: &[Sample], echo: &[Sample], value: impl Fn(&Sample) -> f64) -> Vec<f64> {
    sorted(own.iter().zip(echo).map(|(own, echo)| value(own) / value(echo)))
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
