//! What is kept, and with which TTL (behaviour E3).

use super::*;

#[test]
fn a_ttl_counts_down_until_nothing_is_left() {
    let mut bench = Bench::new(|_| {});
    assert_eq!(bench.keep(&www(), Said::a(60)), 60);
    assert_eq!(bench.fresh(&www()), Some(60));
    bench.wait(59);
    assert_eq!(bench.fresh(&www()), Some(1));
    bench.wait(1);
    assert!(matches!(bench.look(&www()), Look::Miss));
}

#[test]
fn ttls_stand_still_where_they_are_told_to() {
    let mut bench = Bench::new(|options| options.keep_ttl = true);
    bench.keep(&www(), Said::a(60));
    bench.wait(59);
    assert_eq!(bench.fresh(&www()), Some(60));
    bench.wait(1);
    assert!(matches!(bench.look(&www()), Look::Miss));
}

#[test]
fn every_reply_that_passes_has_one_ttl_within_the_bounds() {
    let bench = Bench::new(|options| options.success = Kept { ttl_secs_max: 100, ..options.success });
    let servfail = || Said::rcode(code::SERVFAIL);
    let cases = [
        ("the lowest", Said::a(60).with(0, code::A, 20, &[0; 4]), 20),
        ("not below the floor", Said::a(0), 5),
        ("not above the cap", Said::a(86_400), 100),
        ("no records", Said::rcode(code::NOERROR), 5),
        ("a denial has bounds of its own", Said::nxdomain(86_400), 1800),
        ("a denial without SOA", Said::rcode(code::NXDOMAIN), 5),
        ("SERVFAIL, whatever its records say", servfail().soa(60), 5),
        ("a delegation", Said::rcode(code::NOERROR).with(1, code::NS, 60, b"\0"), 5),
        ("REFUSED, which is not kept", Said::rcode(code::REFUSED).soa(60), 5),
        ("a dangling CNAME, which is not kept", Said::dangling(), 100),
        ("a dangling CNAME that is denied", Said::dangling().soa(900), 300),
        ("a cut one, which is not kept", Said::a(60).flag(TC), 60),
    ];
    for (what, reply, ttl_secs) in cases {
        assert_eq!(bench.keep(&www(), reply), ttl_secs, "{what}");
    }
}

#[test]
fn what_is_kept_is_what_coredns_keeps() {
    let cases = [
        ("records", Said::a(60), true),
        ("nothing at all", Said::rcode(code::NOERROR), true),
        ("NODATA", Said::rcode(code::NOERROR).soa(60), true),
        ("NXDOMAIN", Said::nxdomain(60), true),
        ("NXDOMAIN without SOA", Said::rcode(code::NXDOMAIN), false),
        ("a delegation", Said::rcode(code::NOERROR).with(1, code::NS, 60, b"\0"), true),
        ("a CNAME that leads to nothing", Said::dangling(), false),
        ("the same with a SOA", Said::dangling().soa(60), true),
        ("SERVFAIL", Said::rcode(code::SERVFAIL), true),
        ("NOTIMP", Said::rcode(code::NOTIMP), true),
        ("REFUSED", Said::rcode(code::REFUSED), false),
        ("FORMERR", Said::rcode(code::FORMERR), false),
        ("NXDOMAIN with records", Said::nxdomain(60).with(0, code::A, 60, &[0; 4]), false),
        ("what was cut", Said::a(60).flag(TC), false),
    ];
    for (what, reply, is_kept) in cases {
        let bench = Bench::new(|_| {});
        bench.keep(&www(), reply);
        assert_eq!(bench.fresh(&www()).is_some(), is_kept, "{what}");
        assert_eq!(bench.cache.counters().drops, 0, "{what}");
    }
}

#[test]
fn a_ttl_of_nothing_is_not_kept() {
    let bench = Bench::new(|options| {
        options.success.ttl_secs_min = 0;
        options.servfail = Duration::ZERO;
    });
    assert_eq!(bench.keep(&www(), Said::a(0)), 0);
    assert_eq!(bench.keep(&www(), Said::rcode(code::SERVFAIL)), 0);
    assert_eq!(bench.fresh(&www()), None);
}

#[test]
fn questions_are_told_apart_by_all_that_changes_the_answer() {
    let bench = Bench::new(|_| {});
    bench.keep(&www(), Said::a(60));
    let with = |change: fn(&mut Asked)| {
        let mut asked = www();
        change(&mut asked);
        bench.fresh(&asked).is_some()
    };
    assert!(with(|asked| asked.name[1] = b'W'), "letter case is nothing");
    assert!(with(|asked| asked.flags |= AD), "AD is nothing");
    assert!(!with(|asked| asked.name[1] = b'x'));
    assert!(!with(|asked| asked.qtype = code::AAAA));
    assert!(!with(|asked| asked.qclass = 3));
    assert!(!with(|asked| asked.flags |= CD));
    assert!(!with(|asked| asked.dnssec_ok = true));
}

