//! The `forward` directive: who answers what nothing here does.

use std::time::Duration;

use super::{
    blocks::{Directive, Line},
    checked::Checked,
    plugins,
    report::{Place, quoted},
    upstreams, values,
};
use crate::{
    config::upstream,
    forward::{
        Options,
        options::{Method, Policy, To, Transport},
    },
    records::{name::Name, zone::Zone},
};

const USAGE: &str = "forward FROM TO..";

/// Every option with what may be written.
const OPTIONS: [(&str, &str); 20] = [
    ("doh_method", "doh_method GET|POST"),
    ("except", "except NAMES.."),
    ("expire", "expire 10s"),
    ("failfast_all_unhealthy_upstreams", "failfast_all_unhealthy_upstreams"),
    ("failover", "failover RCODE.."),
    ("force_tcp", "force_tcp"),
    ("health_check", "health_check DURATION [no_rec] [domain NAME]"),
    ("max_age", "max_age 10m"),
    ("max_concurrent", "max_concurrent 1000"),
    ("max_connect_attempts", "max_connect_attempts 4"),
    ("max_fails", "max_fails 2"),
    ("max_idle_conns", "max_idle_conns 10"),
    ("next", "next RCODE.."),
    ("next_on_nodata", "next_on_nodata"),
    ("policy", "policy random|round_robin|sequential"),
    ("prefer_udp", "prefer_udp"),
    ("read_timeout", "read_timeout 2s"),
    ("source_address", "source_address ADDRESS"),
    ("tls", "tls [CERT KEY] [CA]"),
    ("tls_servername", "tls_servername NAME"),
];

/// Reads one directive.
pub(super) fn read(directive: &Directive, checked: &mut Checked<'_>) -> Option<Options> {
    let (from, to) = checked.some(&directive.line, USAGE)?.split_first()?;
    if to.is_empty() {
        return checked.problem(from.place, format!("nobody is named who could be asked: write `{USAGE}`"));
    }
    let zones = checked.zones(std::slice::from_ref(from));
    let to = upstreams::read(to, checked);
    let mut forward = Forward { options: Options::new(from_zone(&zones, from.place, checked), to), age: None };
    for option in &directive.options {
        forward.option(option, checked);
    }
    forward.check(directive.line.name.place, checked);
    Some(forward.options)
}

/// CoreDNS takes the first where a CIDR is several.
fn from_zone(zones: &[Zone], place: Place, checked: &mut Checked<'_>) -> Name {
    if let [first, _, ..] = zones {
        let message = format!("this is {} zones, of which only {} is forwarded", zones.len(), first.apex);
        checked.report.note(place, message);
    }
    zones.first().map_or_else(Name::root, |zone| zone.apex.clone())
}

struct Forward {
    options: Options,
    /// Where the age of connections is limited.
    age: Option<Place>,
}

impl Forward {
    fn option(&mut self, line: &Line, checked: &mut Checked<'_>) -> Option<()> {
        let (name, options) = (&*line.name.text, &mut self.options);
        let Some((_, usage)) = OPTIONS.iter().find(|(option, _)| *option == name) else {
            return unknown(line, checked);
        };
        match name {
            "except" => {
                let except = checked.some(line, usage)?;
                options.except.extend(checked.names(except));
            }
            "policy" => options.policy = policy(line, usage, checked)?,
            "force_tcp" => {
                checked.none(line)?;
                options.transport = Transport::ForceTcp;
            }
            "prefer_udp" => {
                checked.none(line)?;
                // Of both `force_tcp` is meant.
                if options.transport == Transport::AsClient {
                    options.transport = Transport::PreferUdp;
                }
            }
            "max_fails" => options.max_fails = checked.number(line, usage)?,
            "max_connect_attempts" => {
                let attempts: u32 = checked.number(line, usage)?;
                options.attempts_max = Some(if attempts == 0 { usize::MAX } else { attempts as usize });
            }
            "max_idle_conns" => options.idle_connections_max = limit(line, usage, checked)?,
            "max_concurrent" => options.max_concurrent = limit(line, usage, checked)?,
            "expire" => options.expire = checked.duration(line, usage)?,
            "max_age" => {
                options.age_max = Some(checked.duration(line, usage)?).filter(|age| !age.is_zero());
                self.age = Some(line.name.place);
            }
            "read_timeout" => options.read_timeout = read_timeout(line, usage, checked)?,
            "health_check" => self.health_check(line, usage, checked)?,
            "failover" => options.failover.extend(failover(line, usage, checked)?),
            "next" => options.next.extend(rcodes(line, usage, checked)?),
            "next_on_nodata" => options.next_on_nodata |= checked.none(line).is_some(),
            "failfast_all_unhealthy_upstreams" => options.fail_fast |= checked.none(line).is_some(),
            "source_address" => {
                let word = checked.one(line, usage)?;
                let read = word.text.parse().map_err(|_| format!("{} is no IP address", quoted(&word.text)));
                options.source = Some(checked.report.checked(word.place, read)?);
            }
            "tls" => self.tls(line, usage, checked)?,
            "tls_servername" => {
                let word = checked.one(line, usage)?;
                let read = upstream::server_name(&word.text);
                options.tls.server_name = Some(checked.report.checked(word.place, read)?);
            }
            "doh_method" => options.doh_method = method(line, usage, checked)?,
            _ => return unknown(line, checked),
        }
        Some(())
    }

