//! Configurations in TOML, and the example that documents them.

mod stages;

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
        "c.toml:3:3: unknown field `sise`, expected one of `sockets`, `threads`, `shared`\n  |\n3 |   sise = 5\n  |   ^^^^"
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

#[test]
fn completion_by_address_needs_addresses_of_pods() {
    let text = "[completion]\nenabled = true\nby_address = true";
    let verified = format!("{text}\n[[server]]\nkubernetes.pods = \"verified\"");
    assert!(Config::parse(&verified, "c.toml").unwrap().completion.unwrap().by_address);
    let unset = verified.replace("by_address = true", "");
    assert!(!Config::parse(&unset, "c.toml").unwrap().completion.unwrap().by_address);
    for unknown in [text, &verified.replace("verified", "insecure")] {
        assert_eq!(
            errors(unknown),
            ["c.toml:3:14: no address of a Pod is known: write pods = \"verified\" for a server"]
        );
    }
}

#[test]
fn a_corefile_and_toml_say_the_same() {
    let corefile = ". {
        forward corp.example 10.0.0.1 tls://9.9.9.9%dns.quad9.net https://9.9.9.9%dns.quad9.net {
            doh_method GET
            except a.corp.example
            policy round_robin
            force_tcp
            max_fails 3
            health_check 1s no_rec domain example.org
            max_connect_attempts 4
            expire 20s
            max_age 1m
            max_idle_conns 8
            source_address 10.0.0.9
            read_timeout 1500ms
            max_concurrent 1000
            failover SERVFAIL REFUSED
            next NXDOMAIN
            next_on_nodata
            failfast_all_unhealthy_upstreams
        }
        cache 60 example.org {
            success 5000 60 1
            denial 2000 30 2
            servfail 10s
            prefetch 5 2m 20%
            serve_stale 1h verify 100ms 30s 5s
            serve_stale_policy prefer_positive
            disable success cluster.local
            disable denial a b
            keepttl
        }
        loop {
            fatal
        }
        reload 10s 4s
        health {
            lameduck 5s
        }
        ready {
            monitor continuously
        }
        errors {
            consolidate 5m timeout$ warning show_first
        }
        log example.org \"{name} {combined}\" {
            class denial error
        }
        kubernetes cluster.local {
            endpoint http://127.0.0.1:8001
        }
    }";
    let toml = r#"
[kubernetes]
endpoint = "127.0.0.1:8001"
[admin]
lameduck_secs = 5
ready_continuously = true
[reload]
enabled = true
interval_secs = 10
jitter_secs = 4
[[server]]
loop = "fatal"
[[server.forward]]
from = "corp.example"
to = ["10.0.0.1", "tls://9.9.9.9%dns.quad9.net", "https://9.9.9.9%dns.quad9.net/dns-query"]
doh_method = "GET"
except = ["a.corp.example"]
policy = "round_robin"
transport = "tcp"
max_fails = 3
health_check_ms = 1000
health_check_domain = "example.org"
health_check_recursion = false
attempts = 4
expire_secs = 20
age_secs = 60
idle_connections = 8
source = "10.0.0.9"
read_timeout_ms = 1500
concurrent = 1000
failover = ["SERVFAIL", "refused"]
next = ["NXDOMAIN"]
next_on_nodata = true
fail_fast = true
[server.cache]
enabled = true
zones = ["example.org"]
success_entries = 5000
success_ttl_secs_min = 1
success_ttl_secs_max = 60
denial_entries = 2000
denial_ttl_secs_min = 2
denial_ttl_secs_max = 30
servfail_secs = 10
prefetch_hits = 5
prefetch_within_secs = 120
prefetch_percentage = 20
stale_secs = 3600
stale_verify = true
stale_verify_timeout_ms = 100
stale_ttl_secs = 30
stale_recheck_secs = 5
prefer_positive = true
disable_success = ["cluster.local"]
disable_denial = ["a", "b"]
keep_ttl = true
[[server.errors.consolidate]]
pattern = "timeout$"
level = "warning"
show_first = true
[[server.log]]
names = ["example.org"]
format = "{name} {combined}"
classes = ["denial", "error"]
"#;
    let corefile = Config::parse_corefile(corefile, "Corefile", &corefile::System { port: 53 }).unwrap();
    let toml = Config::parse(toml, "c.toml").unwrap();
    let outside = |config: &Config| {
        let Server { cache, forward, loop_check, errors, log, .. } = config.servers[0].clone();
        (cache, forward, loop_check, errors, log)
    };
    assert_eq!(outside(&corefile), outside(&toml));
    let process = |config: &Config| (config.reload, config.lameduck, config.ready_continuously);
    assert_eq!(process(&corefile), process(&toml));
    assert_eq!(corefile.kubernetes.access, toml.kubernetes.access);
}

#[test]
fn what_is_off_has_no_options() {
    let server = |text: &str| Config::parse(&format!("[[server]]\n{text}"), "c.toml").unwrap().servers.remove(0);
    let nothing = server("");
    assert_eq!((nothing.cache, nothing.forward, nothing.loop_check, nothing.log), (None, vec![], None, vec![]));
    assert_eq!(nothing.errors, Some(Errors::default()));
    assert_eq!(server("[server.cache]\noctets = 65536").cache, None);
    assert_eq!(server("[server.cache]\nenabled = true").cache, Some(cache::Options::new()));
    assert_eq!(server("[[server.forward]]\nto = []").forward, []);
    assert_eq!(server("[server.errors]\nenabled = false").errors, None);
    assert_eq!(server("[[server.log]]").log, [Log::new(vec![Name::root()])]);
    assert_eq!(server("loop = \"isolate\"").loop_check, Some(LoopCheck { fatal: false }));
    assert_eq!(Config::parse("[reload]\ninterval_secs = 5", "c.toml").unwrap().reload, None);
}

