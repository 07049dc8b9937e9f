//! Domain names in wire form.
//!
//! Tables and answers never handle dotted text: a name is its labels as RFC 1035 section 3.1
//! writes them, each behind its length. Tables hold them in lower case; what an answer shows
//! (targets, endpoint names) keeps the letter case of the object.

use std::fmt;

use thiserror::Error;

/// The longest name on the wire, root label included (RFC 1035 section 2.3.4).
pub const NAME_OCTETS_MAX: usize = 255;
/// The longest label (RFC 1035 section 2.3.4).
pub const LABEL_OCTETS_MAX: usize = 63;

/// An absolute name: labels and the root label, 1 to 255 octets.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Box<[u8]>);

/// Why a text is no domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadName {
    /// Two dots in a row, or a dot in front.
    #[error("it has an empty label")]
    EmptyLabel,
    /// RFC 1035 section 2.3.4.
    #[error("it has a label of more than {LABEL_OCTETS_MAX} octets")]
    LongLabel,
    /// RFC 1035 section 2.3.4.
    #[error("it has more than {NAME_OCTETS_MAX} octets")]
    LongName,
}

impl Name {
    /// The root of all names.
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// Reads dotted text, with or without the last dot. The letter case stays.
    ///
    /// # Errors
    /// The text has an empty label or exceeds a limit of RFC 1035.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let mut wire = labels(text.strip_suffix('.').unwrap_or(text))?;
        wire.push(0);
        if wire.len() > NAME_OCTETS_MAX {
            return Err(BadName::LongName);
        }
        Ok(Self(wire.into()))
    }

    /// The same name in lower case.
    #[must_use]
    pub fn to_lower(&self) -> Self {
        Self(self.0.to_ascii_lowercase().into())
    }

    /// The octets on the wire, root label included.
    pub fn wire(&self) -> &[u8] {
        &self.0
    }

    /// The labels from the left, without the root label.
    pub fn labels(&self) -> Labels<'_> {
        Labels(&self.0)
    }

    /// Whether this name is `zone` or lies below it. Letter case does not matter.
    pub fn is_in(&self, zone: &Self) -> bool {
        let mut rest = &*self.0;
        loop {
            if rest.eq_ignore_ascii_case(&zone.0) {
                return true;
            }
            match rest[0] {
                0 => return false,
                length => rest = &rest[1 + usize::from(length)..],
            }
        }
    }
}

/// The labels of dotted text, without a root label. The empty text has none.
///
/// # Errors
/// A label is empty or too long.
pub fn labels(text: &str) -> Result<Vec<u8>, BadName> {
    let mut wire = Vec::with_capacity(text.len() + 2);
    push_labels(&mut wire, text)?;
    Ok(wire)
}

/// Writes the labels of dotted text behind what is there.
///
/// # Errors
/// A label is empty or too long; those before it are written.
pub fn push_labels(wire: &mut Vec<u8>, text: &str) -> Result<(), BadName> {
    if text.is_empty() {
        return Ok(());
    }
    for label in text.split('.') {
        match label.len() {
            0 => return Err(BadName::EmptyLabel),
            1..=LABEL_OCTETS_MAX => {
                wire.push(label.len() as u8);
                wire.extend_from_slice(label.as_bytes());
            }
            _ => return Err(BadName::LongLabel),
        }
    }
    Ok(())
}

/// Whether two names are equal, by eight octets at a time: they are short, and calling `memcmp`
/// takes longer than that.
#[inline]
pub fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    match (one.last_chunk::<8>(), other.last_chunk::<8>()) {
        (Some(end), Some(other_end)) => {
            let (chunks, other_chunks) = (one.as_chunks::<8>().0, other.as_chunks::<8>().0);
            end == other_end && chunks.iter().zip(other_chunks).all(|(chunk, other)| chunk == other)
        }
        _ => one == other,
    }
}

/// The labels of a name in front of `end`, if it ends so: the same octets inside of a label are no end.
pub fn in_front_of<'w>(wire: &'w [u8], end: &[u8]) -> Option<&'w [u8]> {
    let labels = wire.strip_suffix(end)?;
    let mut rest = labels;
    while let Some((&length, behind)) = rest.split_first() {
        rest = behind.get(usize::from(length)..)?;
    }
    Some(labels)
}

/// Whether a text is a name of one label as Kubernetes has them (RFC 1123 section 2.1), in any case.
pub fn is_dns_label(text: &str) -> bool {
    let inner = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
    (1..=LABEL_OCTETS_MAX).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Labels of a name in wire form, from the left. Ends at the root label or at the end.
#[derive(Clone, Debug)]
pub struct Labels<'a>(pub &'a [u8]);

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (&length, rest) = self.0.split_first()?;
        if length == 0 {
            return None;
        }
        let (label, rest) = rest.split_at(usize::from(length));
        self.0 = rest;
        Some(label)
    }
}

/// Writes labels as zone files do (RFC 1035 section 5.1): dots and odd octets escaped.
pub fn write_labels(f: &mut impl fmt::Write, wire: &[u8]) -> fmt::Result {
    for label in Labels(wire) {
        for &octet in label {
            match octet {
                b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => write!(f, "\\{}", octet as char)?,
                0x21..=0x7e => f.write_char(octet as char)?,
                _ => write!(f, "\\{octet:03}")?,
            }
        }
        f.write_char('.')?;
    }
    Ok(())
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() == 1 {
            return f.write_str(".");
        }
        write_labels(f, &self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_labels_and_text_again() {
        for text in ["cluster.local.", "_http._tcp.Web.", "."] {
            assert_eq!(Name::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Name::parse("a.b").unwrap().wire(), b"\x01a\x01b\x00");
    }

    #[test]
    fn text_beyond_the_limits_is_refused() {
        let label = "x".repeat(64);
        assert_eq!(Name::parse(&label), Err(BadName::LongLabel));
        assert_eq!(Name::parse("a..b"), Err(BadName::EmptyLabel));
        assert_eq!(Name::parse(".a"), Err(BadName::EmptyLabel));
        let longest = format!("{0}.{0}.{0}.{1}", "x".repeat(63), "y".repeat(61));
        assert_eq!(Name::parse(&longest).unwrap().wire().len(), 255);
        assert_eq!(Name::parse(&format!("{longest}y")), Err(BadName::LongName));
    }

    #[test]
    fn a_zone_holds_itself_and_what_is_below() {
        let zone = Name::parse("cluster.local").unwrap();
        let is_in = |text| Name::parse(text).unwrap().is_in(&zone);
        assert!(is_in("cluster.local") && is_in("a.B.Cluster.LOCAL"));
        assert!(!is_in("local") && !is_in("xcluster.local") && !is_in("."));
        assert!(Name::parse("a").unwrap().is_in(&Name::root()));
    }

    #[test]
    fn odd_octets_are_escaped_as_in_zone_files() {
        assert_eq!(Name(Box::new([3, b'a', b'.', 7, 0])).to_string(), "a\\.\\007.");
    }
}
