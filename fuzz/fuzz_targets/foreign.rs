//! Any octets are a reply that clients can read, or are refused.
//!
//! The same function runs in `src/answers/foreign/tests.rs` with replies that are drawn at random.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| clusterdns::answers::foreign::fuzz(octets));
