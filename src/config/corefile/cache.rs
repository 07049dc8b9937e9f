//! The `cache` directive: how long answers are kept, and which.

use std::{ops::RangeInclusive, time::Duration};

use super::{
    blocks::{Directive, Line},
    checked::Checked,
    plugins,
    report::{Place, Word, quoted},
    values,
};
use crate::{
    cache::{
        Options,
        options::{Kept, Prefetch, ServeStale, Verify},
    },
    records::name::Name,
};

/// Every option with what may be written.
const OPTIONS: [(&str, &str); 8] = [
    ("denial", "denial CAPACITY [TTL] [MINTTL]"),
    ("disable", "disable success|denial [ZONES..]"),
    ("keepttl", "keepttl"),
    ("prefetch", "prefetch AMOUNT [DURATION] [PERCENTAGE%]"),
    ("serve_stale", "serve_stale [DURATION] [immediate|verify [TIMEOUT]] [TTL] [RECHECK]"),
    ("serve_stale_policy", "serve_stale_policy prefer_positive"),
    ("servfail", "servfail 5s"),
    ("success", "success CAPACITY [TTL] [MINTTL]"),
];
/// RFC 2308.
const FAILURE_MAX: Duration = Duration::from_secs(5 * 60);
const STALE_FOR: Duration = Duration::from_secs(3600);
const PREFETCH_WITHIN: Duration = Duration::from_secs(60);
const PREFETCH_PERCENTAGE: u8 = 10;
const PREFETCH_PERCENTAGES: RangeInclusive<u8> = 10..=90;

/// Reads one directive.
pub(super) fn read(directive: &Directive, checked: &mut Checked<'_>) -> Option<Options> {
    let mut cache = Cache { options: Options::new(), policy: None };
    let zones = cache.ttl(&directive.line.arguments, checked);
    cache.options.zones = checked.names(zones);
    for option in &directive.options {
        cache.option(option, checked);
    }
    cache.check(checked);
    Some(cache.options)
}

struct Cache {
    options: Options,
    /// Where a policy for what is stale is written.
    policy: Option<Place>,
}

impl Cache {
    /// The first word may be a TTL. Those behind it are zones.
    fn ttl<'w>(&mut self, words: &'w [Word], checked: &mut Checked<'_>) -> &'w [Word] {
        let Some((first, rest)) = words.split_first() else { return words };
        if first.text.parse::<i64>().is_err() {
            if values::duration(&first.text).is_ok() {
                let message = format!("{} is taken for a zone: a TTL is a number of seconds", quoted(&first.text));
                checked.report.note(first.place, message);
            }
            return words;
        }
        if let Some(ttl_secs) = ttl_secs(first, checked) {
            self.options.success.ttl_secs_max = ttl_secs;
            self.options.denial.ttl_secs_max = ttl_secs;
        }
        rest
    }

    fn option(&mut self, line: &Line, checked: &mut Checked<'_>) -> Option<()> {
        let (name, options) = (&*line.name.text, &mut self.options);
        let Some((_, usage)) = OPTIONS.iter().find(|(option, _)| *option == name) else {
            let names = OPTIONS.iter().map(|(option, _)| *option);
            return checked.problem(line.name.place, plugins::unknown_option("cache", name, names));
        };
        match name {
            "success" => kept(&mut options.success, line, usage, checked)?,
            "denial" => kept(&mut options.denial, line, usage, checked)?,
            "disable" => self.disable(line, usage, checked)?,
            "keepttl" => options.keep_ttl |= checked.none(line).is_some(),
            "prefetch" => options.prefetch = prefetch(line, usage, checked)?,
            "serve_stale" => options.serve_stale = Some(serve_stale(line, usage, checked)?),
            "servfail" => {
                let word = checked.one(line, usage)?;
                options.servfail = failure(word, checked)?;
            }
            _ => self.policy(line, usage, checked)?,
        }
        Some(())
    }

