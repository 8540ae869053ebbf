//! Revisions: a generation and a hash.

use std::fmt;

/// A revision such as `3-917fa2381192822767f010b95b45325b`. Ordered as CouchDB orders branches: by
/// generation, then by hash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Rev {
    pub(crate) generation: u64,
    pub(crate) hash: String,
}

/// The text is not a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Invalid rev format")]
pub(crate) struct InvalidRev;

impl Rev {
    pub(crate) fn new(generation: u64, hash: impl Into<String>) -> Self {
        Self {
            generation,
            hash: hash.into(),
        }
    }

    /// Any text after a number and a dash is a hash. Clients may choose it; it may be empty.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidRev> {
        let (generation, hash) = text.split_once('-').ok_or(InvalidRev)?;
        if generation.is_empty() || !generation.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidRev);
        }
        Ok(Self::new(generation.parse().map_err(|_| InvalidRev)?, hash))
    }
}

impl fmt::Display for Rev {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.generation, self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_format_is_refused() {
        assert_eq!(Rev::parse("2-ab"), Ok(Rev::new(2, "ab")));
        assert_eq!(Rev::parse("1-"), Ok(Rev::new(1, "")));
        for text in ["", "x", "1", "abc", "-1", "x-1", "1 -a"] {
            assert_eq!(Rev::parse(text), Err(InvalidRev), "{text:?}");
        }
    }

    #[test]
    fn generation_is_compared_before_hash() {
        assert!(Rev::new(10, "a") > Rev::new(9, "b"));
        assert!(Rev::new(2, "b") > Rev::new(2, "a"));
    }
}
