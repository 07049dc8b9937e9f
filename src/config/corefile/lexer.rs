//! From text to tokens, as the caddy that CoreDNS is built on does it.
//!
//! White space separates. `"..."` is one token, may span lines, and `\"` is its only escape; quotes inside
//! of a bare token are letters. `#` begins a comment. There is no continuation of lines: what stands on a
//! line belongs together, so every token knows whether it is the first of its line.

use std::rc::Rc;

use super::report::Place;

#[derive(Clone, Debug)]
pub(super) struct Token {
    /// Without its quotes.
    pub(super) text: Rc<str>,
    pub(super) place: Place,
    /// Nothing stands in front of it on its line.
    pub(super) fresh: bool,
}

/// A quote that is opened and never closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpenQuote(pub(super) Place);

/// Reads one file, token by token.
#[derive(Debug)]
pub(super) struct Lexer {
    file: usize,
    text: Rc<str>,
    at: usize,
    /// Whether the next token is the first of its line.
    fresh: bool,
}

impl Lexer {
    pub(super) fn new(file: usize, text: Rc<str>) -> Self {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { file, text, at, fresh: true }
    }

    pub(super) fn file(&self) -> usize {
        self.file
    }

    /// The next token, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<Token>, OpenQuote> {
        self.skip_to_token();
        let start = self.at;
        let text = match self.text[start..].chars().next() {
            None => return Ok(None),
            Some('"') => self.quoted()?,
            Some(_) => self.bare(),
        };
        // Quotes are meant too, what is dropped behind a bare token is not.
        let end = if self.text[start..].starts_with('"') { self.at } else { start + self.shown(start) };
        let fresh = std::mem::replace(&mut self.fresh, false);
        Ok(Some(Token { text: text.into(), place: Place { file: self.file, start, end }, fresh }))
    }

    fn skip_to_token(&mut self) {
        let mut comment = false;
        for (offset, letter) in self.text[self.at..].char_indices() {
            match letter {
                '\n' => (comment, self.fresh) = (false, true),
                '#' => comment = true,
                _ if comment || letter.is_whitespace() => {}
                _ => {
                    self.at += offset;
                    return;
                }
            }
        }
        self.at = self.text.len();
    }

    fn quoted(&mut self) -> Result<String, OpenQuote> {
        let (start, mut text, mut escaped) = (self.at, String::new(), false);
        for (offset, letter) in self.text[start..].char_indices().skip(1) {
            match letter {
                '"' if !escaped => {
                    self.at = start + offset + 1;
                    return Ok(text);
                }
                '\\' if !escaped => {
                    escaped = true;
                    continue;
                }
                '"' => {}
                _ if escaped => text.push('\\'),
                _ => {}
            }
            text.push(letter);
            escaped = false;
        }
        self.at = self.text.len();
        Err(OpenQuote(Place { file: self.file, start, end: start + 1 }))
    }

    /// A `#` inside drops what follows up to the next white space and no more. Carriage returns are nowhere.
    fn bare(&mut self) -> String {
        let (start, mut text, mut comment) = (self.at, String::new(), false);
        self.at = self.text.len();
        for (offset, letter) in self.text[start..].char_indices() {
            match letter {
                '\r' => {}
                _ if letter.is_whitespace() => {
                    self.at = start + offset;
                    break;
                }
                '#' => comment = true,
                _ if comment => {}
                _ => text.push(letter),
            }
        }
        text
    }

    /// How many octets of the text in front of `self.at` show a bare token.
    fn shown(&self, start: usize) -> usize {
        let token = &self.text[start..self.at];
        token.find(['#', '\r']).unwrap_or(token.len())
    }
}
