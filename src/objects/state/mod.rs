//! What a server knew when it last looked, in a file: so that it can answer after a restart before
//! the API does.
//!
//! ```text
//! {"format":"clusterdns-state","version":1,"fingerprint":"...","saved_unix_secs":...,"known":{...}}
//! {"apiVersion":"v1","kind":"Namespace",...}      an object a line, as objects::write has it
//! {"objects":1,"sha256":"..."}                    the SHA-256 of everything above
//! ```
//!
//! A file is replaced as a whole or not at all, and read as a whole or not at all: what does not
//! add up to its checksum is not used. Only a file of this format is ever replaced, so a path that
//! was mistyped costs nobody a file.

mod fault;
mod format;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{Known, Needs, Object, Picture};

pub use fault::{Fault, StateError};

/// Under which circumstances a state was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// From which API the objects are and by which options they were kept: a state with another one
    /// is of no use.
    pub fingerprint: String,
    /// When.
    pub saved_unix_secs: u32,
    /// The kinds about which it is complete.
    pub known: Known,
}

/// A state that was read.
#[derive(Debug)]
pub struct Saved {
    /// Every object, and what the picture is complete about.
    pub picture: Picture,
    /// When it was saved.
    pub saved_unix_secs: u32,
}

/// Reads the state that was saved with this fingerprint; none where there is no file.
///
/// # Errors
/// There is a file, and it cannot be used.
pub fn load(path: &Path, fingerprint: &str, needs: Needs) -> Result<Option<Saved>, StateError> {
    let error = |fault| StateError { path: path.to_owned(), fault };
    match File::open(path) {
        Ok(file) => format::read(BufReader::new(file), fingerprint, needs).map(Some).map_err(error),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(error(why.into())),
    }
}

/// Saves a state, and says how many octets it has. The objects are written as they come, and what
/// the file held before stays until the last of them is on the disk.
///
/// # Errors
/// The system's. What the file held before is there still.
pub fn save(path: &Path, header: &Header, objects: impl Iterator<Item = Object>) -> io::Result<u64> {
    // A link stays a link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    refuse_foreign(&path)?;
    let aside = Aside::create(&path)?;
    let mut state = format::Writer::new(BufWriter::new(&aside.file), header)?;
    for object in objects {
        state.add(&object)?;
    }
    let octets = state.finish()?;
    aside.file.sync_all()?;
    aside.take_the_place_of(&path)?;
    Ok(octets)
}

/// What fuzzers and property tests run: any octets are a state or none, and never a panic, as a
/// whole file and as objects with a checksum that is right.
#[doc(hidden)]
pub fn fuzz(octets: &[u8]) -> (Result<Saved, Fault>, Result<Saved, Fault>) {
    let needs = Needs { labels: true, pod_names: true, zones: true, pods: true, selectors: true };
    let header = Header { fingerprint: "fuzz".into(), saved_unix_secs: 1, known: Known::ALL };
    (format::read(octets, "fuzz", needs), format::read(&*format::sealed(&header, octets), "fuzz", needs))
}

/// Nobody's file is replaced that is not of this format. An empty one is a place that was kept.
fn refuse_foreign(path: &Path) -> io::Result<()> {
    let mut start = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(format::START.len() as u64).read_to_end(&mut start)?,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(why),
    };
    if start.is_empty() || start == format::START.as_bytes() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, Fault::Foreign))
}

/// A file beside the one that it will replace; removed where it does not come to that.
struct Aside {
    path: PathBuf,
    file: File,
}

impl Aside {
    /// There is one for each target, so a server that was killed leaves one behind at most.
    fn create(target: &Path) -> io::Result<Self> {
        let mut name = target.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_owned();
        name.push(ASIDE_SUFFIX);
        let path = target.with_file_name(name);
        match fs::remove_file(&path) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
        // Made anew, so that a link that somebody put there leads nowhere.
        let file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(&path)?;
        Ok(Self { path, file })
    }

    fn take_the_place_of(self, target: &Path) -> io::Result<()> {
        if !self.is_in_place()? {
            return Err(io::Error::other("another process saves its state there; give each a file of its own"));
        }
        fs::rename(&self.path, target)?;
        // The new name is on the disk when its folder is.
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Whether its name still leads to it.
    fn is_in_place(&self) -> io::Result<bool> {
        let (own, found) = (self.file.metadata()?, fs::symlink_metadata(&self.path)?);
        Ok((own.dev(), own.ino()) == (found.dev(), found.ino()))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Where it took the place of the other there is nothing under this name any more, and
        // what another process put there is that one's.
        if self.is_in_place().unwrap_or_default() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

const ASIDE_SUFFIX: &str = ".part";
/// Names and addresses of a whole cluster are nobody else's business.
const OWNER_ONLY: u32 = 0o600;

#[cfg(test)]
mod tests;
