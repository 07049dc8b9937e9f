//! What stands in front of the tables, in TOML: the same as in a Corefile.

use super::*;
use crate::config::corefile::System;

/// What both languages say of the stages of one server with the zone `example.org`.
fn both(toml: &str, corefile: &str) -> [Server; 2] {
    let toml = format!("[[server]]\nzones = [\"example.org\"]\n{toml}");
    let corefile = format!("example.org {{\n{corefile}\n}}\n");
    let toml = Config::parse(&toml, "c.toml").unwrap_or_else(|errors| panic!("{errors:?}"));
    let corefile = Config::parse_corefile(&corefile, "Corefile", &System { port: 53 }).unwrap();
    [toml, corefile].map(|mut config| config.servers.remove(0))
}

/// The only error of a server with these keys.
fn refused(server: &str) -> String {
    let mut errors = errors(&format!("[[server]]\n{server}"));
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

#[test]
fn rules_are_those_of_a_corefile() {
    let rules = [
        "name exact a.example.org b.example.org",
        "continue name regex (.*)[.]x[.]example[.]org {1}.svc.cluster.local answer auto",
        "name suffix .y .z answer name (.*)[.]z {1}.y answer value a b",
        "ttl example.org 30-60",
        "rcode regex .* NXDOMAIN NOERROR",
        "edns0 local set 0xffee \"a b\"",
        "type ANY HINFO",
        "cname exact a b",
    ];
    let toml = rules.map(|rule| format!("'{rule}'")).join(", ");
    let [toml, corefile] =
        both(&format!("rewrite = [{toml}]"), &rules.map(|rule| format!("rewrite {rule}")).join("\n"));
    assert_eq!(toml.rewrite.len(), rules.len());
    assert_eq!(toml.rewrite, corefile.rewrite);
    assert_eq!(toml.rewrite[1].text, rules[1]);
}

#[test]
fn a_rule_that_is_wrong_is_shown() {
    let usage = "rewrite [continue|stop] name|type|class|ttl|rcode|cname|edns0 ..";
    assert_eq!(
        refused("rewrite = [\"type A AAAA\", \"nam a b\"]"),
        format!("c.toml:2:27: `nam` is no rule: write `{usage}`")
    );
    assert_eq!(refused("rewrite = [\"\"]"), format!("c.toml:2:12: something is missing: write `{usage}`"));
    assert!(refused("rewrite = ['type \"A']").ends_with("a quote is never closed"));
    assert!(refused("rewrite = [\"name regex ( a\"]").contains("this is no regular expression"));
    assert!(refused("rewrite = \"type A AAAA\"").starts_with("c.toml:2:11: invalid type"));
}

#[test]
fn templates_are_those_of_a_corefile() {
    let [toml, corefile] = both(
        r#"
        [[server.template]]
        type = "A"
        zones = ["a.example.org", "10.0.0.0/24"]
        match = ['^ip-(?P<a>[0-9]*)[.]']
        answer = ["{{ .Name }} 60 IN A 10.0.0.{{ .Group.a }}"]
        authority = ["example.org 60 IN NS ns.example.org."]
        additional = ["ns.example.org 60 IN A 10.0.0.1"]
        fallthrough = ["."]
        [[server.template]]
        class = "any"
        type = "ANY"
        rcode = "NXDOMAIN"
        extended_error = "15 blocked by us"
        [[server.template]]
        answer = ["x 60 IN A 10.0.0.1"]
        "#,
        r#"
        template IN A a.example.org 10.0.0.0/24 {
            match ^ip-(?P<a>[0-9]*)[.]
            answer "{{ .Name }} 60 IN A 10.0.0.{{ .Group.a }}"
            authority "example.org 60 IN NS ns.example.org."
            additional "ns.example.org 60 IN A 10.0.0.1"
            fallthrough
        }
        template ANY ANY {
            rcode NXDOMAIN
            ederror 15 "blocked by us"
        }
        "#,
    );
    assert_eq!(toml.template.len(), 2, "one without a type is not there");
    assert_eq!(toml.template, corefile.template);
}

#[test]
fn a_template_that_is_wrong_is_shown() {
    let refused = |keys: &str| refused(&format!("[[server.template]]\n{keys}"));
    assert_eq!(refused("type = \"B\""), "c.toml:3:8: \"B\" is no type, like A or ANY");
    assert_eq!(refused("class = \"X\"\ntype = \"A\""), "c.toml:3:9: \"X\" is no class, like IN or ANY");
    assert!(refused("type = \"A\"\nmatch = [\"(\"]").starts_with("c.toml:4:10: this is no regular expression"));
    assert!(refused("type = \"A\"\nanswer = [\"a 60 IN A b\"]").starts_with("c.toml:4:11: this is no record"));
    assert!(refused("type = \"A\"\nanswer = [\"{{ .Group.a }}\"]").starts_with("c.toml:4:11: "));
    assert!(refused("type = \"A\"\nrcode = \"NO\"").starts_with("c.toml:4:9: "));
    assert!(refused("type = \"A\"\nextended_error = \"x\"").starts_with("c.toml:4:18: \"x\" is no code"));
    assert!(refused("type = \"A\"\nzones = [\"a..b\"]").starts_with("c.toml:4:10: "));
    let many = |key: &str, one: &str, number: usize| format!("type = \"A\"\n{key} = [{}]", vec![one; number].join(","));
    assert!(refused(&many("match", "\"a\"", 101)).starts_with("c.toml:3:8: more than 100 regular expressions"));
    assert!(refused(&many("answer", "\"a 60 IN A 10.0.0.1\"", 101)).starts_with("c.toml:3:8: more than 100 records"));
}

#[test]
fn hosts_are_those_of_a_corefile() {
    let [toml, corefile] = both(
        r#"
        [server.hosts]
        enabled = true
        file = "/run/hosts"
        zones = ["a.example.org"]
        entries = ["10.0.0.1 x.a.example.org  y.a.example.org", "::1 z.a.example.org"]
        ttl_secs = 60
        reload_secs = 0
        reverse = false
        fallthrough = ["."]
        fallthrough_unsupported = true
        "#,
        r#"
        hosts /run/hosts a.example.org {
            10.0.0.1 x.a.example.org y.a.example.org
            ::1 z.a.example.org
            ttl 60
            reload 0s
            no_reverse
            fallthrough
            fallthrough_unsupported
        }
        "#,
    );
    assert!(toml.hosts.is_some());
    assert_eq!(toml.hosts, corefile.hosts);
    let [toml, corefile] = both("[server.hosts]\nenabled = true", "hosts");
    assert_eq!(toml.hosts, corefile.hosts);
    assert_eq!(both("[server.hosts]\nttl_secs = 60", "")[0].hosts, None, "it is off");
}

#[test]
fn hosts_that_are_wrong_are_shown() {
    let refused = |keys: &str| refused(&format!("[server.hosts]\nenabled = true\n{keys}"));
    assert!(
        refused("entries = [\"10.0.0.1 a\", \"a 10.0.0.1\"]").starts_with("c.toml:4:26: \"a 10.0.0.1\" does not begin")
    );
    assert_eq!(refused("entries = [\"10.0.0.1\"]"), "c.toml:4:12: 10.0.0.1 has no name: write \"ADDRESS NAMES..\"");
    assert!(refused("entries = [\"10.0.0.1 a..b\"]").starts_with("c.toml:4:12: \"a..b\" is no name"));
    assert!(refused("entries = [\"\"]").starts_with("c.toml:4:12: \"\" does not begin"));
    for ttl_secs in [0, 65_536] {
        let error = format!("c.toml:4:12: {ttl_secs} is not within 1 and 65535");
        assert_eq!(refused(&format!("ttl_secs = {ttl_secs}")), error);
    }
    assert!(refused("fallthrough_unsupported = true").starts_with("c.toml:4:27: fallthrough_unsupported needs"));
}
