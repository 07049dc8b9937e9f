//! Reads a text with places: `{{`, an expression, `}}`.

use super::{
    super::pattern::Pattern,
    format::Format,
    line::{Expression, Known},
};

/// Of one text. No record needs so many.
const PIECES_MAX: usize = 256;
/// Parentheses inside of each other.
const DEPTH_MAX: usize = 8;

const FIELDS: [(&str, Known); 10] = [
    (".Name", Known::Name),
    (".Zone", Known::Zone),
    (".Class", Known::Class),
    (".Type", Known::Type),
    (".Regex", Known::Regex),
    (".Remote", Known::Remote),
    (".Message.Id", Known::Id),
    (".Question.Name", Known::Name),
    (".Question.Qtype", Known::Qtype),
    (".Question.Qclass", Known::Qclass),
];
const WHAT_THERE_IS: &str = "write fields like .Name, .Zone, .Group.NAME, or index, parseInt and printf";

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// `.A.B`
    Field(String),
    /// A function.
    Word(String),
    Text(String),
    Number(u64),
    Open,
    Close,
    Pipe,
}

/// Words of one part of a pipeline.
enum Operand {
    Expression(Expression),
    Function(String),
    /// `.Match` and `.Group`, which only `index` takes.
    Groups {
        by_name: bool,
    },
    /// `.Meta`, which takes a label.
    Meta,
}

struct Reader<'p> {
    tokens: std::vec::IntoIter<Token>,
    patterns: &'p [Pattern],
    depth: usize,
}

/// The pieces of a text.
pub(super) fn pieces(text: &str, patterns: &[Pattern]) -> Result<Vec<Expression>, String> {
    let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some((before, behind)) = rest.split_once("{{") {
        let (trims, behind) = match behind.strip_prefix('-') {
            Some(trimmed) if trimmed.starts_with(char::is_whitespace) => (true, trimmed),
            _ => (false, behind),
        };
        plain.push_str(if trims { before.trim_end() } else { before });
        let (tokens, behind) = action(behind)?;
        if !tokens.is_empty() {
            pieces.extend((!plain.is_empty()).then(|| Expression::Text(std::mem::take(&mut plain))));
            let mut reader = Reader { tokens: tokens.into_iter(), patterns, depth: 0 };
            pieces.push(reader.pipeline(false)?);
        }
        if pieces.len() > PIECES_MAX {
            return Err(format!("a text has more than {PIECES_MAX} places"));
        }
        rest = behind;
    }
    plain.push_str(rest);
    pieces.extend((!plain.is_empty() || pieces.is_empty()).then_some(Expression::Text(plain)));
    Ok(pieces)
}

// ----------- Tokens ------------------------------------------------------

/// The tokens up to `}}`, and what stands behind it.
fn action(mut rest: &str) -> Result<(Vec<Token>, &str), String> {
    let mut tokens = Vec::new();
    if let Some(comment) = rest.trim_start().strip_prefix("/*") {
        rest = comment.split_once("*/").ok_or("a comment is never closed: write `*/}}` behind it")?.1;
    }
    loop {
        let spaced = rest.starts_with(char::is_whitespace);
        rest = rest.trim_start();
        if let Some(behind) = rest.strip_prefix("}}") {
            return Ok((tokens, behind));
        }
        if let Some(behind) = rest.strip_prefix("-}}").filter(|_| spaced) {
            return Ok((tokens, behind.trim_start()));
        }
        let (token, behind) = token(rest)?;
        tokens.push(token);
        rest = behind;
    }
}

