//! Texts that are drawn at random: whatever they are, nothing panics.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    pattern::{Pattern, Replacement},
    record,
    template::line::Line,
    text,
};

const WORDS: &[&str] = &[
    "{{",
    "}}",
    "{{-",
    "-}}",
    " ",
    ".Name",
    ".Group.a",
    ".Match",
    "index",
    "parseInt",
    "printf",
    "|",
    "(",
    ")",
    "\"",
    "`",
    "\\",
    "1",
    "16",
    "%",
    "%03d",
    "/*",
    "*/",
    "a",
    "IN",
    "A",
    "TXT",
    "SOA",
    "60",
    "192.0.2.1",
    "\\#",
    ";",
    "\n",
    "\u{e9}",
    "{1}",
    "{",
    "1h",
    "CAA",
    "NAPTR",
];

proptest! {
    #[test]
    fn any_words_are_read_or_refused(words in vec(select(WORDS), 0..30)) {
        is_read_or_refused(&words.concat());
        is_read_or_refused(&words.join(" "));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        is_read_or_refused(&text);
    }

    #[test]
    fn a_name_is_its_text(labels in vec(vec(any::<u8>(), 1..20), 0..12)) {
        let wire: Vec<u8> = labels.iter().flat_map(|label| [&[label.len() as u8][..], label].concat()).chain([0]).collect();
        prop_assert_eq!(text::wire(&text::of_wire(&wire)), Some(wire));
    }
}

fn is_read_or_refused(text: &str) {
    let pattern = Pattern::parse("(?P<a>.)").unwrap();
    match Line::parse(text, std::slice::from_ref(&pattern)) {
        Ok(line) => assert_eq!(line.text(), text),
        Err(error) => assert!(text.contains("{{") && !error.is_empty()),
    }
    match record::parse(text) {
        Ok(record) => assert!(record.data.len() <= 65_535 && record.owner.ends_with(&[0])),
        Err(error) => assert!(!error.is_empty()),
    }
    if let Err(error) = Replacement::parse(text, &pattern) {
        assert!(error.contains("is no group"), "{error}");
    }
    assert!(text::wire(text).is_none_or(|wire| wire.len() <= 255 && wire.ends_with(&[0])));
}
