//! YAML text: split at its document markers, each document turned into JSON text for the one reader.
//!
//! A document at a time keeps memory low where a file has many. Scalars follow kubectl's YAML 1.1:
//! `yes` is a boolean, `010` is eight.

use super::{
    gather::Gather,
    json::{self, Cursor, SyntaxError},
};
use serde::de::IgnoredAny;
use serde_saphyr::Options;

/// Reads every document of `text` into `gather`.
pub(super) fn read(text: &str, gather: &mut Gather<'_>) -> Result<(), SyntaxError> {
    for document in documents(text).filter(|document| !is_blank(document.text)) {
        let json = to_json(document.text).map_err(|error| document.syntax_error(error))?;
        json::read(&json, Cursor::of_document(document.offset, document.line), gather)
            .map_err(|error| SyntaxError { line: document.line, column: 1, message: error.message })?;
    }
    Ok(())
}

/// One document, with the marker that starts it.
#[derive(Debug, PartialEq, Eq)]
struct Document<'t> {
    text: &'t str,
    offset: usize,
    /// The line it starts at, counted from one.
    line: usize,
}

/// `---` at the start of a line begins a document, wherever it stands.
fn documents(text: &str) -> impl Iterator<Item = Document<'_>> {
    let mut start = Some((0, 1));
    std::iter::from_fn(move || {
        let (offset, line) = start?;
        let rest = &text[offset..];
        let mut length = 0;
        for (lines, text_line) in rest.split_inclusive('\n').enumerate() {
            if length > 0 && is_marker(text_line) {
                start = Some((offset + length, line + lines));
                return Some(Document { text: &rest[..length], offset, line });
            }
            length += text_line.len();
        }
        start = None;
        Some(Document { text: rest, offset, line })
    })
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Nothing but comments, directives, markers and blank lines.
fn is_blank(document: &str) -> bool {
    document.lines().all(|line| {
        let line = if is_marker(line) { &line[3..] } else { line }.trim();
        line.is_empty() || line == "..." || line.starts_with(['#', '%'])
    })
}

fn to_json(document: &str) -> Result<String, serde_saphyr::Error> {
    let mut json = Vec::new();
    let into_json = |yaml: serde_saphyr::Deserializer<'_, '_>| {
        serde_transcode::transcode(yaml, &mut serde_json::Serializer::new(&mut json))
            .map_err(<serde_saphyr::Error as serde::de::Error>::custom)
    };
    serde_saphyr::with_deserializer_from_str_with_options(document, options(document.len()), into_json)
        // The error has crossed the other format and lost its place: the parser alone finds it again.
        .map_err(|error| {
            let again = serde_saphyr::from_str_with_options::<IgnoredAny>(document, options(document.len()));
            again.err().filter(|again| again.location().is_some()).unwrap_or(error)
        })?;
    String::from_utf8(json).map_err(serde::de::Error::custom)
}

/// A node takes at least two octets of text, so these bounds never stop an honest document. Text that
/// aliases repeat is counted each time.
fn options(document_bytes: usize) -> Options {
    let nodes = 1_000 + document_bytes;
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_reader_input_bytes: None,
            max_events: 4 * nodes,
            max_nodes: nodes,
            max_depth: DEPTH_MAX,
            max_total_scalar_bytes: SCALAR_BYTES_FREE + SCALAR_GROWTH_MAX * document_bytes,
        },
        legacy_octal_numbers: true,
        with_snippet: false,
    }
}

impl Document<'_> {
    fn syntax_error(&self, error: serde_saphyr::Error) -> SyntaxError {
        let (line, column) = error
            .location()
            .and_then(|location| {
                Some((usize::try_from(location.line()).ok()?, usize::try_from(location.column()).ok()?))
            })
            .unwrap_or((1, 1));
        let message = error.without_snippet().to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        SyntaxError {
            line: self.line + line.saturating_sub(1),
            column: column.max(1),
            message: format!("not YAML: {message}").into(),
        }
    }
}

/// What a reader of JSON also allows.
const DEPTH_MAX: usize = 120;
/// Aliases repeat scalars: a document may grow by them, not explode.
const SCALAR_GROWTH_MAX: usize = 8;
/// What any document may become: a small one with a few aliases is in order.
const SCALAR_BYTES_FREE: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_start_at_markers_and_know_their_line() {
        let found: Vec<_> = documents("a: 1\n---\nb: |\n  --- no\n--- # two\nc: 3").collect();
        let expected = [("a: 1\n", 0, 1), ("---\nb: |\n  --- no\n", 5, 2), ("--- # two\nc: 3", 23, 5)];
        assert_eq!(found, expected.map(|(text, offset, line)| Document { text, offset, line }));
    }

    #[test]
    fn scalars_are_read_as_kubectl_reads_them() {
        let json = to_json("yes: [on, 010, 0x10, 1_000, '010', \"yes\", ~, null, 1.5, 2024-01-01, 1.2.3]").unwrap();
        assert_eq!(json, r#"{"true":[true,8,16,1000,"010","yes",null,null,1.5,"2024-01-01","1.2.3"]}"#);
    }

    #[test]
    fn an_error_has_the_line_of_the_file() {
        let mut all = documents("a: 1\n---\nb:\n  - x\n c: [\n");
        let document = all.nth(1).unwrap();
        let error = document.syntax_error(to_json(document.text).unwrap_err());
        assert_eq!((error.line, error.column), (5, 2), "{}", error.message);
    }

    #[test]
    fn aliases_cannot_make_a_document_explode() {
        for aliases in [90, 1_000] {
            let document = format!("a: &a {}\nb: [{}]\n", "x".repeat(200_000), "*a, ".repeat(aliases));
            let error = to_json(&document).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("alias") || error.contains("budget"), "{error}");
        }
    }
}
