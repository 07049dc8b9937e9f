//! Any octets are a saved state or none, and never a panic.
//!
//! The same function runs in `src/objects/state/tests.rs` with octets that are drawn at random.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| drop(clusterdns::objects::state::fuzz(octets)));
