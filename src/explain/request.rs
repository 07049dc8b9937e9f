//! What is to be explained, as people write it.

use std::str::FromStr;

use hickory_proto::rr::RecordType;

use crate::{
    answers::code,
    records::name::is_dns_label,
    respond::messages::type_name,
    search::{Lookup, ResolvConf, Resolver},
};

/// A lookup of a program in a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it looks up: anything of up to [`NAME_OCTETS_MAX`] octets.
    pub name: String,
    /// The namespace of the pod.
    pub from: String,
    /// What is asked for.
    pub lookup: Lookup,
    /// Whose rules are followed.
    pub resolver: Resolver,
    /// The pod's resolv.conf; what the kubelet writes where there is none.
    pub resolv_conf: Option<ResolvConf>,
}

/// Longer texts are no names, and are not looked at.
pub const NAME_OCTETS_MAX: usize = 255;
/// The namespace of a pod where nobody names one.
pub const DEFAULT_FROM: &str = "default";
/// What `getaddrinfo` asks for.
const ADDRESSES: &str = "A+AAAA";

impl Request {
    /// Reads a request. What is left out or empty is as a C program in namespace `default` has it.
    ///
    /// # Errors
    /// One of them makes no sense; the sentence says which.
    pub fn parse(name: &str, from: &str, resolver: &str, qtype: &str) -> Result<Self, String> {
        Ok(Self {
            name: checked_name(name)?,
            from: namespace(if from.is_empty() { DEFAULT_FROM } else { from })?,
            lookup: if qtype.is_empty() { Lookup::Addresses } else { lookup(qtype)? },
            resolver: match resolver {
                "" => Resolver::Glibc,
                text => text.parse().map_err(|why| format!("resolver \"{text}\": {why}"))?,
            },
            resolv_conf: None,
        })
    }

    /// What is asked for, as [`Request::parse`] reads it.
    pub fn qtype(&self) -> String {
        match self.lookup {
            Lookup::Addresses => ADDRESSES.into(),
            Lookup::Ipv4 => "A".into(),
            Lookup::Ipv6 => "AAAA".into(),
            Lookup::Records(qtype) => type_name(qtype),
        }
    }
}

fn checked_name(name: &str) -> Result<String, String> {
    match name.len() {
        0 => Err("name: write what is looked up, like web.shop".into()),
        1..=NAME_OCTETS_MAX => Ok(name.to_owned()),
        octets => Err(format!("name: {octets} octets, and no name has more than {NAME_OCTETS_MAX}")),
    }
}

fn namespace(text: &str) -> Result<String, String> {
    match is_dns_label(text) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(format!("from \"{}\": no namespace is called like this", text.escape_debug())),
    }
}

fn lookup(text: &str) -> Result<Lookup, String> {
    let upper = text.to_ascii_uppercase();
    let numbered = || upper.strip_prefix("TYPE").and_then(|number| number.parse().ok());
    let named = || RecordType::from_str(&upper).ok().map(u16::from);
    match (&*upper, named().or_else(numbered)) {
        (ADDRESSES, _) => Ok(Lookup::Addresses),
        (_, Some(code::A)) => Ok(Lookup::Ipv4),
        (_, Some(code::AAAA)) => Ok(Lookup::Ipv6),
        (_, Some(qtype)) => Ok(Lookup::Records(qtype)),
        _ => Err(format!("type \"{}\": write {ADDRESSES}, A, AAAA, SRV, PTR, TXT or another", text.escape_debug())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_a_c_programs_in_default() {
        let request = Request::parse("web", "", "", "").unwrap();
        assert_eq!((&*request.from, request.resolver, request.lookup), ("default", Resolver::Glibc, Lookup::Addresses));
        assert_eq!(request.qtype(), "A+AAAA");
    }

    #[test]
    fn types_are_read_as_they_are_shown() {
        for text in ["A+AAAA", "A", "AAAA", "SRV", "PTR", "TXT", "CNAME"] {
            for written in [text.to_owned(), text.to_lowercase()] {
                assert_eq!(Request::parse("web", "", "", &written).unwrap().qtype(), text);
            }
        }
        assert_eq!(Request::parse("web", "", "", "type33").unwrap().lookup, Lookup::Records(code::SRV));
        for qtype in 0..=u16::MAX {
            let name = type_name(qtype);
            assert_eq!(Request::parse("web", "", "", &name).unwrap().qtype(), name);
        }
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let why = |name: &str, from: &str, resolver: &str, qtype: &str| {
            Request::parse(name, from, resolver, qtype).expect_err("it makes no sense")
        };
        assert!(why("", "", "", "").starts_with("name: "));
        assert!(why(&"x".repeat(256), "", "", "").starts_with("name: 256 octets"));
        for from in ["a.b", "a b", "a\nsearch evil", "<b>", "-a"] {
            assert!(why("web", from, "", "").starts_with("from "), "{from}");
        }
        assert!(why("web", ".", "", "").starts_with("from \".\": "));
        assert_eq!(
            why("web", "", "bionic", ""),
            "resolver \"bionic\": not one of glibc, glibc-2.25, musl, musl-1.2.3, go"
        );
        assert!(why("web", "", "", "B").starts_with("type \"B\": "));
    }
}
