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
    let chosen = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let names: Vec<_> = programs::NAMES.into_iter().filter(|name| chosen(&test_name(name))).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        names.iter().for_each(|name| println!("{}: test", test_name(name)));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", names.len());
    let (started, folder) = (Instant::now(), tempfile::tempdir().expect("a folder"));
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    let built: Vec<_> = names.iter().map(|name| (name, Program::build(name, folder.path()))).collect();
    let results = match built.iter().all(|(_, program)| program.is_err()) {
        true => Ok(Vec::new()),
        false => server::compare_all(folder.path(), &built),
    };
    for (name, program) in &built {
        let verdict = match (program, &results) {
            (Err(missing), _) | (_, Err(missing)) if env::var_os("CI").is_none() => {
                ignored += 1;
                format!("ignored: {missing}")
            }
            (Err(missing), _) | (_, Err(missing)) => {
                failed += 1;
                format!("FAILED: {missing}: see .ci/run")
            }
            (Ok(program), Ok(results)) => match results.iter().find(|(of, ..)| of == **name) {
                Some((_, told, true)) => {
                    passed += 1;
                    format!("ok: {}: {told}", program.version)
                }
                Some((_, told, false)) => {
                    failed += 1;
                    format!("FAILED: {}: {told}", program.version)
                }
                None => unreachable!("every program was run"),
            },
        };
        println!("test {} ... {verdict}", test_name(name));
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; 0 filtered out; \
         finished in {:.2}s\n",
        started.elapsed().as_secs_f64()
    );
    ExitCode::from(u8::from(failed > 0))
}

fn test_name(program: &str) -> String {
    format!("{program}_asks_what_was_predicted")
}
