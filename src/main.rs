//! The binary: arguments, and an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    clusterdns::cli::Cli::from_arguments().run()
}
