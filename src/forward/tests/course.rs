//! Who is asked, when, and for how long.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    super::{asking::Failure, options::Policy},
    script::{Act, Stage, address, options},
};

const SERVFAIL: u16 = 2;
const NXDOMAIN: u16 = 3;

fn policy(policy: Policy) -> super::super::Options {
    options(|options| options.policy = policy)
}

/// Of sorted durations.
fn p99(took: &[u64]) -> u64 {
    took[took.len() * 99 / 100]
}

// ----------- Policies ------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn sequential_asks_the_first() {
    let stage = Stage::steady(policy(Policy::Sequential), [Act::After(2); 3]);
    stage.ask_many(30).await;
    assert_eq!([0, 1, 2].map(|place| stage.asked(place)), [30, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn round_robin_asks_each_in_turn() {
    let stage = Stage::steady(policy(Policy::RoundRobin), [Act::After(2); 3]);
    stage.ask_many(30).await;
    assert_eq!([0, 1, 2].map(|place| stage.asked(place)), [10, 10, 10]);
}

#[tokio::test(start_paused = true)]
async fn random_asks_any() {
    let stage = Stage::steady(policy(Policy::Random), [Act::After(2); 2]);
    stage.ask_many(200).await;
    assert!((50..150).contains(&stage.asked(0)), "{} of 200", stage.asked(0));
    assert_eq!(stage.asked(0) + stage.asked(1), 200);
}

// ----------- Hedges --------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_second_upstream_is_asked_when_the_first_is_later_than_usual() {
    let late_at = |turn| if turn < 50 { Act::After(20) } else { Act::After(1000) };
    let stage = Stage::new(policy(Policy::Sequential), vec![Box::new(late_at), Box::new(|_| Act::After(1))]);
    stage.ask_many(50).await;
    assert_eq!(stage.counters.hedges.get(), 0);
    let took = stage.ask_for_millis().await;
    assert!((24..=27).contains(&took), "{took} ms");
    assert_eq!((stage.counters.hedges.get(), stage.counters.hedges_won.get()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_first_upstream_may_still_win() {
    let stage = Stage::steady(policy(Policy::Sequential), [Act::After(150), Act::After(1000)]);
    let answer = stage.ask().await.unwrap();
    assert_eq!(answer.upstream, address(0));
    assert_eq!((stage.counters.hedges.get(), stage.counters.hedges_won.get()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_useless_reply_does_not_end_the_race() {
    let stage = Stage::steady(policy(Policy::Sequential), [Act::Reply(120, SERVFAIL), Act::Reply(60, NXDOMAIN)]);
    assert_eq!(stage.ask().await.unwrap().rcode(), NXDOMAIN);
    let stage = Stage::steady(policy(Policy::Sequential), [Act::Reply(120, SERVFAIL), Act::Silence]);
    assert_eq!(stage.ask().await.unwrap().rcode(), SERVFAIL);
}

#[tokio::test(start_paused = true)]
async fn upstreams_that_are_all_slow_are_asked_a_tenth_more_and_not_twice() {
    let unsteady = || Box::new(|turn| Act::After([10, 10, 10, 380][turn % 4]));
    let stage = Stage::new(policy(Policy::RoundRobin), vec![unsteady(), unsteady()]);
    stage.ask_many(2000).await;
    let hedges = stage.counters.hedges.get();
    assert!((20..=220).contains(&hedges), "{hedges}");
    let asked = stage.asked(0) + stage.asked(1);
    assert!(asked <= 2220 + stage.counters.probes.get() as usize, "{asked}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_packet_to_the_only_upstream_costs_less_than_its_timeout() {
    let lost = |turn| if turn == 20 { Act::Silence } else { Act::After(5) };
    let stage = Stage::new(options(|_| {}), vec![Box::new(lost)]);
    stage.ask_many(20).await;
    assert_eq!(stage.ask_for_millis().await, 305);
}

// ----------- Ejection ------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn one_of_two_upstreams_dead_costs_few_questions_anything() {
    let stage = Stage::steady(policy(Policy::Random), [Act::After(2), Act::Silence]);
    let took = stage.ask_many(1000).await;
    assert_eq!(p99(&took), 2);
    assert!(*took.last().unwrap() <= 102, "{took:?}");
    assert!(took.iter().filter(|&&took| took > 2).count() <= 4, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn one_of_two_upstreams_at_300_milliseconds_costs_few_questions_anything() {
    for policy_of in [Policy::Random, Policy::RoundRobin] {
        let stage = Stage::steady(policy(policy_of), [Act::After(2), Act::After(300)]);
        let took = stage.ask_many(1000).await;
        assert_eq!(p99(&took), 2);
        assert!(*took.last().unwrap() <= 102, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_loses_a_third_is_asked_last() {
    let lossy = |turn| if turn % 3 == 0 { Act::Silence } else { Act::After(2) };
    let stage = Stage::new(policy(Policy::RoundRobin), vec![Box::new(|_| Act::After(2)), Box::new(lossy)]);
    let took = stage.ask_many(2000).await;
    assert_eq!(p99(&took), 2);
    assert!(*took.last().unwrap() <= 400, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_short_halt_leads_nobody_to_an_upstream_that_is_known_to_be_worse() {
    for worse in [Act::After(300), Act::Silence] {
        let begun = Instant::now();
        let halts_for_15_millis = move |_| {
            let at = begun.elapsed().as_millis() as u64;
            Act::After(if (1000..1015).contains(&at) { 1017 - at } else { 2 })
        };
        let stage = Stage::new(policy(Policy::Random), vec![Box::new(halts_for_15_millis), Box::new(move |_| worse)]);
        let ask_at = async |micros| {
            sleep(Duration::from_micros(micros)).await;
            stage.ask_for_millis().await
        };
        let took = futures_util::future::join_all((0..4000).map(|number| ask_at(number * 500))).await;
        // In the first half of a second it is learned which is worse.
        let slowest = took[1000..].iter().max();
        assert!(slowest <= Some(&20), "{slowest:?} ms, {worse:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_questions_at_once_find_the_way_around_an_upstream_that_died() {
    let stage = Stage::new(
        policy(Policy::RoundRobin),
        vec![Box::new(|turn| if turn < 50 { Act::After(2) } else { Act::Silence }), Box::new(|_| Act::After(2))],
    );
    stage.ask_many(100).await;
    // Far more than there are hedges saved up.
    let slowest = futures_util::future::join_all((0..500).map(|_| stage.ask_for_millis())).await.into_iter().max();
    assert!(slowest <= Some(20), "{slowest:?} ms");
}

#[tokio::test(start_paused = true)]
async fn what_was_slow_is_asked_as_often_as_others_when_it_is_well_again() {
    let slow_for_a_while = |turn| if turn < 20 { Act::After(300) } else { Act::After(2) };
    let stage = Stage::new(policy(Policy::RoundRobin), vec![Box::new(|_| Act::After(2)), Box::new(slow_for_a_while)]);
    stage.ask_many(200).await;
    assert_eq!(stage.upstream(1).counters.ejected.get(), 1);
    assert!(stage.counters.probes.get() > 0);
    stage.ask_many(10_000).await;
    assert_eq!(stage.upstream(1).counters.ejected.get(), 0);
    let before = stage.asked(1);
    stage.ask_many(100).await;
    assert_eq!(stage.asked(1) - before, 50);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_refuses_everything_is_asked_last() {
    let stage = Stage::steady(policy(Policy::RoundRobin), [Act::After(2), Act::Reply(1, 5)]);
    let mut refused = 0;
    for _ in 0..200 {
        refused += usize::from(stage.ask().await.unwrap().rcode() == 5);
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(refused, 16);
}

#[tokio::test(start_paused = true)]
async fn the_last_one_standing_is_asked_however_slow_it_is() {
    let stage = Stage::steady(options(|_| {}), [Act::After(1500)]);
    for _ in 0..10 {
        assert!(stage.ask().await.is_ok());
    }
    assert_eq!(stage.upstream(0).counters.ejected.get(), 0);
}

// ----------- Failures ------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn the_next_is_asked_at_once_when_one_refuses() {
    let stage = Stage::steady(policy(Policy::Sequential), [Act::Refuse, Act::After(2)]);
    assert_eq!(stage.ask_for_millis().await, 2);
}

#[tokio::test(start_paused = true)]
async fn each_upstream_is_tried_twice_unless_it_is_said_how_often() {
    for (attempts_max, expected) in [(None, [2, 2]), (Some(3), [2, 1]), (Some(1), [1, 0])] {
        let options = options(|options| {
            options.policy = Policy::Sequential;
            options.attempts_max = attempts_max;
            options.max_fails = 0;
        });
        let stage = Stage::steady(options, [Act::Refuse; 2]);
        let failure = stage.ask().await.unwrap_err();
        assert!(matches!(failure, Failure::NoReply { .. }) && failure.rcode() == SERVFAIL, "{failure:?}");
        assert_eq!([0, 1].map(|place| stage.asked(place)), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_ends_after_five_seconds() {
    let stage = Stage::steady(options(|options| options.attempts_max = Some(0)), [Act::Silence]);
    let begun = Instant::now();
    assert!(stage.ask().await.is_err());
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_takes_longer_than_the_timeout_is_asked_for_until_it_is_there() {
    // As a resolver that goes on looking, and has found it after three seconds.
    let begun = Instant::now();
    let left = move || 3000_u64.saturating_sub(begun.elapsed().as_millis() as u64);
    let stage = Stage::new(options(|_| {}), vec![Box::new(move |_| Act::After(left()))]);
    assert_eq!(stage.ask_for_millis().await, 3000);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_may_take_its_read_timeout() {
    let read_timeout = |millis| options(|options| options.read_timeout = Duration::from_millis(millis));
    assert!(Stage::steady(read_timeout(700), [Act::After(699)]).ask().await.is_ok());
    assert!(Stage::steady(read_timeout(700), [Act::After(701)]).ask().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn answers_to_other_questions_are_format_errors() {
    let stage = Stage::steady(options(|_| {}), [Act::Mismatch]);
    assert_eq!(stage.ask().await.unwrap_err().rcode(), 1);
}

#[tokio::test(start_paused = true)]
async fn rcodes_of_failover_lead_to_the_next_upstream_and_the_last_is_believed() {
    let failover = || {
        options(|options| {
            options.policy = Policy::Sequential;
            options.failover = vec![SERVFAIL];
        })
    };
    let stage = Stage::steady(failover(), [Act::Reply(1, SERVFAIL), Act::Reply(1, NXDOMAIN)]);
    assert_eq!(stage.ask().await.unwrap().rcode(), NXDOMAIN);
    let stage = Stage::steady(failover(), [Act::Reply(1, SERVFAIL); 2]);
    assert_eq!(stage.ask().await.unwrap().rcode(), SERVFAIL);
    assert_eq!([0, 1].map(|place| stage.asked(place)), [1, 1]);
    let stage = Stage::steady(failover(), [Act::Reply(1, SERVFAIL), Act::Refuse]);
    assert_eq!(stage.ask().await.unwrap().rcode(), SERVFAIL);
}

// ----------- Health --------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn nothing_is_checked_while_all_is_well() {
    let stage = Stage::steady(options(|_| {}), [Act::After(2)]);
    stage.ask_many(20).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(stage.asked(0), 20);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_fails_more_checks_than_it_may_is_down_until_it_answers_one() {
    // One question is tried twice, and the third check that fails is one too many.
    let back_at = |turn| if turn < 10 { Act::Refuse } else { Act::Reply(1, SERVFAIL) };
    let stage = Stage::new(options(|_| {}), vec![Box::new(back_at)]);
    assert!(stage.ask().await.is_err());
    sleep(Duration::from_millis(900)).await;
    assert_eq!(stage.upstream(0).counters.down.get(), 0);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(stage.upstream(0).counters.down.get(), 1);
    assert_eq!(stage.upstream(0).counters.healthcheck_failures.get(), 3);
    sleep(Duration::from_secs(4)).await;
    assert_eq!(stage.upstream(0).counters.down.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_down_is_not_asked() {
    let dead = |stage: &Stage| stage.asked(0);
    let stage = Stage::steady(policy(Policy::Sequential), [Act::Silence, Act::After(2)]);
    stage.ask_many(5).await;
    sleep(Duration::from_secs(10)).await;
    let (before, begun) = (dead(&stage), Instant::now());
    let took = stage.ask_many(500).await;
    assert_eq!(took.last(), Some(&2));
    // But for its checks: one second each, and half a second between.
    assert!(dead(&stage) - before <= 1 + begun.elapsed().as_secs() as usize, "{}", dead(&stage) - before);
}

#[tokio::test(start_paused = true)]
async fn when_all_are_down_any_is_tried_once_or_none() {
    for fail_fast in [false, true] {
        let stage = Stage::steady(options(|options| options.fail_fast = fail_fast), [Act::Refuse; 2]);
        assert!(stage.ask().await.is_err());
        assert_eq!(stage.counters.healthcheck_broken.get(), 0);
        sleep(Duration::from_secs(3)).await;
        let failure = stage.ask().await.unwrap_err();
        assert_eq!(stage.counters.healthcheck_broken.get(), 1);
        assert_eq!(failure == Failure::AllDown, fail_fast, "{failure}");
        assert_eq!(failure.rcode(), SERVFAIL);
    }
}

#[tokio::test(start_paused = true)]
async fn upstreams_are_never_down_where_nothing_is_checked() {
    for unchecked in
        [options(|options| options.max_fails = 0), options(|options| options.health_check.interval = Duration::ZERO)]
    {
        let stage = Stage::steady(unchecked, [Act::Refuse]);
        for _ in 0..10 {
            assert!(stage.ask().await.is_err());
        }
        sleep(Duration::from_secs(60)).await;
        assert_eq!(stage.asked(0), 20);
        assert_eq!(stage.upstream(0).counters.down.get(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn checks_end_with_the_forwarder() {
    let stage = Stage::steady(options(|_| {}), [Act::Refuse]);
    assert!(stage.ask().await.is_err());
    let upstream = stage.upstream(0);
    drop(stage);
    sleep(Duration::from_millis(1)).await;
    let before = upstream.counters.healthcheck_failures.get();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(upstream.counters.healthcheck_failures.get(), before);
}
