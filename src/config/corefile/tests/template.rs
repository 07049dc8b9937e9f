//! `template`.

use super::*;
use crate::{
    records::zone::Zone,
    stages::{
        template::{Template, line::Line},
        zones::Zones,
    },
};

fn templates(directives: &str) -> Vec<Template> {
    config(&format!("a {{\n{directives}\n}}")).servers.remove(0).template
}

fn template(options: &str) -> Template {
    templates(&format!("template IN A {{\n{options}\n}}")).remove(0)
}

/// The one error of an option, with its line and column.
fn refused(option: &str) -> String {
    refused_as(&format!("template IN A {{\n{option}\n}}"))
}

fn refused_as(directive: &str) -> String {
    let message = error(&format!(". {{\n{directive}\n}}"));
    message.strip_prefix("Corefile:").unwrap_or_else(|| panic!("{message}")).to_owned()
}

fn zones(text: &str) -> Zones {
    Zones::new(Zone::parse(text).unwrap())
}

#[test]
fn a_template_is_for_a_class_a_type_and_zones() {
    let both = templates("template IN a\ntemplate ANY ANY b.example");
    assert_eq!(both, [Template::new(1, 1, zones("a")), Template::new(255, 255, zones("b.example"))]);
    assert!(refused_as("template").starts_with("2:1: something is missing behind `template`: write `template CLASS"));
    assert!(refused_as("template IN").starts_with("2:10: a type is missing behind this"));
    assert_eq!(refused_as("template XX A"), "2:10: `XX` is no class, like IN or ANY");
    assert_eq!(refused_as("template IN BB"), "2:13: `BB` is no type, like A or ANY");
    assert!(refused_as("template IN A a..b").starts_with("2:15: \"a..b\" is no zone"));
}

#[test]
fn every_option_is_read() {
    let one = template(
        "answer \"{{ .Name }} 60 IN A 192.0.2.{{ .Group.a }}\"\nmatch ^a(?P<a>.) ^b\nauthority \"a. NS n.\"\n\
         additional \"n. A 192.0.2.1\" \"n. AAAA ::1\"\nrcode NXDOMAIN\nederror 21 \"some text\"\nfallthrough a.a\nupstream",
    );
    assert_eq!(one.patterns.iter().map(|pattern| pattern.text()).collect::<Vec<_>>(), ["^a(?P<a>.)", "^b"]);
    let texts = |lines: &[Line]| lines.iter().map(|line| line.text().to_owned()).collect::<Vec<_>>();
    assert_eq!(texts(&one.answers), ["{{ .Name }} 60 IN A 192.0.2.{{ .Group.a }}"]);
    assert_eq!(texts(&one.authorities), ["a. NS n."]);
    assert_eq!(texts(&one.additionals), ["n. A 192.0.2.1", "n. AAAA ::1"]);
    assert_eq!((one.rcode, one.error, one.fallthrough), (3, Some((21, "some text".into())), zones("a.a")));
    assert_eq!(
        (template("ederror 5").error, template("fallthrough").fallthrough),
        (Some((5, String::new())), Zones::all())
    );
    let note = &notes(". {\ntemplate IN A {\nupstream\n}\n}")[0];
    assert!(note.starts_with("Corefile:3:1: `upstream` has no effect here: what a CNAME points at"), "{note}");
}

#[test]
fn what_is_wrong_is_said() {
    assert!(refused("match").starts_with("3:1: something is missing behind `match`"));
    assert_eq!(refused("match a(b"), "3:7: this is no regular expression: unclosed group");
    assert!(refused("answer").starts_with("3:1: something is missing"));
    assert!(refused("answer \"{{ if .Name }}\"").starts_with("3:8: clusterdns does not have `if` in templates"));
    assert_eq!(refused("answer \"a. 60 IN A b\""), "3:8: this is no record: `b` is no IPv4 address");
    assert!(refused("additional \"{{ .Group.a }}\"").starts_with("3:12: no regular expression of this template"));
    assert!(refused("rcode").starts_with("3:1: something is missing"));
    assert!(refused("rcode NOPE").starts_with("3:7: `NOPE` is no rcode"));
    assert!(refused("ederror").starts_with("3:1: something is missing"));
    assert!(refused("ederror x").starts_with("3:9: `x` is no code"));
    assert!(refused("ederror 1 a b").starts_with("3:13: `b` is too much"));
    assert!(refused("fallthrough a..b").starts_with("3:13: "));
    assert_eq!(refused("anser x"), "3:1: `anser` is no option of `template`: did you mean `answer`?");
    assert!(refused(&format!("match {}", "a ".repeat(101))).ends_with("more than 100 of these: join some"));
    assert!(
        refused(&format!("answer {}", "\"a. A 192.0.2.1\" ".repeat(101)))
            .ends_with("more than 100 records: take some out")
    );
}

#[test]
fn the_examples_of_coredns_are_read() {
    let all = templates(
        r#"
        template IN ANY example.com {
          match "example\.com\.(dc1\.example\.com\.)$"
          rcode NXDOMAIN
          authority "{{ index .Match 1 }} 60 IN SOA ns.{{ index .Match 1 }} hostmaster.{{ index .Match 1 }} (1 60 60 60 60)"
          fallthrough
        }
        template IN A example {
          match (^|[.])ip-(?P<a>[0-9]*)-(?P<b>[0-9]*)-(?P<c>[0-9]*)-(?P<d>[0-9]*)[.]example[.]$
          answer "{{ .Name }} 60 IN A {{ .Group.a }}.{{ .Group.b }}.{{ .Group.c }}.{{ .Group.d }}"
          fallthrough
        }
        template IN A example {
          match "^ip0a(?P<b>[a-f0-9]{2})(?P<c>[a-f0-9]{2})(?P<d>[a-f0-9]{2})[.]example[.]$"
          answer "{{ .Name }} 60 IN A 10.{{ parseInt .Group.b 16 8 }}.{{ parseInt .Group.c 16 8 }}.{{ parseInt .Group.d 16 8 }}"
          fallthrough
        }
        template IN ANY foogle.com {
          match "^foogle\.com\.$"
          answer "foogle.com 60 IN CNAME google.com"
        }"#,
    );
    assert_eq!(all.len(), 4);
}
