//! Answers of others, kept for a while.

pub mod options;

pub use options::Options;
