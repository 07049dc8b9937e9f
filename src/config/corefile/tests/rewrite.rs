//! `rewrite`, rule by rule.

use super::*;
use crate::stages::{
    pattern::{Pattern, Replacement},
    rewrite::{Action, Answer, Change, Data, Match, OptionRule, Rename, Rule, What},
};

fn rules(directives: &str) -> Vec<Rule> {
    config(&format!(". {{\n{directives}\n}}")).servers.remove(0).rewrite
}

fn change(words: &str) -> Change {
    rules(&format!("rewrite {words}")).remove(0).change
}

/// The one error of a rule.
fn refused(words: &str) -> String {
    let message = error(&format!(". {{\nrewrite {words}\n}}"));
    message.strip_prefix("Corefile:2:").unwrap_or_else(|| panic!("{message}")).to_owned()
}

fn name(of: Match, to: &str, auto: bool) -> Change {
    Change::Name { rename: Rename { of, to: Replacement::plain(to) }, auto, answers: Vec::new() }
}

#[test]
fn names_are_matched_in_five_ways() {
    let exact = || name(Match::Exact("a.test.".into()), "b.", true);
    assert_eq!([change("name A.test B."), change("name exact a.test. b")], [exact(), exact()]);
    assert_eq!(change("name prefix a. b"), name(Match::Prefix("a.".into()), "b.", false));
    assert_eq!(change("name suffix .a .b"), name(Match::Suffix(".a.".into()), ".b.", false));
    // CoreDNS puts a dot behind every one of them.
    assert_eq!(change("NAME Substring a b"), name(Match::Substring("a.".into()), "b.", false));
    let pattern = Pattern::parse(r"(.*)-(us)\.A").unwrap();
    let to = Replacement::parse("{1}.x.{2}.", &pattern).unwrap();
    let rename = Rename { of: Match::Regex(pattern), to };
    assert_eq!(change(r"name regex (.*)-(us)\.A {1}.X.{2}"), Change::Name { rename, auto: false, answers: Vec::new() });
}

#[test]
fn names_that_make_no_rule_are_refused() {
    assert!(refused("name").starts_with("1: something is missing: write `name [exact|"));
    assert!(refused("name a").starts_with("1: something is missing"));
    assert_eq!(
        refused("name like a b"),
        "14: `like` is no way to match: write exact, prefix, suffix, substring or regex"
    );
    assert!(refused("name regex (a b").starts_with("20: this is no regular expression: unclosed group"));
    assert_eq!(refused("name regex (a) {2}"), "24: `{2}` is no group: the regular expression has 1");
    assert_eq!(refused(&format!("name a {}", "b".repeat(1020))), "16: this is longer than any name");
    assert!(refused("name exact a b c").starts_with("24: `c` is out of place"));
}

#[test]
fn rules_go_on_or_stop() {
    let all = rules("rewrite continue name a b\nrewrite stop name a b\nrewrite name a b");
    assert_eq!(all.iter().map(|rule| rule.goes_on).collect::<Vec<_>>(), [true, false, false]);
    assert!(refused("continue").starts_with("1: something is missing: write `rewrite [continue|stop]"));
    assert!(refused("rename a b").starts_with("9: `rename` is no rule: write `rewrite [continue|stop]"));
    assert!(refused("").starts_with("1: something is missing"));
}

#[test]
fn a_rule_may_stand_between_braces() {
    let braces = rules("rewrite stop {\nname suffix .a .b\nanswer auto\n}");
    assert_eq!(braces, rules("rewrite stop name suffix .a .b answer auto"));
    assert_eq!(rules("rewrite {\nname a b\n}"), rules("rewrite name a b"));
    let message = error(". {\nrewrite name a b {\nname c d\n}\n}");
    assert!(message.starts_with("Corefile:3:1: a rule stands on its line or between its braces"));
}

#[test]
fn answers_are_restored_as_rules_say() {
    assert_eq!(change("name suffix .a .b answer auto"), name(Match::Suffix(".a.".into()), ".b.", true));
    let rule = |from: &str, to: &str| {
        let pattern = Pattern::parse(from).unwrap();
        let to = Replacement::parse(to, &pattern).unwrap();
        (pattern, to)
    };
    let ((owner, owner_to), (value, value_to)) = (rule("(.*)B", "{1}a."), rule("c", "d."));
    let Change::Name { answers, auto, .. } = change("name prefix a. b. answer name (.*)B {1}A value c D") else {
        panic!("a name")
    };
    assert_eq!((auto, answers), (false, vec![Answer::Owner(owner, owner_to), Answer::Value(value, value_to)]));
    assert!(refused("name prefix a b answer").starts_with("1: something is missing"));
    assert!(refused("name prefix a b auto").starts_with("25: `auto` is out of place"));
    assert!(refused("name prefix a b answer none").starts_with("32: `none` is no part of an answer"));
    assert!(refused("name prefix a b answer name (a").starts_with("1: something is missing"));
    assert!(refused("name prefix a b answer name (a b").starts_with("37: this is no regular expression"));
    assert!(refused("name prefix a b answer value a {1}").starts_with("40: `{1}` is no group"));
    let both = refused("name prefix a b answer auto answer name a b");
    assert!(both.starts_with("32: `answer auto` and `answer name` exclude each other"));
    assert!(refused("answer name a b").starts_with("9: `answer` belongs behind a `name` rule"));
}

