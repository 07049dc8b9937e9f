//! `template`.

use super::{
    blocks::{Directive, Line},
    checked::Checked,
    plugins,
    report::{Word, quoted},
};
use crate::{
    config::upstream,
    records::zone::Zone,
    stages::{
        kinds,
        pattern::Pattern,
        template::{self, PATTERNS_MAX, RECORDS_MAX, Template},
        zones::Zones,
    },
};

const USAGE: &str = "template CLASS TYPE [ZONES..]";
const OPTIONS: [(&str, &str); 8] = [
    ("additional", "additional RECORD.."),
    ("answer", "answer RECORD.."),
    ("authority", "authority RECORD.."),
    ("ederror", "ederror CODE [TEXT]"),
    ("fallthrough", "fallthrough [ZONES..]"),
    ("match", "match REGEX.."),
    ("rcode", "rcode RCODE"),
    ("upstream", "upstream"),
];

/// `template CLASS TYPE [ZONES..] { match, answer, additional, authority, rcode, ederror, fallthrough }`. `zones` are
/// those of the block.
pub(super) fn read(directive: &Directive, zones: &[Zone], checked: &mut Checked<'_>) -> Option<Template> {
    let (class, kind, own_zones) = match checked.some(&directive.line, USAGE)? {
        [class, kind, zones @ ..] => (class, kind, checked.zones(zones)),
        [class] => return checked.problem(class.place, format!("a type is missing behind this: write `{USAGE}`")),
        [] => return None,
    };
    let no_class = || format!("{} is no class, like IN or ANY", quoted(&class.text));
    let class = checked.report.checked(class.place, kinds::class_of(&class.text).ok_or_else(no_class));
    let no_type = || format!("{} is no type, like A or ANY", quoted(&kind.text));
    let kind = checked.report.checked(kind.place, kinds::type_of(&kind.text).ok_or_else(no_type));
    let zones = if own_zones.is_empty() { zones.to_vec() } else { own_zones };
    let mut template = Template::new(class?, kind?, Zones::new(zones));
    // Records are checked against all regular expressions.
    let (patterns, others): (Vec<&Line>, _) = directive.options.iter().partition(|option| option.name.text == "match");
    for option in patterns.into_iter().chain(others) {
        self::option(&mut template, option, checked);
    }
    Some(template)
}

fn option(template: &mut Template, line: &Line, checked: &mut Checked<'_>) -> Option<()> {
    let name = &*line.name.text;
    let Some((_, usage)) = OPTIONS.iter().find(|(option, _)| *option == name) else {
        let names = OPTIONS.iter().map(|(option, _)| *option);
        return checked.problem(line.name.place, plugins::unknown_option("template", name, names));
    };
    match name {
        "match" => {
            for word in checked.some(line, usage)? {
                let pattern = checked.report.checked(word.place, Pattern::parse(&word.text));
                template.patterns.extend(pattern);
            }
            if template.patterns.len() > PATTERNS_MAX {
                return checked.problem(line.name.place, format!("more than {PATTERNS_MAX} of these: join some"));
            }
        }
        "answer" | "additional" | "authority" => {
            let records = records(checked.some(line, usage)?, &template.patterns, checked);
            let section = match name {
                "answer" => &mut template.answers,
                "additional" => &mut template.additionals,
                _ => &mut template.authorities,
            };
            section.extend(records);
            if section.len() > RECORDS_MAX {
                return checked.problem(line.name.place, format!("more than {RECORDS_MAX} records: take some out"));
            }
        }
        "rcode" => {
            let word = checked.first(line, usage)?;
            template.rcode = checked.report.checked(word.place, upstream::rcode(&word.text))?;
        }
        "ederror" => {
            let [code, text @ ..] = checked.at_most(line, 2, usage)? else {
                checked.some(line, usage)?;
                return None;
            };
            let code = checked.parsed(code, "code", usage)?;
            template.error = Some((code, text.first().map_or_else(String::new, |word| word.text.clone())));
        }
        "fallthrough" if line.arguments.is_empty() => template.fallthrough = Zones::all(),
        "fallthrough" => template.fallthrough = Zones::new(checked.zones(&line.arguments)),
        // CoreDNS reads it for nothing: CNAMEs are followed in any case.
        _ => checked.report.note(line.name.place, plugins::without_effect("template", "upstream")?),
    }
    Some(())
}

/// One without places is a record already, or never will be.
fn records(words: &[Word], patterns: &[Pattern], checked: &mut Checked<'_>) -> Vec<template::line::Line> {
    let read = |word: &Word| template::line::Line::record(&word.text, patterns);
    words.iter().filter_map(|word| checked.report.checked(word.place, read(word))).collect()
}
