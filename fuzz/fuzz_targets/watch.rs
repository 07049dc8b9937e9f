//! Any octets are a line of a watch or a page of a list, or garbled, and never a panic.
//!
//! The same function runs in `src/objects/api/said` with octets that are drawn at random.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    clusterdns::objects::api::said::fuzz(octets);
});
