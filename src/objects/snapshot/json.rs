//! JSON text, item by item: one document or a sequence, single objects, lists, arrays of objects.
//!
//! The text of a file stays where it is. A list is taken apart into the texts of its items, each is
//! decoded and forgotten, so the peak of memory is the file and the slim objects.

use super::gather::Gather;
use crate::objects::{
    decode::{ListOf, Raw},
    problem::{Place, Problem},
};
use serde::{
    Deserialize, Deserializer as _,
    de::{DeserializeSeed, SeqAccess, Visitor},
};
use serde_json::{Deserializer, value::RawValue};
use std::{fmt, sync::Arc};

/// Where in the text the reader stopped, and why.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) message: Box<str>,
}

/// Reads every document of `text` into `gather`.
pub(super) fn read(text: &str, cursor: Cursor<'_>, gather: &mut Gather<'_>) -> Result<(), SyntaxError> {
    let mut reader = Reader { cursor, gather };
    let mut rest = text;
    while !rest.trim_ascii_start().is_empty() {
        let mut documents = Deserializer::from_str(rest).into_iter::<&RawValue>();
        match documents.next() {
            Some(Ok(document)) => reader.value(document.get(), &ListOf::default(), 0),
            Some(Err(error)) => return Err(syntax_error(text, text.len() - rest.len(), &error)),
            None => break,
        }
        rest = &rest[documents.byte_offset()..];
    }
    Ok(())
}

struct Reader<'r, 't, 'g> {
    cursor: Cursor<'t>,
    gather: &'r mut Gather<'g>,
}

impl Reader<'_, '_, '_> {
    /// An object, a list, or an array of them.
    fn value(&mut self, json: &str, list: &ListOf<'_>, depth: usize) {
        let place = self.cursor.place(json, &self.gather.source);
        self.gather.progress(self.cursor.offset);
        if depth > NESTED_LISTS_MAX {
            return self.gather.problem(Problem::error(None, "lists within lists within lists").at(place));
        }
        if json.trim_ascii_start().starts_with('[') {
            return self.items(json, list, depth + 1);
        }
        match Raw::parse(json).map(|raw| raw.in_list(list)) {
            Ok(raw) => match raw.list() {
                Some((items, of)) => {
                    self.gather.list(&raw, items.is_none_or(|items| is_empty_array(items.get())));
                    if let Some(items) = items {
                        self.items(items.get(), &of, depth + 1);
                    }
                }
                None => self.gather.object(&raw, place),
            },
            Err(problem) => self.gather.problem(problem.at(place)),
        }
    }

    fn items(&mut self, json: &str, list: &ListOf<'_>, depth: usize) {
        let place = self.cursor.place(json, &self.gather.source);
        let items = Items { reader: self, list, depth };
        if Deserializer::from_str(json).deserialize_seq(items).is_err() {
            self.gather.problem(Problem::error(None, "items: not a list").at(place));
        }
    }
}

/// Hands each item over as soon as it is there.
struct Items<'i, 'r, 't, 'g, 'l> {
    reader: &'i mut Reader<'r, 't, 'g>,
    list: &'i ListOf<'l>,
    depth: usize,
}

impl<'de> Visitor<'de> for Items<'_, '_, '_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(&mut self)?.is_some() {}
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Items<'_, '_, '_, '_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        let item = <&RawValue>::deserialize(input)?;
        self.reader.value(item.get(), self.list, self.depth);
        Ok(())
    }
}

/// Knows the line of a piece of a text. Pieces are asked for in their order, so the text is walked
/// once, also where it is one long line.
pub(super) struct Cursor<'t> {
    text: &'t str,
    offset: usize,
    line: usize,
    line_start: usize,
    /// The JSON was made from a document that starts at this line: no finer place is known.
    document: bool,
}

impl<'t> Cursor<'t> {
    pub(super) fn of_text(text: &'t str) -> Self {
        Self { text, offset: 0, line: 1, line_start: 0, document: false }
    }

    /// Every piece stands at the start of the document.
    pub(super) fn of_document(offset: usize, line: usize) -> Self {
        Self { text: "", offset, line, line_start: offset, document: true }
    }

    fn place(&mut self, piece: &str, source: &Arc<str>) -> Place {
        if !self.document {
            self.walk_to(piece.as_ptr() as usize - self.text.as_ptr() as usize);
        }
        Place { source: source.clone(), line: self.line, column: 1 + self.offset - self.line_start }
    }

    fn walk_to(&mut self, offset: usize) {
        let passed = &self.text.as_bytes()[self.offset..offset];
        self.line += newlines(passed);
        if let Some(last) = passed.iter().rposition(|octet| *octet == b'\n') {
            self.line_start = self.offset + last + 1;
        }
        self.offset = offset;
    }
}

/// The parser counts from the start of the document.
fn syntax_error(text: &str, start: usize, error: &serde_json::Error) -> SyntaxError {
    let before = &text.as_bytes()[..start];
    let lines_before = newlines(before);
    let columns_before = before.iter().rev().take_while(|octet| error.line() == 1 && **octet != b'\n').count();
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(&*message, |(message, _)| message);
    SyntaxError {
        line: lines_before + error.line(),
        // The end of a text that ends a line is in column 0 to the parser.
        column: (columns_before + error.column()).max(1),
        message: format!("not JSON: {message}").into(),
    }
}

fn newlines(octets: &[u8]) -> usize {
    octets.iter().filter(|octet| **octet == b'\n').count()
}

fn is_empty_array(json: &str) -> bool {
    json.strip_prefix('[').is_some_and(|rest| rest.trim_ascii_start().starts_with(']'))
}

/// `kubectl` nests one list at most; without a bound a file of brackets would use up the stack.
const NESTED_LISTS_MAX: usize = 8;
