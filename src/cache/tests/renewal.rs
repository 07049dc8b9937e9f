//! What is asked for again, by whom, and what is used meanwhile.

use super::*;

fn stale(change: impl FnOnce(&mut ServeStale)) -> Bench {
    let mut stale = ServeStale {
        for_at_most: Duration::from_secs(3600),
        verify: None,
        ttl_secs: 0,
        failure_recheck: Duration::ZERO,
    };
    change(&mut stale);
    Bench::new(|options| options.serve_stale = Some(stale))
}

fn prefetching() -> Bench {
    let prefetch = Prefetch { hits: 3, within: Duration::from_secs(30), percentage: 20 };
    Bench::new(|options| options.prefetch = Some(prefetch))
}

#[test]
fn what_is_asked_for_often_is_asked_anew_before_its_end() {
    let mut bench = prefetching();
    bench.keep(&www(), Said::a(100));
    for _ in 0..3 {
        assert!(bench.hit(&www()).refresh.is_none(), "its end is far");
    }
    bench.wait(79);
    assert!(bench.hit(&www()).refresh.is_none(), "and after a pause it is not asked for often");
    bench.wait(1);
    assert!(bench.hit(&www()).refresh.is_none());
    let hit = bench.hit(&www());
    assert!(hit.refresh.is_some(), "three times, and a fifth of its time left");
    assert!(bench.hit(&www()).refresh.is_none(), "one at a time");
    assert!(bench.renew(hit, &www(), Some(Said::a(100))));
    assert_eq!(bench.fresh(&www()), Some(100));
    assert_eq!(bench.cache.counters().prefetches, 1);
}

#[test]
fn a_name_that_was_prefetched_is_still_one_that_is_asked_for_often() {
    let mut bench = prefetching();
    bench.keep(&www(), Said::a(25));
    bench.wait(20);
    let hit = std::iter::repeat_with(|| bench.hit(&www())).find(|hit| hit.refresh.is_some()).expect("a refresh");
    bench.renew(hit, &www(), Some(Said::a(25)));
    bench.wait(20);
    assert!(bench.hit(&www()).refresh.is_some(), "at once");
}

#[test]
fn who_gives_up_lets_another_try() {
    let mut bench = prefetching();
    bench.keep(&www(), Said::a(25));
    bench.wait(20);
    for _ in 0..2 {
        assert!(bench.hit(&www()).refresh.is_none());
    }
    drop(bench.hit(&www()).refresh.expect("a refresh"));
    let hit = bench.hit(&www());
    assert!(!bench.renew(hit, &www(), None));
    assert!(bench.hit(&www()).refresh.is_some());
}

#[test]
fn what_has_run_out_is_used_for_a_while() {
    let mut bench = stale(|_| {});
    bench.keep(&www(), Said::a(60));
    bench.wait(60);
    let hit = bench.stale(&www());
    assert_eq!(ttl_secs(&hit.shown), 0);
    assert!(hit.refresh.is_some() && hit.verify.is_none());
    assert!(bench.stale(&www()).refresh.is_none(), "one at a time");
    bench.wait(3599);
    bench.stale(&www());
    bench.wait(1);
    assert!(matches!(bench.look(&www()), Look::Miss));
}

#[test]
fn what_is_stale_has_the_ttl_it_is_told_to() {
    let mut bench = stale(|stale| stale.ttl_secs = 30);
    bench.keep(&www(), Said::a(60));
    bench.wait(59);
    assert_eq!(bench.fresh(&www()), Some(1));
    bench.wait(1);
    assert_eq!(ttl_secs(&bench.stale(&www()).shown), 30);
}

#[test]
fn only_a_sound_reply_takes_the_place_of_a_stale_one() {
    let cases = [
        ("records", Some(Said::a(60)), true),
        ("NXDOMAIN", Some(Said::nxdomain(60)), true),
        ("NODATA", Some(Said::rcode(code::NOERROR).soa(60)), true),
        ("no reply", None, false),
        ("SERVFAIL", Some(Said::rcode(code::SERVFAIL)), false),
        ("REFUSED", Some(Said::rcode(code::REFUSED)), false),
        ("a cut one", Some(Said::a(60).flag(TC)), false),
    ];
    for (what, reply, renews) in cases {
        let mut bench = stale(|_| {});
        bench.keep(&www(), Said::a(60));
        bench.wait(60);
        let hit = bench.stale(&www());
        assert_eq!(bench.renew(hit, &www(), reply), renews, "{what}");
        assert_eq!(bench.fresh(&www()).is_some(), renews, "{what}");
    }
}

