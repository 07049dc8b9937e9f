//! `printf`: what of Go's formats makes sense in a record.

use super::line::{Expression, Scope, Value};

/// A format, and what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value { verb: Verb, zeros: bool, left: bool, width: usize, of: Expression },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Plain,
    Lower,
    Upper,
    Octal,
    Binary,
}

/// No label is wider.
const WIDTH_MAX: usize = 63;

impl Format {
    /// Reads `%[-][0][WIDTH]s|d|v|x|X|o|b` and `%%`.
    pub(super) fn parse(format: &str, values: Vec<Expression>) -> Result<Self, String> {
        let (mut pieces, mut text, mut values) = (Vec::new(), String::new(), values.into_iter());
        let mut letters = format.chars().peekable();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                text.push(letter);
                continue;
            }
            if letters.next_if_eq(&'%').is_some() {
                text.push('%');
                continue;
            }
            pieces.push(Piece::Text(std::mem::take(&mut text)));
            let (mut zeros, mut left) = (false, false);
            while let Some(flag) = letters.next_if(|letter| matches!(letter, '-' | '0')) {
                if flag == '0' { zeros = true } else { left = true }
            }
            let mut width = 0;
            while let Some(digit) = letters.next_if(char::is_ascii_digit) {
                width = (width * 10 + digit.to_digit(10).unwrap_or_default() as usize).min(WIDTH_MAX + 1);
            }
            if width > WIDTH_MAX {
                return Err(format!("a value has room for {WIDTH_MAX} letters at most"));
            }
            let letter = letters.next().ok_or("a `%` stands at the end of a format")?;
            let of = values.next().ok_or("a format has more `%` than values follow it")?;
            let verb = verb(letter, of.is_number()).ok_or_else(|| {
                let kind = if of.is_number() { "number" } else { "text" };
                format!("clusterdns does not write a {kind} with `%{letter}`")
            })?;
            pieces.push(Piece::Value { verb, zeros, left, width, of });
        }
        pieces.push(Piece::Text(text));
        if values.next().is_some() {
            Err("a format has fewer `%` than values follow it".into())
        } else {
            Ok(Self { pieces })
        }
    }

    pub(super) fn write(&self, scope: &Scope<'_>) -> Result<String, String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Value { verb, zeros, left, width, of } => {
                    let value = verb.write(of.value(scope)?);
                    let value = match (*left, *zeros && of.is_number()) {
                        (true, _) => format!("{value:<width$}"),
                        (false, true) => format!("{value:0>width$}"),
                        (false, false) => format!("{value:>width$}"),
                    };
                    text.push_str(&value);
                }
            }
        }
        Ok(text)
    }
}

impl Verb {
    fn write(self, value: Value) -> String {
        match (self, value) {
            (Self::Lower, Value::Number(number)) => format!("{number:x}"),
            (Self::Upper, Value::Number(number)) => format!("{number:X}"),
            (Self::Octal, Value::Number(number)) => format!("{number:o}"),
            (Self::Binary, Value::Number(number)) => format!("{number:b}"),
            (_, value) => value.text(),
        }
    }
}

fn verb(letter: char, is_number: bool) -> Option<Verb> {
    Some(match (letter, is_number) {
        ('v', _) | ('s', false) | ('d', true) => Verb::Plain,
        ('x', true) => Verb::Lower,
        ('X', true) => Verb::Upper,
        ('o', true) => Verb::Octal,
        ('b', true) => Verb::Binary,
        _ => return None,
    })
}
