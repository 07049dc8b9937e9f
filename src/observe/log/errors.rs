//! Questions that failed, as lines: summed up where the configuration says so, and where there are many.
//!
//! CoreDNS writes a line for each failure that no `consolidate` is for, and so an upstream that is gone fills
//! the log. Here the first ones of a window have their lines, and the rest one line for each cause.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use super::line;
use crate::{
    answers::question::{self, Packet, QueryName},
    config::logging::{Consolidate, Errors, Level},
    respond::messages::type_name,
};

/// A question that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    rcode: u16,
    name: String,
    qtype: u16,
    cause: String,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) text: String,
}

/// What was heard of the failures of one server and not written yet.
pub(super) struct Summary {
    pub(super) errors: Arc<Errors>,
    /// Of each `consolidate`.
    windows: Vec<Option<Window>>,
    /// Of all others.
    others: Option<Others>,
}

/// Failures that one line will tell.
struct Window {
    begun: Instant,
    count: u64,
}

struct Others {
    begun: Instant,
    lines: usize,
    causes: Vec<Cause>,
    /// Of further causes.
    beyond: u64,
}

/// Failures that look the same.
struct Cause {
    key: String,
    /// The first of them.
    like: Failed,
    count: u64,
}

/// How long failures are gathered that no `consolidate` is for.
const OTHERS_PERIOD: Duration = Duration::from_secs(10);
/// So many have a line each: two a second.
const OTHERS_LINES_MAX: usize = 20;
/// What is told apart of the rest.
const CAUSES_MAX: usize = 10;
/// Causes are texts of ours, and of the system.
const CAUSE_CHARS_MAX: usize = 500;

impl Failed {
    /// None where the query is none.
    pub(super) fn new(query: &[u8], rcode: u16, cause: &str) -> Option<Self> {
        let mut lower = QueryName::new();
        let Packet::Question(question) = question::read(query, &mut lower) else { return None };
        let mut name = String::new();
        line::name(&mut name, lower.wire()).ok()?;
        let cause = cause.chars().take(CAUSE_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
        Some(Self { rcode, name, qtype: question.qtype, cause })
    }

    /// What is the same in failures of the same cause: of `read udp 10.1.1.1:4711->10.2.2.2:53: i/o timeout` not
    /// the port that it was asked from.
    fn key(&self) -> String {
        match self.cause.split_once("->") {
            Some((before, behind)) => format!("{} {behind}", before.rsplit_once(' ').map_or("", |(verb, _)| verb)),
            None => self.cause.clone(),
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rcode, name, qtype, cause } = self;
        write!(f, "{rcode} {name} {}: {cause}", type_name(*qtype))
    }
}

impl Summary {
    pub(super) fn new(errors: Arc<Errors>) -> Self {
        let windows = errors.consolidate.iter().map(|_| None).collect();
        Self { errors, windows, others: None }
    }

    /// The line of a failure, if it has one of its own.
    pub(super) fn heard(&mut self, failed: Failed, now: Instant) -> Option<Line> {
        let matches = |rule: &Consolidate| rule.pattern.is_in(&failed.cause);
        let Some(place) = self.errors.consolidate.iter().position(matches) else { return self.other(failed, now) };
        let rule = &self.errors.consolidate[place];
        let window = self.windows[place].get_or_insert(Window { begun: now, count: 0 });
        window.count += 1;
        let is_shown = window.count == 1 && rule.show_first;
        is_shown.then(|| Line { level: rule.level, text: failed.to_string() })
    }

    fn other(&mut self, failed: Failed, now: Instant) -> Option<Line> {
        let others = self.others.get_or_insert_with(|| Others::since(now));
        if others.lines < OTHERS_LINES_MAX {
            others.lines += 1;
            return Some(Line { level: Level::Error, text: failed.to_string() });
        }
        others.add(failed);
        None
    }

    /// The lines whose time has come.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Line> {
        self.ended(|begun, period| now.saturating_duration_since(begun) >= period)
    }

    /// The lines of all that was heard.
    pub(super) fn finish(&mut self) -> Vec<Line> {
        self.ended(|_, _| true)
    }

    fn ended(&mut self, is_over: impl Fn(Instant, Duration) -> bool) -> Vec<Line> {
        let mut lines = Vec::new();
        for (window, rule) in self.windows.iter_mut().zip(&self.errors.consolidate) {
            if let Some(Window { count, .. }) = window.take_if(|window| is_over(window.begun, rule.period))
                && (count > 1 || !rule.show_first)
            {
                let (pattern, period) = (rule.pattern.text(), go_duration(rule.period));
                let text = format!("{count} errors like '{pattern}' occurred in last {period}");
                lines.push(Line { level: rule.level, text });
            }
        }
        let others = self.others.take_if(|others| is_over(others.begun, OTHERS_PERIOD));
        lines.extend(others.iter().flat_map(Others::lines));
        lines
    }

    /// When the next line is due.
    pub(super) fn next(&self) -> Option<Instant> {
        let windows = self.windows.iter().zip(&self.errors.consolidate);
        let windows = windows.filter_map(|(window, rule)| Some(window.as_ref()?.begun + rule.period));
        windows.chain(self.others.as_ref().map(|others| others.begun + OTHERS_PERIOD)).min()
    }
}

impl Others {
    fn since(begun: Instant) -> Self {
        Self { begun, lines: 0, causes: Vec::new(), beyond: 0 }
    }

    fn add(&mut self, failed: Failed) {
        let key = failed.key();
        match self.causes.iter().position(|cause| cause.key == key) {
            Some(place) => self.causes[place].count += 1,
            None if self.causes.len() < CAUSES_MAX => self.causes.push(Cause { key, like: failed, count: 1 }),
            None => self.beyond += 1,
        }
    }

    fn lines(&self) -> impl Iterator<Item = Line> {
        let more = |count: u64| if count == 1 { String::new() } else { format!(" (and {} more like it)", count - 1) };
        let causes = self.causes.iter().map(move |cause| format!("{}{}", cause.like, more(cause.count)));
        let beyond = (self.beyond > 0).then(|| format!("and {} more errors of other kinds", self.beyond));
        causes.chain(beyond).map(|text| Line { level: Level::Error, text })
    }
}

/// As Go writes it: `1h0m0s`, `5m0s`, `1.5s`, `500ms`.
fn go_duration(duration: Duration) -> String {
    let (minutes, nanos) = (duration.as_secs() / 60, (duration.as_nanos() % 60_000_000_000) as u64);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    match (hours, minutes) {
        (0, 0) if (1..1_000).contains(&nanos) => format!("{nanos}ns"),
        (0, 0) if (1..1_000_000).contains(&nanos) => format!("{}µs", nanos as f64 / 1e3),
        (0, 0) if (1..1_000_000_000).contains(&nanos) => format!("{}ms", nanos as f64 / 1e6),
        (0, 0) => format!("{}s", nanos as f64 / 1e9),
        (0, _) => format!("{minutes}m{}s", nanos as f64 / 1e9),
        _ => format!("{hours}h{minutes}m{}s", nanos as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests;
