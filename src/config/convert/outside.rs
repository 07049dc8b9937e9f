//! The same for what is not a server's own: upstreams, what is kept of them, and what is logged.

use std::{path::PathBuf, time::Duration};

use toml::Spanned;

use super::{Checked, name, zone};
use crate::{
    cache::{
        self,
        options::{Prefetch, ServeStale, Verify},
    },
    config::{
        LoopCheck,
        corefile::{Surroundings, System},
        file,
        logging::{self, CONSOLIDATE_MAX, Classes, Consolidate, Errors, Log, Pattern},
        upstream::{self, UPSTREAMS_MAX},
    },
    forward,
    records::name::Name,
};

/// RFC 2308.
const FAILURE_SECS_MAX: u64 = 300;
const DAY_SECS: u64 = 86_400;
const MINUTE_MS: u64 = 60_000;
const CONSOLIDATE_SECS: u64 = 300;
/// What files are read by. Nothing here has a port to be given.
const AROUND: System = System { port: 0 };

impl Checked {
    pub(super) fn loop_check(&self, check: file::Loop) -> Option<LoopCheck> {
        match check {
            file::Loop::Off => None,
            file::Loop::Isolate => Some(LoopCheck { fatal: false }),
            file::Loop::Fatal => Some(LoopCheck { fatal: true }),
        }
    }

    /// None where nobody is asked.
    pub(super) fn forward(&mut self, forward: file::Forward) -> Option<forward::Options> {
        let from = self.text(forward.from, name).unwrap_or_else(Name::root);
        if let Some(more) = forward.to.get(UPSTREAMS_MAX) {
            self.problem::<()>(more.span(), format!("more than {UPSTREAMS_MAX} upstreams: take some out"));
        }
        let to_span = forward.to.first().map_or(0..0, Spanned::span);
        let mut options = forward::Options::new(from, self.each(forward.to, |text| upstream::read(text, &AROUND)));
        if let Err(message) = upstream::some_server(&options.to, &AROUND) {
            self.problem::<()>(to_span.clone(), message);
        }
        options.except = self.each(forward.except, zone).into_iter().flatten().map(|zone| zone.apex).collect();
        (options.policy, options.transport) = (forward.policy, forward.transport);
        options.max_fails = forward.max_fails.unwrap_or(options.max_fails);
        let check = &mut options.health_check;
        check.interval = self.millis(forward.health_check_ms, check.interval, 0);
        check.domain = self.text(forward.health_check_domain, name).unwrap_or_else(Name::root);
        check.recursion_desired = forward.health_check_recursion.unwrap_or(check.recursion_desired);
        options.attempts_max = limit(forward.attempts);
        options.expire = self.secs(forward.expire_secs, options.expire, 0);
        options.age_max = self.age(forward.age_secs, options.expire);
        options.idle_connections_max = limit(forward.idle_connections);
        options.source =
            self.text(forward.source, |text| text.parse().map_err(|_| format!("\"{text}\" is no IP address")));
        options.read_timeout = self.millis(forward.read_timeout_ms, options.read_timeout, 1);
        options.max_concurrent = limit(forward.concurrent);
        options.tls.identity = self.identity(forward.tls_certificate, forward.tls_key);
        options.tls.authority = self.text(forward.tls_authority, path);
        options.tls.server_name = self.text(forward.tls_server_name, upstream::server_name);
        options.doh_method = forward.doh_method;
        if options.tls.server_name.is_some() && options.to.iter().any(forward::options::To::has_name) {
            self.problem::<()>(
                to_span,
                "tls_server_name and %NAME behind an address exclude each other: keep one of them",
            );
        }
        options.failover = self.each(forward.failover, failure);
        options.next = self.each(forward.next, upstream::rcode);
        (options.next_on_nodata, options.fail_fast) = (forward.next_on_nodata, forward.fail_fast);
        (!options.to.is_empty()).then_some(options)
    }

    fn age(&mut self, secs: Option<Spanned<u64>>, expire: Duration) -> Option<Duration> {
        let span = secs.as_ref().map(Spanned::span);
        let age = Some(self.secs(secs, Duration::ZERO, 0)).filter(|age| !age.is_zero())?;
        if let Some(span) = span.filter(|_| age < expire) {
            self.problem::<()>(span, "age_secs is shorter than expire_secs");
        }
        Some(age)
    }