/// What is off in the example has its defaults all the same.
#[test]
fn the_example_turned_on_has_the_defaults() {
    let mut text = EXAMPLE.to_owned();
    for (off, on) in [
        ("[reload]\n\nenabled = false", "[reload]\nenabled = true"),
        ("[server.cache]\n\nenabled = false", "[server.cache]\nenabled = true"),
        ("nothing is forwarded.\nto = []", "\nto = [\"10.0.0.1\"]"),
        ("pattern = \"\"", "pattern = \"a\""),
        ("left out: all.\nnames = []", "\nnames = [\".\"]"),
    ] {
        assert_eq!(text.matches(off).count(), 1, "{off}");
        text = text.replace(off, on);
    }
    let mut config = Config::parse(&text, "c.toml").unwrap();
    let server = config.servers.remove(0);
    assert_eq!((config.reload, server.cache), (Some(Reload::default()), Some(cache::Options::new())));
    let to = vec![forward::options::To::Plain("10.0.0.1:53".parse().unwrap())];
    assert_eq!(server.forward, [forward::Options::new(Name::root(), to)]);
    assert_eq!(server.log, [Log::new(vec![Name::root()])]);
    let one = Config::parse("[[server]]\n[[server.errors.consolidate]]\npattern = \"a\"", "c.toml").unwrap();
    assert_eq!(server.errors, one.servers[0].errors);
}

#[test]
fn every_bad_value_of_what_is_outside_is_named() {
    let error = |text: &str| {
        let mut errors = errors(text);
        assert_eq!(errors.len(), 1, "{text}: {errors:#?}");
        errors.remove(0)
    };
    let forward = |text: &str| error(&format!("[[server]]\n[[server.forward]]\n{text}"));
    let cache = |text: &str| error(&format!("[[server]]\n[server.cache]\n{text}"));
    assert!(forward("to = [\"dns.corp\"]").starts_with("c.toml:3:7: `dns.corp` is neither an address nor a file"));
    assert!(forward("to = [\"/none\"]").starts_with("c.toml:3:7: `/none` cannot be read"));
    assert!(forward("to = [\"Cargo.toml\"]").starts_with("c.toml:3:7: `Cargo.toml` has no line `nameserver ADDRESS`"));
    let many = (0..16).map(|host| format!("\"10.0.0.{host}\",")).collect::<String>();
    assert!(forward(&format!("to = [{many}]")).contains("more than 15 upstreams"));
    assert!(forward("policy = \"best\"").contains("unknown variant `best`"));
    assert!(forward("read_timeout_ms = 0").starts_with("c.toml:3:19: 0 is not within 1 and 60000"));
    assert!(forward("age_secs = 5").starts_with("c.toml:3:12: age_secs is shorter than expire_secs"));
    assert!(forward("failover = [\"NOERROR\"]").contains("NOERROR is no failure"));
    assert!(forward("next = [\"3\"]").starts_with("c.toml:3:9: `3` is no rcode"));
    assert!(forward("source = \"eth0\"").contains("is no IP address"));
    assert!(forward("tls_certificate = \"config.example.toml\"").contains("belong together"));
    assert!(forward("tls_authority = \"none.pem\"").contains("\"none.pem\" cannot be read"));
    assert!(forward("to = [\"https://dns.corp\"]").starts_with("c.toml:3:7: `https://dns.corp` is no address"));
    assert!(forward("to = [\"https://::1/a b\"]").starts_with("c.toml:3:7: `/a b` is no path that can be asked at"));
    assert!(forward("doh_method = \"get\"").contains("unknown variant `get`, expected `POST` or `GET`"));
    assert!(forward("to = [\"tls://::1%a\"]\ntls_server_name = \"b\"").contains("exclude each other"));
    assert!(cache("servfail_secs = 301").contains("301 is not within 0 and 300"));
    assert!(cache("prefetch_percentage = 9").contains("9 is not within 10 and 90"));
    assert!(cache("success_ttl_secs_max = 0").contains("0 is not within 1"));
    assert!(error("[reload]\ninterval_secs = 1").starts_with("c.toml:2:17: 1 is not within 2"));
    assert!(error("[admin]\nlameduck_secs = 601").contains("601 is not within 0 and 600"));
    assert!(error("[[server]]\n[[server.log]]\nclasses = [\"bad\"]").starts_with("c.toml:3:12: \"bad\" is no class"));
    let pattern = error("[[server]]\n[[server.errors.consolidate]]\npattern = \"a(\"");
    assert!(pattern.starts_with("c.toml:3:11: this is no regular expression"), "{pattern}");
    let many = "[[server.errors.consolidate]]\npattern = \"a\"\n".repeat(101);
    assert!(error(&format!("[[server]]\n{many}")).starts_with("c.toml:203:11: more than 100 of these"));
    assert!(error("[[server]]\nloop = \"on\"").contains("unknown variant `on`"));
    assert!(error("[kubernetes]\nendpoint = \"/a\"").contains("is no URL of an API server"));
    assert!(
        error("[kubernetes]\nkubeconfig = \"a\"\nendpoint = \"http://b\"").starts_with("c.toml:3:12: endpoint and")
    );
}
