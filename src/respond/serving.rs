//! Who answers on a listener as of now: replaced as a whole when the configuration changes, while the
//! sockets stay.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::Responder;

/// What a socket asks before each batch.
pub struct Serving(ArcSwap<Desk>);

/// A responder, and which listener of its plan is meant.
pub struct Desk {
    /// What answers.
    pub responder: Arc<Responder>,
    /// On which listener of its plan.
    pub listener: usize,
}

impl Serving {
    /// Answers as this listener of the responder's plan does.
    pub fn new(responder: Arc<Responder>, listener: usize) -> Arc<Self> {
        Arc::new(Self(ArcSwap::from_pointee(Desk { responder, listener })))
    }

    /// Who answers now.
    #[inline]
    pub fn desk(&self) -> Guard<Arc<Desk>> {
        self.0.load()
    }

    /// From now on another one answers. What has begun ends with the old one.
    pub fn replace(&self, responder: Arc<Responder>, listener: usize) {
        self.0.store(Arc::new(Desk { responder, listener }));
    }
}
