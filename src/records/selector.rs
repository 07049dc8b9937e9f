//! Label selectors, as `kubectl -l` and CoreDNS's `labels` take them.
//!
//! `app=web,tier!=db,env in (a, b),env notin (c),owner,!legacy`: every requirement must hold.

use thiserror::Error;

use crate::objects::Labels;

/// A list of requirements, all of which must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    text: String,
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    /// An absent key satisfies it, as in the API.
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

/// Why a text is no label selector.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{text}\" is no label selector: {why}; write for example app=web,env in (a,b),!legacy")]
pub struct BadSelector {
    text: String,
    why: &'static str,
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// A requirement is not of a known form.
    pub fn parse(text: &str) -> Result<Self, BadSelector> {
        let bad = |why| BadSelector { text: text.into(), why };
        let requirements = requirements(text).map(|part| requirement(part.trim()).map_err(bad));
        Ok(Self { requirements: requirements.collect::<Result<_, _>>()?, text: text.into() })
    }

    /// As it was written: the API takes the same text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether an object with these labels is selected.
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = |key: &str| {
            labels.binary_search_by(|(label, _)| (**label).cmp(key)).ok().map(|position| &*labels[position].1)
        };
        self.requirements.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => value(key).is_some_and(|value| values.iter().any(|one| one == value)),
            Requirement::NotIn(key, values) => value(key).is_none_or(|value| values.iter().all(|one| one != value)),
            Requirement::Exists(key) => value(key).is_some(),
            Requirement::Absent(key) => value(key).is_none(),
        })
    }
}

/// The parts between the commas that stand outside of parentheses.
fn requirements(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.split(move |character| {
        match character {
            '(' => inside = true,
            ')' => inside = false,
            _ => {}
        }
        character == ',' && !inside
    })
}

fn requirement(part: &str) -> Result<Requirement, &'static str> {
    if let Some((left, list)) = part.split_once('(') {
        let list = list.strip_suffix(')').ok_or("a list has no end")?;
        let values = list.split(',').map(|value| checked(value.trim())).collect::<Result<_, _>>()?;
        let mut words = left.split_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(key), Some("in"), None) => Ok(Requirement::In(checked(key)?, values)),
            (Some(key), Some("notin"), None) => Ok(Requirement::NotIn(checked(key)?, values)),
            _ => Err("a list stands behind \"in\" or \"notin\""),
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Ok(Requirement::NotIn(checked(key.trim())?, vec![value_of(value.trim())?]));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Ok(Requirement::In(checked(key.trim())?, vec![value_of(value.trim())?]));
    }
    match part.strip_prefix('!') {
        Some(key) => Ok(Requirement::Absent(checked(key.trim())?)),
        None => Ok(Requirement::Exists(checked(part)?)),
    }
}

fn checked(word: &str) -> Result<String, &'static str> {
    if word.is_empty() { Err("something is missing") } else { value_of(word) }
}

/// A value may be empty.
fn value_of(word: &str) -> Result<String, &'static str> {
    let legal = |character: char| character.is_ascii_alphanumeric() || "-_./".contains(character);
    if word.chars().all(legal) { Ok(word.into()) } else { Err("a character is not allowed in labels") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels: Labels = labels.iter().map(|&(key, value)| (key.into(), value.into())).collect();
        Selector::parse(selector).unwrap().matches(&labels)
    }

    #[test]
    fn every_form_selects_as_kubectl_does() {
        let web = [("app", "web"), ("env", "a")];
        assert!(selected("app=web", &web) && selected("app==web", &web) && !selected("app=db", &web));
        assert!(selected("app!=db", &web) && selected("none!=x", &web) && !selected("app!=web", &web));
        assert!(selected("env in (a, b)", &web) && !selected("env in (b)", &web) && !selected("none in (a)", &web));
        assert!(
            selected("env notin (b,c)", &web) && selected("none notin (a)", &web) && !selected("env notin (a)", &web)
        );
        assert!(selected("app", &web) && !selected("none", &web) && selected("!none", &web) && !selected("!app", &web));
    }

    #[test]
    fn all_requirements_must_hold() {
        let web = [("app", "web"), ("env", "a")];
        assert!(selected("app=web,env in (a,b),!legacy", &web));
        assert!(!selected("app=web,env in (b,c)", &web));
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in ["", "a=b,", "a in b", "a in (b", "a b", "=x", "!"] {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
    }
}
