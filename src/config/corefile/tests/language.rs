//! The language: tokens, blocks, snippets, imports, variables.

use std::path::PathBuf;

use super::*;
use crate::config::corefile::{
    File, System,
    blocks::{Block, Line},
    stream::Stream,
};

/// What a text says, before anybody asks what it means: `KEY KEY{NAME ARGUMENT(OPTION ARGUMENT;)}`.
fn read_in(world: &World, text: &str) -> Result<String, Vec<String>> {
    let file = File { path: "Corefile".into(), name: "Corefile".into(), text: text.into() };
    let mut stream = Stream::new(file, world);
    let blocks = stream.blocks();
    let Stream { report, files, .. } = stream;
    let (problems, _) = report.finish(&files);
    if problems.is_empty() { Ok(blocks.iter().map(shown).collect()) } else { Err(first_lines(&problems)) }
}

fn shown(block: &Block) -> String {
    let line = |line: &Line| {
        let words = [&line.name].into_iter().chain(&line.arguments);
        words.map(|word| word.text.replace(' ', "_")).collect::<Vec<_>>().join(" ")
    };
    let mut text = block.keys.iter().map(|key| &*key.text).collect::<Vec<_>>().join(" ") + "{";
    for directive in &block.directives {
        text += &line(&directive.line);
        if !directive.options.is_empty() {
            text += &format!("({})", directive.options.iter().map(line).collect::<Vec<_>>().join(";"));
        }
        text += "/";
    }
    text + "}"
}

fn read(text: &str) -> String {
    read_in(&World::default(), text).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"))
}

fn refused(text: &str) -> String {
    read_in(&World::default(), text).expect_err(text).remove(0)
}

#[test]
fn white_space_separates_and_quotes_join() {
    assert_eq!(read(". {\n a\tb \"c d\" e\"f\u{a0}g\n}"), ".{a b c_d e\"f g/}");
    assert_eq!(read("\u{feff}. {\r\n a b\r\n c\r\n}\r\n"), ".{a b/c/}");
    assert_eq!(read(". {\n a \"one\nline\" b\n c\n}"), ".{a one\nline b/c/}");
}

#[test]
fn a_quote_is_all_that_is_escaped() {
    assert_eq!(
        read(
            r#". {
        a "say \"hi\"" "C:\d" "\\"
    }"#
        ),
        r#".{a say_"hi" C:\d \\/}"#
    );
    // There is no continuation of lines.
    assert_eq!(read(". {\n a \\\n b\n}"), ".{a \\/b/}");
}

#[test]
fn comments_end_with_their_line() {
    assert_eq!(read("# all\n. { # opens { \"\n # none\n a b # c\n d \"# e\"\n}"), ".{a b/d #_e/}");
    // Where one begins inside of a word, caddy goes on behind the next white space.
    assert_eq!(read(". {\n a 30#sec onds b\n}"), ".{a 30 onds b/}");
}

#[test]
fn keys_are_separated_by_space_and_go_on_behind_a_comma() {
    assert_eq!(read("a:53 b,\nc {\n d\n}"), "a:53 b c{d/}");
    assert_eq!(read("a {\n}\nb\n{\n d\n}"), "a{}b{d/}");
    assert!(refused("a, {\n}").starts_with("Corefile:1:4: another zone is missing here"));
    assert!(refused("a,").starts_with("Corefile:1:1: another zone is missing behind"));
    assert!(refused("{\n errors\n}").starts_with("Corefile:1:1: this block has no zone"));
}

#[test]
fn a_file_without_braces_is_one_block() {
    assert_eq!(read(".:53\nerrors\nhealth {\n lameduck 5s\n}\nready"), ".:53{errors/health(lameduck 5s)/ready/}");
    assert_eq!(read(".:53"), ".:53{}");
}

#[test]
fn braces_stand_where_caddy_wants_them() {
    assert!(refused(". {\n a\n {\n }\n}").starts_with("Corefile:3:2: `{` belongs at the end of the line"));
    assert!(refused(". {\n a {\n  b c }\n}").starts_with("Corefile:3:7: `}` belongs on a line of its own"));
    assert!(refused(". { a }").starts_with("Corefile:1:7: `}` closes nothing of this line"));
    assert!(refused(". {\n a {\n  b {\n }\n }\n}").starts_with("Corefile:3:5: options have no blocks"));
    assert!(refused(". {\n a {\n } b\n}").starts_with("Corefile:3:4: `b` belongs on a line of its own"));
    assert_eq!(read(". { a b\n c { d e\n }\n}"), ".{a b/c(d e)/}");
}

