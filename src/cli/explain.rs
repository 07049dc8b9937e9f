//! `clusterdns explain`: each question of a lookup, and why it ends as it does.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{
    Failure,
    asking::{self, Asking},
    print, printable,
};
use crate::{
    explain::{Explanation, Reply, Request, Step},
    search::{ResolvConf, Resolver},
};

/// Show why a name resolves for a program in a pod, or why not.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "\
Without --config the server's own [search] list is left out: a pod has one of its own.
Exit code: 0 where the name resolves, 1 where it does not, 2 where that cannot be told.")]
pub(super) struct Explain {
    /// What the program looks up
    name: String,
    /// The namespace of its pod
    #[arg(long, value_name = "NAMESPACE", default_value = crate::explain::DEFAULT_FROM)]
    from: String,
    /// What it asks for: A+AAAA as getaddrinfo does, or one type
    #[arg(long = "type", value_name = "TYPE", default_value = "A+AAAA")]
    qtype: String,
    /// Whose rules its resolver follows
    #[arg(long, value_name = "RESOLVER", default_value = "glibc", value_parser = Resolver::ALL.map(Resolver::name))]
    resolver: String,
    /// The pod's resolv.conf, in place of what the kubelet writes
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    resolv_conf: Option<PathBuf>,
    #[command(flatten)]
    asking: Asking,
    /// Print JSON, as /api/explain has it
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        asking::without_answer(self.explain())
    }

    fn explain(&self) -> Result<ExitCode, Failure> {
        let mut request = Request::parse(&self.name, &self.from, &self.resolver, &self.qtype).map_err(Failure)?;
        if let Some(path) = &self.resolv_conf {
            let text = read(path).map_err(|error| Failure(format!("{}: {error}", path.display())))?;
            request.resolv_conf = Some(ResolvConf::parse(&text));
        }
        let explanation = self.asking.explain(&request)?;
        print(&if self.json { json(&explanation)? } else { printable(&text(&explanation)) })?;
        Ok(asking::exit_code(&explanation))
    }
}

/// A resolv.conf: a longer file is none.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(RESOLV_CONF_OCTETS_MAX + 1).read_to_string(&mut text)?;
    match text.len() as u64 > RESOLV_CONF_OCTETS_MAX {
        true => Err(io::Error::other("longer than any resolv.conf")),
        false => Ok(text),
    }
}

const RESOLV_CONF_OCTETS_MAX: u64 = 64 * 1024;

fn json(explanation: &Explanation) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(explanation).map_err(|error| Failure(error.to_string()))?;
    Ok(text + "\n")
}

/// For people: the questions as a table, then the end and its reason.
fn text(explanation: &Explanation) -> String {
    let Explanation { name, from, resolver, ndots, program_sees, reason, suggestions, .. } = explanation;
    let mut lines = vec![format!("{name} from a pod in namespace {from}, {resolver} (ndots {ndots})")];
    lines.extend(table(explanation.steps.iter().enumerate().map(|(index, step)| row(index + 1, step)).collect()));
    lines.push(match (explanation.resolves, explanation.undecided) {
        (true, _) => format!("resolves: the program sees {program_sees}"),
        (false, true) => "depends on an upstream: none is asked from here".into(),
        (false, false) => format!("does not resolve: the program sees {program_sees}"),
    });
    lines.extend(explanation.records.iter().map(|record| format!("  {} {}", record.rtype, record.data)));
    if !reason.is_empty() {
        lines.push(format!("  {reason}"));
    }
    if suggestions.iter().any(|suggestion| !reason.contains(&**suggestion)) {
        lines.push(format!("  try: {}", suggestions.join(", ")));
    }
    lines.join("\n") + "\n"
}

fn row(number: usize, step: &Step) -> Vec<String> {
    let (heard, then) = step.then.split_once(": ").unwrap_or(("", &step.then));
    let mut cells = vec![format!("{number}"), step.candidate.clone()];
    cells.extend(step.replies.iter().map(reply));
    if step.replies.is_empty() {
        cells.push(heard.to_owned());
    }
    cells.push(then.to_owned());
    cells
}

/// `A NXDOMAIN`, or the first of what it has.
fn reply(reply: &Reply) -> String {
    let own: Vec<_> = reply.records.iter().filter(|record| record.rtype == reply.qtype).collect();
    match &own[..] {
        [] => format!("{} {}", reply.qtype, reply.result),
        [one] => format!("{} {}", reply.qtype, one.data),
        [one, more @ ..] => format!("{} {} and {} more", reply.qtype, one.data, more.len()),
    }
}

/// Columns as wide as their widest cell, the last one ragged. No name is longer than a cell may be.
fn table(rows: Vec<Vec<String>>) -> Vec<String> {
    let cell = |cell: String| {
        if cell.chars().nth(CELL_MAX).is_none() { cell } else { cell.chars().take(CELL_MAX).chain(['…']).collect() }
    };
    let rows: Vec<Vec<String>> = rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<_>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Characters of a cell.
const CELL_MAX: usize = 260;

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that is not ours may send anything.
    #[test]
    fn a_cell_is_never_wider_than_a_name() {
        let lines = table(vec![vec!["x".repeat(70_000), "done".into()], vec!["y".into(), "done".into()]]);
        assert!(lines.iter().all(|line| line.chars().count() < CELL_MAX + 20), "{}", lines[0].len());
        assert!(lines[0].ends_with("x…  done"), "{}", lines[0]);
    }

    #[test]
    fn a_text_cannot_command_a_terminal() {
        assert_eq!(printable("a\x1b]0;b\x07\r\nc"), "a\u{fffd}]0;b\u{fffd}\u{fffd}\nc");
    }
}
