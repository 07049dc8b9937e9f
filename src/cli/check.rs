//! `clusterdns check`: what is wrong with a configuration and a snapshot.

use std::{fmt::Write, process::ExitCode};

use super::{Failure, Inputs, options, origin, print, sources};
use crate::objects::snapshot::{self, Severity};

/// Look for mistakes in a configuration and a snapshot.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Check {
    #[command(flatten)]
    inputs: Inputs,
}

impl Check {
    /// Prints every problem; fails where something would not be served as it is written.
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let config = self.inputs.config()?;
        let loaded = snapshot::load(&sources(&config)?, &options(&config), &mut |_| {})
            .map_err(|error| Failure(error.to_string()))?;
        let mut text = String::new();
        for problem in &loaded.problems {
            let _ = writeln!(text, "{problem}");
        }
        if loaded.summary.problems_left_off > 0 {
            let _ = writeln!(text, "and {} more problems", loaded.summary.problems_left_off);
        }
        let bad = loaded.summary.problems_left_off > 0
            || loaded.problems.iter().any(|problem| problem.severity == Severity::Error);
        let _ = match bad {
            true => writeln!(text, "objects were left out: mend them, or serve without them"),
            false => writeln!(text, "ok: {} from {}", loaded.summary, origin(&config)),
        };
        print(&text)?;
        Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
