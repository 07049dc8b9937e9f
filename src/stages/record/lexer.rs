//! What a record is written with: words, strings in quotes, parentheses, comments.

/// A word or a string. What is escaped stays so.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) is_quoted: bool,
}

/// Takes a record apart. It ends with its line, unless parentheses are open.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let (mut tokens, mut open) = (Vec::new(), 0_usize);
    let mut letters = text.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ';' => while letters.next_if(|letter| *letter != '\n').is_some() {},
            '(' => open += 1,
            ')' => open = open.checked_sub(1).ok_or("`)` closes nothing")?,
            '\n' if open == 0 => return Err("there is more than one record".into()),
            '"' => {
                let mut string = String::new();
                loop {
                    match letters.next().ok_or("a quotation mark is never closed")? {
                        '"' => break,
                        letter => push(&mut string, letter, &mut letters),
                    }
                }
                tokens.push(Token { text: string, is_quoted: true });
            }
            letter if letter.is_whitespace() => {}
            letter => {
                let mut word = String::new();
                push(&mut word, letter, &mut letters);
                while let Some(letter) = letters.next_if(|letter| !ends_word(*letter)) {
                    push(&mut word, letter, &mut letters);
                }
                tokens.push(Token { text: word, is_quoted: false });
            }
        }
    }
    if open > 0 { Err("`(` is never closed".into()) } else { Ok(tokens) }
}

fn ends_word(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, ';' | '(' | ')' | '"')
}

/// What stands behind a backslash ends nothing.
fn push(text: &mut String, letter: char, letters: &mut impl Iterator<Item = char>) {
    text.push(letter);
    if letter == '\\' {
        text.extend(letters.next());
    }
}
