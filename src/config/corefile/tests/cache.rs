//! The `cache` directive, option by option.

use std::time::Duration;

use super::*;
use crate::cache::{
    Options,
    options::{Kept, Prefetch, ServeStale, Verify},
};

fn corefile(line: &str, options: &str) -> String {
    format!(". {{\ncache {line} {{\n{options}\n}}\n}}")
}

fn cache(line: &str, options: &str) -> Options {
    config(&corefile(line, options)).servers.remove(0).cache.unwrap()
}

fn option(option: &str) -> Options {
    cache("", option)
}

/// The one error of an option.
fn refused(option: &str) -> String {
    let message = error(&corefile("", option));
    message.strip_prefix("Corefile:3:").unwrap_or_else(|| panic!("{message}")).to_owned()
}

fn names(names: &[crate::records::name::Name]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_left_out_is_as_coredns_has_it() {
    assert_eq!(cache("", ""), Options::new());
    assert_eq!(config(". {\n}").servers[0].cache, None);
    assert!(error(". {\ncache\ncache\n}").starts_with("Corefile:3:1: this block has `cache` already"));
}

#[test]
fn more_entries_have_more_octets_within_a_limit() {
    let octets = |entries: &str| option(&format!("success {entries}")).octets_max;
    assert_eq!([octets("9984"), octets("100")], [16 << 20; 2]);
    assert_eq!(octets("100000"), (100_000 + 9984) * 840);
    assert_eq!([octets("1000000"), octets("9223372036854775807")], [256 << 20; 2]);
}

#[test]
fn a_number_in_front_of_the_zones_is_the_ttl() {
    let both = cache("30 A 10.0.0.0/8", "");
    assert_eq!([both.success.ttl_secs_max, both.denial.ttl_secs_max], [30, 30]);
    assert_eq!(names(&both.zones), ["a.", "10.in-addr.arpa."]);
    assert_eq!(names(&cache("a 30", "").zones), ["a.", "30."]);
    let zone = corefile("30s", "");
    assert!(notes(&zone)[0].starts_with("Corefile:2:7: `30s` is taken for a zone: a TTL is a number of seconds"));
    for wrong in ["0", "-1", "4294967296"] {
        assert!(error(&corefile(wrong, "")).starts_with(&format!("Corefile:2:7: `{wrong}` is no TTL")));
    }
}

#[test]
fn the_least_ttl_is_never_above_the_greatest() {
    assert_eq!(cache("3", "").success, Kept { entries_max: 9984, ttl_secs_min: 3, ttl_secs_max: 3 });
    assert_eq!(option("denial 100 10 20").denial, Kept { entries_max: 100, ttl_secs_min: 10, ttl_secs_max: 10 });
}

#[test]
fn each_kind_has_its_limits() {
    let cache = option("success 5000 60 1\ndenial 9984 5");
    assert_eq!(cache.success, Kept { entries_max: 5000, ttl_secs_min: 1, ttl_secs_max: 60 });
    assert_eq!(cache.denial, Kept { entries_max: 9984, ttl_secs_min: 5, ttl_secs_max: 5 });
    assert_eq!(option("success 0").success.entries_max, 0);
    assert!(notes(&corefile("", "success 0"))[0].starts_with("Corefile:3:9: nothing is kept then"));
    assert!(notes(&corefile("", "success 1 2 3 4"))[0].starts_with("Corefile:3:15: `4` is not read"));
    assert!(refused("success").starts_with("1: something is missing"));
    assert!(refused("success many").starts_with("9: `many` is no number: write `success CAPACITY"));
    assert!(refused("denial 1 0").starts_with("10: `0` is no TTL"));
    assert!(refused("denial 1 1 -1").starts_with("12: `-1` is no TTL in seconds"));
}

#[test]
fn some_names_are_not_kept() {
    let cache = option("disable success cluster.local\ndisable denial");
    assert_eq!(
        (names(&cache.disable_success), names(&cache.disable_denial)),
        (vec!["cluster.local.".into()], vec![".".into()])
    );
    assert!(refused("disable").starts_with("1: something is missing"));
    assert!(refused("disable all").starts_with("9: `all` is neither: write `disable success|denial"));
    assert!(refused("disable denial a..b").starts_with("16: "));
}

#[test]
fn what_is_asked_for_often_is_asked_anew() {
    let prefetch = |words: &str| option(&format!("prefetch {words}")).prefetch;
    let minute = Duration::from_secs(60);
    assert_eq!(prefetch("10"), Some(Prefetch { hits: 10, within: minute, percentage: 10 }));
    assert_eq!(prefetch("1 10s 90%"), Some(Prefetch { hits: 1, within: Duration::from_secs(10), percentage: 90 }));
    assert_eq!(prefetch("0"), None);
    assert!(refused("prefetch").starts_with("1: something is missing"));
    assert!(refused("prefetch -1").starts_with("10: `-1` is no number"));
    assert!(refused("prefetch 1 often").contains("is no length of time"));
    for wrong in ["10", "9%", "91%", "%", "x%"] {
        assert!(refused(&format!("prefetch 1 1m {wrong}")).contains("is no percentage from 10% to 90%"), "{wrong}");
    }
    assert!(refused("prefetch 1 1m 10% 1").starts_with("19: `1` is too much"));
}

#[test]
fn what_is_stale_may_be_served() {
    let stale = |words: &str| option(&format!("serve_stale {words}")).serve_stale.unwrap();
    let hour = Duration::from_secs(3600);
    let least = ServeStale { for_at_most: hour, verify: None, ttl_secs: 0, failure_recheck: Duration::ZERO };
    assert_eq!(stale(""), least);
    assert_eq!(
        stale("1h immediate 30s 5s"),
        ServeStale { ttl_secs: 30, failure_recheck: Duration::from_secs(5), ..least }
    );
    assert_eq!(stale("1h verify").verify, Some(Verify { timeout: None }));
    assert_eq!(stale("1h VERIFY 0").verify, Some(Verify { timeout: None }));
    let all = stale("5m verify 100ms 1s 5m");
    assert_eq!(all.verify, Some(Verify { timeout: Some(Duration::from_millis(100)) }));
    assert_eq!((all.ttl_secs, all.failure_recheck), (1, Duration::from_secs(300)));
    assert!(refused("serve_stale -1h").contains("is negative"));
    assert!(refused("serve_stale 1h often").starts_with("16: `often` is neither"));
    assert!(refused("serve_stale 1h immediate 1500ms").contains("`1500ms` is no TTL: write whole seconds"));
    assert!(refused("serve_stale 1h immediate 1s 6m").contains("five minutes at most"));
    assert!(refused("serve_stale 1h immediate 1s 1m 1").starts_with("32: `1` is too much"));
    assert!(refused("serve_stale 1h verify 1s 1s 1m 1").starts_with("32: `1` is too much"));
}

#[test]
fn a_policy_is_one_of_what_is_stale() {
    assert!(option("serve_stale\nserve_stale_policy Prefer_Positive").prefer_positive);
    assert!(refused("serve_stale_policy prefer_positive").starts_with("1: this is a policy of `serve_stale`"));
    assert!(error(&corefile("", "serve_stale\nserve_stale_policy best")).contains("`best` is no policy"));
    let twice =
        error(&corefile("", "serve_stale\nserve_stale_policy prefer_positive\nserve_stale_policy prefer_positive"));
    assert!(twice.starts_with("Corefile:5:1: there is a policy already"));
}

#[test]
fn failures_are_kept_for_five_minutes_at_most() {
    assert_eq!(option("servfail 0").servfail, Duration::ZERO);
    assert_eq!(option("servfail 5m").servfail, Duration::from_secs(300));
    assert!(refused("servfail 301s").starts_with("10: a failure is kept for five minutes at most"));
    assert!(refused("servfail -1s").contains("is negative"));
    assert!(refused("servfail").starts_with("1: something is missing"));
}

#[test]
fn ttls_may_stand_still() {
    assert!(option("keepttl").keep_ttl);
    assert!(refused("keepttl 5").starts_with("9: `keepttl` takes nothing"));
    assert_eq!(refused("keep_ttl"), "1: `keep_ttl` is no option of `cache`: did you mean `keepttl`?");
}
