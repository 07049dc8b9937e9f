//! Bytes in, bytes out.

pub mod batch;
pub mod bind;
pub mod events;
pub mod guard;
pub mod portable;
mod seldom;
pub mod stop;
pub mod tcp;
