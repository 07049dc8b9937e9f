//! The log lines of all servers of the process: tests look for words that are theirs alone.

use std::{
    io,
    sync::{Mutex, Once, PoisonError},
};

static KEPT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static BEGUN: Once = Once::new();

/// From now on log lines are kept.
pub(crate) fn keep() {
    BEGUN.call_once(|| {
        let filter = tracing_subscriber::EnvFilter::new("clusterdns=debug");
        let kept = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(|| Keeper);
        kept.try_init().expect("the only one of the process");
    });
}

/// Whether a line has all of these words.
pub(crate) fn have(words: &[&str]) -> bool {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&kept).lines().any(|line| words.iter().all(|word| line.contains(word)))
}

struct Keeper;

impl io::Write for Keeper {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        KEPT.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
