//! Classifies a request.

use bytes::Bytes;
use hyper::Method;
use percent_encoding::percent_decode_str;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestKind {
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
    /// Any other request.
    Other,
}

impl RequestKind {
    /// Whether the request changes data.
    pub fn writes(self) -> bool {
        matches!(self, Self::CreateDatabase | Self::BulkDocs)
    }
}

/// A received request.
#[derive(Clone, Debug)]
pub struct ParsedRequest {
    /// The method.
    pub method: Method,
    /// Path and query as received.
    pub target: String,
    /// The `Authorization` header, if present.
    pub authorization: Option<String>,
    /// The body.
    pub body: Bytes,
    /// The kind.
    pub kind: RequestKind,
    /// The plain name of the database. Empty for requests to the server itself.
    pub database: String,
}

impl ParsedRequest {
    /// Classifies a request.
    pub fn new(method: Method, target: String, authorization: Option<String>, body: Bytes) -> Self {
        let path = target.split('?').next().unwrap_or_default();
        let mut parts = path.trim_start_matches('/').split('/');
        let first = parts.next().unwrap_or_default();
        let rest = parts.next();
        let last = parts.next();
        let kind = match (method.as_str(), first, rest, last) {
            ("GET", "_all_dbs", None, None) => RequestKind::Databases,
            (_, first, ..) if first.starts_with('_') => RequestKind::Other,
            ("GET", _, None, None) => RequestKind::Database,
            ("PUT", _, None, None) => RequestKind::CreateDatabase,
            ("GET", _, Some("_all_docs"), None) => RequestKind::Range,
            ("POST", _, Some("_all_docs"), Some("queries")) => RequestKind::Ranges,
            ("POST", _, Some("_all_docs"), None) => RequestKind::Keys,
            ("POST", _, Some("_bulk_docs"), None) => RequestKind::BulkDocs,
            _ => RequestKind::Other,
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

    /// A hash of the request's content. Equal requests have equal hashes.
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
    fn requests_are_classified() {
        let kind = |method: Method, target: &str| {
            let request = ParsedRequest::new(method, target.into(), None, Bytes::new());
            (request.kind, request.database)
        };
        let numbers = "numbers/+1415".to_owned();
        assert_eq!(
            kind(Method::GET, "/_all_dbs?startkey=1"),
            (RequestKind::Databases, String::new())
        );
        assert_eq!(
            kind(Method::GET, "/numbers%2F%2B1415/_all_docs?limit=2"),
            (RequestKind::Range, numbers.clone())
        );
        assert_eq!(
            kind(Method::POST, "/numbers%2F%2B1415/_all_docs/queries"),
            (RequestKind::Ranges, numbers.clone())
        );
        assert_eq!(
            kind(Method::POST, "/numbers%2F%2B1415/_all_docs"),
            (RequestKind::Keys, numbers.clone())
        );
        assert_eq!(
            kind(Method::POST, "/numbers%2F%2B1415/_bulk_docs"),
            (RequestKind::BulkDocs, numbers.clone())
        );
        assert_eq!(
            kind(Method::PUT, "/numbers%2F%2B1415"),
            (RequestKind::CreateDatabase, numbers)
        );
    }
}