    fn disable(&mut self, line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<()> {
        let (kind, zones) = checked.some(line, usage)?.split_first()?;
        let zones = if zones.is_empty() { vec![Name::root()] } else { checked.names(zones) };
        match &*kind.text {
            "success" => self.options.disable_success = zones,
            "denial" => self.options.disable_denial = zones,
            other => return checked.problem(kind.place, format!("{} is neither: write `{usage}`", quoted(other))),
        }
        Some(())
    }

    fn policy(&mut self, line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<()> {
        let word = checked.one(line, usage)?;
        if !word.text.eq_ignore_ascii_case("prefer_positive") {
            return checked.problem(word.place, format!("{} is no policy: write `{usage}`", quoted(&word.text)));
        }
        if self.policy.replace(line.name.place).is_some() {
            return checked.problem(line.name.place, "there is a policy already: take one of them out");
        }
        self.options.prefer_positive = true;
        Some(())
    }

    /// Whatever was written, the least TTL is not above the greatest, which counts, and there is room for what is
    /// kept.
    fn check(&mut self, checked: &mut Checked<'_>) {
        for kept in [&mut self.options.success, &mut self.options.denial] {
            kept.ttl_secs_min = kept.ttl_secs_min.min(kept.ttl_secs_max);
        }
        self.options.octets_max = self.options.usual_octets();
        if let (Some(place), None) = (self.policy, self.options.serve_stale) {
            checked.problem::<()>(place, "this is a policy of `serve_stale`: write that too");
        }
    }
}

/// `CAPACITY [TTL] [MINTTL]`
fn kept(kept: &mut Kept, line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<()> {
    let words = checked.some(line, usage)?;
    if let Some(more) = words.get(3) {
        checked.report.note(more.place, format!("{} is not read: `{usage}` is all", quoted(&more.text)));
    }
    let capacity = &words[0];
    let entries: i64 = checked.parsed(capacity, "number", usage)?;
    if entries <= 0 {
        checked.report.note(capacity.place, "nothing is kept then: CoreDNS keeps 1024 entries all the same");
    }
    kept.entries_max = usize::try_from(entries).unwrap_or(0);
    if let Some(word) = words.get(1) {
        kept.ttl_secs_max = ttl_secs(word, checked)?;
    }
    if let Some(word) = words.get(2) {
        kept.ttl_secs_min = checked.parsed(word, "TTL in seconds", usage)?;
    }
    Some(())
}

/// At least a second.
fn ttl_secs(word: &Word, checked: &mut Checked<'_>) -> Option<u32> {
    match word.text.parse() {
        Ok(secs @ 1..) => Some(secs),
        _ => checked.problem(word.place, format!("{} is no TTL: write a number of seconds from 1", quoted(&word.text))),
    }
}

/// An amount of none turns it off.
fn prefetch(line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<Option<Prefetch>> {
    let words = checked.at_most(line, 3, usage)?;
    let amount = checked.some(line, usage)?.first()?;
    let mut prefetch = Prefetch {
        hits: checked.parsed(amount, "number", usage)?,
        within: PREFETCH_WITHIN,
        percentage: PREFETCH_PERCENTAGE,
    };
    if let Some(word) = words.get(1) {
        prefetch.within = checked.report.checked(word.place, values::duration(&word.text))?;
    }
    if let Some(word) = words.get(2) {
        let percentage = word.text.strip_suffix('%').and_then(|number| number.parse().ok());
        match percentage.filter(|percentage| PREFETCH_PERCENTAGES.contains(percentage)) {
            Some(percentage) => prefetch.percentage = percentage,
            None => {
                let message = format!("{} is no percentage from 10% to 90%", quoted(&word.text));
                return checked.problem(word.place, message);
            }
        }
    }
    Some((prefetch.hits > 0).then_some(prefetch))
}

fn serve_stale(line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<ServeStale> {
    let mut stale = ServeStale { for_at_most: STALE_FOR, verify: None, ttl_secs: 0, failure_recheck: Duration::ZERO };
    let mut words = checked.at_most(line, 5, usage)?.iter();
    if let Some(word) = words.next() {
        stale.for_at_most = checked.report.checked(word.place, values::length(&word.text))?;
    }
    if let Some(word) = words.next() {
        match &*word.text.to_ascii_lowercase() {
            "immediate" => {}
            "verify" => stale.verify = Some(Verify { timeout: None }),
            other => return checked.problem(word.place, format!("{} is neither: write `{usage}`", quoted(other))),
        }
    }
    if let Some(verify) = &mut stale.verify
        && let Some(word) = words.next()
    {
        let timeout = checked.report.checked(word.place, values::length(&word.text))?;
        verify.timeout = Some(timeout).filter(|timeout| !timeout.is_zero());
    }
    if let Some(word) = words.next() {
        stale.ttl_secs = stale_ttl_secs(word, checked)?;
    }
    if let Some(word) = words.next() {
        stale.failure_recheck = failure(word, checked)?;
    }
    match words.next() {
        None => Some(stale),
        Some(more) => checked.problem(more.place, format!("{} is too much: write `{usage}`", quoted(&more.text))),
    }
}

/// A length of time in whole seconds.
fn stale_ttl_secs(word: &Word, checked: &mut Checked<'_>) -> Option<u32> {
    let length = checked.report.checked(word.place, values::length(&word.text))?;
    match u32::try_from(length.as_secs()) {
        Ok(secs) if length.subsec_nanos() == 0 => Some(secs),
        _ => checked.problem(word.place, format!("{} is no TTL: write whole seconds, like `30s`", quoted(&word.text))),
    }
}

/// How long something counts as failed.
fn failure(word: &Word, checked: &mut Checked<'_>) -> Option<Duration> {
    let length = checked.report.checked(word.place, values::length(&word.text))?;
    if length > FAILURE_MAX {
        return checked
            .problem(word.place, "a failure is kept for five minutes at most (RFC 2308): write `5m` or less");
    }
    Some(length)
}
