//! Configurations in TOML, and the example that documents them.

use super::*;

/// The errors of a text, each as its first line.
fn errors(text: &str) -> Vec<String> {
    let errors = Config::parse(text, "c.toml").expect_err("the text is wrong");
    errors.iter().map(|error| error.to_string().lines().next().unwrap().to_owned()).collect()
}

#[test]
fn the_example_is_the_default() {
    // Only who names no file at all is taken for somebody without a search list.
    let search = Config::parse("[search]\nnamespace = \"default\"", "search");
    assert_eq!(search, Config::parse(EXAMPLE, "example"));
    assert_eq!(Config::parse("", "empty").unwrap(), Config { search: None, ..Config::default() });
    assert_eq!(Config::default().servers[0].listen, ["127.0.0.1:5300".parse().unwrap()]);
}

#[test]
fn the_example_shows_every_key() {
    let example: toml::Table = EXAMPLE.parse().unwrap();
    let mut keys = Vec::new();
    collect(&toml::Value::Table(example), &mut keys);
    for key in keys {
        let misspelled = EXAMPLE.replacen(&format!("\n{key} ="), &format!("\n{key}x ="), 1);
        let error = errors(&misspelled).remove(0);
        assert!(error.contains(&format!("unknown field `{key}x`")), "{error}");
        // The error lists the keys that stand in the same table: the example must have them all.
        let known = error.split("expected").nth(1).unwrap_or_default();
        for key in known.split('`').skip(1).step_by(2) {
            assert!(EXAMPLE.contains(&format!("\n{key} =")) || EXAMPLE.contains(&format!(".{key}]")), "{key}");
        }
    }
}

fn collect(value: &toml::Value, keys: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => table.iter().for_each(|(key, value)| match value {
            toml::Value::Table(_) | toml::Value::Array(_)
                if value.as_array().is_none_or(|list| list.iter().any(toml::Value::is_table)) =>
            {
                collect(value, keys);
            }
            _ => keys.push(key.clone()),
        }),
        toml::Value::Array(list) => list.iter().for_each(|value| collect(value, keys)),
        _ => {}
    }
}

#[test]
fn an_unknown_key_is_named_with_its_place() {
    let error = Config::parse("[udp]\nthreads = 1\n  sise = 5\n", "c.toml").unwrap_err().remove(0);
    assert_eq!((error.line, error.column), (3, 3));
    assert_eq!(
        error.to_string(),
        "c.toml:3:3: unknown field `sise`, expected `sockets` or `threads`\n  |\n3 |   sise = 5\n  |   ^^^^"
    );
}

#[test]
fn every_bad_value_is_named_at_once() {
    let text = "[[server]]\nlisten = [\"localhost\"]\nzones = [\"a..b\"]\n[server.kubernetes]\nttl_secs = 3601\nlabels = \"a in b\"\n\
                fallthrough = [\"..\"]\n[server.transfer]\nto = [\"peer\"]\n[snapshot]\nservice_cidr = \"10.0.0.0\"\n";
    let errors = errors(text);
    let places: Vec<_> = errors.iter().map(|error| error.split(' ').next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "c.toml:2:11:",
            "c.toml:3:10:",
            "c.toml:5:12:",
            "c.toml:6:10:",
            "c.toml:7:16:",
            "c.toml:9:7:",
            "c.toml:11:16:"
        ]
    );
}

#[test]
fn what_excludes_each_other_is_refused() {
    let kubernetes = |options: &str| errors(&format!("[[server]]\n[server.kubernetes]\n{options}")).remove(0);
    assert!(kubernetes("namespaces = [\"a\"]\nnamespace_labels = \"b\"").contains("exclude each other"));
    assert!(kubernetes("noendpoints = true\nzonal = true").contains("zonal needs endpoints"));
    assert!(kubernetes("zones = [\"10.0.0.0/8\"]").contains("only reverse zones"));
    assert!(errors("[[server]]\n[[server]]\n").remove(0).contains("zone . has a server on 127.0.0.1:5300 already"));
    assert!(errors("[[server]]\nlisten = []").remove(0).contains("at least"));
}