#[test]
fn aa_is_not_kept_and_ad_is_for_who_asks_for_it() {
    let bench = Bench::new(|_| {});
    let ad = Asked { flags: RD | AD, ..www() };
    let reply = Said::a(60).flag(AD).flag(crate::answers::question::AA).to(&www());
    let shown = bench.cache.keep(&www().question(), &www().read(), &reply, bench.now);
    assert_eq!((shown.authoritative, shown.authenticated), (true, false), "as it came, but for AD");
    assert!(bench.cache.keep(&ad.question(), &ad.read(), &reply, bench.now).authenticated);
    let hit = bench.hit(&www());
    assert_eq!((hit.shown.authoritative, hit.shown.authenticated), (false, false));
    assert!(bench.hit(&ad).shown.authenticated);
    bench.keep(&www(), Said::a(60));
    assert!(!bench.hit(&ad).shown.authenticated, "nobody said so");
}

#[test]
fn a_denial_counts_more_than_records_and_a_failure_less() {
    let bench = Bench::new(|_| {});
    bench.keep(&www(), Said::a(60));
    bench.keep(&www(), Said::rcode(code::SERVFAIL));
    assert_eq!(bench.hit(&www()).reply.rcode(), code::NOERROR);
    bench.keep(&www(), Said::nxdomain(60));
    assert_eq!(bench.hit(&www()).reply.rcode(), code::NXDOMAIN);
    bench.keep(&www(), Said::a(60));
    assert!(bench.hit(&www()).is_denial, "in whichever order they came");
}

#[test]
fn a_failure_does_not_outlast_its_time() {
    let mut bench = Bench::new(|_| {});
    bench.keep(&www(), Said::rcode(code::SERVFAIL));
    bench.wait(4);
    assert_eq!(bench.hit(&www()).reply.rcode(), code::SERVFAIL);
    bench.wait(1);
    assert!(matches!(bench.look(&www()), Look::Miss));
}

#[test]
fn names_outside_of_its_zones_pass_untouched() {
    let bench = Bench::new(|options| options.zones = vec![Name::parse("Example.org").expect("a name")]);
    let shown =
        |asked: &Asked| bench.cache.keep(&asked.question(), &asked.read(), &Said::a(86_400).to(asked), bench.now).ttl;
    assert_eq!(shown(&www()), Ttl::AsIs);
    assert!(matches!(bench.look(&www()), Look::Miss));
    let inside = Asked::new("a.example.ORG");
    assert_eq!(shown(&inside), Ttl::All(3600));
    assert_eq!(bench.fresh(&inside), Some(3600));
}

#[test]
fn names_that_are_not_to_be_kept_have_their_ttl_bounded_all_the_same() {
    let bench = Bench::new(|options| {
        options.disable_success = vec![Name::parse("example.com").expect("a name")];
        options.disable_denial = vec![Name::root()];
    });
    assert_eq!(bench.keep(&www(), Said::a(1)), 5);
    assert_eq!(bench.keep(&Asked::new("other"), Said::nxdomain(1)), 5);
    assert_eq!((bench.fresh(&www()), bench.fresh(&Asked::new("other"))), (None, None));
    bench.keep(&Asked::new("other"), Said::a(60));
    assert_eq!(bench.fresh(&Asked::new("other")), Some(60));
}

#[test]
fn a_reply_to_another_question_is_dropped_and_counted() {
    let bench = Bench::new(|_| {});
    let other = Asked::new("other.example.com");
    bench.cache.keep(&www().question(), &www().read(), &Said::a(60).to(&other), bench.now);
    assert!(bench.fresh(&www()).is_none() && bench.fresh(&other).is_none());
    assert_eq!(bench.cache.counters().drops, 1);
}

#[test]
fn the_ttl_of_a_reply_is_bounded_by_what_it_is() {
    let bench = Bench::new(|_| {});
    let ttl_secs = |said: &Said| bench.cache.ttl_secs(&said.to(&www()));
    assert_eq!([0, 30, 28_800].map(|secs| ttl_secs(&Said::a(secs))), [5, 30, 3600]);
    assert_eq!([30, 28_800].map(|secs| ttl_secs(&Said::nxdomain(secs))), [30, 1800]);
    let denies_with_records = Said::rcode(code::NOERROR).with(0, code::TXT, 28_800, b"\x01x").soa(28_800);
    assert_eq!(ttl_secs(&denies_with_records), 1800);
    // Errors that have records all the same, as a template may make them.
    for rcode in [code::NXDOMAIN, code::REFUSED] {
        assert_eq!(ttl_secs(&Said::rcode(rcode).with(0, code::A, 60, &[192, 0, 2, 1])), 5);
    }
}