#[test]
fn records_take_the_place_of_a_stale_denial() {
    let mut bench = stale(|_| {});
    bench.keep(&www(), Said::nxdomain(60));
    bench.wait(60);
    let hit = bench.stale(&www());
    assert!(hit.is_denial);
    bench.renew(hit, &www(), Some(Said::a(60)));
    assert_eq!(bench.fresh(&www()), Some(60));
    assert_eq!(bench.cache.counters().denial.entries, 0);
}

#[test]
fn upstreams_that_failed_are_left_alone_for_a_while() {
    let mut bench = stale(|stale| stale.failure_recheck = Duration::from_secs(10));
    bench.keep(&www(), Said::a(60));
    bench.wait(60);
    let hit = bench.stale(&www());
    bench.renew(hit, &www(), None);
    bench.wait(9);
    assert!(bench.stale(&www()).refresh.is_none());
    bench.wait(1);
    assert!(bench.stale(&www()).refresh.is_some());
}

#[test]
fn upstreams_are_asked_first_where_stale_replies_are_verified() {
    let timeout = Some(Duration::from_millis(200));
    let mut bench = stale(|stale| stale.verify = Some(Verify { timeout }));
    bench.keep(&www(), Said::a(60));
    bench.wait(60);
    for _ in 0..2 {
        let hit = bench.stale(&www());
        assert_eq!(hit.verify, Some(Verify { timeout }), "each client waits");
        assert!(!bench.renew(hit, &www(), None));
    }
    assert_eq!(bench.cache.counters().prefetches, 0, "nothing was done ahead");
}

/// What the first and all others hear of one renewal: whether there is a newer reply.
fn heard_by_all(reply: Option<Said>) -> Vec<bool> {
    let mut bench = stale(|stale| stale.verify = Some(Verify { timeout: None }));
    bench.keep(&www(), Said::a(60));
    bench.wait(60);
    let first = bench.stale(&www());
    let others: Vec<_> = (0..100).map(|_| bench.stale(&www())).collect();
    assert!(others.iter().all(|hit| hit.refresh.is_none()), "one asks upstreams");
    assert!(others.iter().all(|hit| hit.verify.is_some()), "all wait");
    let renewed = bench.renew(first, &www(), reply);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let newer = |hit: Hit| runtime.block_on(hit.renewal.expect("a renewal").newer()).is_some();
    std::iter::once(renewed).chain(others.into_iter().map(newer)).collect()
}

#[test]
fn those_who_ask_meanwhile_hear_of_the_same_renewal() {
    assert_eq!(heard_by_all(Some(Said::a(60))), [true; 101]);
    assert_eq!(heard_by_all(Some(Said::nxdomain(60))), [true; 101]);
    assert_eq!(heard_by_all(Some(Said::rcode(code::NXDOMAIN))), [true; 101], "what is not kept is shared, too");
    assert_eq!(heard_by_all(Some(Said::rcode(code::SERVFAIL))), [false; 101]);
    assert_eq!(heard_by_all(None), [false; 101]);
}

#[test]
fn a_prefetch_that_fails_too_late_gives_nobody_worse_than_what_is_stale() {
    let mut bench = stale(|stale| stale.verify = Some(Verify { timeout: None }));
    let mut options = bench.cache.options().clone();
    options.prefetch = Some(Prefetch { hits: 1, within: Duration::from_secs(30), percentage: 20 });
    bench.cache = Cache::new(options);
    bench.keep(&www(), Said::a(60));
    bench.wait(59);
    let prefetching = bench.hit(&www());
    bench.wait(1);
    let waiting = bench.stale(&www()).renewal.expect("the prefetch that is under way");
    bench.renew(prefetching, &www(), Some(Said::rcode(code::SERVFAIL)));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    assert!(runtime.block_on(waiting.newer()).is_none());
}

#[test]
fn who_asks_for_no_more_than_servers_know_renews_nothing() {
    let not_recursive = Asked { flags: 0, ..www() };
    let mut bench = prefetching();
    bench.keep(&www(), Said::a(25));
    bench.wait(20);
    assert!((0..9).all(|_| bench.hit(&not_recursive).refresh.is_none()));
    let mut bench = stale(|stale| stale.verify = Some(Verify { timeout: None }));
    bench.keep(&www(), Said::a(60));
    bench.wait(60);
    let hit = bench.stale(&not_recursive);
    assert!(hit.refresh.is_none() && hit.verify.is_none());
    assert!(bench.stale(&www()).refresh.is_some());
}

