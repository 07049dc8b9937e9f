//! Why a saved state is of no use, and what to do about it.

use std::{io, path::PathBuf};

use super::format::{FILE_OCTETS_MAX, VERSION};

/// What is wrong with which file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct StateError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub fault: Fault,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The system does not let it be read.
    #[error("the saved state cannot be read ({0}); let the user that clusterdns runs as read and write it")]
    Io(#[from] io::Error),
    /// Its end is missing.
    #[error("the saved state ends too early and is not used; the next save replaces it")]
    Truncated,
    /// Something in it is not what was written.
    #[error("the saved state is damaged in line {line} or above and is not used; the next save replaces it")]
    Corrupt {
        /// Where it was noticed.
        line: usize,
    },
    /// It is a file of something else.
    #[error("this is no state that clusterdns saved, so it is left alone; choose another path for the state")]
    Foreign,
    /// Its format is younger than this program.
    #[error(
        "the state was saved by a newer clusterdns (format {version}, known here: {VERSION}) and is not used; \
         the next save replaces it"
    )]
    Newer {
        /// Its format.
        version: u32,
    },
    /// It is of another cluster, or was kept by other options.
    #[error(
        "the state was saved from another API or with other options ({found:?}) and is not used; the next save replaces it"
    )]
    OtherFingerprint {
        /// That of the file.
        found: String,
    },
    /// It is larger than any state.
    #[error("more than {FILE_OCTETS_MAX} bytes, which no saved state has; delete the file")]
    TooLarge,
}
