//! Files and folders as they are on disk: which ones are meant, and their text, read in one piece.

use crate::objects::problem::{LoadError, Place};
use std::{
    collections::BTreeSet,
    fs::{self, File, Metadata},
    hash::{BuildHasher, Hasher},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

/// The content of a set of sources, in 64 bits: equal content, equal digest within this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub(crate) u64);

/// Feeds a [`Digest`].
pub(crate) struct Digester(<foldhash::quality::FixedState as BuildHasher>::Hasher);

impl Digester {
    pub(crate) fn new() -> Self {
        Self(foldhash::quality::FixedState::with_seed(0).build_hasher())
    }

    pub(crate) fn add(&mut self, name: &str, content: &[u8]) {
        for part in [name.as_bytes(), content] {
            self.0.write_usize(part.len());
            self.0.write(part);
        }
    }

    pub(crate) fn finish(&self) -> Digest {
        Digest(self.0.finish())
    }
}

/// The files that a path means: itself, or those of the folder and its sub-folders, sorted.
///
/// Names that start with a dot are skipped: a mounted ConfigMap keeps its data in `..data` and
/// shows links to it, which would be read twice otherwise.
pub(crate) fn list(path: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let metadata = fs::metadata(path).map_err(|error| io_error(path, error))?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    walk(path, &mut files, &mut BTreeSet::new())?;
    files.sort();
    if files.is_empty() { Err(LoadError::NoFiles(path.to_owned())) } else { Ok(files) }
}

/// Each real folder once, or a link to a parent would never end.
fn walk(folder: &Path, files: &mut Vec<PathBuf>, walked: &mut BTreeSet<PathBuf>) -> Result<(), LoadError> {
    if !walked.insert(folder.canonicalize().map_err(|error| io_error(folder, error))?) {
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| io_error(folder, error))? {
        entries.push(entry.map_err(|error| io_error(folder, error))?.path());
    }
    entries.sort();
    for path in entries {
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
            continue;
        }
        // A link to nowhere or a file that was removed meanwhile is not part of the folder.
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.is_dir() {
            walk(&path, files, walked)?;
        } else if is_snapshot(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_snapshot(path: &Path) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| matches!(e, "json" | "yaml" | "yml"))
}

/// Whether a second look can tell something: a pipe can be read only once.
pub(crate) fn is_rereadable(path: &Path) -> bool {
    path.is_file()
}

/// Reads a file whole, and only if nobody wrote to it meanwhile.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    for attempt in 0..ATTEMPTS_MAX {
        if attempt > 0 {
            thread::sleep(ATTEMPT_PAUSE);
        }
        if let Some(content) = read_unchanged(path)? {
            return Ok(content);
        }
    }
    Err(LoadError::Changing(path.to_owned()))
}

/// `None` where the file changed while it was read.
fn read_unchanged(path: &Path) -> Result<Option<Vec<u8>>, LoadError> {
    let read = || -> io::Result<_> {
        let file = File::open(path)?;
        let before = file.metadata()?;
        let expected = usize::try_from(before.len().min(FILE_BYTES_MAX)).unwrap_or_default();
        let mut content = Vec::new();
        if before.len() <= FILE_BYTES_MAX {
            content.reserve_exact(expected + 1);
            (&file).take(FILE_BYTES_MAX + 1).read_to_end(&mut content)?;
        }
        let too_large = before.len().max(content.len() as u64) > FILE_BYTES_MAX;
        Ok((too_large, is_whole(&before, &file.metadata()?, content.len())?, content))
    };
    let (too_large, whole, content) = read().map_err(|error| io_error(path, error))?;
    if too_large {
        return Err(LoadError::TooLarge { path: path.to_owned(), limit_bytes: FILE_BYTES_MAX });
    }
    Ok(whole.then_some(content))
}

/// Nobody wrote between the two looks. A pipe has no length to compare with.
fn is_whole(before: &Metadata, after: &Metadata, read: usize) -> io::Result<bool> {
    let unchanged = before.len() == after.len() && before.modified()? == after.modified()?;
    Ok(!after.is_file() || (unchanged && after.len() == read as u64))
}

/// The text of a source, without a byte order mark.
pub(super) fn text<'b>(source: &Arc<str>, content: &'b [u8]) -> Result<&'b str, LoadError> {
    let place = |line, column| Place { source: source.clone(), line, column };
    if content.starts_with(&[0xff, 0xfe]) || content.starts_with(&[0xfe, 0xff]) {
        let message = "UTF-16 text; write it as UTF-8 (in PowerShell: | Out-File -Encoding utf8)";
        return Err(LoadError::Syntax { place: place(1, 1), message: message.into() });
    }
    let text = str::from_utf8(content).map_err(|error| {
        let valid = &content[..error.valid_up_to()];
        let line = 1 + valid.iter().filter(|octet| **octet == b'\n').count();
        let column = 1 + valid.iter().rev().take_while(|octet| **octet != b'\n').count();
        LoadError::Syntax { place: place(line, column), message: "not UTF-8 text".into() }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn io_error(path: &Path, error: io::Error) -> LoadError {
    LoadError::Io { path: path.to_owned(), error }
}

/// A cluster of 150,000 Pods is about 1.2 GB of JSON; endless files must not be read endlessly.
const FILE_BYTES_MAX: u64 = 2 << 30;
/// A writer that takes longer than four pauses should write aside and rename.
const ATTEMPTS_MAX: u32 = 5;
const ATTEMPT_PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, time::SystemTime};
    use tempfile::NamedTempFile;

    #[test]
    fn a_file_that_was_written_to_meanwhile_is_not_whole() {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(b"12345").unwrap();
        let before = file.as_file().metadata().unwrap();
        assert!(is_whole(&before, &before, 5).unwrap());
        assert!(!is_whole(&before, &before, 4).unwrap(), "cut off");
        file.as_file().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(!is_whole(&before, &file.as_file().metadata().unwrap(), 5).unwrap(), "same length, other time");
        file.as_file().set_modified(before.modified().unwrap()).unwrap();
        file.as_file().set_len(4).unwrap();
        assert!(!is_whole(&before, &file.as_file().metadata().unwrap(), 4).unwrap(), "shorter");
    }

    #[test]
    fn a_file_without_end_is_refused() {
        let file = NamedTempFile::new().unwrap();
        file.as_file().set_len(FILE_BYTES_MAX + 1).unwrap();
        assert!(matches!(read(file.path()), Err(LoadError::TooLarge { .. })));
    }
}
