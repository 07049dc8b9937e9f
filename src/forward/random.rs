//! What a spoofer would have to guess, from the system's own generator.

use ring::rand::{SecureRandom, SystemRandom};

/// Octets that nobody can foretell.
pub(super) fn octets<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    SystemRandom::new().fill(&mut octets).expect("a system that runs has random numbers");
    octets
}

/// An id of a message.
pub(super) fn id() -> u16 {
    u16::from_ne_bytes(octets())
}

/// A number to draw from.
pub(super) fn draw() -> u64 {
    u64::from_ne_bytes(octets())
}
