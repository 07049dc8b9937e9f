//! `import`: of a snippet, a file, or the files that a pattern matches, in the order of their names.
//!
//! Paths are relative to the file in which the import is written. A pattern that matches nothing is no
//! mistake: whoever has `import custom/*.override` may have no such file yet. This caddy's imports take no
//! arguments.

use std::{
    collections::VecDeque,
    io,
    path::{Component, Path, PathBuf},
    rc::Rc,
};

use super::{
    File,
    lexer::{Lexer, Token},
    report::{Place, Word, quoted},
    stream::{Frame, Source, Stream},
    surroundings::FILE_OCTETS_MAX,
};

/// As many as CoreDNS's caddy expands of snippets.
const IMPORTS_MAX: usize = 10_000;
/// A folder of a ConfigMap has tens.
const FILES_MAX: usize = 1000;
/// Eight of the largest: they are kept to show lines of them.
const OCTETS_MAX: usize = 8 * FILE_OCTETS_MAX;

impl Stream<'_> {
    /// Opens what stands behind an `import` that was just read.
    pub(super) fn import(&mut self, import: &Token) {
        let words = self.rest_of_line();
        let [what] = &words[..] else {
            let place = words.get(1).map_or(import.place, |word| word.place);
            self.stop::<()>(
                place,
                "`import` takes one snippet, file or pattern, and no arguments: `import custom/*.override`",
            );
            return;
        };
        self.imports += 1;
        if self.imports > IMPORTS_MAX {
            self.stop::<()>(
                what.place,
                format!("more than {IMPORTS_MAX} imports: snippets that import others grow fast"),
            );
        } else if let Some(tokens) = self.snippets.get(&what.text) {
            let tokens = tokens.clone();
            self.open_snippet(what, tokens);
        } else {
            self.open_files(what);
        }
    }

    fn open_snippet(&mut self, what: &Word, tokens: Rc<[Token]>) {
        let is_same = |frame: &Frame| matches!(&frame.source, Source::Snippet { name, .. } if *name == what.text);
        if self.frames.iter().any(is_same) {
            self.report.problem::<()>(what.place, format!("the snippet {} imports itself", quoted(&what.text)));
        } else {
            self.push(Source::Snippet { name: what.text.clone(), tokens, at: 0 });
        }
    }

    fn open_files(&mut self, what: &Word) {
        let mut files = VecDeque::new();
        for path in self.paths(what).unwrap_or_default() {
            files.extend(self.file(path, what.place));
        }
        if let Some(file) = files.pop_front() {
            let current = Lexer::new(file, self.files[file].text.clone());
            self.push(Source::Files { current, rest: files });
        }
    }

    /// Which files are meant.
    fn paths(&mut self, what: &Word) -> Option<Vec<PathBuf>> {
        if what.text.is_empty() {
            return self.report.problem(what.place, "this import is empty: name a snippet, a file or a pattern");
        }
        let folder = self.files[what.place.file].path.parent().unwrap_or(Path::new(""));
        let path = plain(&folder.join(&what.text));
        let text = path.to_string_lossy();
        if text.matches('*').count() > 1 || text.matches('?').count() > 1 || text.contains(['[', ']']) {
            return self.report.problem(what.place, "a pattern has one `*` and one `?` at most, and no `[`");
        }
        if !is_pattern(&text) {
            return Some(vec![path]);
        }
        let found = self.matching(&path);
        if found.is_empty() {
            self.report.note(what.place, format!("no file matches {} yet", quoted(&what.text)));
        }
        Some(found)
    }

    /// The paths that a pattern matches, in order.
    fn matching(&mut self, pattern: &Path) -> Vec<PathBuf> {
        let (mut found, mut listed) = (vec![PathBuf::new()], false);
        for component in pattern {
            let text = component.to_string_lossy();
            listed |= is_pattern(&text);
            if listed {
                found = found.iter().flat_map(|folder| self.inside(folder, &text)).collect();
            } else {
                found.iter_mut().for_each(|path| path.push(component));
            }
        }
        found
    }

    /// What of a folder has such a name.
    fn inside(&mut self, folder: &Path, pattern: &str) -> Vec<PathBuf> {
        if !self.folders.iter().any(|one| one == folder) {
            self.folders.push(folder.into());
        }
        let mut names = self.around.names(folder).unwrap_or_default();
        names.retain(|name| matches(pattern, name));
        names.sort();
        names.iter().map(|name| folder.join(name)).collect()
    }

    /// A file, read once however often it is imported.
    fn file(&mut self, path: PathBuf, place: Place) -> Option<usize> {
        if let Some(&index) = self.indexes.get(&path) {
            let is_open =
                |frame: &Frame| matches!(&frame.source, Source::Files { current, .. } if current.file() == index);
            if self.frames.iter().any(is_open) {
                let message = format!("{} imports itself", quoted(&self.files[index].name));
                return self.report.problem(place, message);
            }
            return Some(index);
        }
        let text = match self.around.read(&path) {
            Ok(text) => text,
            Err(error) => return self.report.problem(place, unreadable(&path, &error)),
        };
        if text.len() > FILE_OCTETS_MAX {
            let name = quoted(&path.to_string_lossy());
            return self.report.problem(place, format!("{name} has more than {FILE_OCTETS_MAX} octets: split it"));
        }
        if self.files.len() == FILES_MAX {
            return self.stop(place, format!("more than {FILES_MAX} files: import fewer"));
        }
        if self.files.iter().map(|file| file.text.len()).sum::<usize>() + text.len() > OCTETS_MAX {
            return self.stop(place, format!("the files have more than {OCTETS_MAX} octets: import less"));
        }
        self.indexes.insert(path.clone(), self.files.len());
        self.files.push(File { name: path.display().to_string(), text: text.into(), path });
        Some(self.files.len() - 1)
    }
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    let name = quoted(&path.to_string_lossy());
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!("there is no snippet and no file {name}: paths are relative to the file with the import")
        }
        _ => format!("{name} cannot be read: {error}"),
    }
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether a name is matched by a pattern with one `*` at most.
fn matches(pattern: &str, name: &str) -> bool {
    let is = |(meant, letter): (char, char)| meant == '?' || meant == letter;
    let letters = || name.chars();
    match pattern.split_once('*') {
        None => pattern.chars().count() == letters().count() && pattern.chars().zip(letters()).all(is),
        Some((front, back)) => {
            front.chars().count() + back.chars().count() <= letters().count()
                && front.chars().zip(letters()).all(is)
                && back.chars().rev().zip(letters().rev()).all(is)
        }
    }
}

/// The same path without `.` and, as far as that is known from the text, without `..`.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match (component, plain.components().next_back()) {
            (Component::CurDir, _) | (Component::ParentDir, Some(Component::RootDir)) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => drop(plain.pop()),
            _ => plain.push(component),
        }
    }
    plain
}
