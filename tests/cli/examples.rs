//! The programs in `examples/` do what they show.

use std::{path::Path, process::Command};

/// What an example prints. `cargo test` has built it.
fn example(name: &str) -> String {
    let built = Path::new(env!("CARGO_BIN_EXE_clusterdns")).with_file_name("examples").join(name);
    assert!(built.exists(), "{} is not built: cargo build --examples", built.display());
    let output = Command::new(built).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn embed_serves_what_it_is_given() {
    assert_eq!(
        example("embed"),
        "web.shop.svc.cluster.local. No Error 10.96.0.10\n\
         api.shop.svc.cluster.local. No Error 10.96.0.11\n\
         web.shop.svc.cluster.local. Non-Existent Domain \n"
    );
}

#[test]
fn hickory_answers_over_udp_and_tcp() {
    let said = example("hickory");
    let answer = " IN SRV 0 16 4222 queue-2.queue.example.svc.cluster.local.\n";
    let (udp, tcp) = said.split_once("TCP:\n").expect("both");
    for reply in [udp, tcp] {
        assert!(reply.contains("AA:NoError") && reply.contains(answer), "{said}");
        assert!(reply.contains("; additionals 3\n"), "{said}");
    }
}
