//! What stands beside the tables: which stage has a name, and what it says, without anybody being asked.

use std::sync::{Arc, Mutex};

use super::request;
use crate::{
    app::Server,
    config::{Config, corefile::System},
    explain::{Explainer, Explanation},
    objects::{
        Change,
        snapshot::{self, Source},
    },
    respond::Responder,
};

/// Explains a name to a pod of the example by a Corefile with the names of the cluster and these directives.
fn explain(directives: &str, name: &str) -> Explanation {
    let corefile = format!(". {{\nkubernetes cluster.local\n{directives}\n}}\n");
    let config = Config::parse_corefile(&corefile, "Corefile", &System { port: 53 });
    let config = config.unwrap_or_else(|errors| panic!("{errors:?}"));
    let loaded = snapshot::load(&[Source::example()], &snapshot::Options::default(), &mut |_| {}).unwrap();
    let (plan, mut store) = Server::offline(&config).unwrap();
    store.apply(Change::Reset(loaded.picture), 1);
    Explainer::new(Arc::new(Responder::new(plan)), Arc::new(Mutex::new(store))).explain(&request(name))
}

fn data(told: &Explanation) -> Vec<&str> {
    told.records.iter().map(|record| &*record.data).collect()
}

const HOSTS: &str = "hosts /nowhere {\n192.0.2.1 a.example.org\n192.0.2.2 b.example.org\nfallthrough\n}";

#[test]
fn hosts_say_where_an_entry_is() {
    let told = explain(HOSTS, "b.example.org.");
    assert_eq!((told.resolves, told.undecided, data(&told)), (true, false, vec!["192.0.2.2"]));
    assert_eq!(told.reason, "hosts answers it from the configuration, entry 2");
    assert_eq!(told.steps[0].reason, told.reason);

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "# all\n192.0.2.1 x y\n::1 y z\n192.0.2.9 *.wild\n").unwrap();
    let path = file.path().display();
    for (name, line) in [("x.", 2), ("y.", 2), ("z.", 3), ("a.wild.", 4)] {
        let told = explain(&format!("hosts {path} {{\nfallthrough\n}}"), name);
        assert_eq!(told.reason, format!("hosts answers it from {path}, line {line}"), "{name}");
    }
}

#[test]
fn hosts_that_hand_nothing_on_are_the_reason() {
    let told = explain("hosts /nowhere {\n192.0.2.1 a.example.org\n}", "kubernetes.default");
    assert!(!told.resolves && !told.undecided);
    let name = "kubernetes.default.default.svc.cluster.local";
    assert_eq!(told.reason, format!("{name}: hosts has no entry for it, and hands nothing on"));
}

#[test]
fn a_rule_is_shown_with_what_it_leads_to() {
    let rule = "rewrite stop name exact web.example.org kubernetes.default.svc.cluster.local";
    let told = explain(rule, "web.example.org.");
    assert_eq!((told.resolves, data(&told)), (true, vec!["10.96.0.1"]));
    let rewritten = "rewritten to kubernetes.default.svc.cluster.local. by \
                     `rewrite stop name exact web.example.org kubernetes.default.svc.cluster.local`";
    assert!(told.reason.starts_with(&format!("{rewritten}. Service default/kubernetes exists")), "{}", told.reason);

    let told = explain("rewrite name web.example.org nobody.default.svc.cluster.local", "web.example.org.");
    assert!(!told.resolves);
    assert_eq!(
        told.reason,
        "rewritten to nobody.default.svc.cluster.local. by `rewrite name web.example.org \
         nobody.default.svc.cluster.local`: there is no Service nobody in namespace default"
    );
}

#[test]
fn a_rule_that_makes_no_name_is_the_reason() {
    let told = explain("rewrite name regex ^(a)[.]example[.]org[.]$ {1}..b", "a.example.org.");
    assert_eq!(
        (told.resolves, &*told.reason),
        (false, "a.example.org: rewrite fails: invalid name after rewrite: a..b.")
    );
}

#[test]
fn a_template_is_named() {
    let template = "template IN A example.org {\nmatch ^ip-(?P<a>[0-9]*)[.]\nanswer \"{{ .Name }} 60 IN A 192.0.2.{{ .Group.a }}\"\n}";
    let told = explain(template, "ip-7.example.org.");
    assert_eq!((told.resolves, data(&told)), (true, vec!["192.0.2.7"]));
    assert_eq!(told.reason, "the template for IN A example.org. answers it");
    let told = explain(template, "other.example.org.");
    assert_eq!(
        (told.resolves, &*told.reason),
        (false, "other.example.org: the template for IN A example.org. has no match for it, and hands nothing on")
    );
}

#[test]
fn nobody_is_asked_and_that_is_said() {
    let told = explain("forward . 192.0.2.53 tls://192.0.2.54", "www.example.org");
    assert_eq!((told.resolves, told.undecided), (false, true));
    let forwarded = "forwarded to 192.0.2.53:53, tls://192.0.2.54:853, which are not asked here";
    assert_eq!(told.reason, format!("www.example.org is {forwarded}"));
    let last = told.steps.last().unwrap();
    assert_eq!((&*last.replies[0].result, &*last.reason), ("FORWARDED", forwarded));
    let told = explain("forward . 192.0.2.53", "kubernetes.default");
    assert_eq!((told.resolves, told.undecided, data(&told)), (true, false, vec!["10.96.0.1"]));
    let told = explain("forward . 192.0.2.53", "frontend-service");
    assert_eq!(told.suggestions, ["frontend-service.example"], "{}", told.reason);
}

#[test]
fn what_is_rewritten_and_forwarded_is_both() {
    let told = explain("rewrite name a.example.org b.example.com\nforward . 192.0.2.53", "a.example.org.");
    assert_eq!(
        told.reason,
        "a.example.org is rewritten to b.example.com. by `rewrite name a.example.org b.example.com`; \
         forwarded to 192.0.2.53:53, which is not asked here"
    );
}
