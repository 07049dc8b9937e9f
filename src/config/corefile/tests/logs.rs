//! `errors` and `log`.

use std::time::Duration;

use super::*;
use crate::config::logging::{self, Classes, Consolidate, Errors, Level, Log, Pattern};

/// The one error of a directive on a line of its own, in a block of one.
fn refused(directive: &str) -> String {
    let message = error(&format!(". {{\n{directive}\n}}"));
    message.strip_prefix("Corefile:").unwrap_or_else(|| panic!("{message}")).to_owned()
}

fn errors_of(directives: &str) -> Option<Errors> {
    config(&format!(". {{\n{directives}\n}}")).servers.remove(0).errors
}

fn consolidated(words: &str) -> Consolidate {
    let errors = errors_of(&format!("errors {{\nconsolidate {words}\n}}")).unwrap();
    assert_eq!(errors.consolidate.len(), 1);
    errors.consolidate[0].clone()
}

fn logs(directives: &str) -> Vec<Log> {
    config(&format!(". {{\n{directives}\n}}")).servers.remove(0).log
}

fn names(log: &Log) -> Vec<String> {
    log.names.iter().map(ToString::to_string).collect()
}

#[test]
fn errors_are_logged_where_that_is_written() {
    assert_eq!(errors_of("ready"), None);
    for text in ["errors", "errors stdout", "errors {\n}"] {
        assert_eq!(errors_of(text), Some(Errors::default()), "{text}");
        assert_eq!(notes(&format!(". {{\n{text}\n}}")), [""; 0]);
    }
    assert!(notes(". {\nerrors {\nstacktrace\n}\n}")[0].starts_with("Corefile:3:1: `stacktrace` has no effect here"));
    assert!(refused("errors {\nstack\n}").starts_with("3:1: `stack` is no option of `errors`"));
    assert!(refused("errors /var/log/a").starts_with("2:8: `/var/log/a` is no place for errors"));
    assert!(refused("errors stdout b").starts_with("2:15: `b` is too much"));
    assert!(refused("errors\nerrors").starts_with("3:1: this block has `errors` already"));
}

#[test]
fn errors_may_be_summed_up() {
    let pattern = || Pattern::parse(".* i/o timeout$").unwrap();
    let plain =
        Consolidate { period: Duration::from_secs(300), pattern: pattern(), level: Level::Error, show_first: false };
    assert_eq!(consolidated("5m \".* i/o timeout$\""), plain);
    assert_eq!(
        consolidated("5m \".* i/o timeout$\" warning show_first"),
        Consolidate { level: Level::Warning, show_first: true, ..plain.clone() }
    );
    assert_eq!(consolidated("5m \".* i/o timeout$\" show_first"), Consolidate { show_first: true, ..plain });
    let both = errors_of("errors {\nconsolidate 1s b\nconsolidate 1s a info\n}").unwrap().consolidate;
    assert_eq!(both.iter().map(|one| one.pattern.text()).collect::<Vec<_>>(), ["b", "a"]);
}

#[test]
fn what_cannot_be_summed_up_is_refused() {
    let refused = |words: &str| refused(&format!("errors {{\nconsolidate {words}\n}}"));
    assert!(refused("5m").starts_with("3:1: something is missing: write `consolidate DURATION REGEX"));
    assert!(refused("often a").starts_with("3:13: `often` is no length of time"));
    assert_eq!(refused("5m a(b"), "3:16: this is no regular expression: unclosed group");
    assert!(refused("5m a fatal").starts_with("3:18: `fatal` is out of place"));
    assert!(refused("5m a show_first info").starts_with("3:29: `info` is out of place"));
    assert!(refused("5m a info error").starts_with("3:23: `error` is out of place"));
    assert!(refused("5m a info show_first b").starts_with("3:34: `b` is too much"));
    let many = format!("a\n{}", "consolidate 1s a\n".repeat(100));
    assert!(refused(&format!("1s {many}")).ends_with("more than 100 of these: join some"));
}

#[test]
fn log_is_for_all_names_or_for_some() {
    assert_eq!(logs("errors"), []);
    let log = &logs("log")[0];
    assert_eq!((names(log), log.classes, &log.format), (vec![".".into()], Classes::ALL, &logging::format("{common}")));
    assert_eq!(names(&logs("log A.example b")[0]), ["a.example.", "b."]);
    assert_eq!(logs("log a\nlog b").len(), 2);
    assert!(refused("log a..b").starts_with("2:5: "));
}

#[test]
fn the_last_of_several_words_may_be_a_format() {
    let log = &logs("log a b \"{name} {combined}\"")[0];
    assert_eq!((names(log), &log.format), (vec!["a.".into(), "b.".into()], &logging::format("{name} {combined}")));
    assert_eq!(refused("log {combined}"), "2:5: one word alone is a name: write `log . FORMAT`");
}

#[test]
fn classes_of_replies_may_be_chosen() {
    let classes = |text: &str| logs(&format!("log {{\n{text}\n}}"))[0].classes;
    assert_eq!(classes("class error"), Classes { error: true, ..Classes::default() });
    assert_eq!(classes("class denial success"), Classes { error: false, ..Classes::ALL });
    assert_eq!(classes("class success\nclass denial"), Classes { error: false, ..Classes::ALL });
    assert_eq!([classes("class denial all"), classes("")], [Classes::ALL; 2]);
    assert!(refused("log {\nclass\n}").starts_with("3:1: something is missing behind `class`"));
    assert!(
        refused("log {\nclass bad\n}").starts_with("3:7: `bad` is no class: write `class all|success|denial|error`")
    );
    assert!(refused("log {\nformat a\n}").starts_with("3:1: `format` is no option of `log`"));
}
