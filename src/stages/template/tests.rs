//! What templates make of questions.

use super::*;
use crate::{
    answers::question::{self, Packet},
    records::{name::Name, zone::Zone},
};

const ANY: u16 = code::ANY;

fn zones(text: &str) -> Zones {
    Zones::new(Zone::parse(text).unwrap())
}

/// One for addresses of IPv4 in `test`.
fn template(patterns: &[&str], answers: &[&str]) -> Template {
    let patterns: Vec<_> = patterns.iter().map(|text| Pattern::parse(text).unwrap()).collect();
    let answers = answers.iter().map(|text| Line::parse(text, &patterns).unwrap_or_else(|error| panic!("{error}")));
    Template { answers: answers.collect(), patterns, ..Template::new(code::CLASS_IN, code::A, zones("test")) }
}

/// The records of a reply behind its rcode, or what else becomes of a question.
fn ask_with(templates: &Templates, text: &str, [qtype, qclass]: [u16; 2]) -> Vec<String> {
    let mut packet = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0".to_vec();
    packet.extend_from_slice(Name::parse(text).unwrap().wire());
    packet.extend_from_slice([qtype, qclass].map(u16::to_be_bytes).as_flattened());
    let mut name = QueryName::new();
    let Packet::Question(question) = question::read(&packet, &mut name) else { panic!("{text}") };
    let client = "192.0.2.77:5353".parse().unwrap();
    let verdict =
        templates.answer(&Inquiry { question: &question, name: &name, client, over_tcp: false, port: 53, listener: 3 });
    let is_touched = templates.touches(&name, &question, &Spelled::new(&name));
    assert_eq!(is_touched, !matches!(verdict, Verdict::Pass), "{text}: {verdict:?}");
    match verdict {
        Verdict::Reply(reply) => {
            let message = reply.message().unwrap();
            let records = message.answers.iter().chain(&message.authorities).chain(&message.additionals);
            [reply.rcode().to_string()].into_iter().chain(records.map(ToString::to_string)).collect()
        }
        Verdict::Fail(None) => vec!["fails".into()],
        Verdict::Fail(Some(error)) => vec![error],
        Verdict::Pass => vec!["passes".into()],
    }
}

fn ask(template: Template, text: &str) -> Vec<String> {
    ask_with(&Templates::new(vec![template]), text, [code::A, code::CLASS_IN])
}

/// What a place becomes in the answer for `ip-1-2.test`, out of a TXT record.
fn shown(place: &str) -> String {
    let line = format!("{{{{ .Name }}}} TXT \"<{place}>\"");
    let mut lines =
        ask(template(&[r"^ip-(?P<a>[0-9]+)-(?P<b>[0-9a-f]+)(?P<c>-x)?\.test\.$"], &[&line]), "IP-1-2f.test");
    assert_eq!(lines.len(), 2, "{lines:?}");
    lines.pop().unwrap().split_once('<').unwrap().1.trim_end_matches(['"', '>']).to_owned()
}

fn refused(text: &str) -> String {
    Line::parse(text, &[Pattern::parse("(?P<a>.)(.)").unwrap()]).expect_err(text)
}

#[test]
fn a_template_is_for_a_class_a_type_and_zones() {
    let is_for = |class, kind, asked| {
        let template = Template { class, kind, rcode: code::NXDOMAIN, ..Template::new(class, kind, zones("test")) };
        ask_with(&Templates::new(vec![template]), "a.test", asked) == ["3"]
    };
    assert!(is_for(1, 1, [1, 1]) && is_for(1, ANY, [16, 1]) && is_for(255, 1, [1, 3]) && is_for(3, 1, [1, 255]));
    assert!(is_for(1, 1, [ANY, 1]) && !is_for(1, 1, [28, 1]) && !is_for(1, ANY, [1, 3]));
    assert_eq!(ask(Template::new(1, 1, zones("test")), "a.testing"), ["passes"]);
}

