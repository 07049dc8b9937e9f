//! The program as people run it: arguments in, words and exit codes out.

#[path = "cli/check.rs"]
mod check;
#[path = "cli/corefile.rs"]
mod corefile;
#[path = "cli/env.rs"]
mod env;
#[path = "cli/examples.rs"]
mod examples;
#[path = "cli/explain.rs"]
mod explain;
#[path = "cli/generated.rs"]
mod generated;
#[path = "cli/logs.rs"]
mod logs;
#[path = "cli/program.rs"]
mod program;
#[path = "cli/records.rs"]
mod records;
#[path = "cli/serve.rs"]
mod serve;
#[path = "cli/snapshot.rs"]
mod snapshot;
#[path = "cli/words.rs"]
mod words;
