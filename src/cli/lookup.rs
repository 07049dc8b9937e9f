//! `clusterdns lookup`: what a pod gets for a name, and nothing else.

use std::process::ExitCode;

use super::{
    Failure,
    asking::{self, Asking},
    complain, print, printable,
};
use crate::explain::{Explanation, Record, Request};

/// Look a name up as a pod would.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "\
Without a type it prints addresses and names as getent does, with one what dig +short does.
Where it finds nothing it says why in one line; clusterdns explain shows the whole way.
Exit code: 0 where the name resolves, 1 where it does not, 2 where that cannot be told.")]
pub(super) struct Lookup {
    /// What to look up
    name: String,
    /// Which type of records; without it, addresses
    #[arg(value_name = "TYPE")]
    qtype: Option<String>,
    /// The namespace of the pod
    #[arg(long, value_name = "NAMESPACE", default_value = crate::explain::DEFAULT_FROM)]
    from: String,
    #[command(flatten)]
    asking: Asking,
}

impl Lookup {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        asking::without_answer(self.lookup())
    }

    fn lookup(&self) -> Result<ExitCode, Failure> {
        let qtype = self.qtype.as_deref().unwrap_or_default();
        let request = Request::parse(&self.name, &self.from, "", qtype).map_err(Failure)?;
        let explanation = self.asking.explain(&request)?;
        if !explanation.resolves {
            complain(&printable(&format!("{}: {}", self.name, explanation.reason)));
            return Ok(asking::exit_code(&explanation));
        }
        print(&printable(&if self.qtype.is_some() { short(&explanation) } else { addresses(&explanation) }))
    }
}

/// As `dig +short` does: what each record says.
fn short(explanation: &Explanation) -> String {
    if explanation.records.is_empty() {
        return format!("{}\n", explanation.name);
    }
    explanation.records.iter().map(|record| format!("{}\n", record.data)).collect()
}

/// As `getent` does: an address, and the name that has it.
fn addresses(explanation: &Explanation) -> String {
    let line = |address: &str, name: &str| format!("{address:<15} {name}\n");
    if explanation.records.is_empty() {
        return line(&explanation.name, &explanation.name);
    }
    let addresses = explanation.records.iter().filter(|record| matches!(&*record.rtype, "A" | "AAAA"));
    addresses.map(|Record { name, data, .. }| line(data, name.trim_end_matches('.'))).collect()
}
