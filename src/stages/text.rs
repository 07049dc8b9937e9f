//! Names as text, for rules that are written so: labels with dots, the last one too, odd octets escaped as
//! CoreDNS does it.

use std::cell::OnceCell;

use crate::{
    answers::question::QueryName,
    records::name::{LABEL_OCTETS_MAX, Labels, NAME_OCTETS_MAX},
};

/// The name of a question as text, in lower case. It needs no memory of its own.
pub struct Text {
    octets: [u8; TEXT_OCTETS_MAX],
    length: usize,
}

/// The text of a name, made when it is wanted first.
pub struct Spelled<'n> {
    name: &'n QueryName,
    text: OnceCell<Text>,
}

/// Every octet escaped.
const TEXT_OCTETS_MAX: usize = 4 * NAME_OCTETS_MAX;

impl Text {
    /// The text of a name.
    pub fn of(name: &QueryName) -> Self {
        let mut text = Self { octets: [0; _], length: 0 };
        write(name.wire(), |octet| {
            text.octets[text.length] = octet;
            text.length += 1;
        });
        text
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.octets[..self.length]).unwrap_or_default()
    }
}

impl<'n> Spelled<'n> {
    /// Of this name.
    pub fn new(name: &'n QueryName) -> Self {
        Self { name, text: OnceCell::new() }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.text.get_or_init(|| Text::of(self.name)).as_str()
    }
}

/// The text of a name in wire form, in its letters.
pub fn of_wire(wire: &[u8]) -> String {
    let mut text = String::with_capacity(wire.len());
    write(wire, |octet| text.push(char::from(octet)));
    text
}

/// The name that a text is, in wire form. None where it is none.
pub fn wire(text: &str) -> Option<Vec<u8>> {
    if text == "." {
        return Some(vec![0]);
    }
    let mut wire = Vec::with_capacity(text.len() + 2);
    let (mut start, mut octets) = (0, text.bytes());
    wire.push(0);
    while let Some(octet) = octets.next() {
        match octet {
            b'.' => {
                close(&mut wire, start)?;
                start = wire.len();
                wire.push(0);
            }
            b'\\' => wire.push(escaped(&mut octets)?),
            plain => wire.push(plain),
        }
    }
    if wire.len() > start + 1 {
        close(&mut wire, start)?;
        wire.push(0);
    }
    (wire.len() > 1 && wire.len() <= NAME_OCTETS_MAX).then_some(wire)
}

/// Writes the length of the label that starts there and ends with what is written.
fn close(wire: &mut [u8], start: usize) -> Option<()> {
    let length = wire.len() - start - 1;
    wire[start] = (1..=LABEL_OCTETS_MAX).contains(&length).then_some(length as u8)?;
    Some(())
}

/// What stands behind a backslash: an octet as three digits, or as it is.
pub(super) fn escaped(octets: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let first = octets.next()?;
    if !first.is_ascii_digit() {
        return Some(first);
    }
    let mut digit = || Some(u32::from(octets.next().filter(u8::is_ascii_digit)? - b'0'));
    let value = u32::from(first - b'0') * 100 + digit()? * 10 + digit()?;
    u8::try_from(value).ok()
}

fn write(wire: &[u8], mut put: impl FnMut(u8)) {
    if wire.len() <= 1 {
        return put(b'.');
    }
    for label in Labels(wire) {
        for &octet in label {
            match octet {
                b'.' | b' ' | b'\'' | b'@' | b';' | b'(' | b')' | b'"' | b'\\' => {
                    put(b'\\');
                    put(octet);
                }
                0x21..=0x7e => put(octet),
                _ => {
                    put(b'\\');
                    [octet / 100, octet / 10 % 10, octet % 10].into_iter().for_each(|digit| put(b'0' + digit));
                }
            }
        }
        put(b'.');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(wire: &[u8]) -> String {
        let mut name = QueryName::new();
        name.read(wire).unwrap();
        Text::of(&name).as_str().to_owned()
    }

    #[test]
    fn a_name_becomes_text_and_a_name_again() {
        for octets in [&b"\x03Www\x01a\0"[..], b"\0", b"\x05a.\\ \"\x01\xff\0"] {
            assert_eq!(wire(&of_wire(octets)).as_deref(), Some(octets));
        }
        let longest =
            [&[63; 1][..], &[200; 63], &[63], &[200; 63], &[63], &[200; 63], &[61], &[200; 61], &[0]].concat();
        assert_eq!(wire(&of(&longest)), Some(longest));
    }

    #[test]
    fn odd_octets_are_escaped_and_letters_small() {
        assert_eq!(of(b"\x03W.w\x02\x00~\0"), "w\\.w.\\000~.");
        assert_eq!(of(b"\0"), ".");
    }

    #[test]
    fn what_is_no_name_is_none() {
        let label = "a".repeat(64);
        let long = "a.".repeat(128);
        for text in ["", "..", ".a", "a..b", "a\\", "a\\25", "a\\256", &label, &long] {
            assert_eq!(wire(text), None, "{text}");
        }
        assert_eq!(wire("a.b"), wire("a.b."));
    }
}
