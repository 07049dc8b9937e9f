//! `rewrite`: one rule, on its line or between its braces.

mod options;

use super::{
    System,
    blocks::{Directive, Line},
    checked::Checked,
    lexer::{Lexer, Token},
    report::{Place, Report, Word, quoted},
};
use crate::{
    config::upstream,
    stages::{
        kinds,
        pattern::{Pattern, Replacement},
        rewrite::{Answer, Change, Match, Rename, Rule},
    },
};

const USAGE: &str = "rewrite [continue|stop] name|type|class|ttl|rcode|cname|edns0 ..";
const NAME: &str = "name [exact|prefix|suffix|substring|regex] FROM TO [answer auto|name FROM TO|value FROM TO ..]";
const MATCHES: &str = "exact, prefix, suffix, substring or regex";
/// A name whose octets are all escaped.
const NAME_TEXT_MAX: usize = 1020;
/// RFC 2181 section 8.
const TTL_SECS_MAX: u32 = i32::MAX as u32;
/// The largest rcode that may be written as a number: CoreDNS's.
const RCODE_MAX: u16 = 23;

/// The words of a rule, and what is said where one is missing.
struct Words<'w> {
    rest: &'w [&'w Word],
    /// Of the directive.
    place: Place,
}

pub(super) fn read(directive: &Directive, checked: &mut Checked<'_>) -> Option<Rule> {
    let line = &directive.line;
    let mut words: Vec<&Word> = line.arguments.iter().collect();
    for option in &directive.options {
        if line.arguments.len() > 1 {
            let message = "a rule stands on its line or between its braces: write one `rewrite` for each";
            return checked.problem(option.name.place, message);
        }
        words.push(&option.name);
        words.extend(&option.arguments);
    }
    let text = words.iter().map(|word| &*word.text).collect::<Vec<_>>().join(" ");
    let mut words = Words { rest: &words, place: line.name.place };
    let mut kind = words.next(USAGE, checked)?;
    let goes_on = kind.text.eq_ignore_ascii_case("continue");
    if goes_on || kind.text.eq_ignore_ascii_case("stop") {
        kind = words.next(USAGE, checked)?;
    }
    Some(Rule { change: change(kind, words, checked)?, goes_on, text })
}

/// A rule that stands elsewhere than in a Corefile, as its directive would have it.
pub(in crate::config) fn rule(text: &str) -> Result<Rule, String> {
    let whole = Place { file: 0, start: 0, end: text.len() };
    let (mut lexer, mut arguments) = (Lexer::new(0, text.into()), Vec::new());
    while let Some(Token { text, place, .. }) = lexer.next().map_err(|_| "a quote is never closed".to_owned())? {
        arguments.push(Word { text: text.to_string(), place });
    }
    let name = Word { text: "rewrite".into(), place: whole };
    let directive = Directive { line: Line { name, arguments }, options: Vec::new() };
    let (mut report, around) = (Report::default(), System { port: 0 });
    let rule = read(&directive, &mut Checked::new(&around, &mut report));
    rule.ok_or_else(|| report.first_problem().unwrap_or_default().to_owned())
}

