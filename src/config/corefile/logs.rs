//! `errors` and `log`.

use super::{
    blocks::{Directive, Line},
    checked::Checked,
    plugins,
    report::{Word, quoted},
    values,
};
use crate::{
    config::logging::{self, CONSOLIDATE_MAX, Classes, Consolidate, Errors, Level, Log, Pattern},
    records::name::Name,
};

const CONSOLIDATE: &str = "consolidate DURATION REGEX [debug|info|warning|error] [show_first]";

/// `errors [stdout] { stacktrace, consolidate DURATION REGEX [LEVEL] [show_first] }`
pub(super) fn errors(directive: &Directive, checked: &mut Checked<'_>) -> Option<Errors> {
    const USAGE: &str = "errors [stdout]";
    let mut errors = Errors::default();
    for option in &directive.options {
        match &*option.name.text {
            "stacktrace" => checked.report.note(option.name.place, plugins::without_effect("errors", "stacktrace")?),
            "consolidate" if errors.consolidate.len() == CONSOLIDATE_MAX => {
                return checked.problem(option.name.place, format!("more than {CONSOLIDATE_MAX} of these: join some"));
            }
            "consolidate" => errors.consolidate.extend(consolidate(option, checked)),
            other => {
                let message = plugins::unknown_option("errors", other, ["consolidate", "stacktrace"].into_iter());
                checked.problem::<()>(option.name.place, message);
            }
        }
    }
    let places = checked.at_most(&directive.line, 1, USAGE)?;
    match places.first().filter(|word| word.text != "stdout") {
        None => Some(errors),
        Some(word) => {
            checked.problem(word.place, format!("{} is no place for errors: write `{USAGE}`", quoted(&word.text)))
        }
    }
}

fn consolidate(line: &Line, checked: &mut Checked<'_>) -> Option<Consolidate> {
    let [period, pattern, more @ ..] = checked.at_most(line, 4, CONSOLIDATE)? else {
        return checked.problem(line.name.place, format!("something is missing: write `{CONSOLIDATE}`"));
    };
    let period = checked.report.checked(period.place, values::duration(&period.text));
    let pattern = checked.report.checked(pattern.place, Pattern::parse(&pattern.text));
    let (level, more) = match more.split_first() {
        Some((word, more)) if Level::of_name(&word.text).is_some() => (Level::of_name(&word.text), more),
        _ => (None, more),
    };
    let show_first = more.first().is_some_and(|word| word.text == "show_first");
    if let Some(word) = more.get(usize::from(show_first)) {
        return checked.problem(word.place, format!("{} is out of place: write `{CONSOLIDATE}`", quoted(&word.text)));
    }
    Some(Consolidate { period: period?, pattern: pattern?, level: level.unwrap_or_default(), show_first })
}

/// `log [NAMES..] [FORMAT] { class CLASSES.. }`
pub(super) fn log(directive: &Directive, checked: &mut Checked<'_>) -> Option<Log> {
    let (names, format) = names_and_format(&directive.line.arguments, checked);
    let names = if names.is_empty() { vec![Name::root()] } else { checked.names(names) };
    let mut log = Log::new(names);
    if let Some(word) = format {
        log.format = logging::format(&word.text);
    }
    log.classes = classes(directive, checked);
    Some(log)
}

/// The last of several words may be a format.
fn names_and_format<'w>(words: &'w [Word], checked: &mut Checked<'_>) -> (&'w [Word], Option<&'w Word>) {
    match words {
        [names @ .., format] if !names.is_empty() && format.text.contains('{') => (names, Some(format)),
        [alone] if alone.text.contains('{') => {
            let message = "one word alone is a name: write `log . FORMAT`";
            checked.problem::<()>(alone.place, message);
            (&[], None)
        }
        names => (names, None),
    }
}

/// Without any, all.
fn classes(directive: &Directive, checked: &mut Checked<'_>) -> Classes {
    const USAGE: &str = "class all|success|denial|error";
    let mut classes = Classes::default();
    for option in &directive.options {
        if option.name.text != "class" {
            let message = plugins::unknown_option("log", &option.name.text, ["class"].into_iter());
            checked.problem::<()>(option.name.place, message);
            continue;
        }
        for word in checked.some(option, USAGE).unwrap_or_default() {
            if !classes.add(&word.text) {
                checked.problem::<()>(word.place, format!("{} is no class: write `{USAGE}`", quoted(&word.text)));
            }
        }
    }
    if classes == Classes::default() { Classes::ALL } else { classes }
}
