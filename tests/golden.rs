//! The yardstick: what a real CoreDNS 1.14.7 answered, asked of this server.
//!
//! `golden/README.md` says what the data is and how its files are written. Of its runs, those are played whose Corefile
//! uses nothing this server does not have; in them every answer that CoreDNS could give without its upstream must be
//! ours too, but for the differences that `golden/differences.rs` lists with their reasons.

#[path = "golden/case.rs"]
mod case;
#[path = "golden/compare.rs"]
mod compare;
#[path = "golden/corefile.rs"]
mod corefile;
#[path = "golden/differences.rs"]
mod differences;
#[path = "golden/harness.rs"]
mod harness;
#[path = "golden/mirror.rs"]
mod mirror;
#[path = "golden/packet.rs"]
mod packet;
#[path = "golden/play.rs"]
mod play;
#[path = "golden/server.rs"]
mod server;
#[path = "golden/text.rs"]
mod text;

use case::{LOCAL_ADDRESSES, Run};
use play::Tally;
use server::Server;

#[test]
fn answers_are_those_of_coredns() {
    let objects = text::objects();
    let mut tally = Tally::default();
    for run in played() {
        play::play(&run, &Server::start(&run, &objects, &LOCAL_ADDRESSES), &mut tally);
    }
    println!("{tally}");
    assert!(tally.failures.is_empty(), "{tally}");
    assert_eq!((tally.compared, tally.upstream, tally.deliberate), (COMPARED, LEFT_TO_UPSTREAM, DELIBERATE));
}

/// The runs whose Corefile uses no plugin that is not there yet.
fn played() -> Vec<Run> {
    let mut runs = text::runs();
    runs.retain(|run| !run.blocks.iter().any(|block| NOT_YET.iter().any(|plugin| block.uses(plugin))));
    runs
}

/// Plugins whose runs are kept for later.
const NOT_YET: [&str; 6] = ["cache", "rewrite", "hosts", "template", "acl", "k8s_external"];

/// How many cases of the played runs are treated in which way: they only change with the data or with the differences.
const COMPARED: usize = 1239;
const LEFT_TO_UPSTREAM: usize = 107;
const DELIBERATE: usize = 27;
