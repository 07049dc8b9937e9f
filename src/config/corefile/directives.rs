//! The small directives: where is listened, where metrics are, and how replies look.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{
    blocks::{Directive, Line},
    checked::Checked,
    plugins,
    report::{Place, quoted},
    values,
};
use crate::records::{name::Name, zone::Zone};

/// CoreDNS's, on loopback.
const PROMETHEUS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9153);

/// Who may have which zones.
pub(super) struct Transfer {
    pub(super) to: Vec<IpNet>,
    /// None: those of the block.
    pub(super) zones: Option<Vec<Name>>,
    pub(super) place: Place,
}

/// `bind ADDRESS|INTERFACE.. { except ADDRESS|INTERFACE.. }`: addresses with port 0.
pub(super) fn bind(directive: &Directive, checked: &mut Checked<'_>) -> Option<Vec<SocketAddr>> {
    const USAGE: &str = "bind ADDRESS|INTERFACE..";
    let (mut hosts, mut except) = (hosts(&directive.line, USAGE, checked)?, Vec::new());
    for option in &directive.options {
        match &*option.name.text {
            "except" => except = self::hosts(option, "except ADDRESS|INTERFACE..", checked)?,
            other => {
                let message = plugins::unknown_option("bind", other, ["except"].into_iter());
                return checked.problem(option.name.place, message);
            }
        }
    }
    hosts.retain(|host| !except.contains(host));
    let place = directive.line.name.place;
    if hosts.is_empty() {
        return checked.problem(place, "no address is left to listen on: take some out of `except`");
    }
    Some(hosts)
}

fn hosts(line: &Line, usage: &str, checked: &mut Checked<'_>) -> Option<Vec<SocketAddr>> {
    let (mut hosts, mut known) = (Vec::new(), true);
    for word in checked.some(line, usage)? {
        match (checked.around.addresses(&word.text), word.text.parse::<IpAddr>()) {
            (Some(addresses), _) => hosts.extend(addresses),
            (None, Ok(ip)) => hosts.push(SocketAddr::new(ip, 0)),
            (None, Err(_)) => {
                let message = format!("{} is neither an address nor an interface of this host", quoted(&word.text));
                checked.problem::<()>(word.place, message);
                known = false;
            }
        }
    }
    known.then_some(hosts)
}

/// `prometheus [ADDRESS] { runtime_metrics, tls FILE }`
pub(super) fn prometheus(directive: &Directive, checked: &mut Checked<'_>) -> Option<SocketAddr> {
    for option in &directive.options {
        match &*option.name.text {
            "runtime_metrics" if checked.none(option).is_some() => {
                let note = plugins::without_effect("prometheus", "runtime_metrics").unwrap_or_default();
                checked.report.note(option.name.place, note);
            }
            "runtime_metrics" => {}
            "tls" => {
                checked.problem::<()>(option.name.place, plugins::option_not_yet("prometheus", "tls"));
            }
            other => {
                let message = plugins::unknown_option("prometheus", other, ["runtime_metrics", "tls"].into_iter());
                checked.problem::<()>(option.name.place, message);
            }
        }
    }
    checked.listen(&directive.line, "prometheus [ADDRESS:PORT]", PROMETHEUS)
}

/// `loadbalance [round_robin]`
pub(super) fn loadbalance(directive: &Directive, checked: &mut Checked<'_>) -> Option<()> {
    const USAGE: &str = "loadbalance [round_robin]";
    let mut weighted = false;
    if let Some(word) = directive.line.arguments.first() {
        match &*word.text {
            "round_robin" => drop(checked.one(&directive.line, USAGE)?),
            "weighted" => {
                weighted = true;
                checked.problem::<()>(word.place, plugins::option_not_yet("loadbalance", "weighted"));
            }
            other => {
                let message = format!("{} is no policy: write `{USAGE}`", quoted(other));
                checked.problem::<()>(word.place, message);
            }
        }
    }
    for option in &directive.options {
        let message = match &*option.name.text {
            "prefer" => plugins::option_not_yet("loadbalance", "prefer"),
            // It is one of `weighted`, which has been refused.
            "reload" if weighted => continue,
            other => plugins::unknown_option("loadbalance", other, ["prefer"].into_iter()),
        };
        checked.problem::<()>(option.name.place, message);
    }
    Some(())
}

/// `transfer [ZONES..] { to *|ADDRESS.. }`
pub(super) fn transfer(directive: &Directive, checked: &mut Checked<'_>) -> Option<Transfer> {
    let Line { name, arguments } = &directive.line;
    let (mut to, mut refused) = (Vec::new(), false);
    for option in &directive.options {
        match &*option.name.text {
            "to" => {
                for word in checked.some(option, "to *|ADDRESS..")? {
                    match &*word.text {
                        "*" => to.extend([IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())]),
                        peer => match checked.report.checked(word.place, values::peer(peer)) {
                            Some(ip) => to.push(ip.into()),
                            None => refused = true,
                        },
                    }
                }
            }
            "source" => {
                checked.problem::<()>(option.name.place, plugins::option_not_yet("transfer", "source"));
            }
            other => {
                let message = plugins::unknown_option("transfer", other, ["source", "to"].into_iter());
                checked.problem::<()>(option.name.place, message);
            }
        }
    }
    if to.is_empty() && !refused {
        return checked.problem(name.place, "nobody may transfer: write `to *` or `to ADDRESS..` into its braces");
    }
    let zones = (!arguments.is_empty()).then(|| checked.names(arguments));
    Some(Transfer { to, zones, place: name.place })
}

/// `autopath [ZONES..] @kubernetes`: the zones of the cluster that it is for, none for all.
pub(super) fn autopath(directive: &Directive, checked: &mut Checked<'_>) -> Option<Vec<Zone>> {
    const USAGE: &str = "autopath [ZONES..] @kubernetes";
    checked.no_options("autopath", &directive.options);
    let (from, zones) = checked.some(&directive.line, USAGE)?.split_last()?;
    if from.text != "@kubernetes" {
        let message = format!("clusterdns has no search list of {}: write `{USAGE}`", quoted(&from.text));
        return checked.problem(from.place, message);
    }
    Some(checked.zones(zones))
}