fn token(rest: &str) -> Result<(Token, &str), String> {
    let first = rest.chars().next().ok_or("`{{` is never closed: write `}}` behind what it holds")?;
    let behind = &rest[first.len_utf8()..];
    let span = |is_in: fn(char) -> bool| {
        let end = behind.find(|letter| !is_in(letter)).map_or(rest.len(), |end| end + first.len_utf8());
        rest.split_at(end)
    };
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    Ok(match first {
        '(' => (Token::Open, behind),
        ')' => (Token::Close, behind),
        '|' => (Token::Pipe, behind),
        '`' => {
            let (text, behind) = behind.split_once('`').ok_or("a text in backquotes is never closed")?;
            (Token::Text(text.to_owned()), behind)
        }
        '"' => {
            let (text, behind) = string(behind)?;
            (Token::Text(text), behind)
        }
        '0'..='9' => {
            let (digits, behind) = span(|letter| letter.is_ascii_alphanumeric());
            (Token::Number(digits.parse().map_err(|_| format!("`{digits}` is no number"))?), behind)
        }
        '.' => {
            let (field, behind) = span(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '.'));
            (Token::Field(field.to_owned()), behind)
        }
        letter if is_word(letter) => {
            let (word, behind) = span(|letter| letter.is_alphanumeric() || letter == '_');
            (Token::Word(word.to_owned()), behind)
        }
        other => return Err(format!("clusterdns does not understand `{other}` in a template: {WHAT_THERE_IS}")),
    })
}

/// A text up to its quotation mark.
fn string(rest: &str) -> Result<(String, &str), String> {
    let (mut text, mut letters) = (String::new(), rest.char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((text, &rest[at + 1..])),
            '\\' => match letters.next() {
                Some((_, letter @ ('"' | '\\'))) => text.push(letter),
                _ => return Err("a text in a template has an escape that is not understood".into()),
            },
            letter => text.push(letter),
        }
    }
    Err("a text in a template is never closed: write `\"` behind it".into())
}

// ----------- Expressions -------------------------------------------------

