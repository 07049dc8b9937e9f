//! The data of records, by their types.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use super::{Fields, secs};
use crate::stages::{kinds, text::escaped};

/// The longest string (RFC 1035 section 3.3).
const STRING_OCTETS_MAX: usize = 255;

impl Fields {
    /// The data of a type: RDATA.
    pub(super) fn data(&mut self, kind: u16) -> Result<Vec<u8>, String> {
        if self.0.as_slice().first().is_some_and(|field| field.text == "\\#" && !field.is_quoted) {
            return self.octets();
        }
        match kinds::type_name(kind) {
            "A" => Ok(self.parsed::<Ipv4Addr>("IPv4 address")?.octets().into()),
            "AAAA" => Ok(self.parsed::<Ipv6Addr>("IPv6 address")?.octets().into()),
            "NS" | "CNAME" | "PTR" | "DNAME" => Ok(self.name()?.into()),
            "MX" => Ok([&self.words::<1>()?, &self.name()?[..]].concat()),
            "SRV" => Ok([&self.words::<3>()?, &self.name()?[..]].concat()),
            "TXT" | "SPF" => self.texts(),
            "HINFO" => Ok([self.string()?, self.string()?].concat()),
            "SOA" => self.soa(),
            "CAA" => {
                let (flags, tag) = (self.parsed::<u8>("number")?, self.string()?);
                let value = self.unescaped()?;
                Ok([&[flags], &tag[..], &value].concat())
            }
            "NAPTR" => {
                let numbers = self.words::<2>()?;
                let strings = [self.string()?, self.string()?, self.string()?].concat();
                Ok([&numbers, &strings[..], &self.name()?[..]].concat())
            }
            name => Err(format!("clusterdns does not read records of type {name}: write their data behind `\\#`")),
        }
    }

    fn soa(&mut self) -> Result<Vec<u8>, String> {
        let mut data = [self.name()?, self.name()?].concat();
        data.extend_from_slice(&self.parsed::<u32>("number")?.to_be_bytes());
        for _ in 0..4 {
            let field = self.next()?.text;
            let secs = secs(&field).ok_or_else(|| format!("`{field}` is no length of time"))?;
            data.extend_from_slice(&secs.to_be_bytes());
        }
        Ok(data)
    }

    /// As many strings as there are; a long one becomes several.
    fn texts(&mut self) -> Result<Vec<u8>, String> {
        let mut data = Vec::new();
        while !self.0.as_slice().is_empty() {
            let octets = self.unescaped()?;
            let empty = octets.is_empty().then_some(&[][..]);
            for chunk in octets.chunks(STRING_OCTETS_MAX).chain(empty) {
                data.push(chunk.len() as u8);
                data.extend_from_slice(chunk);
            }
        }
        if data.is_empty() { Err("something is missing".into()) } else { Ok(data) }
    }

    /// A string with its length.
    fn string(&mut self) -> Result<Vec<u8>, String> {
        let octets = self.unescaped()?;
        let length =
            u8::try_from(octets.len()).map_err(|_| format!("a string has more than {STRING_OCTETS_MAX} octets"))?;
        Ok([&[length], &octets[..]].concat())
    }

    fn unescaped(&mut self) -> Result<Vec<u8>, String> {
        let text = self.next()?.text;
        let (mut octets, mut raw) = (Vec::with_capacity(text.len()), text.bytes());
        while let Some(octet) = raw.next() {
            let octet = if octet == b'\\' { escaped(&mut raw) } else { Some(octet) };
            octets.push(octet.ok_or_else(|| format!("`{text}` ends within an escape"))?);
        }
        Ok(octets)
    }

    /// Numbers of 16 bits.
    fn words<const N: usize>(&mut self) -> Result<Vec<u8>, String> {
        let mut words = Vec::with_capacity(2 * N);
        for _ in 0..N {
            words.extend_from_slice(&self.parsed::<u16>("number")?.to_be_bytes());
        }
        Ok(words)
    }

    fn parsed<T: FromStr>(&mut self, what: &str) -> Result<T, String> {
        let field = self.next()?.text;
        field.parse().map_err(|_| format!("`{field}` is no {what}"))
    }

    /// `\# LENGTH HEX..` (RFC 3597 section 5).
    fn octets(&mut self) -> Result<Vec<u8>, String> {
        self.next()?;
        let length: u16 = self.parsed("number")?;
        let digits: String = self.0.by_ref().map(|field| field.text).collect();
        let octets = data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok();
        let octets = octets.filter(|octets| octets.len() == usize::from(length));
        octets.ok_or_else(|| format!("there are not {length} octets"))
    }
}
