//! What is an address already, so that nobody is asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// C's `inet_aton` and IPv6 with a scope, as both C libraries take it: `10.1` is 10.0.0.1.
pub(super) fn c(text: &str) -> Option<IpAddr> {
    let without_scope = text.split('%').next().unwrap_or_default();
    aton(text).map(IpAddr::V4).or_else(|| Some(IpAddr::V6(without_scope.parse::<Ipv6Addr>().ok()?)))
}

/// Go's `netip.ParseAddr`: four decimal parts, or IPv6 with a scope that is not empty.
pub(super) fn go(text: &str) -> Option<IpAddr> {
    match text.split_once('%') {
        None => text.parse().ok(),
        Some((_, "")) => None,
        Some((address, _)) => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
    }
}

/// One to four parts, each decimal, octal or hexadecimal; the last one fills what is left.
fn aton(text: &str) -> Option<Ipv4Addr> {
    let parts = text.split('.').map(part).collect::<Option<Vec<u32>>>()?;
    let (&last, bytes) = parts.split_last()?;
    let free_bits = 32_u32.checked_sub(8 * bytes.len() as u32).filter(|bits| *bits > 0)?;
    if bytes.iter().any(|byte| *byte > 255) || u64::from(last) >> free_bits != 0 {
        return None;
    }
    let front = bytes.iter().enumerate().fold(0, |address, (index, byte)| address | byte << (24 - 8 * index));
    Some(Ipv4Addr::from(front | last))
}

/// C's `strtoul` with base 0, of a text that begins with a digit and is nothing but the number.
fn part(text: &str) -> Option<u32> {
    let (digits, base) = match text.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    // `from_str_radix` would take a sign.
    digits.chars().all(|digit| digit.is_digit(base)).then(|| u32::from_str_radix(digits, base).ok())?
}
