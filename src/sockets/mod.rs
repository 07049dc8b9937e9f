//! Bytes in, bytes out.
//!
//! The room has two doors for datagrams: [`udp`], batched and fast, on Linux, and [`portable`] on
//! any system. Streams come in by [`tcp`].

#[cfg(target_os = "linux")]
pub mod batch;
pub mod bind;
pub mod events;
pub mod guard;
pub mod later;
pub mod portable;
pub mod seldom;
pub mod stop;
pub mod tcp;
#[cfg(target_os = "linux")]
pub mod udp;
