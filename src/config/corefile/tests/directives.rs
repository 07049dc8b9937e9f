//! The other directives, option by option, and those that are refused.

use super::*;
use crate::config::corefile::plugins::{self, Standing};

/// The one error of a directive on a line of its own, in a block of one.
fn refused(directive: &str) -> String {
    let message = error(&format!(". {{\n{directive}\n}}"));
    message.strip_prefix("Corefile:").unwrap_or_else(|| panic!("{message}")).to_owned()
}

fn with(directive: &str) -> Config {
    config(&format!(". {{\n{directive}\n}}"))
}

fn notes_of(directive: &str) -> Vec<String> {
    notes(&format!(". {{\n{directive}\n}}"))
}

fn admin(directives: &str) -> Vec<String> {
    with(directives).admin_listen.iter().map(ToString::to_string).collect()
}

#[test]
fn health_ready_and_prometheus_are_where_coredns_has_them() {
    assert_eq!(admin("health\nready\nprometheus"), ["[::]:8080", "[::]:8181", "127.0.0.1:9153"]);
    assert_eq!(admin("prometheus :9153\nhealth 10.0.0.1:1\nready [::1]:2"), ["10.0.0.1:1", "[::1]:2", "[::]:9153"]);
    assert_eq!(admin("health localhost:8080"), ["127.0.0.1:8080"]);
    assert_eq!(admin("loadbalance"), [""; 0]);
}

#[test]
fn an_http_address_is_taken_once_for_all_blocks() {
    let text = "a {\nprometheus :9153\nhealth 127.0.0.1:1\n}\nb {\nprometheus\nhealth 127.0.0.1:1\n}";
    let listen: Vec<_> = config(text).admin_listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["127.0.0.1:1", "[::]:9153"]);
}

#[test]
fn names_are_not_explained_on_addresses_that_everybody_reaches() {
    assert!(!with("health\nkubernetes a").admin_explain);
}

#[test]
fn prometheus_has_no_go_runtime() {
    let runtime = "prometheus {\nruntime_metrics\n}";
    assert_eq!(admin(runtime), ["127.0.0.1:9153"]);
    assert!(notes_of(runtime)[0].starts_with("Corefile:3:1: `runtime_metrics` has no effect here"));
    assert!(refused("prometheus {\nruntime_metrics all\n}").starts_with("3:17: "));
    assert!(refused("prometheus {\ntls web.yml\n}").starts_with("3:1: clusterdns does not have `tls` of `prometheus`"));
    assert!(refused("prometheus {\nnone\n}").starts_with("3:1: `none` is no option"));
    assert!(refused("prometheus\nprometheus").starts_with("3:1: this block has `prometheus` already"));
}

#[test]
fn answers_are_rotated_where_loads_are_balanced() {
    let rotate = |directives: &str| with(directives).servers[0].rotate;
    assert_eq!([rotate("ready"), rotate("loadbalance"), rotate("loadbalance round_robin")], [false, true, true]);
    assert!(refused("loadbalance random").starts_with("2:13: `random` is no policy"));
    assert!(refused("loadbalance round_robin a").starts_with("2:25: `a` is too much"));
    assert!(refused("loadbalance {\nprefer 10.0.0.0/8\n}").starts_with("3:1: clusterdns does not have `prefer`"));
    assert!(refused("loadbalance weighted f {\nreload 1s\n}").starts_with("2:13: clusterdns does not have `weighted`"));
    assert!(refused("loadbalance {\nreload 1s\n}").starts_with("3:1: `reload` is no option of `loadbalance`"));
}

#[test]
fn transfers_are_for_peers_or_for_everybody() {
    let to = |text: &str| {
        let config = config(&format!(". {{\nkubernetes cluster.local\ntransfer {text}\n}}"));
        config.servers[0].transfer_to.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(to("{\nto *\n}"), ["0.0.0.0/0", "::/0"]);
    assert_eq!(to("{\nto 10.0.0.1 [::1]:53\nto ::2\n}"), ["10.0.0.1/32", "::1/128", "::2/128"]);
    assert_eq!(to("cluster.local {\nto 10.0.0.1:53\n}"), ["10.0.0.1/32"]);
    assert!(config(". {\nkubernetes a\n}").servers[0].transfer_to.is_empty());
    let part = error(". {\nkubernetes cluster.local in-addr.arpa\ntransfer cluster.local {\nto *\n}\n}");
    assert!(part.starts_with("Corefile:3:1: clusterdns transfers all zones of a block"));
}

#[test]
fn a_transfer_to_nobody_is_refused() {
    assert!(refused("transfer").starts_with("2:1: nobody may transfer"));
    assert!(refused("transfer {\nto\n}").starts_with("3:1: something is missing"));
    assert!(refused("transfer {\nto 10.0.0.0/8\n}").starts_with("3:4: `10.0.0.0/8` is no IP address"));
    assert!(refused("transfer {\nto *\nsource 1.1.1.1\n}").starts_with("4:1: clusterdns does not have `source`"));
    assert!(refused("transfer {\nto *\nfrom *\n}").starts_with("4:1: `from` is no option of `transfer`"));
    assert!(refused("transfer {\nto *\n}\ntransfer {\nto *\n}").starts_with("5:1: this block has `transfer` already"));
}

#[test]
fn autopath_completes_names() {
    let text = ". {\nkubernetes cluster.local in-addr.arpa\nautopath @kubernetes\n}";
    let completion = config(text).completion.unwrap();
    assert_eq!(Some(completion), Config::parse("[completion]\nenabled = true", "c.toml").unwrap().completion);
    let by_address = |pods: &str| {
        let text = text.replace("in-addr.arpa", &format!("{{\npods {pods}\n}}"));
        config(&text).completion.unwrap().by_address
    };
    assert_eq!(["disabled", "insecure", "verified"].map(by_address), [false, false, true]);
    assert!(config(&text.replace("@", "local @")).completion.is_some());
    assert_eq!(with("kubernetes a").completion, None);
    assert!(
        error(&text.replace("@", "a.local @")).starts_with("Corefile:3:1: clusterdns completes names in all zones")
    );
    assert!(refused("autopath @kubernetes").starts_with("2:1: `autopath @kubernetes` needs `kubernetes`"));
    assert!(refused("autopath").starts_with("2:1: something is missing"));
    assert!(
        refused("autopath /etc/resolv.conf").starts_with("2:10: clusterdns has no search list of `/etc/resolv.conf`")
    );
    assert!(refused("autopath @erratic").starts_with("2:10: "));
    let other = format!("{text}\nother {{\nkubernetes b\n}}");
    assert!(error(&other).starts_with("Corefile:3:1: clusterdns completes names in all blocks"));
}

#[test]
fn plugins_that_are_not_here_are_refused_by_their_names() {
    for (plugin, standing) in plugins::all() {
        match standing {
            Standing::Read(_) => continue,
            Standing::Elsewhere => assert!(refused(plugin).contains(&format!("CoreDNS's `{plugin}`")), "{plugin}"),
        }
    }
}

#[test]
fn a_word_that_is_no_plugin_is_perhaps_another() {
    assert_eq!(refused("helth"), "2:1: `helth` is no plugin of CoreDNS: did you mean `health`?");
    assert_eq!(refused("proxy . 1.1.1.1"), "2:1: `proxy` is no plugin of CoreDNS: take it out");
    assert!(refused(&"x".repeat(1000)).contains(&format!("`{}..` is no plugin", "x".repeat(60))));
}
