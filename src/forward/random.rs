//! What a spoofer would have to guess, from the system's own generator.
//!
//! Each thread draws ahead: one call to the system is enough for a hundred questions.

use std::cell::RefCell;

use ring::rand::{SecureRandom, SystemRandom};

thread_local! {
    static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { octets: [0; DRAWN_OCTETS], left: 0 }) };
}

/// Octets that were drawn and not yet used: the first `left`.
struct Drawn {
    octets: [u8; DRAWN_OCTETS],
    left: usize,
}

/// What the system gives in one piece, whatever signals come.
const DRAWN_OCTETS: usize = 256;

/// Octets that nobody can foretell.
pub(super) fn octets<const N: usize>() -> [u8; N] {
    const { assert!(N <= DRAWN_OCTETS) };
    DRAWN.with_borrow_mut(|drawn| {
        if drawn.left < N {
            SystemRandom::new().fill(&mut drawn.octets).expect("a system that runs has random numbers");
            drawn.left = DRAWN_OCTETS;
        }
        drawn.left -= N;
        // What is used is gone.
        let used = &mut drawn.octets[drawn.left..drawn.left + N];
        let octets = (&*used).try_into().expect("N octets");
        used.fill(0);
        octets
    })
}

/// An id of a message.
pub(super) fn id() -> u16 {
    u16::from_ne_bytes(octets())
}

/// A number to draw from.
pub(super) fn draw() -> u64 {
    u64::from_ne_bytes(octets())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nothing_is_given_twice() {
        let numbers: BTreeSet<u64> = (0..1000).map(|_| draw()).collect();
        assert_eq!(numbers.len(), 1000);
    }
}
