//! Hexadecimal text and random ids.

/// Encodes bytes as lower-case digits.
pub(crate) fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// 32 random digits, as CouchDB's `random` algorithm makes ids.
pub(crate) fn uuid() -> String {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // Without a system source of randomness the ids still differ.
        use std::hash::{BuildHasher as _, RandomState};
        let first = RandomState::new().hash_one(0);
        let second = RandomState::new().hash_one(1);
        bytes[..8].copy_from_slice(&first.to_ne_bytes());
        bytes[8..].copy_from_slice(&second.to_ne_bytes());
    }
    encode(&bytes)
}