    fn health_check(&mut self, line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<()> {
        let (interval, more) = checked.some(line, usage)?.split_first()?;
        let check = &mut self.options.health_check;
        check.interval = checked.report.checked(interval.place, values::length(&interval.text))?;
        check.domain = Name::root();
        let mut words = more.iter();
        while let Some(word) = words.next() {
            match (&*word.text, words.as_slice()) {
                ("no_rec", _) => check.recursion_desired = false,
                ("domain", [domain, ..]) => {
                    let name = Name::parse(&domain.text).map(|name| name.to_lower());
                    let name = name.map_err(|why| format!("{} is no name: {why}", quoted(&domain.text)));
                    check.domain = checked.report.checked(domain.place, name)?;
                    words.next();
                }
                (other, _) => {
                    let message = format!("{} is out of place: write `{usage}`", quoted(other));
                    return checked.problem(word.place, message);
                }
            }
        }
        Some(())
    }

    fn tls(&mut self, line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<()> {
        let (identity, authority) = match &line.arguments[..] {
            [] => (None, None),
            [authority] => (None, Some(authority)),
            [certificate, key] => (Some((certificate, key)), None),
            [certificate, key, authority] => (Some((certificate, key)), Some(authority)),
            [_, _, _, more, ..] => {
                return checked.problem(more.place, format!("{} is too much: write `{usage}`", quoted(&more.text)));
            }
        };
        let tls = &mut self.options.tls;
        tls.authority = authority.map(|word| checked.file(word)).unwrap_or_default();
        tls.identity = identity.and_then(|(one, other)| checked.file(one).zip(checked.file(other)));
        Some(())
    }

    /// What excludes each other.
    fn check(&self, place: Place, checked: &mut Checked<'_>) {
        let options = &self.options;
        if options.tls.server_name.is_some() && options.to.iter().any(To::has_name) {
            let message = "`tls_servername` and `%NAME` behind an address exclude each other: keep one of them";
            checked.problem::<()>(place, message);
        }
        if let (Some(place), Some(age)) = (self.age, options.age_max)
            && age < options.expire
        {
            let message = format!("`max_age` is shorter than `expire`, which is {:?}", options.expire);
            checked.problem::<()>(place, message);
        }
    }
}

fn unknown<T>(line: &Line, checked: &mut Checked<'_>) -> Option<T> {
    let name = &*line.name.text;
    if name == "resolver" {
        let message = "clusterdns looks up no names of upstreams: write their addresses, and take `resolver` out";
        return checked.problem(line.name.place, message);
    }
    let options = OPTIONS.iter().map(|(option, _)| *option);
    checked.problem(line.name.place, plugins::unknown_option("forward", name, options))
}

fn policy(line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<Policy> {
    let word = checked.one(line, usage)?;
    match &*word.text {
        "random" => Some(Policy::Random),
        "round_robin" => Some(Policy::RoundRobin),
        "sequential" => Some(Policy::Sequential),
        other => checked.problem(word.place, format!("{} is no policy: write `{usage}`", quoted(other))),
    }
}

fn method(line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<Method> {
    let word = checked.one(line, usage)?;
    match &*word.text {
        "GET" => Some(Method::Get),
        "POST" => Some(Method::Post),
        other => checked.problem(word.place, format!("{} is no method: write `{usage}`", quoted(other))),
    }
}

/// 0 is none.
fn limit(line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<Option<usize>> {
    checked.number(line, usage).map(|limit| Some(limit).filter(|&limit| limit > 0))
}

fn read_timeout(line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<Duration> {
    let timeout = checked.duration(line, usage)?;
    if timeout.is_zero() {
        return checked.problem(line.name.place, format!("nobody answers in no time: write `{usage}`"));
    }
    Some(timeout)
}

fn failover(line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<Vec<u16>> {
    let codes = rcodes(line, usage, checked)?;
    if codes.contains(&0) {
        return checked.problem(line.name.place, "NOERROR is no failure: take it out");
    }
    Some(codes)
}

fn rcodes(line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<Vec<u16>> {
    let mut codes = Vec::new();
    for word in checked.some(line, usage)? {
        codes.push(checked.report.checked(word.place, upstream::rcode(&word.text))?);
    }
    Some(codes)
}