#[test]
fn a_brace_that_is_never_closed_is_shown() {
    assert!(refused(". {\n a\n").starts_with("Corefile:1:3: this brace is never closed"));
    assert!(refused(". {\n a {\n b\n").starts_with("Corefile:2:4: this brace is never closed"));
    assert!(refused("(s) {\n a {\n }\n").starts_with("Corefile:1:5: this brace is never closed"));
    // Caddy misses the last brace only where something else was closed before, and such files are in use.
    assert_eq!(read(". {\n a {\n  b\n }\n"), ".{a(b)/}");
    assert!(refused(". {\n a \"b\n}\n").starts_with("Corefile:2:4: this quote is never closed"));
}

#[test]
fn snippets_stand_where_they_are_imported() {
    let text = "(one) {\n a b\n import two\n}\n(two) { c }\n. {\n import one\n d {\n  import two\n  import two\n }\n import two\n}";
    assert_eq!(read(text), ".{a b/c/d(c;c)/c/}");
    assert!(refused("(s) {\n a\n}\n(s) {\n b\n}\n. {\n}").starts_with("Corefile:4:1: there is a snippet `s` already"));
    assert!(refused("(s)\na").starts_with("Corefile:1:1: a snippet has braces"));
    assert!(refused("(s) {\n import t\n}\n(t) {\n import s\n}\n. {\n import s\n}").contains("`s` imports itself"));
    // What is imported begins a line, wherever it stands in its snippet.
    assert_eq!(read("(s) { import t }\n(t) { a {\n b\n}\n}\nimport s\n"), "a{b/}");
    // One that nobody imports does no harm.
    assert_eq!(read("(s) {\n import s\n}\n. {\n}"), ".{}");
}

#[test]
fn an_import_has_no_arguments() {
    let message = refused("(s) {\n a {args[0]}\n}\n. {\n import s b\n}");
    assert!(
        message.starts_with("Corefile:5:11: `import` takes one snippet, file or pattern, and no arguments"),
        "{message}"
    );
    assert!(refused(". {\n import\n}").starts_with("Corefile:2:2: `import` takes one"));
    assert!(refused(". {\n import \"\"\n}").starts_with("Corefile:2:9: this import is empty"));
}

#[test]
fn files_are_imported_relative_to_the_file_that_imports() {
    let world = World::files(&[
        ("d/common", "errors\nimport more/log"),
        ("d/more/log", "log {\n import ../class\n}"),
        ("d/class", "class all"),
        ("/abs", "abs"),
        ("servers", "b {\n x\n}\n(late) {\n y\n}"),
    ]);
    let text = "a {\n import d/common\n import ./d/../d/common\n import /abs\n}\nimport servers\nc {\n import late\n}";
    assert_eq!(read_in(&world, text).unwrap(), "a{errors/log(class all)/errors/log(class all)/abs/}b{x/}c{y/}");
    assert_eq!(read_in(&World::files(&[("all", ".:53\nerrors")]), "import all\nlog").unwrap(), ".:53{errors/log/}");
}

#[test]
fn a_pattern_is_its_files_in_the_order_of_their_names() {
    let files =
        [("c/b.override", "b"), ("c/a.override", "a"), ("c/.x.override", "x"), ("c/s.server", "s"), ("c/10/f", "f")];
    let world = World::files(&files);
    let import = |pattern: &str| read_in(&world, &format!(". {{\n import {pattern}\n}}"));
    assert_eq!(import("c/*.override").unwrap(), ".{x/a/b/}");
    assert_eq!(import("c/?.server").unwrap(), ".{s/}");
    assert_eq!(import("c/*/f").unwrap(), ".{f/}");
    assert_eq!(import("c/*.none").unwrap(), ".{}");
    assert!(import("c/*.*").unwrap_err()[0].starts_with("Corefile:2:9: a pattern has one `*`"));
    assert!(import("c/[ab].override").unwrap_err()[0].contains("and no `[`"));
    assert!(import("c/none").unwrap_err()[0].starts_with("Corefile:2:9: there is no snippet and no file `c/none`"));
}

#[test]
fn what_was_read_is_told_for_whoever_watches() {
    let world = World::files(&[("/etc/coredns/custom/a.server", "a {\n}"), ("/etc/coredns/b", "b {\n}")]);
    let text = "import custom/*.server\nimport b\nimport b.d/*\n";
    let read = Corefile::read(text, "/etc/coredns/Corefile", &world);
    let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
    assert_eq!(read.files, paths(&["/etc/coredns/Corefile", "/etc/coredns/custom/a.server", "/etc/coredns/b"]));
    assert_eq!(read.folders, paths(&["/etc/coredns/custom", "/etc/coredns/b.d"]));
    assert_eq!(first_lines(&read.notes), ["/etc/coredns/Corefile:3:8: no file matches `b.d/*` yet"]);
}

