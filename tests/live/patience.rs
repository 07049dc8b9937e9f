//! Waiting for what must come to be: it is looked at again and again, and only a failure takes long.

use std::{
    thread,
    time::{Duration, Instant},
};

/// A slow machine is no fault.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks: others need the processor to make it so.
pub(crate) const PAUSE: Duration = Duration::from_millis(5);

/// Looks again until it is so; what is still wrong is told when patience ends.
pub(crate) fn until(mut look: impl FnMut() -> Result<(), String>) {
    let start = Instant::now();
    while let Err(wrong) = look() {
        assert!(start.elapsed() < PATIENCE, "still: {wrong}");
        thread::sleep(PAUSE);
    }
}

/// The same where there is not much to tell.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    until(|| if is_so() { Ok(()) } else { Err(format!("not yet: {what}")) });
}

/// Does the same with each of them at the same time: most of it is waiting.
pub(crate) fn side_by_side<T: Send>(cases: impl IntoIterator<Item = T>, each: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| each(case));
        }
    });
}
