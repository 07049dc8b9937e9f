//! `hosts`.

use std::time::Duration;

use super::{
    blocks::{Directive, Line},
    checked::Checked,
    plugins,
    report::quoted,
};
use crate::{
    records::{name::Name, zone::Zone},
    stages::{
        hosts::{self, NAMES_MAX, Options, TTL_SECS_MAX},
        zones::Zones,
    },
};

const OPTIONS: [(&str, &str); 5] = [
    ("fallthrough", "fallthrough [ZONES..]"),
    ("fallthrough_unsupported", "fallthrough_unsupported"),
    ("no_reverse", "no_reverse"),
    ("reload", "reload DURATION"),
    ("ttl", "ttl SECONDS"),
];

/// `hosts [FILE [ZONES..]] { ADDRESS NAMES.., ttl, no_reverse, reload, fallthrough, .. }`. `zones` are those of the block.
pub(super) fn read(directive: &Directive, zones: &[Zone], checked: &mut Checked<'_>) -> Option<Options> {
    let (file, own_zones) = match directive.line.arguments.split_first() {
        Some((file, zones)) => (Some(file), checked.zones(zones)),
        None => (None, Vec::new()),
    };
    let zones = if own_zones.is_empty() { zones.to_vec() } else { own_zones };
    let mut options = Options::new(Zones::new(zones));
    if let Some(file) = file {
        options.path = file.text.clone().into();
    }
    for line in &directive.options {
        option(&mut options, line, checked);
    }
    let names = options.inline.lines().map(|line| line.split(' ').count() - 1).sum::<usize>();
    if names > NAMES_MAX {
        let message = format!("more than {NAMES_MAX} names: write them into several blocks");
        return checked.problem(directive.line.name.place, message);
    }
    if options.hands_on_types && options.fallthrough == Zones::default() {
        let message = "`fallthrough_unsupported` needs `fallthrough`: write it, or take both out";
        return checked.problem(directive.line.name.place, message);
    }
    Some(options)
}

fn option(options: &mut Options, line: &Line, checked: &mut Checked<'_>) -> Option<()> {
    let name = &*line.name.text;
    let usage = OPTIONS.iter().find(|(option, _)| *option == name).map_or("", |(_, usage)| usage);
    match name {
        "fallthrough" if line.arguments.is_empty() => options.fallthrough = Zones::all(),
        "fallthrough" => options.fallthrough = Zones::new(checked.zones(&line.arguments)),
        "fallthrough_unsupported" => options.hands_on_types |= checked.none(line).is_some(),
        "no_reverse" => options.reverse &= checked.none(line).is_none(),
        "reload" => options.reload = Some(checked.duration(line, usage)?).filter(|interval| *interval > Duration::ZERO),
        "ttl" => {
            let word = checked.first(line, usage)?;
            let read = word.text.parse().ok().filter(|secs| (1..=TTL_SECS_MAX).contains(secs));
            let wrong = || format!("{} is no TTL: write 1 to {TTL_SECS_MAX} seconds", quoted(&word.text));
            options.ttl_secs = checked.report.checked(word.place, read.ok_or_else(wrong))?;
        }
        _ => entry(options, line, checked)?,
    }
    Some(())
}

/// `ADDRESS NAMES..`
fn entry(options: &mut Options, line: &Line, checked: &mut Checked<'_>) -> Option<()> {
    if !hosts::is_address(&line.name.text) {
        let names = OPTIONS.iter().map(|(option, _)| *option);
        let message = plugins::unknown_option("hosts", &line.name.text, names);
        return checked.problem(line.name.place, format!("{message}; an entry begins with an IP address"));
    }
    options.inline.push_str(&line.name.text);
    for word in checked.some(line, "ADDRESS NAMES..")? {
        let read = Name::parse(&word.text).map_err(|why| format!("{} is no name: {why}", quoted(&word.text)));
        checked.report.checked(word.place, read)?;
        options.inline.push(' ');
        options.inline.push_str(&word.text);
    }
    options.inline.push('\n');
    Some(())
}
