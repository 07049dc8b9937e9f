//! The yardstick: what a real CoreDNS 1.14.7 answered, asked of this server.
//!
//! `golden/README.md` says what the data is and how its files are written. Each run is played as an owner would: its
//! Corefile is read, a server is started from it, and the questions are sent to its sockets, with an upstream behind it
//! that says what CoreDNS's said. Every answer must be that of CoreDNS, but for the differences that
//! `golden/differences.rs` lists with their reasons.

#[path = "golden/case.rs"]
mod case;
#[path = "golden/compare.rs"]
mod compare;
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
#[path = "golden/upstream.rs"]
mod upstream;

use case::Run;
use play::Tally;
use server::Server;

#[test]
fn answers_are_those_of_coredns() {
    let (objects, upstream) = (text::objects(), upstream::start());
    let mut tally = Tally::default();
    for run in played() {
        play::play(&run, &Server::start(&run, &objects, upstream), &mut tally);
    }
    println!("{tally}");
    assert!(tally.failures.is_empty(), "{tally}");
    assert_eq!((tally.compared, tally.deliberate), (COMPARED, DELIBERATE));
}

/// The runs whose directives there are.
fn played() -> Vec<Run> {
    let mut runs = text::runs();
    runs.retain(|run| !LEFT_OUT.iter().any(|(directive, _)| run.uses(directive)));
    runs
}

/// The directives whose runs are not played, and why.
const LEFT_OUT: [(&str, &str); 2] = [
    ("acl", "it stays CoreDNS's: a NetworkPolicy does in a cluster what it is for"),
    ("k8s_external", "it stays CoreDNS's: its names lie outside of the cluster's zone"),
];

/// How many cases of the played runs are treated in which way: they only change with the data or with the differences.
const COMPARED: usize = 1406;
const DELIBERATE: usize = 73;
