//! Revisions: `3-` and 32 hexadecimal digits.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A document's revision. The usual hash is kept as a number, because millions of revisions are in memory. CouchDB 1.x and
/// BigCouch have other hashes, which are kept as text.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Packed", into = "Packed")]
pub enum Revision {
    /// Generation and 16-byte hash.
    Usual(u32, u128),
    /// Any other revision text.
    Other(Box<str>),
}

/// The serialised form, in which a usual revision takes at most 22 bytes.
#[derive(Serialize, Deserialize)]
enum Packed {
    Usual(u32, [u8; 16]),
    Other(Box<str>),
}

impl From<Packed> for Revision {
    fn from(packed: Packed) -> Self {
        match packed {
            Packed::Usual(generation, hash) => Self::Usual(generation, u128::from_be_bytes(hash)),
            Packed::Other(text) => Self::Other(text),
        }
    }
}

impl From<Revision> for Packed {
    fn from(revision: Revision) -> Self {
        match revision {
            Revision::Usual(generation, hash) => Self::Usual(generation, hash.to_be_bytes()),
            Revision::Other(text) => Self::Other(text),
        }
    }
}

impl Revision {
    /// Parses a revision. Any text is accepted.
    pub fn parse(text: &str) -> Self {
        let usual = || {
            let (generation, hash) = text.split_once('-')?;
            if hash.len() != 32 || generation.starts_with(['+', '0']) {
                return None;
            }
            let lower = hash
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            if !lower {
                return None;
            }
            let hash = u128::from_str_radix(hash, 16).ok()?;
            Some(Self::Usual(generation.parse().ok()?, hash))
        };
        usual().unwrap_or_else(|| Self::Other(text.into()))
    }

    /// Creates a revision of this generation that loses against all others of it, except those created here with a lower rank. In
    /// CouchDB the longest branch wins, then the greatest hash.
    pub fn losing(generation: u32, rank: u32) -> Self {
        let hash = u128::from(rank) << 64 | u128::from(rand::random::<u64>());
        Self::Usual(generation.max(1), hash)
    }

    /// The generation: the number of revisions in the branch. `None` if the text has another form.
    pub fn generation(&self) -> Option<u32> {
        match self {
            Self::Usual(generation, _) => Some(*generation),
            Self::Other(text) => text.split_once('-')?.0.parse().ok(),
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usual(generation, hash) => write!(f, "{generation}-{hash:032x}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsed_revision_prints_unchanged() {
        for text in [
            "3-917fa2381192822767f010b95b45325b",
            "1-0",
            "10-0000000000000000000000000000000f",
            "1-917FA2381192822767F010B95B45325B",
            "",
        ] {
            assert_eq!(Revision::parse(text).to_string(), text);
        }
    }
}