fn change(kind: &Word, mut words: Words<'_>, checked: &mut Checked<'_>) -> Option<Change> {
    match &*kind.text.to_ascii_lowercase() {
        "name" => name(words, checked),
        "class" => {
            let [from, to] = words.all("class FROM TO", checked)?;
            let mut class = |word: &Word| known(word, "class", kinds::class_of(&word.text), checked);
            Some(Change::Class { from: class(from)?, to: class(to)? })
        }
        "type" => {
            let [from, to] = words.all("type FROM TO", checked)?;
            let mut kind = |word: &Word| known(word, "type", kinds::type_of(&word.text), checked);
            Some(Change::Type { from: kind(from)?, to: kind(to)? })
        }
        "ttl" => {
            const USAGE: &str = "ttl [exact|prefix|suffix|substring|regex] NAME SECONDS|MIN-MAX";
            let of = words.names(1, USAGE, checked)?;
            let [bounds] = words.all(USAGE, checked)?;
            let (secs_min, secs_max) = checked.report.checked(bounds.place, ttl(&bounds.text))?;
            Some(Change::Ttl { of, secs_min, secs_max })
        }
        "rcode" => {
            const USAGE: &str = "rcode [exact|prefix|suffix|substring|regex] NAME FROM TO";
            let of = words.names(2, USAGE, checked)?;
            let [from, to] = words.all(USAGE, checked)?;
            let mut rcode = |word: &Word| checked.report.checked(word.place, rcode(&word.text));
            Some(Change::Rcode { of, from: rcode(from)?, to: rcode(to)? })
        }
        "cname" => cname(words, checked),
        "edns0" => options::read(words, checked).map(Change::Option),
        "answer" => checked.problem(kind.place, "`answer` belongs behind a `name` rule: write them into one `rewrite`"),
        _ => checked.problem(kind.place, format!("{} is no rule: write `{USAGE}`", quoted(&kind.text))),
    }
}

