//! The directives about the life of the process: when it is ready, when it reads its file again, how it
//! ends, and whether it may ask itself.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use super::{blocks::Directive, checked::Checked, plugins, report::quoted, values};
use crate::config::{LoopCheck, Reload};

/// CoreDNS's, on all addresses.
const HEALTH: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 8080);
const READY: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 8181);
/// CoreDNS's.
const INTERVAL_MIN: Duration = Duration::from_secs(2);
const JITTER_MIN: Duration = Duration::from_secs(1);

/// `health`
pub(super) struct Health {
    pub(super) listen: SocketAddr,
    pub(super) lameduck: Duration,
}

/// `ready`
pub(super) struct Ready {
    pub(super) listen: SocketAddr,
    pub(super) continuously: bool,
}

/// `health [ADDRESS] { lameduck DURATION }`
pub(super) fn health(directive: &Directive, checked: &mut Checked<'_>) -> Option<Health> {
    let mut lameduck = Duration::ZERO;
    for option in &directive.options {
        if option.name.text != "lameduck" {
            let message = plugins::unknown_option("health", &option.name.text, ["lameduck"].into_iter());
            checked.problem::<()>(option.name.place, message);
        } else if let Some(word) = checked.one(option, "lameduck 5s") {
            lameduck = checked.report.checked(word.place, values::duration(&word.text)).unwrap_or_default();
        }
    }
    let listen = checked.listen(&directive.line, "health [ADDRESS:PORT]", HEALTH)?;
    Some(Health { listen, lameduck })
}

/// `ready [ADDRESS] { monitor until-ready|continuously }`
pub(super) fn ready(directive: &Directive, checked: &mut Checked<'_>) -> Option<Ready> {
    const USAGE: &str = "monitor until-ready|continuously";
    let mut continuously = false;
    for option in &directive.options {
        if option.name.text != "monitor" {
            let message = plugins::unknown_option("ready", &option.name.text, ["monitor"].into_iter());
            checked.problem::<()>(option.name.place, message);
        } else if let Some(word) = checked.one(option, USAGE) {
            match &*word.text {
                "until-ready" => continuously = false,
                "continuously" => continuously = true,
                other => {
                    checked.problem::<()>(word.place, format!("{} is no mode: write `{USAGE}`", quoted(other)));
                }
            }
        }
    }
    let listen = checked.listen(&directive.line, "ready [ADDRESS:PORT]", READY)?;
    Some(Ready { listen, continuously })
}

/// `reload [INTERVAL] [JITTER]`
pub(super) fn reload(directive: &Directive, checked: &mut Checked<'_>) -> Option<Reload> {
    checked.no_options("reload", &directive.options);
    let words = checked.at_most(&directive.line, 2, "reload [INTERVAL] [JITTER]")?;
    let mut reload = Reload::default();
    if let Some(word) = words.first() {
        reload.interval = checked.report.checked(word.place, values::duration(&word.text))?;
        if reload.interval < INTERVAL_MIN {
            return checked.problem(word.place, format!("{} is too often: write `2s` or more", quoted(&word.text)));
        }
    }
    if let Some(word) = words.get(1) {
        reload.jitter = checked.report.checked(word.place, values::length(&word.text))?;
        if !reload.jitter.is_zero() && reload.jitter < JITTER_MIN {
            return checked
                .problem(word.place, format!("{} is no jitter: write `0`, or `1s` or more", quoted(&word.text)));
        }
    }
    reload.jitter = reload.jitter.min(reload.interval / 2);
    Some(reload)
}

/// `loop { fatal }`, of which the option is ours.
pub(super) fn loop_check(directive: &Directive, checked: &mut Checked<'_>) -> Option<LoopCheck> {
    let mut check = LoopCheck::default();
    checked.none(&directive.line)?;
    for option in &directive.options {
        match &*option.name.text {
            "fatal" => check.fatal |= checked.none(option).is_some(),
            other => {
                let message = plugins::unknown_option("loop", other, ["fatal"].into_iter());
                checked.problem::<()>(option.name.place, message);
            }
        }
    }
    Some(check)
}

/// What is accepted for nothing: CoreDNS's `debug` and `pprof`.
pub(super) fn without_effect(directive: &Directive, checked: &mut Checked<'_>) -> Option<()> {
    let name = &directive.line.name;
    checked.report.note(name.place, plugins::without_effect(&name.text, "")?);
    Some(())
}
