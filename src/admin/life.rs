//! How long a connection to the admin address may live.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{self, Instant};

/// The end of a connection. Handlers find it among the extensions of a request. Cheap to clone.
#[derive(Clone)]
pub(super) struct Life {
    ends: Arc<Mutex<Instant>>,
    max: Duration,
}

impl Life {
    /// From now on, for as long as nobody renews it.
    pub(super) fn new(max: Duration) -> Self {
        Self { ends: Arc::new(Mutex::new(Instant::now() + max)), max }
    }

    /// As much time again from now on: for a body of many parts, of which the client has taken one.
    pub(super) fn renew(&self) {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + self.max;
    }

    /// Waits for the end.
    pub(super) async fn over(&self) {
        loop {
            let ends = self.ends();
            if ends <= Instant::now() {
                return;
            }
            time::sleep_until(ends).await;
        }
    }

    fn ends(&self) -> Instant {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    impl Life {
        pub(in crate::admin) fn end(&self) {
            *self.ends.lock().unwrap() = Instant::now();
        }
    }

    #[tokio::test]
    async fn a_life_ends_unless_it_is_renewed() {
        let life = Life::new(Duration::from_secs(3600));
        life.end();
        assert!(life.over().now_or_never().is_some());
        life.clone().renew();
        assert!(life.over().now_or_never().is_none());
    }
}
