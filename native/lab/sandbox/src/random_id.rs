//! Random ids.

use data_encoding::HEXLOWER;

/// 32 random hexadecimal digits, as CouchDB's `random` algorithm makes ids.
pub(crate) fn random_id() -> String {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // Without a system source of randomness the ids still differ.
        use std::hash::{BuildHasher as _, RandomState};
        let first = RandomState::new().hash_one(0);
        let second = RandomState::new().hash_one(1);
        bytes[..8].copy_from_slice(&first.to_ne_bytes());
        bytes[8..].copy_from_slice(&second.to_ne_bytes());
    }
    HEXLOWER.encode(&bytes)
}
