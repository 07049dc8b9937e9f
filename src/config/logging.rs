//! What is said of questions (`log`) and of those that failed (`errors`).
//!
//! A format is taken apart once, so that nobody looks for braces while questions wait.

use std::time::Duration;

use crate::records::name::Name;
pub use crate::stages::pattern::Pattern;

/// Which questions are logged, and how. Of several the first that has the name counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Names below one of these.
    pub names: Vec<Name>,
    /// What a line is made of.
    pub format: Vec<Piece>,
    /// By their replies.
    pub classes: Classes,
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it is written.
    Text(String),
    /// What the question or its reply says.
    Value(Value),
}

/// What CoreDNS's placeholders stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// `{type}`
    Type,
    /// `{name}`, in lower case.
    Name,
    /// `{class}`
    Class,
    /// `{proto}`
    Protocol,
    /// `{size}`: octets of the question.
    Size,
    /// `{remote}`: the client's address, in brackets where it is of IPv6.
    Remote,
    /// `{port}`: the client's.
    Port,
    /// `{local}`: the address that was asked, in such brackets.
    Local,
    /// `{rcode}`
    Rcode,
    /// `{rsize}`: octets of the reply.
    ReplySize,
    /// `{duration}`, in seconds.
    Duration,
    /// `{>rflags}`: flags of the reply.
    ReplyFlags,
    /// `{>id}`
    Id,
    /// `{>opcode}`
    Opcode,
    /// `{>do}`
    DnssecOk,
    /// `{>bufsize}`
    BufferSize,
}

/// Classes of replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    /// NOERROR with records, and referrals.
    pub success: bool,
    /// NXDOMAIN and NODATA.
    pub denial: bool,
    /// All others.
    pub error: bool,
}

/// How questions that failed are logged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Errors {
    /// What is summed up. The first that matches counts.
    pub consolidate: Vec<Consolidate>,
}

/// Lines that are counted in place of being written: one line says how many there were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consolidate {
    /// From the first to the line that sums up.
    pub period: Duration,
    /// Of these errors.
    pub pattern: Pattern,
    /// How important that line is.
    pub level: Level,
    /// Whether the first is written too.
    pub show_first: bool,
}

/// How important a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For whoever looks for a defect.
    Debug,
    /// Good to know.
    Info,
    /// Somebody should look at it.
    Warning,
    /// Something failed.
    #[default]
    Error,
}

/// Each is tried on every error.
pub(super) const CONSOLIDATE_MAX: usize = 100;
/// CoreDNS's, with what it calls common and combined.
const COMMON: &str = r#"{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}"#;
const COMBINED_END: &str = r#" "{>opcode}""#;
/// What CoreDNS writes for what nobody knows.
const UNKNOWN: &str = "-";

/// Every placeholder without its braces.
const VALUES: [(&str, Value); 16] = [
    ("type", Value::Type),
    ("name", Value::Name),
    ("class", Value::Class),
    ("proto", Value::Protocol),
    ("size", Value::Size),
    ("remote", Value::Remote),
    ("port", Value::Port),
    ("local", Value::Local),
    ("rcode", Value::Rcode),
    ("rsize", Value::ReplySize),
    ("duration", Value::Duration),
    (">rflags", Value::ReplyFlags),
    (">id", Value::Id),
    (">opcode", Value::Opcode),
    (">do", Value::DnssecOk),
    (">bufsize", Value::BufferSize),
];

impl Log {
    /// CoreDNS's format, for all replies.
    pub fn new(names: Vec<Name>) -> Self {
        Self { names, format: format("{common}"), classes: Classes::ALL }
    }
}

