//! The table at the end, ready to be pasted into a document: a row for each figure, a column for each server.

use std::fs;

use crate::{Figures, propagation::Sample, size::Size};

/// A figure of a server; none where it was not measured.
type Figure = fn(&Figures) -> Option<String>;

pub(crate) fn print(figures: &[Figures], size: Size) {
    println!("\nkernel {}", fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim());
    let cluster = size.cluster();
    println!(
        "{} services, {} of them headless, in {} namespaces, {} endpoints\n",
        size.0,
        cluster.headless,
        cluster.namespaces,
        size.endpoints()
    );
    let row = |cells: Vec<String>| println!("| {} |", cells.join(" | "));
    row([String::from("what")].into_iter().chain(figures.iter().map(|figures| figures.name.clone())).collect());
    println!("|---|{}", "---|".repeat(figures.len()));
    for (what, figure) in ROWS {
        let cells: Vec<_> = figures.iter().map(figure).collect();
        if cells.iter().any(Option::is_some) {
            let cells = cells.into_iter().map(|cell| cell.unwrap_or("-".to_owned()));
            row([what.to_owned()].into_iter().chain(cells).collect());
        }
    }
}

const ROWS: [(&str, Figure); 22] = [
    ("start to the first right answer, s: median (min-max)", |it| spread(it.starts.iter().copied(), 2)),
    ("resident memory after that, MB", |it| spread(it.settled.iter().map(|memory| memory.now), 1)),
    ("its peak until then, MB", |it| spread(it.settled.iter().map(|memory| memory.peak), 1)),
    ("CPU when idle, µs a second", |it| spread(it.rounds.iter().map(|round| round.idle), 0)),
    ("CPU of a change, µs", |it| spread(it.rounds.iter().map(|round| round.change), 1)),
    ("the same with what it takes when idle, µs", |it| spread(it.rounds.iter().map(|round| round.change_all_in), 1)),
    ("CPU of curl, which only reads the same change, µs", |it| {
        spread(it.rounds.iter().filter_map(|round| round.read), 1)
    }),
    ("CPU of a query while other objects change, µs", |it| spread(it.queries().map(|queries| queries.quiet), 2)),
    ("while endpoints change, µs", |it| spread(it.queries().map(|queries| queries.changing), 2)),
    ("the ratio of the two", |it| spread(it.queries().map(|queries| queries.changing / queries.quiet), 2)),
    ("while endpoints change, their cost included, µs", |it| {
        spread(it.queries().map(|queries| queries.changing_all_in), 2)
    }),
    ("queries lost", |it| {
        it.queries().next()?;
        Some(it.queries().map(|queries| queries.lost).sum::<u64>().to_string())
    }),
    ("acknowledged change to changed answer in a quiet cluster, ms: p50 / p90 / p99 / max", |it| {
        percentiles(&it.quiet, |sample| sample.since_acknowledged)
    }),
    ("from a bare watch's event to it", |it| percentiles(&it.quiet, |sample| sample.since_seen)),
    ("from the write to it", |it| percentiles(&it.quiet, |sample| sample.since_written)),
    ("acknowledged change to changed answer while others stream in", |it| {
        percentiles(&it.busy, |sample| sample.since_acknowledged)
    }),
    ("from a bare watch's event to it", |it| percentiles(&it.busy, |sample| sample.since_seen)),
    ("from the write to it", |it| percentiles(&it.busy, |sample| sample.since_written)),
    ("changes a second meanwhile", |it| it.streamed.map(|streamed| format!("{:.0}", streamed.a_second))),
    ("API server killed and back: resident memory, its peak, MB", |it| {
        let memory = it.outage.as_ref()?.memory;
        Some(format!("{:.1}, {:.1}", memory.now, memory.peak))
    }),
    ("from its readiness to a changed answer, s", |it| Some(format!("{:.1}", it.outage.as_ref()?.behind))),
    ("answers meanwhile", |it| Some(it.outage.as_ref()?.answers.clone())),
];

/// `MEDIAN (LEAST-MOST)`
fn spread(values: impl Iterator<Item = f64>, decimals: usize) -> Option<String> {
    let values = sorted(values);
    let median = values.get(values.len() / 2)?;
    let (least, most) = (values.first()?, values.last()?);
    match values.len() {
        1 => Some(format!("{median:.decimals$}")),
        _ => Some(format!("{median:.decimals$} ({least:.decimals$}-{most:.decimals$})")),
    }
}

fn percentiles(samples: &[Sample], since: fn(&Sample) -> f64) -> Option<String> {
    let values = sorted(samples.iter().map(since));
    let most = values.last()?;
    let [half, ninety, ninety_nine] = [50, 90, 99].map(|part| values[(values.len() - 1) * part / 100]);
    Some(format!("{half:.2} / {ninety:.2} / {ninety_nine:.2} / {most:.2}"))
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}