    /// A certificate and its key: both or none.
    pub(super) fn identity(
        &mut self,
        certificate: Option<Spanned<String>>,
        key: Option<Spanned<String>>,
    ) -> Option<(PathBuf, PathBuf)> {
        let span = certificate.as_ref().or(key.as_ref()).map_or(0..0, Spanned::span);
        match (self.text(certificate, path), self.text(key, path)) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => self.problem(span, "a certificate and its key belong together: name both, or none"),
        }
    }

    /// None where it is off, whatever else is written.
    pub(super) fn cache(&mut self, cache: file::Cache) -> Option<cache::Options> {
        let mut options = cache::Options::new();
        options.zones = self.names_of(cache.zones);
        for (kept, entries, ttl_secs_min, ttl_secs_max) in [
            (&mut options.success, cache.success_entries, cache.success_ttl_secs_min, cache.success_ttl_secs_max),
            (&mut options.denial, cache.denial_entries, cache.denial_ttl_secs_min, cache.denial_ttl_secs_max),
        ] {
            kept.entries_max = entries.unwrap_or(kept.entries_max);
            kept.ttl_secs_max = self.within(ttl_secs_max, kept.ttl_secs_max, 1..=u32::MAX);
            // Of both the greatest counts.
            kept.ttl_secs_min = ttl_secs_min.unwrap_or(kept.ttl_secs_min).min(kept.ttl_secs_max);
        }
        options.octets_max = self.within(cache.octets, options.usual_octets(), 1 << 16..=1 << 40);
        options.servfail =
            Duration::from_secs(self.within(cache.servfail_secs, options.servfail.as_secs(), 0..=FAILURE_SECS_MAX));
        let prefetch = Prefetch {
            hits: cache.prefetch_hits,
            within: self.secs(cache.prefetch_within_secs, Duration::from_secs(60), 1),
            percentage: self.within(cache.prefetch_percentage, 10, 10..=90),
        };
        options.prefetch = (prefetch.hits > 0).then_some(prefetch);
        let timeout = self.millis(cache.stale_verify_timeout_ms, Duration::ZERO, 0);
        let verify = Verify { timeout: Some(timeout).filter(|timeout| !timeout.is_zero()) };
        let stale = ServeStale {
            for_at_most: self.secs(cache.stale_secs, Duration::ZERO, 0),
            verify: cache.stale_verify.then_some(verify),
            ttl_secs: cache.stale_ttl_secs,
            failure_recheck: Duration::from_secs(self.within(cache.stale_recheck_secs, 0, 0..=FAILURE_SECS_MAX)),
        };
        options.serve_stale = (!stale.for_at_most.is_zero()).then_some(stale);
        options.disable_success = self.names_of(cache.disable_success);
        options.disable_denial = self.names_of(cache.disable_denial);
        (options.prefer_positive, options.keep_ttl) = (cache.prefer_positive, cache.keep_ttl);
        cache.enabled.then_some(options)
    }

    /// None where they are not logged.
    pub(super) fn errors(&mut self, errors: file::Errors) -> Option<Errors> {
        let mut consolidate = Vec::new();
        for one in errors.consolidate {
            let span = one.pattern.as_ref().map_or(0..0, Spanned::span);
            consolidate.extend(self.consolidate(one));
            if consolidate.len() > CONSOLIDATE_MAX {
                return self.problem(span, format!("more than {CONSOLIDATE_MAX} of these: join some"));
            }
        }
        errors.enabled.then_some(Errors { consolidate })
    }

    /// None where it has no pattern.
    fn consolidate(&mut self, one: file::Consolidate) -> Option<Consolidate> {
        let period = self.secs(one.period_secs, Duration::from_secs(CONSOLIDATE_SECS), 1);
        let pattern = self.text(one.pattern, Pattern::parse)?;
        Some(Consolidate { period, pattern, level: one.level, show_first: one.show_first })
    }

    /// None where it is for no name.
    pub(super) fn log(&mut self, log: file::Log) -> Option<Log> {
        let names = log.names.map_or_else(|| vec![Name::root()], |names| self.names_of(names));
        let mut classes = Classes::default();
        for class in log.classes.iter().flatten().filter(|class| !classes.add(class.get_ref())) {
            let message = format!("\"{}\" is no class: all, success, denial or error", class.get_ref());
            self.problem::<()>(class.span(), message);
        }
        let classes = if log.classes.is_none() { Classes::ALL } else { classes };
        let format = logging::format(log.format.as_deref().unwrap_or("{common}"));
        (!names.is_empty()).then_some(Log { names, format, classes })
    }

    fn names_of(&mut self, zones: Vec<Spanned<String>>) -> Vec<Name> {
        self.each(zones, zone).into_iter().flatten().map(|zone| zone.apex).collect()
    }

    /// What a text says, unless it is left out or empty.
    pub(super) fn text<T>(
        &mut self,
        text: Option<Spanned<String>>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = text.filter(|text| !text.get_ref().is_empty())?;
        self.each(vec![text], read).pop()
    }

    pub(super) fn secs(&mut self, secs: Option<Spanned<u64>>, default: Duration, least: u64) -> Duration {
        Duration::from_secs(self.within(secs, default.as_secs(), least..=DAY_SECS))
    }

    fn millis(&mut self, millis: Option<Spanned<u64>>, default: Duration, least: u64) -> Duration {
        Duration::from_millis(self.within(millis, default.as_millis() as u64, least..=MINUTE_MS))
    }
}

/// 0 is none.
fn limit(number: usize) -> Option<usize> {
    Some(number).filter(|&number| number > 0)
}

fn failure(text: &str) -> Result<u16, String> {
    match upstream::rcode(text)? {
        0 => Err("NOERROR is no failure: take it out".into()),
        code => Ok(code),
    }
}

/// A file that can be read.
pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    AROUND.read(&path).map(|_| path).map_err(|error| format!("\"{text}\" cannot be read: {error}"))
}