/// Takes a format apart. What stands in braces and is no placeholder is text.
pub fn format(text: &str) -> Vec<Piece> {
    let text = text.replace("{common}", COMMON).replace("{combined}", &format!("{COMMON}{COMBINED_END}"));
    let (mut pieces, mut rest, mut from) = (Vec::new(), &text[..], 0);
    while let Some(end) = rest[from..].find('}').map(|at| from + at) {
        // The innermost braces: `{ {type} }`.
        let placeholder = rest[from..end].rfind('{').map(|at| from + at);
        match placeholder.and_then(|start| Some((start, value(&rest[start + 1..end])?))) {
            Some((start, value)) => {
                push(&mut pieces, Piece::Text(rest[..start].into()));
                push(&mut pieces, value);
                (rest, from) = (&rest[end + 1..], 0);
            }
            None => from = end + 1,
        }
    }
    push(&mut pieces, Piece::Text(rest.into()));
    pieces
}

/// Metadata (`{/NAME}`) is what nobody here knows.
fn value(name: &str) -> Option<Piece> {
    if name.starts_with('/') {
        return Some(Piece::Text(UNKNOWN.into()));
    }
    let (_, value) = VALUES.iter().find(|(placeholder, _)| *placeholder == name)?;
    Some(Piece::Value(*value))
}

/// Texts that follow each other are one.
fn push(pieces: &mut Vec<Piece>, piece: Piece) {
    match (pieces.last_mut(), piece) {
        (_, Piece::Text(text)) if text.is_empty() => {}
        (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
        (_, piece) => pieces.push(piece),
    }
}

impl Classes {
    /// All of them.
    pub const ALL: Self = Self { success: true, denial: true, error: true };

    /// Adds one by its name: `success`, `denial`, `error` or `all`. Says whether there is such a class.
    pub fn add(&mut self, name: &str) -> bool {
        match name {
            "success" => self.success = true,
            "denial" => self.denial = true,
            "error" => self.error = true,
            "all" => *self = Self::ALL,
            _ => return false,
        }
        true
    }
}

impl Level {
    /// As CoreDNS calls it.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "debug" => Some(Self::Debug),
            "info" => Some(Self::Info),
            "warning" => Some(Self::Warning),
            "error" => Some(Self::Error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let piece = |piece: Piece| match piece {
            Piece::Text(text) => format!("[{text}]"),
            Piece::Value(value) => format!("{value:?}"),
        };
        format(text).into_iter().map(piece).collect()
    }

    #[test]
    fn placeholders_are_values_and_all_else_is_text() {
        assert_eq!(shown("{type}"), "Type");
        assert_eq!(shown("a {type}b{>do}"), "[a ]Type[b]DnssecOk");
        assert_eq!(shown("{ {type} } {x} }{{name}"), "[{ ]Type[ } {x} }{]Name");
        assert_eq!(shown("{/kubernetes/client} {"), "[- {]");
        assert_eq!([shown(""), shown("{}")], ["", "[{}]"]);
    }

    #[test]
    fn common_is_coredns_s_line_and_combined_has_the_opcode_too() {
        let common = "Remote[:]Port[ - ]Id[ \"]Type[ ]Class[ ]Name[ ]Protocol[ ]Size[ ]DnssecOk[ ]BufferSize[\" ]Rcode[ \
                      ]ReplyFlags[ ]ReplySize[ ]Duration";
        assert_eq!(shown("{common}"), common);
        assert_eq!(shown("{combined}!"), format!("{common}[ \"]Opcode[\"!]"));
        assert_eq!(Log::new(Vec::new()).format, format("{common}"));
    }

    #[test]
    fn a_pattern_is_told_what_is_wrong_with_it_in_one_line() {
        assert!(Pattern::parse("^failed .* timeout$").unwrap().is_in("failed by a timeout"));
        assert_eq!(Pattern::parse("a(b").unwrap_err(), "this is no regular expression: unclosed group");
        assert!(Pattern::parse(&"a".repeat(10_001)).unwrap_err().contains("more than 10000 octets"));
        // What is small to write may be large to hold.
        assert!(Pattern::parse("(a{1000}){1000}").is_err());
    }
}
