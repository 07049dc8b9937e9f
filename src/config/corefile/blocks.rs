//! From tokens to server blocks: keys, and directives with their options.
//!
//! What a directive means is not known here. As in caddy, `{` may stand on the line behind the keys of a
//! server block, a file without braces is one block, and a block's last brace may be missing where the
//! last thing that was closed is a directive.

use std::collections::hash_map::Entry;

use super::{
    lexer::Token,
    report::{Place, Word, quoted},
    stream::Stream,
};

/// `KEYS { DIRECTIVES }`
#[derive(Debug)]
pub(super) struct Block {
    pub(super) keys: Vec<Word>,
    pub(super) directives: Vec<Directive>,
}

/// `NAME ARGUMENTS { OPTIONS }`
#[derive(Debug)]
pub(super) struct Directive {
    pub(super) line: Line,
    pub(super) options: Vec<Line>,
}

/// `NAME ARGUMENTS`
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: Word,
    pub(super) arguments: Vec<Word>,
}

impl Stream<'_> {
    /// Every server block.
    pub(super) fn blocks(&mut self) -> Vec<Block> {
        let mut blocks = Vec::new();
        while self.peek().is_some() {
            let keys = self.keys();
            let open = self.opening_brace();
            match (snippet_name(&keys), &keys[..], open) {
                (Some(name), [key], Some(brace)) => self.snippet(name, key.place, brace),
                (Some(_), [key], None) => {
                    self.stop::<()>(key.place, "a snippet has braces: `(name) {`, what it holds, `}`");
                }
                (_, [], Some(brace)) => {
                    self.stop::<()>(brace, "this block has no zone: write one in front of it, like `.:53 {`");
                }
                // Imports of nothing.
                (_, [], None) => {}
                (_, _, open) => {
                    let directives = self.directives(open);
                    blocks.push(Block { keys, directives });
                }
            }
        }
        blocks
    }

    /// Keys go on behind a comma, on the next line too.
    fn keys(&mut self) -> Vec<Word> {
        let (mut keys, mut comma) = (Vec::new(), None);
        while let Some(token) = self.peek() {
            if (&*token.text == "{" || token.fresh && !keys.is_empty()) && comma.is_none() {
                break;
            }
            let Some(token) = self.next() else { break };
            if &*token.text == "import" && token.fresh {
                self.import(&token);
                continue;
            }
            let Some(Word { mut text, place }) = self.word(&token) else { break };
            comma = text.ends_with(',').then_some(place);
            if text == "{" {
                return self
                    .stop(place, "another zone is missing here: is there a comma too many?")
                    .unwrap_or_default();
            }
            text.truncate(text.len() - usize::from(comma.is_some()));
            if !text.is_empty() {
                keys.push(Word { text, place });
            }
        }
        if let Some(place) = comma {
            self.stop::<()>(place, "another zone is missing behind this comma");
        }
        keys
    }

    fn opening_brace(&mut self) -> Option<Place> {
        self.peek().filter(|token| &*token.text == "{")?;
        self.next().map(|token| token.place)
    }

    /// Keeps the tokens up to the brace that closes: they are read where they are imported.
    fn snippet(&mut self, name: String, key: Place, brace: Place) {
        let (mut tokens, mut depth) = (Vec::new(), 1);
        while let Some(token) = self.next() {
            match &*token.text {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                match self.snippets.entry(name) {
                    Entry::Vacant(free) => {
                        free.insert(tokens.into());
                    }
                    Entry::Occupied(taken) => {
                        let message = format!("there is a snippet {} already", quoted(taken.key()));
                        self.report.problem::<()>(key, message);
                    }
                }
                return;
            }
            tokens.push(token);
        }
        self.never_closed(brace);
    }

    /// Up to the closing brace, or the end.
    fn directives(&mut self, open: Option<Place>) -> Vec<Directive> {
        let mut directives = Vec::new();
        while let Some(token) = self.next() {
            match &*token.text {
                "}" => return directives,
                "import" => self.import(&token),
                "{" => {
                    self.stop::<()>(token.place, "`{` belongs at the end of the line of its directive");
                }
                _ => directives.extend(self.directive(&token)),
            }
        }
        if let (Some(brace), false) = (open, self.last_closes()) {
            self.never_closed(brace);
        }
        directives
    }

    fn directive(&mut self, name: &Token) -> Option<Directive> {
        let mut line = Line { name: self.word(name)?, arguments: Vec::new() };
        while let Some(token) = self.next_of_line() {
            match &*token.text {
                "{" => {
                    let options = self.options(token.place);
                    self.end_of_line();
                    return Some(Directive { line, options });
                }
                "}" => {
                    return self.stop(token.place, "`}` closes nothing of this line: it belongs on a line of its own");
                }
                _ => line.arguments.extend(self.word(&token)),
            }
        }
        Some(Directive { line, options: Vec::new() })
    }

    /// The options between braces, each on a line.
    fn options(&mut self, brace: Place) -> Vec<Line> {
        let mut options = Vec::new();
        while let Some(token) = self.next() {
            match &*token.text {
                "}" => return options,
                "import" => self.import(&token),
                "{" => {
                    self.stop::<()>(token.place, "options have no blocks of their own: `{` belongs to a directive");
                }
                _ => options.extend(self.option(&token)),
            }
        }
        self.never_closed(brace);
        options
    }

    fn option(&mut self, name: &Token) -> Option<Line> {
        let mut line = Line { name: self.word(name)?, arguments: Vec::new() };
        while let Some(token) = self.next_of_line() {
            match &*token.text {
                "{" => {
                    return self.stop(token.place, "options have no blocks of their own: `{` belongs to a directive");
                }
                "}" => return self.stop(token.place, "`}` belongs on a line of its own"),
                _ => line.arguments.extend(self.word(&token)),
            }
        }
        Some(line)
    }

    /// Nothing may follow a closing brace.
    fn end_of_line(&mut self) {
        if let Some(token) = self.next_of_line() {
            self.stop::<()>(token.place, format!("{} belongs on a line of its own", quoted(&token.text)));
        }
    }

    /// There are no tokens left. Whatever stopped them has been said, and of several braces the last is shown.
    fn never_closed(&mut self, brace: Place) {
        if !self.is_stopped() {
            self.stop::<()>(brace, "this brace is never closed: write `}` where its block ends");
        }
    }
}

/// `(name)` as the only key.
fn snippet_name(keys: &[Word]) -> Option<String> {
    let [key] = keys else { return None };
    Some(key.text.strip_prefix('(')?.strip_suffix(')')?.to_owned())
}