#[test]
fn a_circle_of_imports_is_met_as_one() {
    let world = World::files(&[("a", "import b"), ("b", "errors\nimport a"), ("Corefile", "")]);
    assert_eq!(read_in(&world, ". {\n import a\n}").unwrap_err(), ["b:2:8: `a` imports itself"]);
    assert_eq!(read_in(&world, "import *refile").unwrap_err(), ["Corefile:1:8: `Corefile` imports itself"]);
    // Twice is no circle.
    assert_eq!(read_in(&World::files(&[("a", "x")]), ". {\n import a\n import a\n}").unwrap(), ".{x/x/}");
}

#[test]
fn snippets_that_multiply_come_to_an_end() {
    let mut text = String::from("(s0) {\n a\n a\n}\n");
    for level in 1..40 {
        text += &format!("(s{level}) {{\n import s{0}\n import s{0}\n}}\n", level - 1);
    }
    text += ". {\n import s39\n}";
    assert!(refused(&text).contains("more than 10000 imports"));
}

#[test]
fn texts_that_are_too_long_are_refused() {
    let long = "a ".repeat(600_000);
    let world = World::files(&[("long", &long)]);
    assert!(read_in(&world, ". {\n import long\n}").unwrap_err()[0].contains("more than 1048576 octets"));
    assert!(refused(&format!(". {{\n {long}\n}}")).contains("more than 524288 words"));
}

#[test]
fn variables_are_replaced_in_every_word() {
    let world = World::variables(&[("ZONE", "cluster.local"), ("DIR", "log"), ("TWO", "a b"), ("AGAIN", "{$AGAIN}")]);
    let text = "{$ZONE}:53 {\n {%DIR%} x{$TWO}y {$NONE}z \"{$ZONE}\" {$AGAIN} {$} {$OPEN\n o {\n  p {$ZONE}\n }\n}";
    let expected = "cluster.local:53{log xa_by z cluster.local {$AGAIN} {$} {$OPEN/o(p cluster.local)/}";
    assert_eq!(read_in(&world, text).unwrap(), expected);
    let world = World { variables: World::variables(&[("F", "c")]).variables, ..World::files(&[("c", "ok")]) };
    assert_eq!(read_in(&world, ". {\n import {$F}\n}").unwrap(), ".{ok/}");
    let world = World::variables(&[("LONG", &"x".repeat(70_000))]);
    let text = format!(". {{\n a {}\n}}", "{$LONG} ".repeat(20));
    assert!(read_in(&world, &text).unwrap_err()[0].contains("the variables come to more than"));
}

#[test]
fn an_error_shows_its_line_with_a_caret() {
    let errors = Config::parse_corefile(".:53 {\n\tkubernets cluster.local\n}\n", "Corefile", &World::default());
    assert_eq!(
        errors.unwrap_err()[0].to_string(),
        "Corefile:2:2: `kubernets` is no plugin of CoreDNS: did you mean `kubernetes`?\n  |\n\
         2 | \tkubernets cluster.local\n  | \t^^^^^^^^^"
    );
}

#[test]
fn errors_are_in_the_order_of_the_text_and_not_too_many() {
    let all = errors(". {\n acl\n none\n any\n}\nb {\n sign\n}");
    let places: Vec<_> = all.iter().map(|error| error.split(' ').next().unwrap()).collect();
    assert_eq!(places, ["Corefile:2:2:", "Corefile:3:2:", "Corefile:4:2:", "Corefile:7:2:"]);
    let many = errors(&format!(". {{\n{}}}", "none\n".repeat(60)));
    assert_eq!(many.len(), 50);
    assert!(many[49].ends_with("(and 10 more like these)"));
    assert!(error("").starts_with("Corefile:1:1: there is no server block"));
}

/// A ConfigMap is mounted as links into a folder whose name begins with two dots.
#[cfg(unix)]
#[test]
fn this_machine_has_files_folders_and_variables() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("..2026")).unwrap();
    std::os::unix::fs::symlink("..2026", path("..data")).unwrap();
    for name in ["b.override", "a.override"] {
        std::fs::write(path("..2026").join(name), format!("{}\n", name.replace(".override", ""))).unwrap();
        std::os::unix::fs::symlink(format!("..data/{name}"), path(name)).unwrap();
    }
    std::fs::write(path("large"), "a\n".repeat(600_000)).unwrap();
    std::fs::write(path("latin1"), b"caf\xe9\n").unwrap();
    let text = ". {\n import *.override\n import ..data\n import large\n import latin1\n {$PATH}\n {$=}\n}";
    let read = Corefile::read(text, path("Corefile").to_str().unwrap(), &System { port: 53 });
    assert_eq!(read.files, ["Corefile", "a.override", "b.override"].map(path));
    let errors = first_lines(&read.config.unwrap_err());
    let ends = ["it is no file", "octets: split it", "valid UTF-8", "is no plugin of CoreDNS: take it out"];
    assert!(ends.iter().all(|end| errors.iter().any(|error| error.ends_with(end))), "{errors:#?}");
    assert!(System { port: 53 }.addresses("no such interface").is_none());
}
