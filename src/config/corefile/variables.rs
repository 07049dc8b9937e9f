//! `{$NAME}` and `{%NAME%}`: environment variables.
//!
//! A variable that is not set is empty. Its value is a part of the word that it stands in, whatever
//! white space it has. Values are not looked through for further variables of the same form: caddy does
//! that, and never ends where a value names itself.

use super::surroundings::Surroundings;

/// Replaces the variables of a word. None where the values are longer than `budget`, which shrinks.
pub(super) fn expand(text: &str, around: &dyn Surroundings, budget: &mut usize) -> Option<String> {
    let first = replace(text, "{%", "%}", around, budget)?;
    replace(&first, "{$", "}", around, budget)
}

fn replace(text: &str, opening: &str, closing: &str, around: &dyn Surroundings, budget: &mut usize) -> Option<String> {
    let (mut replaced, mut rest) = (String::new(), text);
    while let Some((front, behind)) = rest.split_once(opening) {
        let Some((name, behind)) = behind.split_once(closing).filter(|(name, _)| !name.is_empty()) else { break };
        let value = around.variable(name).unwrap_or_default();
        *budget = budget.checked_sub(value.len())?;
        replaced += front;
        replaced += &value;
        rest = behind;
    }
    Some(replaced + rest)
}
