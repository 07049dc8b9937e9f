//! A text with places: what CoreDNS's templates use of Go's `text/template`.
//!
//! ```text
//! {{ .Name }} {{ .Zone }} {{ .Class }} {{ .Type }} {{ .Regex }} {{ .Remote }} {{ .Message.Id }}
//! {{ .Question.Name }} {{ .Question.Qtype }} {{ .Question.Qclass }} {{ .Meta "label" }}
//! {{ .Group.NAME }} {{ index .Group "NAME" }} {{ index .Match NUMBER }}
//! {{ parseInt TEXT BASE BITS }} {{ printf FORMAT .. }} {{ A | B }} {{- TRIMMED -}} {{/* nothing */}}
//! ```
//!
//! Whatever else Go has is refused when it is read, so that a name cannot bring it to light.

use regex::Captures;

use super::{
    super::{Inquiry, pattern::Pattern, record, text},
    format::Format,
    syntax,
};
use crate::records::name::Name;

/// Of a text: its record must fit into a message.
const TEXT_OCTETS_MAX: usize = 65_535;
/// What stands for no regular expression.
const ANY_NAME: &str = ".*";

/// A text with places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    text: String,
    pieces: Vec<Expression>,
}

/// What stands at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    Text(String),
    Number(u64),
    Known(Known),
    /// A group by its name or number.
    Group(String),
    /// A group by its number, the whole is 0.
    Match(usize),
    ParseInt {
        text: Box<Self>,
        base: u32,
        bits: u32,
    },
    Printf(Format),
}

/// What is known of every question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Name,
    Zone,
    Class,
    Type,
    Regex,
    Remote,
    Id,
    Qtype,
    Qclass,
}

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(u64),
}

/// What is known of a question that a template is for.
pub(super) struct Scope<'q> {
    pub(super) zone: &'q Name,
    /// As text, in lower case.
    pub(super) name: &'q str,
    pub(super) class: u16,
    pub(super) kind: u16,
    /// What was found, none where all names match,
    pub(super) pattern: Option<&'q Pattern>,
    /// and where.
    pub(super) captures: Option<Captures<'q>>,
    pub(super) inquiry: Inquiry<'q>,
}

impl Line {
    /// Reads one, for a template with these regular expressions.
    ///
    /// # Errors
    /// It has a place that is not understood.
    pub fn parse(text: &str, patterns: &[Pattern]) -> Result<Self, String> {
        if text.len() > TEXT_OCTETS_MAX {
            return Err(format!("a text has more than {TEXT_OCTETS_MAX} octets"));
        }
        Ok(Self { text: text.to_owned(), pieces: syntax::pieces(text, patterns)? })
    }

    /// Reads one that is to be a record.
    ///
    /// # Errors
    /// It has a place that is not understood, or is no record whatever is asked.
    pub fn record(text: &str, patterns: &[Pattern]) -> Result<Self, String> {
        let line = Self::parse(text, patterns)?;
        line.check().map_err(|error| format!("this is no record: {error}"))?;
        Ok(line)
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is a record, as far as its places do not decide that.
    fn check(&self) -> Result<(), String> {
        match &self.pieces[..] {
            [Expression::Text(text)] => record::parse(text).map(drop),
            _ => Ok(()),
        }
    }

    pub(super) fn render(&self, scope: &Scope<'_>) -> Result<String, String> {
        self.pieces.iter().map(|piece| Ok(piece.value(scope)?.text())).collect()
    }
}

impl Expression {
    /// Whether it comes to a number.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Number(_) | Self::ParseInt { .. } | Self::Known(Known::Id | Known::Qtype | Known::Qclass))
    }

    pub(super) fn value(&self, scope: &Scope<'_>) -> Result<Value, String> {
        Ok(match self {
            Self::Text(text) => Value::Text(text.clone()),
            Self::Number(number) => Value::Number(*number),
            Self::Known(known) => scope.known(*known),
            Self::Group(name) => Value::Text(scope.group(name)?),
            Self::Match(index) => {
                Value::Text(scope.numbered(*index).ok_or_else(|| format!("there is no group {index}"))?)
            }
            Self::ParseInt { text, base, bits } => parse_int(&text.value(scope)?.text(), *base, *bits)?,
            Self::Printf(format) => Value::Text(format.write(scope)?),
        })
    }
}

impl Value {
    pub(super) fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

impl Scope<'_> {
    fn known(&self, known: Known) -> Value {
        let question = self.inquiry.question;
        match known {
            Known::Name => Value::Text(self.name.to_owned()),
            Known::Zone => Value::Text(text::of_wire(self.zone.wire())),
            Known::Class => Value::Text(self.class_name().to_owned()),
            Known::Type => Value::Text(self.type_name().to_owned()),
            Known::Regex => Value::Text(self.pattern.map_or(ANY_NAME, Pattern::text).to_owned()),
            Known::Remote => Value::Text(self.inquiry.client.ip().to_canonical().to_string()),
            Known::Id => Value::Number(question.id.into()),
            Known::Qtype => Value::Number(question.qtype.into()),
            Known::Qclass => Value::Number(question.qclass.into()),
        }
    }

    /// A group that took no part is empty. Without a regular expression the whole name is found.
    fn numbered(&self, index: usize) -> Option<String> {
        match &self.captures {
            Some(captures) if index < captures.len() => {
                Some(captures.get(index).map_or("", |group| group.as_str()).to_owned())
            }
            None if index == 0 => Some(self.name.to_owned()),
            _ => None,
        }
    }

    fn group(&self, name: &str) -> Result<String, String> {
        if let Ok(index) = name.parse() {
            return self.numbered(index).ok_or_else(|| format!("there is no group {index}"));
        }
        // Of several regular expressions not each has every group.
        let is_named = |pattern: &&Pattern| pattern.group_names().flatten().any(|group| group == name);
        self.pattern.filter(is_named).ok_or_else(|| format!("there is no group {name}"))?;
        let group = self.captures.as_ref().and_then(|captures| captures.name(name));
        Ok(group.map_or("", |group| group.as_str()).to_owned())
    }
}

/// As Go's `strconv.ParseUint`.
fn parse_int(text: &str, base: u32, bits: u32) -> Result<Value, String> {
    let is_plain = !text.starts_with('+');
    let number = u64::from_str_radix(text, base).ok().filter(|_| is_plain);
    let most = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
    number
        .filter(|number| *number <= most)
        .map(Value::Number)
        .ok_or_else(|| format!("`{text}` is no number of base {base} and {bits} bits"))
}
