//! Protobuf, as far as the API uses it: fields one behind the other, each a number and a value.
//!
//! Everything is borrowed from the octets that were received. A length is compared with what is
//! there before it is believed, and no message is read deeper than its type is.

use std::borrow::Cow;

use super::super::field::{Moment, Pairs, Text, Texts};
use thiserror::Error;

/// Octets that are no protobuf, or not of this message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}: {}", .0.part, .0.why)]
// In a box: what is nearly never returned must not make every return dearer.
pub(in crate::objects) struct Malformed(Box<Met>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Met {
    /// The outermost field that it was met in.
    part: &'static str,
    why: &'static str,
}

impl Malformed {
    #[cold]
    pub(super) fn new(why: &'static str) -> Self {
        Self(Box::new(Met { part: "protobuf", why }))
    }

    /// Says in which field.
    #[cold]
    pub(in crate::objects::decode) fn inside(mut self, part: &'static str) -> Self {
        self.0.part = part;
        self
    }

    fn too_short() -> Self {
        Self::new("it ends in the middle of a field")
    }
}

/// What stands behind the number of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::objects::decode) enum Value<'a> {
    /// A number or a truth.
    Varint(u64),
    /// A text, a message, or octets.
    Octets(&'a [u8]),
    /// Four or eight octets: nothing that we read has one.
    Fixed,
}

/// The fields of a message. Behind octets that make no sense there are none.
pub(in crate::objects::decode) struct Fields<'a>(pub(in crate::objects::decode) &'a [u8]);

/// Something that fields of a message are put into.
pub(in crate::objects::decode) trait Message<'a> {
    /// Takes one field. One that it does not know is none of its business.
    fn set(&mut self, number: u64, value: Value<'a>) -> Result<(), Malformed>;

    /// Takes all fields of a message.
    fn merge(&mut self, octets: &'a [u8]) -> Result<(), Malformed> {
        for field in Fields(octets) {
            let (number, value) = field?;
            self.set(number, value)?;
        }
        Ok(())
    }
}

/// Something that one field is put into.
pub(in crate::objects::decode) trait Field<'a> {
    /// Takes the value; of a list one more.
    fn take(&mut self, value: Value<'a>) -> Result<(), Malformed>;
}

/// Says by which numbers protobuf knows the fields of a struct.
macro_rules! message {
    ($name:ident <$life:lifetime> { $($number:literal => $field:ident),* $(,)? }) => {
        message!(@ $name<$life>, $life, { $($number => $field),* });
    };
    ($name:ident { $($number:literal => $field:ident),* $(,)? }) => {
        message!(@ $name, 'a, { $($number => $field),* });
    };
    (@ $name:ty, $life:lifetime, { $($number:literal => $field:ident),* }) => {
        impl<$life> $crate::objects::decode::protobuf::Message<$life> for $name {
            fn set(
                &mut self,
                number: u64,
                value: $crate::objects::decode::protobuf::Value<$life>,
            ) -> Result<(), $crate::objects::decode::protobuf::Malformed> {
                match number {
                    $($number => $crate::objects::decode::protobuf::Field::take(&mut self.$field, value)
                        .map_err(|malformed| malformed.inside(stringify!($field))),)*
                    _ => Ok(()),
                }
            }
        }
    };
}
pub(in crate::objects::decode) use message;

// A fifth of the instructions of an object is calls, where these are left to the compiler.
impl<'a> Fields<'a> {
    #[inline(always)]
    fn field(&mut self) -> Result<(u64, Value<'a>), Malformed> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.octets(8).map(|_| Value::Fixed)?,
            2 => {
                let length = self.varint()?;
                Value::Octets(self.octets(length)?)
            }
            5 => self.octets(4).map(|_| Value::Fixed)?,
            _ => return Err(Malformed::new("a field of no known form")),
        };
        match key >> 3 {
            0 => Err(Malformed::new("a field without a number")),
            number => Ok((number, value)),
        }
    }

    #[inline(always)]
    fn octets(&mut self, length: u64) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(length).map_err(|_| Malformed::too_short())?;
        let (octets, rest) = self.0.split_at_checked(length).ok_or_else(Malformed::too_short)?;
        self.0 = rest;
        Ok(octets)
    }

    #[inline(always)]
    fn varint(&mut self) -> Result<u64, Malformed> {
        // Nearly all are of one octet.
        if let [octet @ ..0x80, rest @ ..] = self.0 {
            self.0 = rest;
            return Ok(u64::from(*octet));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for (at, octet) in self.0.iter().take(VARINT_OCTETS_MAX).enumerate() {
            number |= u64::from(octet & 0x7f) << (7 * at);
            if *octet < 0x80 {
                self.0 = &self.0[at + 1..];
                return Ok(number);
            }
        }
        match self.0.len() < VARINT_OCTETS_MAX {
            true => Err(Malformed::too_short()),
            false => Err(Malformed::new("a number that does not end")),
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Malformed>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Value<'a> {
    /// A text, a message, or octets.
    pub(in crate::objects::decode) fn octets(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Octets(octets) => Ok(octets),
            _ => Err(Malformed::new("a number where a text or a message belongs")),
        }
    }

    fn number(self) -> Result<u64, Malformed> {
        match self {
            Self::Varint(number) => Ok(number),
            _ => Err(Malformed::new("something else where a number belongs")),
        }
    }
}

impl<'a, M: Message<'a>> Field<'a> for M {
    fn take(&mut self, value: Value<'a>) -> Result<(), Malformed> {
        self.merge(value.octets()?)
    }
}

