//! `clusterdns check`: what is wrong with a configuration and a snapshot.

use std::process::ExitCode;

use super::{Failure, Inputs, origin, print, problems, read_cluster};
use crate::objects::snapshot::Severity;

/// Look for mistakes in a configuration and a snapshot.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "\
Exit code: 0 where everything is served as it is written, 1 where something is not.")]
pub(super) struct Check {
    #[command(flatten)]
    inputs: Inputs,
}

impl Check {
    /// Prints every problem; fails where something would not be served as it is written.
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let config = self.inputs.config()?;
        let loaded = read_cluster(&config)?;
        let bad = loaded.summary.problems_left_off > 0
            || loaded.problems.iter().any(|problem| problem.severity == Severity::Error);
        let mut lines = problems(&loaded);
        lines.push(match bad {
            true => "objects were left out: mend them, or serve without them".into(),
            false => format!("ok: {} from {}", loaded.summary, origin(&config)),
        });
        let text = lines.join("\n") + "\n";
        print(&text)?;
        Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
