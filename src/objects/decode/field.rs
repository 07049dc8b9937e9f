//! The small pieces that objects are made of: texts, pairs, metadata, and Go's way with `null`.
//!
//! Go's decoder leaves a field alone when it meets `null`, and so do the API server and every tool
//! that writes through it. Files therefore contain `"ports": null`, and it means "absent".

use super::protobuf::message;
use crate::objects::Labels;
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, Ipv4Addr},
};

/// A text that borrows from the input where it has no escapes; `null` and absent are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

/// Labels or a selector; a later value of a key wins, as in Go.
#[derive(Debug, Default)]
pub(super) struct Pairs<'a>(pub(super) Vec<(Text<'a>, Text<'a>)>);

/// `metadata`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) namespace: Text<'a>,
    #[serde(borrow)]
    pub(super) labels: Pairs<'a>,
    pub(super) deletion_timestamp: Moment,
}

/// Whether something has happened: when, nobody asks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moment(pub(super) bool);

/// What of `metadata` says which object it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct Identity<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) namespace: Text<'a>,
}

message!(Identity<'a> { 1 => name, 3 => namespace });

impl Text<'_> {
    pub(super) fn boxed(&self) -> Box<str> {
        Box::from(&*self.0)
    }

    /// `None` where empty.
    pub(super) fn filled(&self) -> Option<&str> {
        Some(&*self.0).filter(|text| !text.is_empty())
    }
}

impl Pairs<'_> {
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find(|(k, _)| k.0 == key).map(|(_, v)| &*v.0)
    }

    /// Sorted by key, each key once.
    pub(super) fn sorted(&self) -> Labels {
        let mut pairs: Vec<_> = self.0.iter().rev().map(|(k, v)| (k.boxed(), v.boxed())).collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|later, first| later.0 == first.0);
        pairs.into()
    }
}

/// An address as Go reads it: no leading zeros, no zone, and an IPv4 address in IPv6 clothes is an
/// IPv4 address.
pub(super) fn ip(text: &str) -> Option<IpAddr> {
    text.parse().ok().map(|ip: IpAddr| ip.to_canonical())
}

/// An IPv4 address, where that is how it is written: four numbers without leading zeros. The standard library
/// does the same for text of all kinds, in three times as many steps.
pub(super) fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut numbers = text.split(|octet| *octet == b'.');
    for octet in &mut octets {
        *octet = match *numbers.next()? {
            [one @ b'0'..=b'9'] => one - b'0',
            [ten @ b'1'..=b'9', one @ b'0'..=b'9'] => (ten - b'0') * 10 + (one - b'0'),
            [hundred @ b'1'..=b'2', ten @ b'0'..=b'9', one @ b'0'..=b'9'] => {
                ((hundred - b'0') * 100).checked_add((ten - b'0') * 10 + (one - b'0'))?
            }
            _ => return None,
        };
    }
    numbers.next().is_none().then(|| octets.into())
}

/// A list of texts of which there is nearly always one: then nothing is allocated for it.
#[derive(Debug, Default)]
pub(super) struct Texts<'a> {
    first: Option<Text<'a>>,
    others: Vec<Text<'a>>,
}

impl<'a> Texts<'a> {
    pub(super) fn push(&mut self, text: Text<'a>) {
        match self.first {
            None => self.first = Some(text),
            Some(_) => self.others.push(text),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Text<'a>> {
        self.first.iter().chain(&self.others)
    }
}

/// A name that can be one label of a DNS name.
pub(super) fn is_label(name: &str) -> bool {
    !name.is_empty() && name.len() <= LABEL_OCTETS_MAX && !name.contains('.')
}

/// A port number; Go holds it in 32 bits, DNS in 16.
pub(super) fn port_number(number: i64) -> Result<u16, String> {
    u16::try_from(number).map_err(|_| format!("port {number} is not between 0 and 65535"))
}

/// `null` is the default.
pub(super) fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(input: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

/// `null` is an empty list, and a `null` in the list is a default element.
pub(super) fn nullable_list<'de, D, T>(input: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    let list: Option<Vec<Option<T>>> = Option::deserialize(input)?;
    Ok(list.unwrap_or_default().into_iter().map(Option::unwrap_or_default).collect())
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Text::default())
            }
        }

        input.deserialize_any(TextVisitor)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Text::deserialize(input).map(|text| Self(text.filled().is_some()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Texts<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct TextsVisitor;

        impl<'de> Visitor<'de> for TextsVisitor {
            type Value = Texts<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of strings")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut texts = Texts::default();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(texts)
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Texts::default())
            }
        }

        input.deserialize_any(TextsVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Pairs::default())
            }
        }

        input.deserialize_any(PairsVisitor)
    }
}

/// RFC 1035, 2.3.4.
const LABEL_OCTETS_MAX: usize = 63;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_ipv4_address_is_read_as_the_standard_library_reads_it(text in "[0-9]{0,4}(\\.[0-9]{1,3}){3}[.0-9a:]?") {
            prop_assert_eq!(ipv4(text.as_bytes()), text.parse().ok(), "{}", text);
        }
    }
}