#[test]
fn beyond_so_many_renewals_what_is_stale_is_used_at_once() {
    let mut bench = stale(|stale| stale.verify = Some(Verify { timeout: None }));
    let names: Vec<_> = (0..=RENEWALS_MAX).map(|n| Asked::new(&format!("n{n}.example.com"))).collect();
    for name in &names {
        bench.keep(name, Said::a(60));
    }
    bench.wait(60);
    let (last, others) = names.split_last().expect("names");
    let mut renewed: Vec<_> = others.iter().map(|name| bench.stale(name)).collect();
    assert!(renewed.iter().all(|hit| hit.refresh.is_some()));
    let beyond = bench.stale(last);
    assert!(beyond.refresh.is_none() && beyond.renewal.is_none() && beyond.verify.is_none());
    assert_eq!(bench.cache.counters().unrenewed, 1);
    renewed.pop();
    assert!(bench.stale(last).refresh.is_some(), "as soon as one has ended");
}

#[test]
fn one_client_waits_where_failures_are_remembered() {
    let mut bench = stale(|stale| {
        stale.verify = Some(Verify { timeout: None });
        stale.failure_recheck = Duration::from_secs(10);
    });
    bench.keep(&www(), Said::a(60));
    bench.wait(60);
    let first = bench.stale(&www());
    assert!(first.verify.is_some());
    assert!(bench.stale(&www()).verify.is_none(), "while it waits");
    bench.renew(first, &www(), None);
    assert!(bench.stale(&www()).verify.is_none(), "and after it failed");
    bench.wait(10);
    assert!(bench.stale(&www()).verify.is_some());
}

#[test]
fn a_stale_answer_is_preferred_to_a_denial_where_that_is_wanted() {
    let prefers = |prefer_positive| {
        let mut bench = stale(|_| {});
        let mut options = bench.cache.options().clone();
        options.prefer_positive = prefer_positive;
        bench.cache = Cache::new(options);
        bench.keep(&www(), Said::a(60));
        bench.wait(60);
        let hit = bench.stale(&www());
        let renewed = bench.renew(hit, &www(), Some(Said::nxdomain(60)));
        (renewed, bench.look(&www()))
    };
    assert!(matches!(prefers(false), (true, Look::Hit(hit)) if hit.is_denial));
    assert!(matches!(prefers(true), (false, Look::Stale(hit)) if !hit.is_denial));
}

#[test]
fn the_last_good_answer_outlasts_an_empty_one() {
    let mut bench = stale(|_| {});
    let mut options = bench.cache.options().clone();
    options.prefer_positive = true;
    bench.cache = Cache::new(options);
    bench.keep(&www(), Said::a(60));
    for _ in 0..2 {
        bench.wait(60);
        bench.keep(&www(), Said::rcode(code::NOERROR));
    }
    assert_eq!(bench.stale(&www()).reply.answers(), 1);
    bench.keep(&www(), Said::a(60));
    assert_eq!(bench.fresh(&www()), Some(60));
    let octets = bench.cache.counters().success.octets;
    for _ in 0..100 {
        bench.keep(&www(), Said::a(60));
    }
    assert_eq!(bench.cache.counters().success.octets, octets, "one is remembered, not all");
}

#[test]
fn without_upstreams_what_is_stale_is_better_than_nothing() {
    let fallback = |bench: &Bench| bench.cache.fallback(&www().question(), &www().read(), bench.now);
    let mut bench = stale(|_| {});
    assert!(fallback(&bench).is_none());
    bench.keep(&www(), Said::a(60));
    bench.wait(61);
    let hit = fallback(&bench).expect("something stale");
    assert_eq!((ttl_secs(&hit.shown), hit.refresh.is_none()), (0, true));
    bench.cache.count_stale();
    assert_eq!(bench.cache.counters().stale_served, 1);
    let bench = Bench::new(|_| {});
    bench.keep(&www(), Said::a(60));
    assert!(fallback(&bench).is_none(), "where nothing stale is used");
}

#[test]
fn of_many_threads_one_renews() {
    let mut bench = stale(|_| {});
    bench.keep(&www(), Said::a(60));
    bench.wait(60);
    let refreshes: Vec<_> = std::thread::scope(|scope| {
        let look = || (0..100).filter_map(|_| bench.stale(&www()).refresh).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(look)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect()
    });
    assert_eq!(refreshes.len(), 1);
    assert_eq!(bench.cache.counters().prefetches, 1);
}
