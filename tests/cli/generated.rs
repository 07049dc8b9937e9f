//! `clusterdns completions` and `clusterdns man`: made from the arguments, so they know them all.

use std::process::{Command, Stdio};

use clap::CommandFactory;
use clusterdns::cli::Cli;

use crate::program::{command, run};

/// The name of every command, and all options.
fn words() -> Vec<String> {
    let program = Cli::command();
    let option = |argument: &clap::Arg| argument.get_long().map(|long| format!("--{long}"));
    let of_command = |command: &clap::Command| -> Vec<String> {
        command.get_arguments().filter_map(option).chain([command.get_name().to_owned()]).collect()
    };
    program.get_subcommands().flat_map(of_command).chain(["--help".into(), "--version".into()]).collect()
}

#[test]
fn every_shell_is_told_every_command_and_option() {
    assert!(words().len() > 15);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]);
        assert_eq!((script.code, &*script.err), (Some(0), ""), "{shell}");
        for word in words() {
            // fish writes an option without its dashes: -l snapshot
            let word = if shell == "fish" { word.trim_start_matches('-') } else { &word };
            assert!(script.out.contains(word), "{shell}: {word}");
        }
    }
    let unknown = run(&["completions", "cmd"]);
    assert!(unknown.code == Some(2) && unknown.err.contains("powershell"), "{}", unknown.err);
}

#[test]
fn the_manual_page_has_every_command_and_option() {
    let page = run(&["man"]);
    assert_eq!((page.code, &*page.err), (Some(0), ""));
    for word in words() {
        assert!(page.out.contains(&word.replace('-', r"\-")), "{word}: {}", page.out);
    }
    for command in Cli::command().get_subcommands() {
        assert!(page.out.contains(&format!(".SS clusterdns {}\n", command.get_name())), "{}", command.get_name());
    }
}

/// Where the system has no formatter there is nothing to ask.
#[test]
fn a_formatter_has_nothing_to_complain_about() {
    let page = command(&["man"]).stdout(Stdio::piped()).spawn().unwrap().stdout.unwrap();
    let Ok(read) = Command::new("groff").args(["-man", "-Tutf8", "-ww"]).stdin(page).output() else { return };
    assert!(read.status.success() && read.stderr.is_empty(), "{read:?}");
}
