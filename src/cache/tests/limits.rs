//! What happens where it is full.

use super::*;

fn fill(bench: &Bench, count: usize, reply: &Said) {
    for index in 0..count {
        bench.keep(&Asked::new(&format!("{index}.example.com")), reply.clone());
    }
}

#[test]
fn no_more_entries_are_kept_than_allowed() {
    for entries_max in [1, 2, 10, 600, 3000] {
        let bench = Bench::new(|options| options.success.entries_max = entries_max);
        fill(&bench, 2 * entries_max, &Said::a(60));
        let counters = bench.cache.counters().success;
        assert!(counters.entries <= entries_max, "{counters:?} of {entries_max}");
        assert!(counters.entries * 10 >= entries_max * 9, "{counters:?} of {entries_max}");
        assert_eq!(counters.entries as u64 + counters.evictions, 2 * entries_max as u64);
    }
}

#[test]
fn no_more_octets_are_kept_than_allowed() {
    let octets_max = 4 * 1024 * 1024;
    let bench = Bench::new(|options| options.octets_max = octets_max);
    let large = (0..60).fold(Said::rcode(code::NOERROR), |said, _| said.with(2, 999, 60, &[0; 255]));
    fill(&bench, 400, &large);
    let counters = bench.cache.counters().success;
    let octets: usize = counters.entries * large.to(&www()).octets();
    assert!(octets <= octets_max / 2, "{octets} octets, the other half is for denials");
    assert!(octets * 2 > octets_max / 2, "{octets} octets, though there is room");
    assert!(counters.evictions > 0);
}

#[test]
fn there_are_octets_for_all_entries_that_are_asked_for() {
    let entries_max = 40_000;
    let bench = Bench::new(|options| {
        options.success.entries_max = entries_max;
        options.octets_max = options.usual_octets();
    });
    fill(&bench, entries_max, &Said::a(60).with(2, 999, 60, &[0; 255]));
    let counters = bench.cache.counters().success;
    assert!(counters.entries * 10 >= entries_max * 9, "{counters:?} of {entries_max}");
}

#[test]
fn a_reply_that_is_larger_than_the_cache_is_not_kept() {
    let bench = Bench::new(|options| options.octets_max = 2048);
    bench.keep(&www(), Said::a(60).with(2, 999, 60, &[0; 2000]));
    assert!(bench.fresh(&www()).is_none());
    let counters = bench.cache.counters().success;
    assert_eq!((counters.entries, counters.octets, counters.evictions), (0, 0, 1));
}

#[test]
fn a_cache_without_room_keeps_nothing() {
    let bench = Bench::new(|options| options.octets_max = 0);
    assert_eq!(bench.keep(&www(), Said::a(60)), 60);
    assert!(bench.fresh(&www()).is_none());
}

#[test]
fn denials_push_out_denials_only() {
    let bench = Bench::new(|options| options.denial.entries_max = 10);
    fill(&bench, 10, &Said::a(60));
    for index in 0..100 {
        bench.keep(&Asked::new(&format!("{index}.none")), Said::nxdomain(60));
    }
    let counters = bench.cache.counters();
    assert_eq!((counters.success.entries, counters.success.evictions), (10, 0));
    assert_eq!((counters.denial.entries, counters.denial.evictions), (10, 90));
}

#[test]
fn what_is_asked_for_stays() {
    let bench = Bench::new(|options| options.success.entries_max = 100);
    bench.keep(&www(), Said::a(60));
    for index in 0..1000 {
        bench.keep(&Asked::new(&format!("{index}.example.com")), Said::a(60));
        assert!(bench.fresh(&www()).is_some(), "after {index} others");
    }
}

#[test]
fn what_replaces_something_is_no_eviction() {
    let bench = Bench::new(|options| options.success.entries_max = 1);
    for _ in 0..3 {
        bench.keep(&www(), Said::a(60));
    }
    assert_eq!((bench.cache.counters().success.entries, bench.cache.counters().success.evictions), (1, 0));
}
