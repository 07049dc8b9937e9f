//! Reading a hosts file when it has changed.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read},
    path::Path,
    time::SystemTime,
};

use super::Fault;

/// The largest file: some 20,000 entries, and what a ConfigMap can hold.
pub const FILE_OCTETS_MAX: u64 = 1024 * 1024;

/// What tells one content from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) modified: SystemTime,
    octets: u64,
}

/// The text of a file and its stamp. None where it has not changed.
pub(super) fn read(path: &Path, before: Option<Stamp>) -> Result<Option<(String, Stamp)>, Fault> {
    let shown = path.display();
    let told = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => format!("there is no file {shown}"),
        _ => format!("{shown} cannot be read: {error}"),
    };
    let is = fs::metadata(path).map_err(told)?;
    // A pipe would block, a device may have no end.
    if !is.is_file() {
        return Err(format!("{shown} is no file"));
    }
    let stamp = Stamp { modified: is.modified().map_err(told)?, octets: is.len() };
    if before == Some(stamp) {
        return Ok(None);
    }
    let mut octets = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_OCTETS_MAX + 1).read_to_end(&mut octets)).map_err(told)?;
    if octets.len() as u64 > FILE_OCTETS_MAX {
        return Err(format!("{shown} has more than {FILE_OCTETS_MAX} octets"));
    }
    Ok(Some((String::from_utf8_lossy(&octets).into_owned(), stamp)))
}
