//! Where a server is, and who we are to it.

use std::fmt;

use base64::Engine as _;
use percent_encoding::percent_decode_str;
use reqwest::header::HeaderValue;
use url::Url;

use super::error::{Error, Kind, Operation};

/// A server's URL with its credentials, which no formatting of it shows.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl {
    base: Url,
    user: Option<(String, String)>,
}

impl ServerUrl {
    /// Reads `http://user:password@host:port`; user and password may be percent-encoded.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |detail: &str| Error::new(Kind::Config, Operation::CONNECT, detail);
        let mut base = Url::parse(text.trim()).map_err(|_| {
            bad("the CouchDB URL is not of the form http://user:password@host:port")
        })?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(bad("the CouchDB URL must start with http:// or https://"));
        }
        // A slip before the credentials (`http:///`, `http:a/`) makes a path of them, and paths
        // are shown.
        if base.path().contains('@') {
            return Err(bad(
                "the CouchDB URL has an @ after its host; it is to be http://user:password@host:port",
            ));
        }
        let text = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let user = (!base.username().is_empty())
            .then(|| (text(base.username()), text(base.password().unwrap_or(""))));
        let _ = base.set_username("");
        let _ = base.set_password(None);
        base.set_query(None);
        base.set_fragment(None);
        Ok(Self { base, user })
    }

    /// Whether the connection is encrypted.
    pub(super) fn is_https(&self) -> bool {
        self.base.scheme() == "https"
    }

    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        let (user, password) = self.user.as_ref()?;
        let token = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let mut value = HeaderValue::from_str(&format!("Basic {token}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_never_shown() {
        let url = ServerUrl::parse("http://admin:p%40ss@127.0.0.1:5984/").unwrap();
        assert_eq!(url.to_string(), "http://127.0.0.1:5984");
        assert_eq!(format!("{url:?}"), "http://127.0.0.1:5984");
        let header = url.authorization().unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic YWRtaW46cEBzcw==");
        assert!(!format!("{header:?}").contains("YWRt"));
        for bad in ["ftp://admin:secret@host", "http:a/admin:secret@host:5984"] {
            let error = ServerUrl::parse(bad).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
