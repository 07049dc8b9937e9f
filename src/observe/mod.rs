//! What the server says of itself: metrics and logs. It looks on from beside.
//!
//! ```text
//! threads ─► Cells ─┐
//! streams ─► Shared ┼─► Metrics::render ─► text of /metrics
//! rooms ───► Events ┤
//! sources ─► Source ┤
//! tables ───────────┘
//! ```

mod caches;
pub mod cells;
mod early;
pub mod events;
mod families;
mod forward;
pub mod log;
pub mod metrics;
mod served;
pub mod source;
pub mod tables;
