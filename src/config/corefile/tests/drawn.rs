//! Texts that are drawn at random: whatever they are, they give a configuration or errors.

use proptest::{collection::vec, prelude::*, sample::select};

use crate::config::corefile::fuzz;

/// Words that lead somewhere, so that what is drawn is not refused at its first letter.
const WORDS: &[&str] = &[
    ".",
    ".:53",
    "cluster.local",
    "10.0.0.0/9",
    "a:1",
    "dns://b",
    "tls://c",
    "{",
    " {\n",
    "}",
    "\n}\n",
    "\n",
    "\n",
    "(s)",
    "import",
    "import s",
    "import a",
    "import *",
    "import ../b",
    "kubernetes",
    "cluster.local in-addr.arpa",
    "pods",
    "insecure",
    "ttl",
    "30",
    "fallthrough",
    "namespaces",
    "labels",
    "a in (b",
    "startup_timeout",
    "1m30s",
    "9e9h",
    "kubeconfig",
    "noendpoints",
    "zonal",
    "apiserver_qps",
    "health",
    "lameduck",
    "ready",
    "prometheus",
    ":9153",
    "[::]:1",
    "errors",
    "loadbalance",
    "transfer",
    "to *",
    "bind",
    "lo",
    "except",
    "127.0.0.1",
    "autopath",
    "@kubernetes",
    "forward",
    "forward . 10.0.0.1",
    "tls://::1%a",
    "a",
    "max_fails",
    "health_check 1s",
    "failover SERVFAIL",
    "cache",
    "success 1 2 3",
    "serve_stale",
    "disable denial",
    "loop",
    "reload",
    "log",
    "class error",
    "consolidate 1s a",
    "{type}",
    "hosts",
    "hosts {\n",
    "192.0.2.1 a",
    "no_reverse",
    "rewrite",
    "rewrite continue name",
    "regex (a) {1}",
    "suffix .a .b",
    "answer auto",
    "answer value (a) {1}",
    "edns0 local set 1",
    "0x61",
    "-30",
    "template ANY ANY",
    "match (?P<a>.)",
    "answer \"{{ .Group.a }} 60 IN A 192.0.2.{{ parseInt .Name 16 8 }}\"",
    "authority",
    "\"{{ printf `%03d` .Message.Id -}}\"",
    "rcode",
    "NXDOMAIN",
    "ederror 21",
    "{$A}",
    "{%A%}",
    "{$",
    "{$}",
    "\"",
    "\\\"",
    "\\",
    "#",
    ",",
    "\u{0}",
    "\r",
    "\u{feff}",
    "\u{e9}",
];

/// Those that have options of their own.
const DIRECTIVES: &[&str] = &["kubernetes cluster.local", "hosts", "rewrite", "template IN A"];

proptest! {
    #[test]
    fn any_text_gives_a_configuration_or_errors(text in any::<String>()) {
        fuzz(&text);
    }

    #[test]
    fn any_words_give_a_configuration_or_errors(words in vec(select(WORDS), 0..60), files in vec(vec(select(WORDS), 0..8), 0..3)) {
        let files: Vec<_> = [words].iter().chain(&files).map(|words| words.join(" ")).collect();
        fuzz(&files.join("\0"));
    }

    #[test]
    fn a_block_of_any_options_is_read(name in select(DIRECTIVES), words in vec(select(WORDS), 0..12)) {
        fuzz(&format!(".:53 {{\n{name} {{\n{}\n}}\nhealth\n}}", words.join(" ")));
    }
}
