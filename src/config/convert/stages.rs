//! The same for what stands in front of the tables. Texts are those of a Corefile, and read by the same readers.

use std::{ops::Range, time::Duration};

use toml::Spanned;

use super::{Checked, zone};
use crate::{
    config::{file, upstream},
    records::{name::Name, zone::Zone},
    stages::{
        hosts::{self, NAMES_MAX, TTL_SECS_MAX},
        kinds,
        pattern::Pattern,
        template::{PATTERNS_MAX, RECORDS_MAX, Template, line::Line},
        zones::Zones,
    },
};

impl Checked {
    /// None where it is for no type. `zones` are those of the server.
    pub(super) fn template(&mut self, template: file::Template, zones: &[Zone]) -> Option<Template> {
        let span = template.kind.as_ref().map_or(0..0, Spanned::span);
        let is_there = template.kind.as_ref().is_some_and(|kind| !kind.get_ref().is_empty());
        let class = self.text(template.class, |text| code(text, "class, like IN or ANY", kinds::class_of));
        let kind = self.text(template.kind, |text| code(text, "type, like A or ANY", kinds::type_of));
        let zones = self.zones_of(template.zones, zones);
        let mut read = Template::new(class.unwrap_or(CLASS_IN), kind.unwrap_or_default(), zones);
        read.patterns = self.each(template.patterns, Pattern::parse);
        self.at_most(read.patterns.len(), PATTERNS_MAX, "regular expressions", &span);
        let sections = [template.answer, template.authority, template.additional];
        let [answers, authorities, additionals] =
            sections.map(|lines| self.each(lines, |text| Line::record(text, &read.patterns)));
        for section in [&answers, &authorities, &additionals] {
            self.at_most(section.len(), RECORDS_MAX, "records of a section", &span);
        }
        (read.answers, read.authorities, read.additionals) = (answers, authorities, additionals);
        read.rcode = self.text(template.rcode, upstream::rcode).unwrap_or_default();
        read.error = self.text(template.extended_error, extended_error);
        read.fallthrough = self.zones_of(template.fallthrough, &[]);
        is_there.then_some(read)
    }

    /// None where it is off, whatever else is written. `zones` are those of the server.
    pub(super) fn hosts(&mut self, hosts: file::Hosts, zones: &[Zone]) -> Option<hosts::Options> {
        let mut options = hosts::Options::new(self.zones_of(hosts.zones, zones));
        options.path = hosts.file.map_or(options.path, Into::into);
        let span = hosts.entries.first().map_or(0..0, Spanned::span);
        let entries = self.each(hosts.entries, entry);
        self.at_most(entries.iter().map(|(_, names)| names).sum(), NAMES_MAX, "names", &span);
        options.inline = entries.into_iter().map(|(line, _)| line + "\n").collect();
        options.ttl_secs = self.within(hosts.ttl_secs, options.ttl_secs, 1..=TTL_SECS_MAX);
        let reload = self.secs(hosts.reload_secs, options.reload.unwrap_or_default(), 0);
        options.reload = Some(reload).filter(|interval| *interval > Duration::ZERO);
        options.reverse = hosts.reverse;
        options.fallthrough = self.zones_of(hosts.fallthrough, &[]);
        if let Some(hands_on) = hosts.fallthrough_unsupported.filter(|hands_on| *hands_on.get_ref()) {
            options.hands_on_types = true;
            if options.fallthrough == Zones::default() {
                let message = "fallthrough_unsupported needs fallthrough: write it, or take both out";
                self.problem::<()>(hands_on.span(), message);
            }
        }
        hosts.enabled.then_some(options)
    }

    /// Those that are written, or else these.
    fn zones_of(&mut self, written: Vec<Spanned<String>>, others: &[Zone]) -> Zones {
        let zones: Vec<Zone> = self.each(written, zone).into_iter().flatten().collect();
        Zones::new(if zones.is_empty() { others.to_vec() } else { zones })
    }

    fn at_most(&mut self, number: usize, most: usize, what: &str, span: &Range<usize>) {
        if number > most {
            self.problem::<()>(span.clone(), format!("more than {most} {what}: take some out"));
        }
    }
}

const CLASS_IN: u16 = 1;

fn code(text: &str, what: &str, of_name: fn(&str) -> Option<u16>) -> Result<u16, String> {
    of_name(text).ok_or_else(|| format!("\"{text}\" is no {what}"))
}

/// `CODE TEXT`
fn extended_error(text: &str) -> Result<(u16, String), String> {
    let (code, text) = text.split_once(' ').unwrap_or((text, ""));
    let code = code.parse().map_err(|_| format!("\"{code}\" is no code of an Extended DNS Error, like 15"))?;
    Ok((code, text.into()))
}

/// `ADDRESS NAMES..`, and how many names.
fn entry(text: &str) -> Result<(String, usize), String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let Some((address, names)) = words.split_first().filter(|(address, _)| hosts::is_address(address)) else {
        return Err(format!("\"{text}\" does not begin with an IP address: write \"ADDRESS NAMES..\""));
    };
    if names.is_empty() {
        return Err(format!("{address} has no name: write \"ADDRESS NAMES..\""));
    }
    for name in names {
        Name::parse(name).map_err(|why| format!("\"{name}\" is no name: {why}"))?;
    }
    Ok((words.join(" "), names.len()))
}
