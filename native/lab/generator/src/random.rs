//! Random numbers that are the same on every machine and with every version of the dependencies.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A separate stream for each purpose and index, so that one document can be made again alone, and
/// a change to one kind of document does not change the others.
pub(crate) struct RandomStream(ChaCha8Rng);

impl RandomStream {
    /// The stream of `seed` for `purpose` (its first 16 bytes) and `index`.
    pub(crate) fn new(seed: u64, purpose: &str, index: u64) -> Self {
        let mut key = [0_u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&index.to_le_bytes());
        for (slot, byte) in key[16..].iter_mut().zip(purpose.bytes()) {
            *slot = byte;
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A uniform number from `0..limit`, or 0 if `limit` is 0. The bias of the multiplication is
    /// below 2^-32 at the sizes used here.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let wide = u128::from(self.0.next_u64()) * (limit as u128);
        (wide >> 64) as usize
    }

    /// True with probability 1 / `n`.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// An element of a table that is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, table: &[T]) -> T {
        table[self.below(table.len())]
    }

    /// A number of lower-case hexadecimal digits.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = String::with_capacity(digits);
        while text.len() < digits {
            let mut word = self.0.next_u64();
            for _ in 0..16.min(digits - text.len()) {
                text.push(char::from(DIGITS[(word & 15) as usize]));
                word >>= 4;
            }
        }
        text
    }

    /// Shuffles with the Fisher-Yates algorithm.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