#[test]
fn a_name_that_matches_nothing_fails_or_falls_through() {
    let one = || template(&["^a", "^b"], &["{{ .Name }} 60 IN A 192.0.2.1"]);
    // The owner is spelled as whoever asks spells it.
    assert_eq!(ask(one(), "B.test"), ["0", "B.test. 60 IN A 192.0.2.1"]);
    assert_eq!(ask(one(), "c.test"), ["fails"]);
    let falling = || Template { fallthrough: zones("c.test"), ..one() };
    assert_eq!([ask(falling(), "c.test"), ask(falling(), "d.test")], [["passes"], ["fails"]]);
    let next = Template { rcode: code::NXDOMAIN, ..Template::new(1, 1, zones("test")) };
    let both = Templates::new(vec![falling(), next]);
    assert_eq!(ask_with(&both, "c.test", [1, 1]), ["3"]);
    assert_eq!(ask_with(&both, "d.test", [1, 1]), ["fails"]);
}

#[test]
fn a_reply_has_all_sections_and_an_error() {
    let line = |text: &str| vec![Line::parse(text, &[]).unwrap()];
    let template = Template {
        authorities: line("{{ .Zone }} 60 {{ .Class }} SOA ns.test. h.test. (1 60 60 60 60)"),
        additionals: line("ns.{{ .Zone }} 60 IN A 192.0.2.2"),
        rcode: code::NXDOMAIN,
        error: Some((21, "blocked".into())),
        ..Template::new(255, ANY, zones("test"))
    };
    assert_eq!(
        ask(template, "a.test"),
        ["3", "test. 60 IN SOA ns.test. h.test. 1 60 60 60 60", "ns.test. 60 IN A 192.0.2.2"]
    );
    let failing = Template { rcode: code::SERVFAIL, ..Template::new(1, 1, zones("test")) };
    assert_eq!(ask(failing, "a.test"), ["fails"]);
}

#[test]
fn places_are_filled() {
    for (place, expected) in [
        ("{{ .Name }}|{{.Zone}}|{{ .Class }}|{{ .Type }}", "ip-1-2f.test.|test.|IN|A"),
        ("{{ .Group.a }}{{ index .Group \"b\" }}{{ index .Group \"2\" }}{{ .Group.c }}", "12f2f"),
        ("{{ index .Match 0 }} {{ index .Match 1 }}", "ip-1-2f.test. 1"),
        ("{{ .Remote }} {{ .Message.Id }} {{ .Question.Name }}", "192.0.2.77 7 ip-1-2f.test."),
        ("{{ .Question.Qtype }} {{ .Question.Qclass }}[{{ .Meta \"a/b\" }}]", "1 1[]"),
        ("{{ parseInt .Group.b 16 8 }} {{ parseInt (index .Match 1) 10 0 }}", "47 1"),
        ("{{ parseInt .Group.b 16 8 | printf \"%03d-%x\" 5 }}", "005-2f"),
        (
            "{{ printf `%s:%-3s|%3v|%X|%%|%b` .Type .Group.a .Group.b (parseInt .Group.b 16 32) 5 }}",
            "A:1  | 2f|2F|%|101",
        ),
        ("a  {{- /* nothing */ -}}  b {{- .Group.a -}} c", "ab1c"),
        ("{{ \"}}\" }}{{ .Group.a | printf \"%s\" }}", "}}1"),
    ] {
        assert_eq!(shown(place), expected, "{place}");
    }
}

