//! `hosts`.

use std::time::Duration;

use super::*;
use crate::stages::{hosts::Options, zones::Zones};

fn options(directive: &str) -> Options {
    config(&format!("a b {{\n{directive}\n}}")).servers.remove(0).hosts.unwrap()
}

fn option(line: &str) -> Options {
    options(&format!("hosts {{\n{line}\n}}"))
}

/// The one error of a directive on a line of its own.
fn refused(directive: &str) -> String {
    let message = error(&format!(". {{\n{directive}\n}}"));
    message.strip_prefix("Corefile:").unwrap_or_else(|| panic!("{message}")).to_owned()
}

fn zones(names: &[&str]) -> Zones {
    Zones::new(names.iter().flat_map(|name| crate::records::zone::Zone::parse(name).unwrap()).collect())
}

#[test]
fn without_words_it_is_that_of_the_system_for_the_zones_of_the_block() {
    assert_eq!(options("hosts"), Options::new(zones(&["a", "b"])));
    assert_eq!(options("hosts").path, PathBuf::from("/etc/hosts"));
    assert_eq!(config(". {\nready\n}").servers[0].hosts, None);
    assert!(refused("hosts\nhosts").starts_with("3:1: this block has `hosts` already"));
}

#[test]
fn a_file_and_zones_may_be_named() {
    let named = options("hosts /etc/coredns/NodeHosts example.org 10.0.0.0/8");
    assert_eq!(named.path, PathBuf::from("/etc/coredns/NodeHosts"));
    assert_eq!(named.zones, zones(&["example.org", "10.in-addr.arpa"]));
    assert!(refused("hosts f a..b").starts_with("2:9: \"a..b\" is no zone"));
}

#[test]
fn entries_stand_between_the_braces() {
    let inline = option("192.0.2.1 a b.c\nfe80::1%lo d\nfallthrough").inline;
    assert_eq!(inline, "192.0.2.1 a b.c\nfe80::1%lo d\n");
    assert!(refused("hosts {\n192.0.2.1\n}").starts_with("3:1: something is missing behind `192.0.2.1`"));
    assert!(refused("hosts {\n192.0.2.1 a..b\n}").starts_with("3:11: "));
    assert!(refused("hosts {\n192.0.2.256 a\n}").starts_with("3:1: `192.0.2.256` is no option of `hosts`"));
    assert_eq!(
        refused("hosts {\nfallthrouhg\n}"),
        "3:1: `fallthrouhg` is no option of `hosts`: did you mean `fallthrough`?; an entry begins with an IP address"
    );
}

#[test]
fn every_option_is_read() {
    assert_eq!(option("fallthrough").fallthrough, Zones::all());
    assert_eq!(option("fallthrough in-addr.arpa a").fallthrough, zones(&["a", "in-addr.arpa"]));
    assert!(option("fallthrough\nfallthrough_unsupported").hands_on_types);
    assert!(!option("no_reverse").reverse);
    assert_eq!((option("ttl 60").ttl_secs, option("reload 15s").reload), (60, Some(Duration::from_secs(15))));
    assert_eq!(option("reload 0s").reload, None);
}

#[test]
fn what_is_wrong_is_said() {
    let refused = |line: &str| refused(&format!("hosts {{\n{line}\n}}"));
    assert!(refused("fallthrough_unsupported").starts_with("2:1: `fallthrough_unsupported` needs `fallthrough`"));
    assert!(refused("fallthrough a..b").starts_with("3:13: "));
    assert!(refused("no_reverse a").starts_with("3:12: `no_reverse` takes nothing"));
    assert!(refused("ttl").starts_with("3:1: something is missing behind `ttl`"));
    for ttl in ["0", "65536", "-1", "1h"] {
        assert_eq!(refused(&format!("ttl {ttl}")), format!("3:5: `{ttl}` is no TTL: write 1 to 65535 seconds"));
    }
    assert!(refused("reload -1s").starts_with("3:8: `-1s` is negative"));
    assert!(refused(&"::1 a\n".repeat(65_537)).starts_with("2:1: more than 65536 names"));
    assert!(refused("reload 1s 2s").starts_with("3:11: `2s` is too much"));
}
