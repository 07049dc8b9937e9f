//! Claims about the walk that people rely on; `tests/resolvers.rs` holds all of it against reality.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::records::name::Name;

/// What a resolver asks in a pod of `shop`, and what the program sees. The names that are given
/// exist, with an IPv4 address behind `4`, an IPv6 address behind `6`, and both without a mark.
fn in_pod(resolver: Resolver, name: &str, existing: &[&str]) -> (Vec<String>, &'static str) {
    let conf = ResolvConf::for_pod("shop", "cluster.local", &["node.example"]);
    let walk = walk(&conf, name, resolver, Lookup::Addresses, |name, qtype| among(existing, name, qtype));
    let names = walk.steps.iter().map(|step| step.candidate.trim_end_matches('.').to_owned());
    (names.collect(), walk.program_sees())
}

fn among(existing: &[&str], name: &Name, qtype: u16) -> Reply {
    let text = name.to_string();
    let mark = existing.iter().find_map(|existing| {
        let (family, name) = existing.split_once(' ').unwrap_or(("", existing));
        (text.strip_suffix('.') == Some(name)).then_some(family)
    });
    match (mark, qtype) {
        (None, _) => Reply::NxDomain,
        (Some("4"), 28) | (Some("6"), 1) | (Some("0"), _) => Reply::NoData,
        (Some(_), _) => Reply::Answer,
    }
}

// ----------- What people run into ------------------------------------------

#[test]
fn everybody_finds_a_service_by_its_short_name() {
    for resolver in Resolver::ALL {
        let (names, sees) = in_pod(resolver, "web", &["4 web.shop.svc.cluster.local"]);
        assert_eq!((&*names.join(" "), sees), ("web.shop.svc.cluster.local", "addresses"), "{resolver}");
    }
}

#[test]
fn an_outside_name_costs_every_search_domain_first() {
    for resolver in Resolver::ALL {
        let (names, _) = in_pod(resolver, "www.example.com", &["4 www.example.com"]);
        let searched = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "node.example"];
        let searched = searched.map(|domain| format!("www.example.com.{domain}"));
        assert_eq!(names, [&searched[..], &["www.example.com".to_owned()]].concat(), "{resolver}");
    }
}

/// `shop` is a namespace, so `shop.svc.cluster.local` exists and has no address.
#[test]
fn nodata_ends_the_search_of_musl_alone() {
    let existing = ["0 shop.svc.cluster.local", "4 shop"];
    for resolver in [Resolver::Glibc, Resolver::GlibcOld, Resolver::Go] {
        assert_eq!(in_pod(resolver, "shop", &existing).1, "addresses", "{resolver}");
    }
    for (resolver, sees) in [(Resolver::Musl, "EAI_NODATA"), (Resolver::MuslOld, "EAI_NONAME")] {
        let (names, found) = in_pod(resolver, "shop", &existing);
        assert_eq!((names.len(), found), (2, sees), "{resolver}: {names:?}");
    }
}

#[test]
fn musl_never_searches_for_a_name_with_enough_dots() {
    let conf = ResolvConf::for_pod("shop", "cluster.local", &[]).with_options("ndots:1");
    let asked = |resolver| questions(&conf, "web.shop", resolver, Lookup::Addresses).len();
    assert_eq!(Resolver::ALL.map(asked), [4, 4, 1, 1, 4]);
}

#[test]
fn servfail_ends_the_search_of_musl_alone() {
    let conf = ResolvConf::for_pod("shop", "cluster.local", &[]);
    let outcome = |resolver| {
        let servfail_first = |name: &Name, _| match name.to_string().as_str() {
            "web.shop.svc.cluster.local." => Reply::ServFail,
            "web.svc.cluster.local." => Reply::Answer,
            _ => Reply::NxDomain,
        };
        walk(&conf, "web", resolver, Lookup::Addresses, servfail_first).outcome
    };
    let (found, again) = (Outcome::Found, Outcome::TryAgain);
    assert_eq!(Resolver::ALL.map(outcome), [found, found, again, again, found]);
}

/// A name server that does not know the zone of a search domain hides the domains behind it.
#[test]
fn refused_and_silence_make_glibc_leave_the_list() {
    for reply in [Reply::Refused, Reply::Timeout] {
        let conf = ResolvConf::for_pod("shop", "cluster.local", &[]);
        let walk = walk(&conf, "web", Resolver::Glibc, Lookup::Addresses, |_, _| reply);
        let steps: Vec<_> = walk.steps.iter().map(|step| (&*step.candidate, step.then)).collect();
        assert_eq!(steps, [("web.shop.svc.cluster.local", Then::LeavesList), ("web", Then::Ends)]);
        assert_eq!(walk.program_sees(), "EAI_AGAIN");
    }
}

