//! The real resolvers of glibc, musl and Go against our server, beside what `search` predicts.
//!
//! ```text
//! this process        finds the tools, builds tests/resolvers/getaddrinfo.c and lookup.go
//!   └ in a namespace  the server on 127.0.0.1:5300, without an outside
//!       └ workers     each with an /etc and a relay of its own: writes resolv.conf, runs the program,
//!                     compares the questions that the relay saw and the result with the prediction
//! ```
//!
//! Without the tools nothing is proven: the tests are then shown as ignored, and fail in CI.

#[path = "resolvers/cases.rs"]
mod cases;
#[path = "resolvers/programs.rs"]
mod programs;
#[path = "resolvers/relay.rs"]
mod relay;
#[path = "resolvers/server.rs"]
mod server;
#[path = "resolvers/worker.rs"]
mod worker;

use std::{env, process::ExitCode, time::Instant};

use programs::Program;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [server::ARGUMENT, folder] => server::run(folder.as_ref()),
        [worker::ARGUMENT, index, folder] => worker::run(index.parse().expect("a number"), folder.as_ref()),
        _ => tests(&arguments),
    }
}

/// Runs the tests that the arguments choose, and speaks as Rust's own harness does.
fn tests(arguments: &[String]) -> ExitCode {
    let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let chosen = |name: &str| filters.is_empty() || filters.iter().any(|filter| test(name).contains(filter.as_str()));
    let names: Vec<_> = programs::NAMES.into_iter().filter(|name| chosen(name)).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        names.iter().for_each(|name| println!("{}: test", test(name)));
        return ExitCode::SUCCESS;
    }
    let started = Instant::now();
    println!("\nrunning {} tests", names.len());
    let verdicts = verdicts(&names);
    for (name, verdict) in &verdicts {
        println!("test {} ... {}", test(name), verdict.told());
    }
    let count = |of: fn(&Verdict) -> bool| verdicts.iter().filter(|(_, verdict)| of(verdict)).count();
    let failed = count(|verdict| matches!(verdict, Verdict::Failed(_)));
    println!(
        "\ntest result: {}. {} passed; {failed} failed; {} ignored; 0 measured; 0 filtered out; finished in {:.2}s\n",
        if failed == 0 { "ok" } else { "FAILED" },
        count(|verdict| matches!(verdict, Verdict::Passed(_))),
        count(|verdict| matches!(verdict, Verdict::Ignored(_))),
        started.elapsed().as_secs_f64()
    );
    ExitCode::from(u8::from(failed > 0))
}

enum Verdict {
    Passed(String),
    Failed(String),
    Ignored(String),
}

impl Verdict {
    fn missing(tool: &str) -> Self {
        match env::var_os("CI") {
            None => Self::Ignored(tool.to_owned()),
            Some(_) => Self::Failed(format!("{tool}: see .ci/run")),
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Passed(told) => format!("ok: {told}"),
            Self::Failed(told) => format!("FAILED: {told}"),
            Self::Ignored(told) => format!("ignored: {told}"),
        }
    }
}

/// Builds every program and runs those that could be built.
fn verdicts<'a>(names: &[&'a str]) -> Vec<(&'a str, Verdict)> {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut built, mut verdicts) = (Vec::new(), Vec::new());
    for &name in names {
        match Program::build(name, folder.path()) {
            Ok(program) => built.push((name, program)),
            Err(missing) => verdicts.push((name, Verdict::missing(&missing))),
        }
    }
    match server::compare_all(folder.path(), &built) {
        Err(missing) => verdicts.extend(built.iter().map(|(name, _)| (*name, Verdict::missing(&missing)))),
        Ok(findings) => verdicts.extend(built.iter().zip(findings).map(|((name, program), finding)| {
            let told = |told| format!("{}: {told}", program.version);
            (*name, finding.map_or_else(|wrong| Verdict::Failed(told(wrong)), |right| Verdict::Passed(told(right))))
        })),
    }
    verdicts
}

fn test(program: &str) -> String {
    format!("{program}_asks_what_was_predicted")
}
