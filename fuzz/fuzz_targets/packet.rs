//! Any octets are a packet that is answered with a reply, or ignored.
//!
//! The same function runs in `tests/paths.rs` with packets that are drawn at random.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| clusterdns::respond::fuzz::packet(octets));