/// A server that answers AAAA with NXDOMAIN where there is an A record breaks musl.
#[test]
fn musl_throws_an_answer_away_for_an_nxdomain_beside_it() {
    let reply = |_: &Name, qtype| if qtype == 1 { Reply::Answer } else { Reply::NxDomain };
    let outcome = |resolver| walk(&ResolvConf::default(), "web", resolver, Lookup::Addresses, reply).outcome;
    let (found, lost) = (Outcome::Found, Outcome::NoName);
    assert_eq!(Resolver::ALL.map(outcome), [found, found, lost, lost, found]);
}

// ----------- What is in a resolv.conf --------------------------------------

#[test]
fn a_pod_gets_what_the_kubelet_writes() {
    let conf = ResolvConf::for_pod("shop", "cluster.local.", &["corp.example.", "svc.cluster.local", "."]);
    let search = "search shop.svc.cluster.local svc.cluster.local cluster.local corp.example .";
    assert_eq!(conf.text(), format!("{search}\noptions ndots:5\n"));
    assert_eq!(ResolvConf::for_pod("shop", "", &["a"]).text(), "search a\noptions ndots:5\n");
}

#[test]
fn the_kubelet_has_limits_and_so_have_the_resolvers() {
    let node: Vec<_> = (0..60).map(|index| format!("d{index}.{}", "x".repeat(30))).collect();
    let search = |node: &[String], resolver| {
        let node: Vec<_> = node.iter().map(String::as_str).collect();
        ResolvConf::for_pod("shop", "cluster.local", &node).settings(resolver).search
    };
    assert_eq!(search(&node, Resolver::Glibc).len(), 32);
    assert_eq!(search(&node, Resolver::Go).len(), 32);
    assert_eq!(search(&node, Resolver::GlibcOld).len(), 6);
    // The line is too long for musl, which then reads nothing of it.
    assert_eq!(search(&node, Resolver::Musl), [""; 0]);

    let wide: Vec<_> = (0..20).map(|index| format!("{index:0>150}")).collect();
    let kept = search(&wide, Resolver::Glibc);
    assert!(kept.len() == 16 && kept.join(" ").len() <= 2048, "{}", kept.len());
    // Old glibc cuts inside of a domain.
    let lengths: Vec<_> = search(&wide, Resolver::GlibcOld).iter().map(String::len).collect();
    assert_eq!(lengths, [22, 17, 13, 150, 49]);
    // glibc 2.28 aborts at such a domain, so the kubelet leaves it out.
    assert_eq!(search(&["x".repeat(254), "y".repeat(253)], Resolver::Glibc).len(), 4);
}

#[test]
fn the_last_list_wins_and_without_one_the_domain_of_the_host() {
    let conf = ResolvConf::parse("domain a\nsearch b c\ndomain d e\n");
    assert_eq!(conf.settings(Resolver::Glibc).search, ["d"]);
    assert_eq!(conf.settings(Resolver::Musl).search, ["d", "e"]);
    assert_eq!(conf.settings(Resolver::Go).search, ["d."]);
    let conf = ResolvConf::default().on_host("web-0.web.shop.svc.cluster.local");
    assert_eq!(conf.settings(Resolver::Glibc).search, ["web.shop.svc.cluster.local"]);
    assert_eq!(conf.settings(Resolver::Musl).search, [""; 0]);
    assert_eq!(conf.settings(Resolver::Go).search, ["web.shop.svc.cluster.local."]);
}

