//! Any text is a Corefile or none, with the files that it imports behind NULs.
//!
//! The same function runs in `src/config/corefile/tests/drawn.rs` with texts that are drawn at random.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| clusterdns::config::corefile::fuzz(text));
