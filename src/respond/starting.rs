//! The time in which the cluster is being read: what is not known yet may be known in a moment, so who asks
//! for it waits. All others have their answers at once.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Whether the cluster is being read. At first it is not.
#[derive(Debug, Default)]
pub struct Starting {
    is: AtomicBool,
    ended: Notify,
}

impl Starting {
    /// From now on it is, until somebody ends it.
    pub fn begin(&self) {
        self.is.store(true, Ordering::Release);
    }

    /// What is not known now is answered as that.
    pub fn end(&self) {
        self.is.store(false, Ordering::Release);
        self.ended.notify_waiters();
    }

    /// Whether it is.
    #[inline]
    pub fn is(&self) -> bool {
        self.is.load(Ordering::Acquire)
    }

    /// Waits for its end.
    pub(super) async fn over(&self) {
        let ended = self.ended.notified();
        if self.is() {
            ended.await;
        }
    }
}