#[test]
fn options_that_change_the_questions_are_glibcs() {
    let conf = ResolvConf::parse("search a\noptions no-aaaa no-tld-query ndots:3 rotate\n");
    let asked = |resolver| {
        let questions = questions(&conf, "web", resolver, Lookup::Addresses);
        questions
            .iter()
            .map(|question| format!("{} {:?}", question.name, question.types))
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_eq!(asked(Resolver::Glibc), "web.a. [1]");
    assert_eq!(asked(Resolver::GlibcOld), "web.a. [1, 28]");
    assert_eq!(asked(Resolver::Musl), "web.a. [1, 28], web. [1, 28]");
    assert_eq!(asked(Resolver::Go), "web.a. [1, 28], web. [1, 28]");
}

#[test]
fn a_dot_as_search_domain_is_the_name_as_it_is() {
    let conf = ResolvConf::parse("search . a\noptions ndots:5\n");
    let walk = |resolver| walk(&conf, "web", resolver, Lookup::Addresses, |_, _| Reply::NxDomain);
    let names = |resolver| walk(resolver).steps.iter().map(|step| step.candidate.clone()).collect::<Vec<_>>().join(" ");
    assert_eq!(names(Resolver::Glibc), "web. web.a");
    assert_eq!(names(Resolver::Musl), "web.. web.a web");
    assert_eq!(names(Resolver::Go), "web.a. web.");
    let broken = walk(Resolver::MuslOld);
    assert_eq!((broken.steps.len(), broken.steps[0].heard), (1, Heard::BrokenPacket));
    assert_eq!(broken.program_sees(), "EAI_AGAIN");
}

// ----------- Whatever the text ---------------------------------------------

const REPLIES: [Reply; 9] = [
    Reply::Answer,
    Reply::Alias,
    Reply::NoData,
    Reply::NxDomain,
    Reply::ServFail,
    Reply::Refused,
    Reply::NotImp,
    Reply::Other,
    Reply::Timeout,
];

fn any_resolver() -> impl Strategy<Value = Resolver> {
    proptest::sample::select(&Resolver::ALL[..])
}

fn any_lookup() -> impl Strategy<Value = Lookup> {
    prop_oneof![Just(Lookup::Addresses), Just(Lookup::Ipv4), Just(Lookup::Ipv6), any::<u16>().prop_map(Lookup::Records)]
}

/// Text that may come near to something, and text that may not.
fn any_conf() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "(search|domain)( [a-z.]{0,9}){0,8}[ \t]?",
        "options( (ndots:-?[0-9]{0,3}|no-aaaa|no-tld-query|single-request|[a-z]{1,4})){0,4}",
        "\\PC{0,300}",
    ];
    proptest::collection::vec(line, 0..6).prop_map(|lines| lines.join("\n"))
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9.-]{0,12}", "([a-z]{1,60}\\.){0,5}[a-z]{0,64}", "\\PC{0,20}", any::<String>()]
}

proptest! {
    #[test]
    fn a_walk_ends_and_tells_what_it_did(
        conf in any_conf(), name in any_name(), resolver in any_resolver(), lookup in any_lookup(),
        replies in proptest::collection::vec(proptest::sample::select(&REPLIES[..]), 1..9),
    ) {
        let mut next = replies.iter().cycle();
        let mut asked = Vec::new();
        let walk = walk(&ResolvConf::parse(&conf), &name, resolver, lookup, |name, qtype| {
            asked.push((name.clone(), qtype));
            *next.next().unwrap_or(&Reply::NoData)
        });
        // Every question stands in a step, in order.
        let told = walk.steps.iter().flat_map(|step| step.replies.iter().map(|(qtype, _)| (step.name.clone(), *qtype)));
        let told: Vec<_> = told.filter_map(|(name, qtype)| Some((name?, qtype))).collect();
        prop_assert_eq!(told, asked);
        // It ends where something was found, or with the last step.
        let (last, before) = walk.steps.split_last().map_or((None, &[][..]), |(last, before)| (Some(last), before));
        prop_assert!(before.iter().all(|step| matches!(step.then, Then::GoesOn | Then::LeavesList)));
        prop_assert!(last.is_none_or(|last| matches!(last.then, Then::Done | Then::Ends)));
        let is_found = last.is_some_and(|last| last.then == Then::Done);
        prop_assert_eq!(is_found, walk.outcome == Outcome::Found);
        prop_assert!(before.iter().filter(|step| step.then == Then::LeavesList).count() <= 1);
    }

    #[test]
    fn an_absolute_name_is_one_question(
        conf in any_conf(), name in any_name(), resolver in any_resolver(), reply in proptest::sample::select(&REPLIES[..]),
    ) {
        let walk = walk(&ResolvConf::parse(&conf), &format!("{name}."), resolver, Lookup::Addresses, |_, _| reply);
        prop_assert!(walk.steps.len() <= 1, "{:?}", walk.steps);
    }

    #[test]
    fn no_answer_means_more_questions_than_all_of_them(
        conf in any_conf(), name in any_name(), resolver in any_resolver(), lookup in any_lookup(),
        reply in proptest::sample::select(&REPLIES[..]),
    ) {
        let conf = ResolvConf::parse(&conf);
        let all: BTreeSet<_> = questions(&conf, &name, resolver, lookup).into_iter().map(|question| question.name).collect();
        let walk = walk(&conf, &name, resolver, lookup, |_, _| reply);
        prop_assert!(walk.steps.iter().filter_map(|step| step.name.as_ref()).all(|name| all.contains(name)));
    }

    /// Nobody asks for a name twice, unless the search list has a domain twice or glibc finds the name
    /// as it is in it, behind `.`.
    #[test]
    fn a_name_is_asked_once(name in any_name(), resolver in any_resolver(), lookup in any_lookup(), ndots in 0..6) {
        let conf = ResolvConf::for_pod("shop", "cluster.local", &["corp.example"]).with_options(&format!("ndots:{ndots}"));
        let asked = questions(&conf, &name, resolver, lookup);
        let different: BTreeSet<_> = asked.iter().map(|question| &question.name).collect();
        prop_assert_eq!(different.len(), asked.len());
    }
}