#[test]
fn what_go_has_and_we_do_not_is_refused() {
    for (text, expected) in [
        ("{{ .Name", "`{{` is never closed: write `}}` behind what it holds"),
        ("{{ }}{{ | }}", "there is nothing in an expression"),
        ("{{ if .Name }}a{{ end }}", "clusterdns does not have `if` in templates: "),
        ("{{ toUpper .Name }}", "clusterdns does not have `toUpper` in templates: "),
        ("{{ .Nmae }}", "clusterdns does not have `.Nmae`: write fields like .Name, .Zone, .Group.NAME, or index, "),
        ("{{ .Message.Question }}", "clusterdns does not have `.Message.Question`: "),
        ("{{ $x }}", "clusterdns does not understand `$` in a template: "),
        ("{{ .Group.b }}", "no regular expression of this template has a group `b`"),
        ("{{ .Group }}", "`.Match` and `.Group` have parts: "),
        ("{{ index .Match 3 }}", "no regular expression of this template has so many groups"),
        ("{{ index .Name 1 }}", "write index .Match NUMBER, or index .Group \"NAME\""),
        ("{{ .Meta }}", "`.Meta` takes a label: "),
        ("{{ .Name .Zone }}", "a value takes no arguments"),
        ("{{ parseInt }}", "write parseInt TEXT BASE BITS, "),
        ("{{ parseInt .Name 1 8 }}", "write parseInt TEXT BASE BITS, "),
        ("{{ parseInt .Message.Id 10 8 }}", "write parseInt TEXT BASE BITS, "),
        ("{{ printf }}", "something is missing behind `printf`: "),
        ("{{ printf .Name }}", "the format of `printf` is a text: "),
        ("{{ printf \"%d\" .Name }}", "clusterdns does not write a text with `%d`"),
        ("{{ printf \"%s\" 1 }}", "clusterdns does not write a number with `%s`"),
        ("{{ printf \"%s\" }}", "a format has more `%` than values follow it"),
        ("{{ printf \"a\" .Name }}", "a format has fewer `%` than values follow it"),
        ("{{ printf \"%64s\" .Name }}", "a value has room for 63 letters at most"),
        ("{{ printf \"%\" .Name }}", "a `%` stands at the end of a format"),
        ("{{ (.Name }}", "a parenthesis is never closed"),
        ("{{ .Name) }}", "a parenthesis closes nothing"),
        ("{{ \"a }}", "a text in a template is never closed: "),
        ("{{ \"a\\n\" }}", "a text in a template has an escape that is not understood"),
        ("{{/* a }}", "a comment is never closed: "),
        ("{{ 0x }}", "`0x` is no number"),
    ] {
        let refused = refused(text);
        assert!(refused.starts_with(expected), "{text}: {refused}");
    }
    assert!(refused(&"a".repeat(65_536)).starts_with("a text has more than 65535 octets"));
    assert!(refused(&"{{ .Name }}".repeat(257)).starts_with("a text has more than 256 places"));
    assert!(refused(&format!("{{{{ {}", "(".repeat(9))).starts_with("`{{` is never closed"));
    assert!(refused(&format!("{{{{ {} }}}}", "(".repeat(9))).starts_with("more than 8 parentheses are open"));
}

#[test]
fn a_text_that_comes_to_no_record_fails_and_is_counted() {
    let templates = |answer: &str| Templates::new(vec![template(&["^(?P<a>[a-z]+)", "^[0-9]"], &[answer])]);
    let no_record = templates("{{ .Name }} 60 IN A {{ .Group.a }}");
    assert!(ask_with(&no_record, "x.test", [1, 1])[0].ends_with("`x` is no IPv4 address"));
    assert!(ask_with(&no_record, "1.test", [ANY, 1])[0].ends_with("there is no group a"));
    let no_number = templates("{{ .Name }} 60 IN A 192.0.2.{{ parseInt .Group.a 16 4 }}");
    assert_eq!(ask_with(&no_number, "f.test", [1, 1])[1], "f.test. 60 IN A 192.0.2.15");
    assert!(ask_with(&no_number, "ff.test", [1, 1])[0].ends_with("`ff` is no number of base 16 and 4 bits"));
    assert!(ask_with(&no_number, "g.test", [1, 1])[0].ends_with("`g` is no number of base 16 and 4 bits"));
    let counts = |templates: &Templates| {
        let counts = templates.counts();
        assert!(counts.iter().all(|(count, _)| {
            (count.listener, count.class, count.kind, &*count.zone.to_string()) == (3, 1, 1, "test.")
        }));
        counts.into_iter().map(|(count, number)| (count.counted, number)).collect::<Vec<_>>()
    };
    let text = || "{{ .Name }} 60 IN A {{ .Group.a }}".into();
    assert_eq!(
        counts(&no_record),
        [
            (Counted::Match, 2),
            (Counted::TemplateFailure(Section::Answer, text()), 1),
            (Counted::RecordFailure(Section::Answer, text()), 1)
        ]
    );
    assert_eq!(counts(&no_number)[0], (Counted::Match, 3));
}

#[test]
fn a_tree_is_free_where_no_template_is_for_it() {
    let tree = Name::parse("svc.cluster.local").unwrap();
    let reaches =
        |class, kind, zone| Templates::new(vec![Template::new(class, kind, zones(zone))]).reaches(tree.wire());
    assert!(reaches(1, ANY, ".") && reaches(255, 28, "local") && reaches(1, 1, "shop.svc.cluster.local"));
    assert!(!reaches(1, ANY, "example") && !reaches(1, 16, ".") && !reaches(3, ANY, "."));
}
