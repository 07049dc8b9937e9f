//! `clusterdns completions`: what a shell completes, made from the definition of the arguments.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Failure, print};

/// Print what a shell needs to complete commands and options.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "\
For every new shell:
  clusterdns completions bash > ~/.local/share/bash-completion/completions/clusterdns
  clusterdns completions zsh > \"${fpath[1]}/_clusterdns\"
  clusterdns completions fish > ~/.config/fish/completions/clusterdns.fish")]
pub(super) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "clusterdns", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}
