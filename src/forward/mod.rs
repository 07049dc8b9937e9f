//! Questions that others answer.

pub mod options;

pub use options::Options;

/// Questions in flight of one `forward` that has no smaller limit: each takes a socket and some 4 KiB.
pub const IN_FLIGHT_MAX: usize = 4096;
/// Connections to one upstream over TCP or TLS, idle or not.
pub const CONNECTIONS_MAX: usize = 64;
