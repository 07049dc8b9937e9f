//! Bytes in, bytes out.

pub mod batch;
