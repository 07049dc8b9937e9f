//! Words that are values: zones, ports, addresses, lengths of time, each read as CoreDNS reads it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use super::report::quoted;
use crate::records::zone::Zone;

/// `SCHEME://ZONE:PORT`, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts<'t> {
    pub(super) scheme: Option<&'t str>,
    pub(super) zone: &'t str,
    pub(super) port: Option<u16>,
}

/// Takes a key of a server block apart. Arguments that are zones may be written like keys.
pub(super) fn parts(text: &str) -> Result<Parts<'_>, String> {
    let (scheme, rest) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
    let (zone, port) = match rest.rsplit_once(':') {
        Some((_, "")) => return Err(format!("a port is missing behind the last colon of {}", quoted(text))),
        Some((zone, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => (zone, Some(port_number(port)?)),
        _ => (rest, None),
    };
    if zone.is_empty() {
        return Err(format!("{} has no zone: write `.` for all names, like `.:53`", quoted(text)));
    }
    Ok(Parts { scheme, zone, port })
}

/// The zones of a key or an argument: a name, or a CIDR for reverse zones.
pub(super) fn zones(zone: &str) -> Result<Vec<Zone>, String> {
    Zone::parse(zone).map_err(|error| error.to_string())
}

fn port_number(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("{} is no port: the largest is 65535", quoted(text)))
}

/// Where something is served over HTTP: `HOST:PORT`, and all addresses where the host is left out.
pub(super) fn http_address(text: &str) -> Result<SocketAddr, String> {
    let wrong = || format!("{} is no address with a port, like `:8080` or `127.0.0.1:8080`", quoted(text));
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let host: IpAddr = match host {
        "" => Ipv6Addr::UNSPECIFIED.into(),
        "localhost" => Ipv4Addr::LOCALHOST.into(),
        _ => return Err(wrong()),
    };
    Ok(SocketAddr::new(host, port.parse().map_err(|_| wrong())?))
}

/// An address, with or without a port behind it.
pub(super) fn peer(text: &str) -> Result<IpAddr, String> {
    let with_port = || text.parse().map(|address: SocketAddr| address.ip());
    text.parse().or_else(|_| with_port()).map_err(|_| format!("{} is no IP address", quoted(text)))
}

/// Nanoseconds of the units of Go's durations.
const UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A length of time as Go writes it: `5s`, `1m30s`, `1.5h`. What is negative is over at once.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{} is no length of time, like `5s` or `1m30s`", quoted(text));
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut nanos: i128 = 0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let (part, behind) = part(rest).ok_or_else(wrong)?;
        nanos += part;
        // Go counts in 63 bits.
        if nanos > i128::from(i64::MAX) {
            return Err(wrong());
        }
        rest = behind;
    }
    Ok(if negative { Duration::ZERO } else { Duration::from_nanos(nanos as u64) })
}

/// The same, where what is negative is a mistake.
pub(super) fn length(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO if text.starts_with('-') => Err(format!("{} is negative: write `0` or more", quoted(text))),
        length => Ok(length),
    }
}

/// The nanoseconds of one number with its unit, and what stands behind them.
fn part(text: &str) -> Option<(i128, &str)> {
    let number_end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, rest) = text.split_at(number_end);
    let unit_end = rest.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // 18 digits are more than a nanosecond of the largest unit.
    let fraction = &fraction[..fraction.len().min(18)];
    let count = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u64>().ok().map(i128::from) };
    let of_fraction = count(fraction)? * nanos / 10_i128.pow(fraction.len() as u32);
    Some((count(whole)? * nanos + of_fraction, rest))
}
