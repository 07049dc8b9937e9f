//! Lines about failures, by a clock that stands still.

use super::*;
use crate::config::logging::Pattern;

/// `example.org. A`, in letters of both cases.
const QUERY: &[u8] = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x07eXample\x03org\0\0\x01\0\x01";

fn failed(cause: &str) -> Failed {
    Failed::new(QUERY, 2, cause).expect("a question")
}

fn rule(secs: u64, pattern: &str, level: Level, show_first: bool) -> Consolidate {
    Consolidate { period: Duration::from_secs(secs), pattern: Pattern::parse(pattern).unwrap(), level, show_first }
}

fn summary(consolidate: Vec<Consolidate>) -> Summary {
    Summary::new(Arc::new(Errors { consolidate }))
}

fn texts(lines: Vec<Line>) -> Vec<String> {
    lines.into_iter().map(|Line { level, text }| format!("{level:?} {text}")).collect()
}

#[test]
fn a_failure_is_told_as_coredns_tells_it() {
    let cause = "read udp 10.244.0.2:43434->10.0.0.1:53: i/o timeout";
    assert_eq!(failed(cause).to_string(), format!("2 example.org. A: {cause}"));
    assert_eq!(Failed::new(&QUERY[..20], 2, cause), None);
}

#[test]
fn a_failure_is_one_line_of_a_bounded_length() {
    let text = failed(&format!("one\ntwo\u{1b}[31m{}", "é".repeat(2000))).to_string();
    assert!(text.starts_with("2 example.org. A: one two [31mé"), "{text}");
    assert_eq!(text.chars().count(), "2 example.org. A: ".len() + CAUSE_CHARS_MAX);
}

#[test]
fn what_is_consolidated_is_counted_and_told_at_the_end_of_its_window() {
    let now = Instant::now();
    let mut summary = summary(vec![
        rule(300, "i/o timeout$", Level::Warning, false),
        rule(3600, "refused", Level::Info, false),
        rule(30, ".*", Level::Error, false),
    ]);
    assert_eq!(summary.next(), None);
    for _ in 0..3 {
        assert_eq!(summary.heard(failed("read: i/o timeout"), now), None);
    }
    assert_eq!(summary.heard(failed("connection refused"), now), None);
    assert_eq!(summary.next(), Some(now + Duration::from_secs(300)));
    assert_eq!(summary.due(now + Duration::from_secs(299)), []);
    let due = summary.due(now + Duration::from_secs(300));
    assert_eq!(texts(due), ["Warning 3 errors like 'i/o timeout$' occurred in last 5m0s"]);
    assert_eq!(summary.due(now + Duration::from_secs(400)), []);
    assert_eq!(texts(summary.finish()), ["Info 1 errors like 'refused' occurred in last 1h0m0s"]);
    assert_eq!(summary.next(), None);
}

#[test]
fn the_first_is_shown_where_it_is_asked_for() {
    let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(60));
    let mut summary = summary(vec![rule(60, "timeout", Level::Warning, true)]);
    let first = Line { level: Level::Warning, text: "2 example.org. A: timeout".into() };
    assert_eq!(summary.heard(failed("timeout"), now), Some(first.clone()));
    assert_eq!(summary.due(later), [], "it was alone");
    assert_eq!(summary.heard(failed("timeout"), now), Some(first));
    assert_eq!(summary.heard(failed("timeout"), now), None);
    assert_eq!(texts(summary.due(later)), ["Warning 2 errors like 'timeout' occurred in last 1m0s"]);
}

#[test]
fn a_flood_that_nobody_consolidates_is_told_by_its_causes() {
    let now = Instant::now();
    let mut summary = summary(Vec::new());
    let from_port = |port: usize| failed(&format!("read udp 10.1.1.1:{port}->10.2.2.2:53: i/o timeout"));
    let alone = (0..100_000).filter_map(|port| summary.heard(from_port(port), now)).count();
    assert_eq!(alone, OTHERS_LINES_MAX);
    for cause in 0..2 * CAUSES_MAX {
        assert_eq!(summary.heard(failed(&format!("cause {cause}")), now), None);
    }
    let due = texts(summary.due(now + OTHERS_PERIOD));
    assert_eq!(due.len(), CAUSES_MAX + 1);
    let like = "Error 2 example.org. A: read udp 10.1.1.1:20->10.2.2.2:53: i/o timeout (and 99979 more like it)";
    assert_eq!(due[0], like);
    assert_eq!(due[1], "Error 2 example.org. A: cause 0");
    assert_eq!(due[CAUSES_MAX], "Error and 11 more errors of other kinds");
    assert!(summary.heard(failed("i/o timeout"), now + OTHERS_PERIOD).is_some(), "a new window");
}

#[test]
fn durations_are_written_as_go_writes_them() {
    let written = |millis| go_duration(Duration::from_millis(millis));
    assert_eq!(
        [0, 500, 1500, 60_000, 90_000, 5_400_000].map(written),
        ["0s", "500ms", "1.5s", "1m0s", "1m30s", "1h30m0s"]
    );
    assert_eq!(go_duration(Duration::from_nanos(1500)), "1.5µs");
}