#[test]
fn types_and_classes_have_names() {
    assert_eq!(change("type any HINFO"), Change::Type { from: 255, to: 13 });
    assert_eq!(change("class CH IN"), Change::Class { from: 3, to: 1 });
    assert_eq!(refused("type A B"), "16: `B` is no type");
    assert_eq!(refused("class IN chaos"), "18: `chaos` is no class");
    assert!(refused("type A").starts_with("1: something is missing: write `type FROM TO`"));
    assert!(refused("class IN CH HS").starts_with("21: `HS` is too much"));
}

#[test]
fn ttls_have_bounds() {
    let bounds = |words: &str| match change(&format!("ttl {words}")) {
        Change::Ttl { of, secs_min, secs_max } => (of, secs_min, secs_max),
        other => panic!("{other:?}"),
    };
    let exact = || Match::Exact("a.".into());
    assert_eq!(bounds("A 77"), (exact(), 77, 77));
    assert_eq!(bounds("exact a 30-300"), (exact(), 30, 300));
    assert_eq!(bounds("suffix .a -30"), (Match::Suffix(".a.".into()), 0, 30));
    assert_eq!(bounds("regex a$ 30-"), (Match::Regex(Pattern::parse("a$").unwrap()), 30, i32::MAX as u32));
    for wrong in ["-", "30-20", "1-2-3", "a", "-1-2"] {
        assert_eq!(refused(&format!("ttl a {wrong}")), format!("15: `{wrong}` is no TTL: write SECONDS, or MIN-MAX"));
    }
    assert!(refused("ttl a").starts_with("1: something is missing"));
    assert!(refused("ttl exact a 30 40").starts_with("24: `40` is too much"));
}

#[test]
fn rcodes_have_names_and_numbers() {
    let expected = |of| Change::Rcode { of, from: 2, to: 0 };
    assert_eq!(change("rcode a ServFail 0"), expected(Match::Exact("a.".into())));
    assert_eq!(change("rcode prefix a. 2 NOERROR"), expected(Match::Prefix("a.".into())));
    assert!(refused("rcode a 24 0").starts_with("17: `24` is no rcode"));
    assert!(refused("rcode a 2").starts_with("1: something is missing"));
}

#[test]
fn cnames_point_elsewhere() {
    let target = |of, to: &str| Change::Target(Rename { of, to: Replacement::plain(to) });
    assert_eq!(change("cname A b"), target(Match::Exact("a.".into()), "b."));
    assert_eq!(change("cname suffix A b"), target(Match::Suffix("a".into()), "b"));
    assert!(matches!(change("cname regex (.*)A {1}b."), Change::Target(Rename { of: Match::Regex(_), .. })));
    assert!(refused("cname a").starts_with("1: something is missing"));
    assert!(refused("cname like a b").starts_with("15: `like` is no way to match"));
}

#[test]
fn options_of_edns_are_put_and_taken_out() {
    let option = |words: &str| match change(&format!("edns0 {words}")) {
        Change::Option(OptionRule { action, what }) => (action, what),
        other => panic!("{other:?}"),
    };
    let local = |data| What::Local(0xffee, data);
    assert_eq!(option("local set 0xffee abcd"), (Action::Set, local(Data::Octets(b"abcd".into()))));
    assert_eq!(option("local append 65518 0x6162 revert"), (Action::Append, local(Data::Octets(b"ab".into()))));
    assert_eq!(option("local replace 0xffee {client_ip}"), (Action::Replace, local(Data::ClientAddress)));
    assert_eq!(option("local unset 0xFFEE"), (Action::Unset, local(Data::Octets(Vec::new()))));
    assert_eq!([option("nsid set").1, option("nsid unset").1], [What::Nsid, What::Nsid]);
    assert_eq!(option("subnet set 24 56"), (Action::Set, What::Subnet { v4_bits: 24, v6_bits: 56 }));
    assert_eq!(option("subnet unset"), (Action::Unset, What::Subnet { v4_bits: 0, v6_bits: 0 }));
}

#[test]
fn options_that_are_not_here_are_refused_by_name() {
    assert!(refused("edns0 cookie set").starts_with("15: `cookie` is no option of EDNS"));
    assert!(refused("edns0 local put 1 a").starts_with("21: `put` is no action"));
    assert!(refused("edns0 local set 65536 a").starts_with("25: `65536` is no number up to 65535"));
    assert!(refused("edns0 local set 1 0xabc").starts_with("27: `0xabc` is no hexadecimal number"));
    assert!(
        refused("edns0 local set 1 {server_ip}")
            .starts_with("27: clusterdns does not have `{server_ip}`: write {qname},")
    );
    assert!(
        refused("edns0 local set 1 {kubernetes/pod}").starts_with("27: clusterdns does not have `{kubernetes/pod}`")
    );
    assert!(refused(&format!("edns0 local set 1 {}", "a".repeat(1025))).starts_with("27: this has more than 1024"));
    assert!(refused("edns0 local set 1").starts_with("1: something is missing"));
    assert!(refused("edns0 nsid set 1").starts_with("24: `1` is too much"));
    assert!(refused("edns0 subnet set 33 0").starts_with("26: `33` is no number up to 32"));
    assert!(refused("edns0 subnet unset 24").starts_with("28: `24` is too much"));
}
