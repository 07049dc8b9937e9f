//! Any octets are a snapshot or no snapshot.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| drop(clusterdns::objects::snapshot::fuzz(octets)));
