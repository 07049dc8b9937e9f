//! The order of the rooms, read from `src/`.
//!
//! Data flows from left to right, and no room may know what is right of it. The compiler does not
//! mind; this does. Unit tests may use what they like: they are cut off before anything is read.

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;

/// Each room, and the rooms it may see. A new room is entered here, which is a decision.
const ROOMS: [(&str, &[&str]); 15] = [
    ("objects", &[]),
    ("records", &["objects"]),
    ("answers", &["objects", "records"]),
    ("search", LOOKUP),
    ("cache", LOOKUP),
    ("forward", LOOKUP),
    ("stages", LOOKUP),
    ("respond", &["objects", "records", "answers", "search", "cache", "forward", "stages"]),
    ("sockets", &["answers", "respond"]),
    // These look on from beside: nothing on the path of a query knows them.
    ("config", &["objects", "records", "cache", "forward", "stages"]),
    ("observe", BESIDE),
    ("explain", INSIDE),
    (
        "admin",
        &[
            "objects", "records", "answers", "search", "cache", "forward", "stages", "respond", "observe", "config",
            "explain",
        ],
    ),
    ("app", EVERYTHING),
    ("cli", EVERYTHING),
];

const LOOKUP: &[&str] = &["objects", "records", "answers"];
const INSIDE: &[&str] = &["objects", "records", "answers", "search", "cache", "forward", "stages", "respond"];
const BESIDE: &[&str] = &["objects", "records", "answers", "search", "cache", "forward", "stages", "respond", "config"];
const EVERYTHING: &[&str] = &[
    "objects", "records", "answers", "search", "cache", "forward", "stages", "respond", "sockets", "config", "observe",
    "explain", "admin", "app",
];
/// A longer file has more than one thing to say.
const LINES_MAX: usize = 400;
/// Where the kernel is called (behind it, the bench that pays for it: `benches/load`).
const UNSAFE: [&str; 1] = ["sockets/batch.rs"];

#[test]
fn no_room_sees_what_is_right_of_it() {
    for (file, text) in files() {
        let Some((room, _)) = file.split_once('/').or_else(|| file.split_once('.')) else { continue };
        if room == "lib" || room == "main" {
            continue;
        }
        let (_, may_see) = ROOMS.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("{room}: a new room"));
        for seen in rooms_seen(code(&text)) {
            assert!(seen == room || may_see.contains(&&*seen), "src/{file}: `{room}` may not see `{seen}`");
        }
    }
}

/// Rules that comments cite stand in the book of rules.
#[test]
fn every_rule_that_is_cited_is_written_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = fs::read_to_string(root.join("docs/behaviour.md")).unwrap();
    let cited = Regex::new(r"behaviour ([A-Z]\d*(?:, [A-Z]\d+)*)").unwrap();
    let mut count = 0;
    for (file, text) in files() {
        for rule in cited.captures_iter(&text).flat_map(|found| found.extract::<1>().1[0].split(", ")) {
            assert!(rules.contains(&format!("# {rule}. ")), "src/{file}: docs/behaviour.md has no {rule}");
            count += 1;
        }
    }
    assert!(count > 50, "{count} citations");
}

/// Longer than that, and a reader has lost the beginning.
#[test]
fn no_file_is_longer_than_a_reader_remembers() {
    for (file, text) in files() {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "src/{file} has {lines} lines");
    }
}

#[test]
fn every_file_opens_with_why() {
    for (file, text) in files() {
        assert!(text.starts_with("//! "), "src/{file} does not say what it is for");
    }
}

#[test]
fn unsafe_has_one_home() {
    for (file, text) in files() {
        let found = words(code(&text)).any(|word| word == "unsafe");
        assert_eq!(found, UNSAFE.contains(&&*file), "src/{file}");
    }
}

/// The reader of this test must not be blind.
#[test]
fn every_form_of_import_is_seen() {
    let text = "use crate::{\n    a::{self, b},\n    c, // crate::d\n};\nfn f() { crate::e::f() }\nuse ::crate_g::h;\n";
    assert_eq!(rooms_seen(text), BTreeSet::from(["a", "c", "e"].map(str::to_owned)));
}

/// Every source file by its path below `src/`, and what is in it.
fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).expect("below the root").to_string_lossy().replace('\\', "/");
                files.push((name, fs::read_to_string(&path).expect("a source file")));
            }
        }
    }
    files.retain(|(name, _)| !name.ends_with("tests.rs") && !name.contains("/tests/"));
    assert!(files.len() > 20, "the sources are not where they were");
    files.sort();
    files
}

/// What is in front of the unit tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

/// The first names behind each `crate::`.
fn rooms_seen(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().map(|line| line.split("//").next().unwrap_or(line)).collect::<Vec<_>>().join("\n");
    let mut seen = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => seen.extend(names_of_list(list)),
            None => seen.extend(words(rest).next().map(str::to_owned)),
        }
    }
    seen
}

/// The first name of each item of `a::{b, c}, d}`.
fn names_of_list(list: &str) -> Vec<String> {
    let (mut names, mut depth, mut item) = (Vec::new(), 0, String::new());
    for character in list.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(std::mem::take(&mut item)),
            _ if depth == 0 => item.push(character),
            _ => {}
        }
    }
    names.push(item);
    names.iter().filter_map(|item| words(item).next().map(str::to_owned)).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or(line))
        .flat_map(|line| line.split(|character: char| !character.is_alphanumeric() && character != '_'))
        .filter(|word| !word.is_empty())
}