impl Reader<'_> {
    /// Commands, each of which gets the one before as its last argument.
    fn pipeline(&mut self, is_inside: bool) -> Result<Expression, String> {
        let (mut before, mut command): (Option<Expression>, Vec<Operand>) = (None, Vec::new());
        loop {
            match self.tokens.next() {
                Some(Token::Pipe) => before = Some(self.call(std::mem::take(&mut command), before.take())?),
                Some(Token::Close) if is_inside => return self.call(command, before),
                None if !is_inside => return self.call(command, before),
                None => return Err("a parenthesis is never closed".into()),
                Some(token) => command.push(self.operand(token)?),
            }
        }
    }

    fn operand(&mut self, token: Token) -> Result<Operand, String> {
        Ok(Operand::Expression(match token {
            Token::Text(text) => Expression::Text(text),
            Token::Number(number) => Expression::Number(number),
            Token::Word(word) => return Ok(Operand::Function(word)),
            Token::Field(field) => return self.field(&field),
            Token::Open if self.depth == DEPTH_MAX => {
                return Err(format!("more than {DEPTH_MAX} parentheses are open"));
            }
            Token::Open => {
                self.depth += 1;
                let inside = self.pipeline(true)?;
                self.depth -= 1;
                inside
            }
            Token::Close | Token::Pipe => return Err("a parenthesis closes nothing".into()),
        }))
    }

    fn field(&self, field: &str) -> Result<Operand, String> {
        match field {
            ".Match" => return Ok(Operand::Groups { by_name: false }),
            ".Group" => return Ok(Operand::Groups { by_name: true }),
            ".Meta" => return Ok(Operand::Meta),
            _ => {}
        }
        if let Some(group) = field.strip_prefix(".Group.") {
            return self.group(group).map(Operand::Expression);
        }
        let known = FIELDS.iter().find(|(name, _)| *name == field).map(|(_, known)| Expression::Known(*known));
        known.map(Operand::Expression).ok_or_else(|| format!("clusterdns does not have `{field}`: {WHAT_THERE_IS}"))
    }

    fn group(&self, name: &str) -> Result<Expression, String> {
        let is_named = |pattern: &Pattern| pattern.group_names().flatten().any(|group| group == name);
        let is_there = match name.parse::<usize>() {
            Ok(index) => index <= self.groups(),
            Err(_) => self.patterns.iter().any(is_named),
        };
        match is_there {
            true => Ok(Expression::Group(name.to_owned())),
            false => Err(format!("no regular expression of this template has a group `{name}`")),
        }
    }

    /// Of the regular expression with the most.
    fn groups(&self) -> usize {
        self.patterns.iter().map(Pattern::groups).max().unwrap_or_default()
    }

    fn call(&self, command: Vec<Operand>, before: Option<Expression>) -> Result<Expression, String> {
        let mut operands = command.into_iter().chain(before.map(Operand::Expression));
        let first = operands.next().ok_or("there is nothing in an expression")?;
        let rest: Vec<Operand> = operands.collect();
        match (first, rest) {
            (Operand::Expression(alone), rest) if rest.is_empty() => Ok(alone),
            (Operand::Meta, rest) => match <[Operand; 1]>::try_from(rest) {
                // Without the plugin `metadata` it is empty.
                Ok([Operand::Expression(Expression::Text(_))]) => Ok(Expression::Text(String::new())),
                _ => Err("`.Meta` takes a label: write .Meta \"LABEL\"".into()),
            },
            (Operand::Function(name), rest) => match &*name {
                "index" => self.index(rest),
                "parseInt" => parse_int(rest),
                "printf" => printf(rest),
                other => Err(format!("clusterdns does not have `{other}` in templates: {WHAT_THERE_IS}")),
            },
            (Operand::Groups { .. }, _) => {
                Err("`.Match` and `.Group` have parts: write index .Match 1, or .Group.NAME".into())
            }
            (Operand::Expression(_), _) => Err("a value takes no arguments".into()),
        }
    }

    fn index(&self, arguments: Vec<Operand>) -> Result<Expression, String> {
        const USAGE: &str = "write index .Match NUMBER, or index .Group \"NAME\"";
        match <[Operand; 2]>::try_from(arguments) {
            Ok([Operand::Groups { by_name: true }, Operand::Expression(Expression::Text(name))]) => self.group(&name),
            Ok([Operand::Groups { by_name: false }, Operand::Expression(Expression::Number(index))]) => {
                let index = usize::try_from(index).ok().filter(|index| *index <= self.groups());
                index
                    .map(Expression::Match)
                    .ok_or_else(|| "no regular expression of this template has so many groups".into())
            }
            _ => Err(USAGE.into()),
        }
    }
}

fn parse_int(arguments: Vec<Operand>) -> Result<Expression, String> {
    const USAGE: &str = "write parseInt TEXT BASE BITS, with a base of 2 to 36 and up to 64 bits";
    let [Operand::Expression(text), Operand::Expression(base), Operand::Expression(bits)] =
        <[Operand; 3]>::try_from(arguments).map_err(|_| USAGE)?
    else {
        return Err(USAGE.into());
    };
    match (text.is_number(), base, bits) {
        (false, Expression::Number(base @ 2..=36), Expression::Number(bits @ 0..=64)) => {
            let bits = if bits == 0 { 64 } else { bits as u32 };
            Ok(Expression::ParseInt { text: Box::new(text), base: base as u32, bits })
        }
        _ => Err(USAGE.into()),
    }
}

fn printf(arguments: Vec<Operand>) -> Result<Expression, String> {
    let mut values = Vec::new();
    for argument in arguments {
        let Operand::Expression(value) = argument else { return Err("`printf` takes texts and numbers".into()) };
        values.push(value);
    }
    if values.is_empty() {
        return Err("something is missing behind `printf`: write a format".into());
    }
    match values.remove(0) {
        Expression::Text(format) => Format::parse(&format, values).map(Expression::Printf),
        _ => Err("the format of `printf` is a text: write it in quotes".into()),
    }
}
