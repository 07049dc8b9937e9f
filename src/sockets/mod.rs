//! Bytes in, bytes out.

#[cfg(target_os = "linux")]
pub mod batch;
#[cfg(target_os = "linux")]
pub mod udp;
