//! What a request is about, as far as faults care.

use bytes::Bytes;
use hyper::Method;
use percent_encoding::percent_decode_str;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What is asked of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `GET /_all_dbs`
    Databases,
    /// `GET /db`
    Database,
    /// `PUT /db`
    CreateDatabase,
    /// `GET /db/_all_docs`
    Range,
    /// `POST /db/_all_docs/queries`
    Ranges,
    /// `POST /db/_all_docs`
    Keys,
    /// `POST /db/_bulk_docs`
    BulkDocs,
    /// Anything else.
    Other,
}

impl Kind {
    /// Whether it changes something.
    pub fn writes(self) -> bool {
        matches!(self, Self::CreateDatabase | Self::BulkDocs)
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// Path and query, as sent.
    pub target: String,
    /// The `Authorization` header, if there was one.
    pub authorization: Option<String>,
    /// Its body.
    pub body: Bytes,
    /// What it is about.
    pub kind: Kind,
    /// The plain name of the database that it is about; empty for the server itself.
    pub database: String,
}

impl Asked {
    /// Sorts a request.
    pub fn new(method: Method, target: String, authorization: Option<String>, body: Bytes) -> Self {
        let path = target.split('?').next().unwrap_or_default();
        let mut parts = path.trim_start_matches('/').split('/');
        let first = parts.next().unwrap_or_default();
        let rest = parts.next();
        let last = parts.next();
        let kind = match (method.as_str(), first, rest, last) {
            ("GET", "_all_dbs", None, None) => Kind::Databases,
            (_, first, ..) if first.starts_with('_') => Kind::Other,
            ("GET", _, None, None) => Kind::Database,
            ("PUT", _, None, None) => Kind::CreateDatabase,
            ("GET", _, Some("_all_docs"), None) => Kind::Range,
            ("POST", _, Some("_all_docs"), Some("queries")) => Kind::Ranges,
            ("POST", _, Some("_all_docs"), None) => Kind::Keys,
            ("POST", _, Some("_bulk_docs"), None) => Kind::BulkDocs,
            _ => Kind::Other,
        };
        let database = if first.starts_with('_') {
            String::new()
        } else {
            percent_decode_str(first).decode_utf8_lossy().into_owned()
        };
        Self {
            method,
            target,
            authorization,
            body,
            kind,
            database,
        }
    }

    /// A number for what is asked: the same request has the same, whenever it is sent.
    pub fn fingerprint(&self, seed: u64) -> u64 {
        let seed = xxh3_64_with_seed(self.method.as_str().as_bytes(), seed);
        let seed = xxh3_64_with_seed(self.target.as_bytes(), seed);
        xxh3_64_with_seed(&self.body, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_sorted() {
        let kind = |method: Method, target: &str| {
            let asked = Asked::new(method, target.into(), None, Bytes::new());
            (asked.kind, asked.database)
        };
        let numbers = "numbers/+1415".to_owned();
        assert_eq!(
            kind(Method::GET, "/_all_dbs?startkey=1"),
            (Kind::Databases, String::new())
        );
        assert_eq!(
            kind(Method::GET, "/numbers%2F%2B1415/_all_docs?limit=2"),
            (Kind::Range, numbers.clone())
        );
        assert_eq!(
            kind(Method::POST, "/numbers%2F%2B1415/_all_docs/queries"),
            (Kind::Ranges, numbers.clone())
        );
        assert_eq!(
            kind(Method::POST, "/numbers%2F%2B1415/_all_docs"),
            (Kind::Keys, numbers.clone())
        );
        assert_eq!(
            kind(Method::POST, "/numbers%2F%2B1415/_bulk_docs"),
            (Kind::BulkDocs, numbers.clone())
        );
        assert_eq!(
            kind(Method::PUT, "/numbers%2F%2B1415"),
            (Kind::CreateDatabase, numbers)
        );
    }
}
