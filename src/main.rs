//! The binary: arguments, and an exit code.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    clusterdns::cli::Cli::parse().run()
}