impl<'a> Field<'a> for &'a [u8] {
    fn take(&mut self, value: Value<'a>) -> Result<(), Malformed> {
        *self = value.octets()?;
        Ok(())
    }
}

impl<'a> Field<'a> for &'a str {
    fn take(&mut self, value: Value<'a>) -> Result<(), Malformed> {
        *self = str::from_utf8(value.octets()?).map_err(|_| Malformed::new("a text that is not UTF-8"))?;
        Ok(())
    }
}

impl<'a> Field<'a> for Text<'a> {
    fn take(&mut self, value: Value<'a>) -> Result<(), Malformed> {
        let mut text = "";
        text.take(value)?;
        self.0 = Cow::Borrowed(text);
        Ok(())
    }
}

impl<'a> Field<'a> for Texts<'a> {
    fn take(&mut self, value: Value<'a>) -> Result<(), Malformed> {
        let mut text = Text::default();
        text.take(value)?;
        self.push(text);
        Ok(())
    }
}

impl<'a, T: Field<'a> + Default> Field<'a> for Vec<T> {
    fn take(&mut self, value: Value<'a>) -> Result<(), Malformed> {
        let mut item = T::default();
        item.take(value)?;
        self.push(item);
        Ok(())
    }
}

impl<'a, T: Field<'a> + Default> Field<'a> for Option<T> {
    fn take(&mut self, value: Value<'a>) -> Result<(), Malformed> {
        self.get_or_insert_default().take(value)
    }
}

/// The API has numbers of 32 bits where it has ports and codes; Go cuts off what is longer.
impl<'a> Field<'a> for i64 {
    fn take(&mut self, value: Value<'a>) -> Result<(), Malformed> {
        *self = Self::from(value.number()? as i32);
        Ok(())
    }
}

impl<'a> Field<'a> for bool {
    fn take(&mut self, value: Value<'a>) -> Result<(), Malformed> {
        *self = value.number()? != 0;
        Ok(())
    }
}

/// A time is a message of numbers.
impl<'a> Field<'a> for Moment {
    fn take(&mut self, value: Value<'a>) -> Result<(), Malformed> {
        self.0 = true;
        value.octets().map(drop)
    }
}

/// One entry of a map.
impl<'a> Field<'a> for Pairs<'a> {
    fn take(&mut self, value: Value<'a>) -> Result<(), Malformed> {
        let mut pair = Pair::default();
        pair.take(value)?;
        self.0.push((pair.key, pair.value));
        Ok(())
    }
}

/// An entry of a map of texts.
#[derive(Default)]
pub(in crate::objects::decode) struct Pair<'a> {
    pub(in crate::objects::decode) key: Text<'a>,
    pub(in crate::objects::decode) value: Text<'a>,
}

message!(Pair<'a> { 1 => key, 2 => value });

/// 64 bits, seven in each octet.
const VARINT_OCTETS_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(octets: &[u8]) -> Result<Vec<(u64, Value<'_>)>, Malformed> {
        Fields(octets).collect()
    }

    #[test]
    fn fields_are_a_number_and_a_value() {
        let octets = [0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x1d, 0, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0, 0, 0];
        let expected = [(1, Value::Varint(150)), (2, Value::Octets(b"hi")), (3, Value::Fixed), (4, Value::Fixed)];
        assert_eq!(fields(&octets).as_deref(), Ok(&expected[..]));
        let most = [&[0x08][..], &[0xff; 9], &[0x01]].concat();
        assert_eq!(fields(&most).as_deref(), Ok(&[(1, Value::Varint(u64::MAX))][..]));
    }

    #[test]
    fn what_does_not_fit_is_malformed() {
        let huge = [&[0x12][..], &[0xff; 9], &[0x01]].concat();
        let endless = [&[0x08][..], &[0xff; 11]].concat();
        for octets in
            [&[0x08][..], &[0x08, 0x80], &[0x12, 1], &[0x1d, 0], &[0x21], &[0x0b], &[0x00, 1], &huge, &endless]
        {
            assert!(fields(octets).is_err(), "{octets:?}");
        }
    }

    #[test]
    fn a_later_value_wins_and_an_item_is_one_more() {
        let (mut text, mut texts, mut number) = (Text::default(), Vec::<Text<'_>>::new(), 0_i64);
        for word in [&b"a"[..], b"b"] {
            text.take(Value::Octets(word)).unwrap();
            texts.take(Value::Octets(word)).unwrap();
        }
        assert_eq!((text.filled(), texts.len()), (Some("b"), 2));
        number.take(Value::Varint(-1_i64 as u64)).unwrap();
        assert_eq!(number, -1);
        for (value, is_text) in [(Value::Octets(&[0xff]), false), (Value::Varint(1), false), (Value::Octets(b""), true)]
        {
            assert_eq!(text.take(value).is_ok(), is_text, "{value:?}");
        }
    }
}
