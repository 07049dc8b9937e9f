//! Questions over TCP and TLS: a few connections for each upstream, with many questions on each.
//!
//! ```text
//! exchange ─► pool ─► connection ─► a task: ids, frames, one write for what there is
//!             the one with the least to do
//! ```

mod connection;
mod pool;

pub(super) use self::pool::{Dial, Pool, Rules};