#[test]
fn a_server_may_have_nothing_of_the_cluster() {
    let config = Config::parse("[[server]]\n[server.kubernetes]\nzones = []\n", "c.toml").unwrap();
    assert_eq!(config.servers[0].kubernetes, None);
}

#[test]
fn the_api_is_asked_for_what_all_views_need() {
    let asks = |views: &[&str]| {
        let server = |(number, view): (usize, &&str)| {
            format!("[[server]]\nzones = [\"z{number}\"]\n[server.kubernetes]\n{view}\n")
        };
        Config::parse(&views.iter().enumerate().map(server).collect::<String>(), "c.toml").unwrap().asks()
    };
    let one = asks(&["labels = \"a=b\"\nnamespaces = [\"y\", \"x\"]\nnoendpoints = true"]);
    assert_eq!(
        (one.labels.as_deref(), one.namespaces, one.endpoints),
        (Some("a=b"), vec!["x".into(), "y".into()], false)
    );
    let two = asks(&["labels = \"a=b\"\nnamespaces = [\"x\"]\nnoendpoints = true", "pods = \"verified\""]);
    assert_eq!((two.labels, two.namespaces, two.endpoints, two.needs.pods), (None, vec![], true, true));
    assert_eq!(asks(&["namespace_labels = \"t\""; 2]).namespace_labels.as_deref(), Some("t"));
}

#[test]
fn the_cluster_is_watched_or_read() {
    let parse = |text: &str| Config::parse(text, "c.toml").unwrap().kubernetes;
    assert!(!parse("").enabled);
    let kubernetes = parse("[kubernetes]\nenabled = true\ncontext = \"kind\"");
    assert_eq!((kubernetes.access.context.as_deref(), &kubernetes.access.kubeconfig), (Some("kind"), &None));
    assert_eq!((kubernetes.enabled, kubernetes.startup_timeout), (true, Duration::from_secs(5)));
    let both = "[snapshot]\npaths = [\"a\"]\n[kubernetes]\nenabled = true";
    assert!(errors(both).remove(0).starts_with("c.toml:4:11: the cluster is read from [snapshot] paths already"));
}

#[test]
fn a_search_list_is_that_of_a_pod_and_what_stands_behind() {
    let domains = |text: &str| {
        let search = Config::parse(text, "c.toml").unwrap().search.unwrap();
        search.domains.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let pods = ["shop.svc.cluster.local.", "svc.cluster.local.", "cluster.local.", "corp.example."];
    assert_eq!(domains("[search]\nnamespace = \"shop\"\ndomains = [\"Corp.example\"]"), pods);
    assert_eq!(domains("[search]\ndomains = [\"corp.example\"]"), pods[3..]);
    let other = "[search]\nnamespace = \"a\"\n[[server]]\n[server.kubernetes]\nzones = [\"10.in-addr.arpa\", \"k8s\"]";
    assert_eq!(domains(other), ["a.svc.k8s.", "svc.k8s.", "k8s."]);
    assert!(errors("[search]\nndots = 16").remove(0).contains("16 is not within 1 and 15"));
    assert!(errors("[search]\nnamespace = \"a.b\"").remove(0).starts_with("c.toml:2:13: "));
}

#[test]
fn completion_is_off_until_it_is_asked_for() {
    let completion = |text: &str| Config::parse(&format!("[completion]\n{text}"), "c.toml").unwrap().completion;
    assert_eq!(completion("except_namespaces = [\"a\"]"), None);
    let on = completion("enabled = true\nexcept_namespaces = [\"A\"]\nresolv_conf = \"\"").unwrap();
    assert_eq!((on.except_namespaces, on.resolv_conf, on.top_level_namespaces), (vec!["a".into()], None, false));
    assert_eq!(completion("enabled = true").unwrap().resolv_conf, Some("/etc/resolv.conf".into()));
    assert!(errors("[completion]\nexcept_namespaces = [\"a.b\"]").remove(0).contains("no namespace"));
}
