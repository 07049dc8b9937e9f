//! The tokens of a Corefile in the order in which they are meant: what `import` names stands in its place.
//!
//! Nothing is copied together. A stack of frames says where the next token comes from, so a circle of
//! imports is met as itself, and every growth is counted.

use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    rc::Rc,
};

use super::{
    File,
    lexer::{Lexer, OpenQuote, Token},
    report::{Place, Report, Word},
    surroundings::Surroundings,
    variables,
};

/// As many as a file of [`FILE_OCTETS_MAX`](super::surroundings::FILE_OCTETS_MAX) can have, with one letter each: some
/// 60 MB while they are read.
const TOKENS_MAX: usize = 512 * 1024;
/// What all variables may come to.
const VALUES_OCTETS_MAX: usize = 1024 * 1024;

pub(super) struct Stream<'a> {
    pub(super) around: &'a dyn Surroundings,
    pub(super) report: Report,
    /// The first is the Corefile.
    pub(super) files: Vec<File>,
    pub(super) indexes: HashMap<PathBuf, usize>,
    /// Folders in which a pattern was looked for.
    pub(super) folders: Vec<PathBuf>,
    pub(super) snippets: HashMap<String, Rc<[Token]>>,
    pub(super) frames: Vec<Frame>,
    pub(super) imports: usize,
    peeked: Option<Token>,
    /// What is on top of the frames begins, or goes on behind an import.
    border: bool,
    /// Whether the last token that was taken is a closing brace.
    last_closes: bool,
    stopped: bool,
    tokens_left: usize,
    values_left: usize,
}

/// Where tokens come from.
pub(super) struct Frame {
    pub(super) source: Source,
    /// A token that was looked at, and stands behind the import that follows.
    kept: Option<Token>,
}

pub(super) enum Source {
    Files { current: Lexer, rest: VecDeque<usize> },
    Snippet { name: String, tokens: Rc<[Token]>, at: usize },
}

impl<'a> Stream<'a> {
    pub(super) fn new(file: File, around: &'a dyn Surroundings) -> Self {
        let lexer = Lexer::new(0, file.text.clone());
        Self {
            around,
            report: Report::default(),
            indexes: HashMap::from([(file.path.clone(), 0)]),
            files: vec![file],
            folders: Vec::new(),
            snippets: HashMap::new(),
            frames: vec![Frame { source: Source::Files { current: lexer, rest: VecDeque::new() }, kept: None }],
            imports: 0,
            peeked: None,
            border: true,
            last_closes: false,
            stopped: false,
            tokens_left: TOKENS_MAX,
            values_left: VALUES_OCTETS_MAX,
        }
    }

    /// The next token, wherever it comes from.
    pub(super) fn next(&mut self) -> Option<Token> {
        self.peek()?;
        let token = self.peeked.take()?;
        self.last_closes = &*token.text == "}";
        let Some(left) = self.tokens_left.checked_sub(1) else {
            return self
                .stop(token.place, format!("more than {TOKENS_MAX} words with all imports: split it, or import less"));
        };
        self.tokens_left = left;
        Some(token)
    }

    pub(super) fn peek(&mut self) -> Option<&Token> {
        while self.peeked.is_none() && !self.frames.is_empty() {
            if !self.fill() {
                self.frames.pop();
                self.border = true;
            }
        }
        self.peeked.as_ref()
    }

    /// The next token of this line. An import that ends with its file stays open, for it may be a circle.
    pub(super) fn next_of_line(&mut self) -> Option<Token> {
        if self.peeked.is_none() {
            self.fill();
        }
        if self.peeked.as_ref()?.fresh { None } else { self.next() }
    }

    /// The words of this line that are left, with their variables replaced.
    pub(super) fn rest_of_line(&mut self) -> Vec<Word> {
        let mut words = Vec::new();
        while let Some(token) = self.next_of_line() {
            words.extend(self.word(&token));
        }
        words
    }

    /// A token with its variables replaced.
    pub(super) fn word(&mut self, token: &Token) -> Option<Word> {
        match variables::expand(&token.text, self.around, &mut self.values_left) {
            Some(text) => Some(Word { text, place: token.place }),
            None => self.stop(token.place, format!("the variables come to more than {VALUES_OCTETS_MAX} octets")),
        }
    }

    /// Opens what an import names.
    pub(super) fn push(&mut self, source: Source) {
        if let Some(frame) = self.frames.last_mut() {
            frame.kept = self.peeked.take();
        }
        self.frames.push(Frame { source, kept: None });
        self.border = true;
    }

    /// What follows makes no sense.
    pub(super) fn stop<T>(&mut self, place: Place, message: impl Into<String>) -> Option<T> {
        self.stopped = true;
        self.frames.clear();
        self.peeked = None;
        self.report.problem(place, message)
    }

    /// Whether the last token was a closing brace.
    pub(super) fn last_closes(&self) -> bool {
        self.last_closes
    }

    /// Whether the tokens end before their time.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Looks for a token in the uppermost frame.
    fn fill(&mut self) -> bool {
        let Some(frame) = self.frames.last_mut() else { return false };
        let next = match (frame.kept.take(), &mut frame.source) {
            (Some(kept), _) => Ok(Some(kept)),
            (None, Source::Snippet { tokens, at, .. }) => {
                *at += 1;
                Ok(tokens.get(*at - 1).cloned())
            }
            (None, Source::Files { current, rest }) => loop {
                match (current.next(), rest.front()) {
                    (Ok(None), Some(&file)) => {
                        rest.pop_front();
                        *current = Lexer::new(file, self.files[file].text.clone());
                    }
                    (next, _) => break next,
                }
            },
        };
        match next {
            Ok(Some(mut token)) => {
                token.fresh |= std::mem::take(&mut self.border);
                self.peeked = Some(token);
                true
            }
            Ok(None) => false,
            Err(OpenQuote(place)) => {
                self.stop::<()>(place, "this quote is never closed: write `\"` at the end of what it holds");
                false
            }
        }
    }
}
