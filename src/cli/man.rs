//! `clusterdns man`: the manual page, made from the definition of the arguments.
//!
//! clap_mangen makes a page for each command and points from one to the next. Ours is one page that
//! can be read through a pipe, with a section for each command: its pieces in our order.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Command, CommandFactory};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

use super::{Cli, Failure, print};

pub(super) fn run() -> Result<ExitCode, Failure> {
    let page = page().map_err(|error| Failure(error.to_string()))?;
    print(&page)
}

fn page() -> io::Result<String> {
    let program = program();
    let man = Man::new(program.clone());
    let mut page = Page(preamble());
    page.line(concat!(".TH CLUSTERDNS 1 \"\" \"clusterdns ", env!("CARGO_PKG_VERSION"), "\" \"User Commands\""));
    page.piece(|roff| man.render_name_section(roff))?;
    page.piece(|roff| man.render_synopsis_section(roff))?;
    page.piece(|roff| man.render_description_section(roff))?;
    page.help(&program);
    page.piece(|roff| man.render_options_section(roff))?;
    page.line(".SH COMMANDS");
    program.get_subcommands().for_each(|command| page.entry(command));
    program.get_subcommands().try_for_each(|command| page.command(command))?;
    Ok(page.0)
}

/// As it is typed, without what every command has: its own help.
fn program() -> Command {
    let program = Cli::command().disable_help_subcommand(true).subcommand_value_name("command");
    let mut program = program.mut_subcommands(|command| command.disable_help_flag(true));
    program.build();
    program
}

/// What everything that the crate renders begins with, and a page needs once.
fn preamble() -> String {
    Roff::new().render()
}

/// The page so far, as roff.
struct Page(String);

impl Page {
    fn piece(&mut self, render: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let mut piece = Vec::new();
        render(&mut piece)?;
        self.rendered(&String::from_utf8_lossy(&piece));
        Ok(())
    }

    /// The same without its heading: a command is a section, not a page.
    fn body(&mut self, render: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let mut section = Self(String::new());
        section.piece(render)?;
        let body = section.0.lines().filter(|line| !line.starts_with(".SH "));
        body.for_each(|line| self.line(line));
        Ok(())
    }

    /// One command in the list of commands.
    fn entry(&mut self, command: &Command) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let mut entry = Roff::new();
        entry.control("TP", []).text([bold(command.get_name())]).text([roman(about)]);
        self.rendered(&entry.render());
    }

    /// All about one command.
    fn command(&mut self, command: &Command) -> io::Result<()> {
        let man = Man::new(command.clone());
        self.line(&format!(".SS clusterdns {}", command.get_name()));
        self.body(|roff| man.render_synopsis_section(roff))?;
        self.line(".PP");
        self.body(|roff| man.render_description_section(roff))?;
        self.body(|roff| man.render_options_section(roff))?;
        self.help(command);
        Ok(())
    }

    /// The text below the options: filled, but for indented lines, which stand as they are typed.
    fn help(&mut self, command: &Command) {
        let Some(help) = command.get_after_help() else { return };
        self.line(".PP");
        let mut typed = false;
        for line in help.to_string().lines() {
            if line.starts_with("  ") != typed {
                typed = !typed;
                self.line(if typed { TYPED } else { FILLED });
            }
            match line.trim() {
                "" => self.line(".PP"),
                words => self.rendered(&Roff::new().text([roman(words)]).render()),
            }
        }
        if typed {
            self.line(FILLED);
        }
    }

    fn rendered(&mut self, piece: &str) {
        self.0.push_str(piece.strip_prefix(&preamble()).unwrap_or(piece));
    }

    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }
}

const TYPED: &str = ".RS 4\n.nf";
const FILLED: &str = ".fi\n.RE";
