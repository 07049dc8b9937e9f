//! `health`, `ready`, `reload`, `loop`, and what does nothing.

use std::time::Duration;

use super::*;
use crate::config::{LoopCheck, Reload};

fn with(directives: &str) -> Config {
    config(&format!(". {{\n{directives}\n}}"))
}

/// The one error of a directive on a line of its own, in a block of one.
fn refused(directive: &str) -> String {
    let message = error(&format!(". {{\n{directive}\n}}"));
    message.strip_prefix("Corefile:").unwrap_or_else(|| panic!("{message}")).to_owned()
}

fn admin(directives: &str) -> Vec<String> {
    with(directives).admin_listen.iter().map(ToString::to_string).collect()
}

#[test]
fn health_takes_an_address() {
    assert!(refused("health 8080").starts_with("2:8: `8080` is no address with a port"));
    assert!(refused("health :a").starts_with("2:8: "));
    assert!(refused("health :1 :2").starts_with("2:11: `:2` is too much"));
    assert_eq!(admin("health :1\nhealth :2"), ["[::]:2"]);
}

#[test]
fn the_longest_lameduck_of_all_blocks_counts() {
    let lameduck = |text: &str| with(&format!("health {{\n{text}\n}}")).lameduck;
    assert_eq!([lameduck(""), lameduck("lameduck 5s"), lameduck("lameduck -1s")], [0, 5, 0].map(Duration::from_secs));
    let blocks = config("a {\nhealth :1 {\nlameduck 5s\n}\n}\nb {\nhealth :2 {\nlameduck 1s\n}\n}");
    assert_eq!(blocks.lameduck, Duration::from_secs(5));
    assert!(refused("health {\nlameduck\n}").starts_with("3:1: something is missing behind `lameduck`"));
    assert!(refused("health {\nlameduck 5\n}").starts_with("3:10: `5` is no length of time"));
    assert!(refused("health {\nlameduck 5s 6s\n}").starts_with("3:13: `6s` is too much"));
    assert!(refused("health {\nlameduk 5s\n}").contains("did you mean `lameduck`?"));
}

#[test]
fn readiness_is_about_the_start_or_about_now() {
    let continuously = |mode: &str| with(&format!("ready {{\nmonitor {mode}\n}}")).ready_continuously;
    assert_eq!([continuously("until-ready"), continuously("continuously")], [false, true]);
    assert_eq!(admin("ready {\nmonitor until-ready\n}"), ["[::]:8181"]);
    assert!(refused("ready {\nmonitor often\n}").starts_with("3:9: `often` is no mode"));
    assert!(refused("ready {\nmonitor\n}").starts_with("3:1: something is missing"));
    assert!(refused("ready {\nnone\n}").starts_with("3:1: `none` is no option of `ready`"));
    assert!(refused("ready\nready").starts_with("3:1: this block has `ready` already"));
    assert!(refused("ready nowhere:1").starts_with("2:7: "));
}

#[test]
fn files_are_looked_at_again_in_intervals() {
    let secs = |interval, jitter| {
        Some(Reload { interval: Duration::from_secs(interval), jitter: Duration::from_secs(jitter) })
    };
    assert_eq!([with("errors").reload, with("reload").reload], [None, secs(30, 15)]);
    assert_eq!([with("reload 2s").reload, with("reload 1m 10s").reload], [secs(2, 1), secs(60, 10)]);
    assert_eq!([with("reload 10s 10s").reload, with("reload 10s 0").reload], [secs(10, 5), secs(10, 0)]);
    assert_eq!(config("a {\nreload 10s 2s\n}\nb {\nreload 20s 2s\n}\nc {\n}").reload, secs(20, 2));
    assert!(refused("reload 1s").starts_with("2:8: `1s` is too often: write `2s` or more"));
    assert!(refused("reload 30").starts_with("2:8: `30` is no length of time"));
    assert!(refused("reload 30s 500ms").starts_with("2:12: `500ms` is no jitter: write `0`, or `1s` or more"));
    assert!(refused("reload 30s -5s").starts_with("2:12: `-5s` is negative"));
    assert!(refused("reload 30s 15s 1s").starts_with("2:16: `1s` is too much"));
    assert!(refused("reload {\noff\n}").starts_with("3:1: `off` is no option of `reload`"));
}

#[test]
fn a_loop_ends_the_process_only_where_that_is_asked_for() {
    let check = |text: &str| with(text).servers[0].loop_check;
    assert_eq!(
        [check("errors"), check("loop"), check("loop {\nfatal\n}")],
        [None, Some(LoopCheck { fatal: false }), Some(LoopCheck { fatal: true })]
    );
    assert!(refused("loop fatal").starts_with("2:6: `loop` takes nothing"));
    assert!(refused("loop {\nexit\n}").starts_with("3:1: `exit` is no option of `loop`"));
    assert!(refused("loop\nloop").starts_with("3:1: this block has `loop` already"));
}

#[test]
fn what_looks_into_a_go_program_is_accepted_for_nothing() {
    let notes = notes(". {\ndebug\npprof localhost:6053 {\nblock 1\n}\n}");
    assert!(notes[0].starts_with("Corefile:2:1: `debug` has no effect here: CLUSTERDNS_LOG=debug shows more"));
    assert!(notes[1].starts_with("Corefile:3:1: `pprof` has no effect here: there is no Go runtime"));
    assert_eq!(notes.len(), 2);
}
