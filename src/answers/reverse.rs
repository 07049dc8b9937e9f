//! Addresses written as names: below `in-addr.arpa` and `ip6.arpa`, and with dashes.

use std::{
    fmt::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::question::QueryName;

/// The address that a whole, canonical reverse name stands for.
pub fn address(name: &QueryName) -> Option<IpAddr> {
    let under = |apex: &[u8]| name.zone_start(apex, 2).is_some();
    match name.labels() {
        6 if under(b"\x07in-addr\x04arpa\x00") => ipv4(name).map(IpAddr::V4),
        34 if under(b"\x03ip6\x04arpa\x00") => ipv6(name).map(IpAddr::V6),
        _ => None,
    }
}

fn ipv4(name: &QueryName) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    for (index, octet) in octets.iter_mut().rev().enumerate() {
        *octet = decimal(&name.label(index)[1..])?;
    }
    Some(octets.into())
}

/// An octet without leading zeros.
fn decimal(digits: &[u8]) -> Option<u8> {
    if digits.len() > 3 || digits.len() > 1 && digits[0] == b'0' {
        return None;
    }
    let digit = |digit: &u8| digit.is_ascii_digit().then(|| u16::from(digit - b'0'));
    let value = digits.iter().try_fold(0, |value, next| Some(value * 10 + digit(next)?))?;
    u8::try_from(value).ok()
}

fn ipv6(name: &QueryName) -> Option<Ipv6Addr> {
    let mut octets = [0; 16];
    for index in 0..32 {
        let &[1, digit] = name.label(index) else { return None };
        let nibble = (digit as char).to_digit(16)? as u8;
        octets[15 - index / 2] |= if index % 2 == 0 { nibble } else { nibble << 4 };
    }
    Some(octets.into())
}

/// The address in a pod's name (behaviour C8): IPv4 has three dashes and no two together, anything
/// else is IPv6.
pub fn dashed(label: &[u8]) -> Option<IpAddr> {
    let mut text = [0; 63];
    let text = text.get_mut(..label.len())?;
    text.copy_from_slice(label);
    let dashes = text.iter().filter(|&&octet| octet == b'-').count();
    let ipv4 = dashes == 3 && !text.windows(2).any(|pair| pair == b"--");
    let separator = if ipv4 { b'.' } else { b':' };
    text.iter_mut().filter(|octet| **octet == b'-').for_each(|octet| *octet = separator);
    let text = str::from_utf8(text).ok()?;
    match text.parse().ok()? {
        IpAddr::V6(v6) => Some(v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4)),
        v4 => Some(v4),
    }
}

/// Whether dashes stand in the one spelling that an address has (RFC 5952 section 4).
pub fn is_canonical(dashed: &[u8], address: IpAddr) -> bool {
    struct Expected<'l>(&'l [u8]);
    impl Write for Expected<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let (label, rest) = self.0.split_at_checked(text.len()).ok_or(fmt::Error)?;
            let separator = |octet: &u8| matches!(octet, b'.' | b':');
            let same =
                label.iter().zip(text.bytes()).all(|(&is, octet)| is == if separator(&octet) { b'-' } else { octet });
            self.0 = rest;
            same.then_some(()).ok_or(fmt::Error)
        }
    }
    let mut expected = Expected(dashed);
    write!(expected, "{address}").is_ok() && expected.0.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{name::Name, zone::reverse_name};

    fn of(text: &str) -> Option<IpAddr> {
        let mut name = QueryName::new();
        name.read(Name::parse(text).unwrap().wire()).unwrap();
        address(&name)
    }

    #[test]
    fn a_reverse_name_is_its_address() {
        for text in ["10.96.0.1", "255.255.255.255", "0.0.0.0", "fd00:96::3", "2001:db8:1:2:3:4::"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(of(&reverse_name(address)), Some(address));
        }
    }

    #[test]
    fn a_name_that_is_not_whole_and_canonical_is_none() {
        for text in [
            "96.10.in-addr.arpa",
            "256.0.96.10.in-addr.arpa",
            "01.0.96.10.in-addr.arpa",
            "x.0.96.10.in-addr.arpa",
            "9.1.0.96.10.in-addr.arpa",
            "1.0.96.10.ip6.arpa",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_has_one_spelling() {
        let address = "fd00:244:2::41".parse().unwrap();
        assert!(is_canonical(b"fd00-244-2--41", address));
        assert!(!is_canonical(b"fd00-244-2-0-0-0-0-41", address) && !is_canonical(b"fd00-244-2--4", address));
        assert!(is_canonical(b"10-0-0-1", "10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn dashes_stand_for_dots_or_colons() {
        let is = |label: &str, address: &str| {
            assert_eq!(dashed(label.as_bytes()), Some(address.parse().unwrap()), "{label}");
        };
        is("10-244-1-11", "10.244.1.11");
        is("fd00-244-2--40", "fd00:244:2::40");
        is("--1", "::1");
        is("--ffff-a00-1", "10.0.0.1");
        for label in ["1-2-3", "010-1-1-1", "client", "1-2-3-256", "10-244-1-11-5"] {
            assert_eq!(dashed(label.as_bytes()), None, "{label}");
        }
    }
}
