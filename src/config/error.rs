//! What is wrong with a configuration, where, and what to do.

use std::{fmt, ops::Range};

/// One problem, with the line that it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub origin: String,
    /// From 1; 0 where the whole file is meant.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong and what to do.
    pub message: String,
    /// The text of the line.
    snippet: String,
    /// How many characters are meant.
    width: usize,
}

/// A problem at a place of the text.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) span: Range<usize>,
    pub(super) message: String,
}

impl Problem {
    pub(super) fn in_text(self, text: &str, origin: &str) -> ConfigError {
        let start = self.span.start.min(text.len());
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let snippet = text[line_start..].lines().next().unwrap_or_default();
        let column = text[line_start..start].chars().count() + 1;
        let meant = text.get(self.span).unwrap_or_default().lines().next().unwrap_or_default();
        ConfigError {
            origin: origin.into(),
            line: text[..line_start].matches('\n').count() + 1,
            column,
            message: self.message,
            snippet: snippet.into(),
            width: meant.chars().count().max(1),
        }
    }
}

impl ConfigError {
    /// About a file as a whole.
    pub(super) fn of_file(origin: &str, message: String) -> Self {
        Self { origin: origin.into(), line: 0, column: 0, message, snippet: String::new(), width: 0 }
    }

    pub(super) fn from_toml(error: &toml::de::Error, text: &str, origin: &str) -> Self {
        Problem { span: error.span().unwrap_or(0..0), message: error.message().into() }.in_text(text, origin)
    }
}

impl ConfigError {
    /// `FILE:LINE:COLUMN: MESSAGE`, as a log has room for.
    pub fn line_and_message(&self) -> String {
        let Self { origin, line, column, message, .. } = self;
        if *line == 0 { format!("{origin}: {message}") } else { format!("{origin}:{line}:{column}: {message}") }
    }
}

/// `FILE:LINE:COLUMN: MESSAGE`, then the line with a caret below.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, snippet, width, .. } = self;
        f.write_str(&self.line_and_message())?;
        if *line == 0 {
            return Ok(());
        }
        let margin = " ".repeat(line.to_string().len());
        // A tab is as wide below as it is above.
        let below: String = snippet.chars().take(column - 1).map(|at| if at == '\t' { at } else { ' ' }).collect();
        let below = below + &"^".repeat(*width);
        write!(f, "\n{margin} |\n{line} | {snippet}\n{margin} | {below}")
    }
}

impl std::error::Error for ConfigError {}

/// How much of a word is repeated in a sentence.
const QUOTED_MAX: usize = 60;

/// A word as it is repeated in a sentence: whatever it is, the sentence can be read.
pub(super) fn quoted(text: &str) -> String {
    let plain = |letter: char| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter };
    let shown: String = text.chars().take(QUOTED_MAX).map(plain).collect();
    format!("`{shown}{}`", if text.chars().nth(QUOTED_MAX).is_some() { ".." } else { "" })
}
