//! What the server says of itself: metrics and logs. It looks on from beside.
//!
//! ```text
//! threads ─► Cells ─┐
//! streams ─► Shared ┼─► Metrics::render ─► text of /metrics
//! rooms ───► Events ┤
//! sources ─► Source ┤
//! tables ───────────┘
//! ```

pub mod cells;
pub mod events;
mod families;
pub mod forward;
pub mod metrics;
pub mod source;
pub mod tables;
