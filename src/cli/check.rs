//! `clusterdns check`: what is wrong with a configuration and a snapshot.

use std::{path::PathBuf, process::ExitCode};

use super::{
    Failure, coredns,
    inputs::{self, Inputs},
    origin, print, problems, read_cluster,
};
use crate::{
    config::{
        Config,
        reading::{Origin, Reading},
    },
    objects::snapshot::Severity,
};

/// Look for mistakes in a configuration and a snapshot.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "\
The cluster of a Corefile is looked at where the command line says where it is.
Exit code: 0 where everything is served as it is written, 1 where something is not.")]
pub(super) struct Check {
    /// A configuration in TOML or a Corefile, whatever it looks like
    #[arg(value_name = "FILE", conflicts_with_all = ["config", "corefile"])]
    file: Option<PathBuf>,
    #[command(flatten)]
    inputs: Inputs,
}

impl Check {
    /// Prints every problem; fails where something would not be served as it is written.
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let inputs = self.inputs.clone();
        let mut reading = Reading::new(self.origin()?).adjusted(move |config| {
            inputs.apply(config);
            Ok(())
        });
        let config = inputs::first(&mut reading)?;
        let mut lines: Vec<String> = reading.notes().iter().map(ToString::to_string).collect();
        let is_corefile = matches!(reading.origin(), Origin::Corefile(..) | Origin::Piped(..));
        if is_corefile {
            lines.extend(coredns::zones(&config).lines().map(|zone| format!("serves {zone}")));
            lines.extend(config.admin_listen.iter().map(|address| format!("serves http://{address}/")));
        }
        let whole = if is_corefile && !self.inputs.names_cluster() {
            lines.push("ok: the configuration".into());
            true
        } else {
            cluster(&config, &mut lines)?
        };
        print(&(lines.join("\n") + "\n"))?;
        Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn origin(&self) -> Result<Origin, Failure> {
        self.file.as_ref().map_or_else(|| self.inputs.origin(), |file| Ok(Origin::guess(file, coredns::PORT)))
    }
}

/// Whether every object is served.
fn cluster(config: &Config, lines: &mut Vec<String>) -> Result<bool, Failure> {
    let loaded = read_cluster(config)?;
    let bad = loaded.summary.problems_left_off > 0
        || loaded.problems.iter().any(|problem| problem.severity == Severity::Error);
    lines.extend(problems(&loaded));
    lines.push(match bad {
        true => "objects were left out: mend them, or serve without them".into(),
        false => format!("ok: {} from {}", loaded.summary, origin(config)),
    });
    Ok(!bad)
}
