//! Records as they stand in zone files (RFC 1035 section 5.1): one, with its owner, and names below the root.

mod data;
mod lexer;
#[cfg(test)]
mod tests;

use std::vec::IntoIter;

use super::{draft::Record, kinds, text};
use crate::answers::code;
use lexer::Token;

/// CoreDNS's, where none is written.
const TTL_SECS: u32 = 3600;

/// What stands behind each other.
struct Fields(IntoIter<Token>);

/// Reads a record: `OWNER [TTL] [CLASS] TYPE DATA`.
///
/// # Errors
/// It is none, or of a type that is not read.
pub(super) fn parse(text: &str) -> Result<Record, String> {
    let mut fields = Fields(lexer::tokens(text)?.into_iter());
    let owner = fields.name()?;
    let (mut ttl_secs, mut class) = (TTL_SECS, code::CLASS_IN);
    let kind = loop {
        let field = fields.next()?;
        if let Some(secs) = secs(&field.text) {
            ttl_secs = secs;
        } else if let Some(number) = code(&field.text, kinds::class_of, "CLASS") {
            class = number;
        } else if let Some(number) = code(&field.text, kinds::type_of, "TYPE") {
            break number;
        } else {
            return Err(format!("`{}` is neither a TTL nor a class nor a type", field.text));
        }
    };
    let data = fields.data(kind)?;
    match fields.0.next() {
        Some(more) => Err(format!("`{}` is too much", more.text)),
        None if data.len() > usize::from(u16::MAX) => Err("it is longer than a record can be".into()),
        None => Ok(Record { owner, kind, class, ttl_secs, data: data.into() }),
    }
}

/// By its name, or by its number behind a word (RFC 3597 section 5).
fn code(text: &str, of_name: fn(&str) -> Option<u16>, word: &str) -> Option<u16> {
    let number = || text.get(word.len()..).filter(|_| text[..word.len()].eq_ignore_ascii_case(word))?.parse().ok();
    of_name(text).or_else(number)
}

/// Seconds, or a sum of numbers with units: `1h30m`.
fn secs(text: &str) -> Option<u32> {
    if let Ok(secs) = text.parse() {
        return Some(secs);
    }
    let (mut sum, mut number) = (0_u32, None::<u32>);
    for letter in text.bytes() {
        if let digit @ b'0'..=b'9' = letter {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(u32::from(digit - b'0'))?);
            continue;
        }
        let unit = match letter.to_ascii_lowercase() {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        sum = sum.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    (number.is_none() && !text.is_empty()).then_some(sum)
}

impl Fields {
    fn next(&mut self) -> Result<Token, String> {
        self.0.next().ok_or_else(|| "something is missing".into())
    }

    /// A name in wire form; `@` is the root.
    fn name(&mut self) -> Result<Box<[u8]>, String> {
        let Token { text, .. } = self.next()?;
        let text = if text == "@" { "." } else { &*text };
        text::wire(text).map(Into::into).ok_or_else(|| format!("`{text}` is no name"))
    }
}
