//! Programs of others that are measured, or measured beside.

use std::{env, path::PathBuf};

/// Where a program is; none where this machine has not got it.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}
