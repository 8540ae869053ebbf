//! Database names: plain (`numbers/+1415`), as the server lists them, and percent-encoded (`numbers%2F%2B1415`), as in URLs.

use std::fmt;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All characters except the unreserved ones of URLs.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'_')
    .remove(b'-')
    .remove(b'.')
    .remove(b'~');

/// Percent-encodes a name for a URL. It need not be legal.
pub fn encoded(name: &str) -> String {
    utf8_percent_encode(name, ENCODED).to_string()
}

/// A legal database name. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseName(Arc<str>);

impl DatabaseName {
    /// The longest accepted name, in bytes: CouchDB's limit.
    pub const LONGEST: usize = 238;

    /// Checks a plain name. `None` if CouchDB would refuse it; so no name can change the path of a URL.
    pub fn new(name: &str) -> Option<Self> {
        let legal = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_$()+-/".contains(&byte)
        };
        let starts = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
            || matches!(name, "_users" | "_replicator" | "_global_changes");
        (starts && name.len() <= Self::LONGEST && name.bytes().all(legal))
            .then(|| Self(name.into()))
    }

    /// The plain name.
    pub fn plain(&self) -> &str {
        &self.0
    }

    /// The percent-encoded name, for URLs and as Kazoo prints it.
    pub fn encoded(&self) -> String {
        encoded(&self.0)
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.encoded())
    }
}

impl fmt::Debug for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_percent_encoded_for_urls() {
        let database = DatabaseName::new("numbers/+1415").unwrap();
        assert_eq!(database.encoded(), "numbers%2F%2B1415");
        assert_eq!(DatabaseName::new("../.._users"), None);
    }
}