impl<'w> Words<'w> {
    fn next(&mut self, usage: &str, checked: &mut Checked<'_>) -> Option<&'w Word> {
        match self.rest.split_first() {
            Some((word, rest)) => {
                self.rest = rest;
                Some(word)
            }
            None => checked.problem(self.place, format!("something is missing: write `{usage}`")),
        }
    }

    /// So many words, and none behind them.
    fn all<const N: usize>(&mut self, usage: &str, checked: &mut Checked<'_>) -> Option<[&'w Word; N]> {
        if let Some(more) = self.rest.get(N) {
            return checked.problem(more.place, format!("{} is too much: write `{usage}`", quoted(&more.text)));
        }
        match <[&Word; N]>::try_from(self.rest) {
            Ok(words) => Some(words),
            Err(_) => checked.problem(self.place, format!("something is missing: write `{usage}`")),
        }
    }

    /// `[MATCH] NAME`, with so many words behind it.
    fn names(&mut self, behind: usize, usage: &str, checked: &mut Checked<'_>) -> Option<Match> {
        let kind = if self.rest.len() > behind + 1 { Some(self.next(usage, checked)?) } else { None };
        let name = self.next(usage, checked)?;
        matches(kind, name, &normalized(&name.text), checked)
    }
}

/// `FROM TO` of this kind; without one, whole names. `from` is what stands for names as they are.
fn matches(kind: Option<&Word>, word: &Word, from: &str, checked: &mut Checked<'_>) -> Option<Match> {
    let from = from.to_owned();
    let Some(kind) = kind else { return Some(Match::Exact(from)) };
    match &*kind.text.to_ascii_lowercase() {
        "exact" => Some(Match::Exact(from)),
        "prefix" => Some(Match::Prefix(from)),
        "suffix" => Some(Match::Suffix(from)),
        "substring" => Some(Match::Substring(from)),
        "regex" => checked.report.checked(word.place, Pattern::parse(&word.text)).map(Match::Regex),
        _ => checked.problem(kind.place, format!("{} is no way to match: write {MATCHES}", quoted(&kind.text))),
    }
}

fn name(mut words: Words<'_>, checked: &mut Checked<'_>) -> Option<Change> {
    let kind = if words.rest.len() > 2 { Some(words.next(NAME, checked)?) } else { None };
    let (from, to) = (words.next(NAME, checked)?, words.next(NAME, checked)?);
    let of = matches(kind, from, &normalized(&from.text), checked)?;
    let to = replacement(&of, to, &normalized(&to.text), checked)?;
    let (mut auto, answers) = answers(words, checked)?;
    auto |= matches!(of, Match::Exact(_));
    Some(Change::Name { rename: Rename { of, to }, auto, answers })
}

/// CoreDNS takes only whole names as whole names here.
fn cname(mut words: Words<'_>, checked: &mut Checked<'_>) -> Option<Change> {
    const USAGE: &str = "cname [exact|prefix|suffix|substring|regex] FROM TO";
    let kind = if words.rest.len() > 2 { Some(words.next(USAGE, checked)?) } else { None };
    let [from, to] = words.all(USAGE, checked)?;
    let is_exact = kind.is_none_or(|kind| kind.text.eq_ignore_ascii_case("exact"));
    let text = |word: &Word| if is_exact { normalized(&word.text) } else { word.text.to_ascii_lowercase() };
    let lower = Word { text: from.text.to_ascii_lowercase(), ..from.clone() };
    let of = matches(kind, &lower, &text(from), checked)?;
    let to = replacement(&of, to, &text(to), checked)?;
    Some(Change::Target(Rename { of, to }))
}

fn replacement(of: &Match, word: &Word, to: &str, checked: &mut Checked<'_>) -> Option<Replacement> {
    if to.len() > NAME_TEXT_MAX {
        return checked.problem(word.place, "this is longer than any name");
    }
    match of {
        Match::Regex(pattern) => checked.report.checked(word.place, Replacement::parse(to, pattern)),
        _ => Some(Replacement::plain(to)),
    }
}

/// `answer auto|name FROM TO|value FROM TO ..`: the word `answer` may be left out behind the first.
fn answers(mut words: Words<'_>, checked: &mut Checked<'_>) -> Option<(bool, Vec<Answer>)> {
    let (mut auto, mut answers, mut named) = (None, Vec::new(), false);
    let mut is_first = true;
    while let Some(mut word) = words.rest.first().copied() {
        words.rest = &words.rest[1..];
        if word.text == "answer" {
            word = words.next(NAME, checked)?;
        } else if is_first {
            return checked.problem(word.place, format!("{} is out of place: write `{NAME}`", quoted(&word.text)));
        }
        is_first = false;
        match &*word.text {
            "auto" => auto = Some(word.place),
            "name" | "value" => {
                let (from, to) = (words.next(NAME, checked)?, words.next(NAME, checked)?);
                let pattern = checked.report.checked(from.place, Pattern::parse(&from.text))?;
                let replacement = replacement(&Match::Regex(pattern.clone()), to, &normalized(&to.text), checked)?;
                named |= word.text == "name";
                let answer = if word.text == "name" { Answer::Owner } else { Answer::Value };
                answers.push(answer(pattern, replacement));
            }
            other => {
                let message = format!("{} is no part of an answer: write auto, name or value", quoted(other));
                return checked.problem(word.place, message);
            }
        }
    }
    match auto {
        Some(place) if named => {
            checked.problem(place, "`answer auto` and `answer name` exclude each other: keep one of them")
        }
        _ => Some((auto.is_some(), answers)),
    }
}

/// In lower case, with the last dot.
fn normalized(text: &str) -> String {
    let mut text = text.to_ascii_lowercase();
    if !text.ends_with('.') {
        text.push('.');
    }
    text
}

fn known(word: &Word, what: &str, code: Option<u16>, checked: &mut Checked<'_>) -> Option<u16> {
    checked.report.checked(word.place, code.ok_or_else(|| format!("{} is no {what}", quoted(&word.text))))
}

/// `SECONDS`, `MIN-MAX`, `MIN-` or `-MAX`.
fn ttl(text: &str) -> Result<(u32, u32), String> {
    let wrong = || format!("{} is no TTL: write SECONDS, or MIN-MAX", quoted(text));
    let secs = |text: &str| text.parse::<u32>().map_err(|_| wrong());
    match text.split_once('-') {
        None => secs(text).map(|secs| (secs, secs)),
        Some(("", "")) => Err(wrong()),
        Some((min, max)) => {
            let min = if min.is_empty() { 0 } else { secs(min)? };
            let max = if max.is_empty() { TTL_SECS_MAX } else { secs(max)? };
            if min <= max { Ok((min, max)) } else { Err(wrong()) }
        }
    }
}

/// By its name or its number.
fn rcode(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(number) if number <= RCODE_MAX => Ok(number),
        _ => upstream::rcode(text),
    }
}
