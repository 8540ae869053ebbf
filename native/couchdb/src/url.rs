//! The address of a server, with credentials.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use base64::Engine as _;
use percent_encoding::percent_decode_str;
use reqwest::header::HeaderValue;
use url::Url;

use super::error::{Error, Operation};
use super::kind::Kind;

/// A server's URL with its credentials. No formatting shows the credentials.
#[derive(Clone)]
pub struct ServerUrl {
    base: Url,
    user: Option<(Vec<u8>, Vec<u8>)>,
    source: Option<Arc<str>>,
}

impl ServerUrl {
    /// Parses `http://user:password@host:port`. User and password are percent-decoded to bytes.
    ///
    /// # Errors
    /// [`Kind::Config`] for any other text. The error does not repeat the text, which may hold a
    /// password.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |detail: &str| {
            Error::new(Kind::Config, Operation::CONNECT, detail)
                .hint("for example http://user:password@127.0.0.1:5984; percent-encode special characters of the password")
        };
        let mut base = Url::parse(text.trim()).map_err(|_| {
            bad("the CouchDB URL is not of the form http://user:password@host:port")
        })?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(bad("the CouchDB URL must start with http:// or https://"));
        }
        // A typing error before the credentials (`http:///`, `http:a/`) turns them into a path, and
        // paths are shown.
        if base.path().contains('@') {
            return Err(bad(
                "the CouchDB URL has an @ after its host; it must be http://user:password@host:port",
            ));
        }
        let bytes = |part: &str| percent_decode_str(part).collect::<Vec<u8>>();
        let user = (!base.username().is_empty())
            .then(|| (bytes(base.username()), bytes(base.password().unwrap_or(""))));
        let _ = base.set_username("");
        let _ = base.set_password(None);
        base.set_query(None);
        base.set_fragment(None);
        Ok(Self {
            base,
            user,
            source: None,
        })
    }

    /// Sets the source of the configuration (`COUCHDB_URL`, a file) for messages.
    #[must_use]
    pub fn from(mut self, source: impl Into<Arc<str>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The source of the configuration.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The URL without credentials, and its source.
    pub fn named(&self) -> Arc<str> {
        match &self.source {
            Some(source) => format!("{self} (from {source})").into(),
            None => self.to_string().into(),
        }
    }

    /// Whether the scheme is https.
    pub fn is_https(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// Whether the host is this machine by its name or address.
    pub fn is_loopback(&self) -> bool {
        match self.base.host() {
            Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// The host and port for messages.
    pub(super) fn host_and_port(&self) -> (String, u16) {
        let host = self.base.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (
            host.to_owned(),
            self.base.port_or_known_default().unwrap_or_default(),
        )
    }

    /// The same URL with the other scheme.
    pub(super) fn with_other_scheme(&self) -> String {
        let text = self.to_string();
        match text.split_once(':') {
            Some(("http", rest)) => format!("https:{rest}"),
            Some((_, rest)) => format!("http:{rest}"),
            None => text,
        }
    }

    /// The target of a redirect, without credentials, query and fragment.
    pub(super) fn without_secrets(&self, location: &str) -> String {
        let Ok(mut url) = self.base.join(location) else {
            return "an address that cannot be read".to_owned();
        };
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.set_fragment(None);
        url.into()
    }

    /// The value of the `Authorization` header, marked as sensitive. `None`: the URL has no user.
    pub fn authorization(&self) -> Option<HeaderValue> {
        let (user, password) = self.user.as_ref()?;
        let credentials = [user.as_slice(), b":", password].concat();
        let token = base64::engine::general_purpose::STANDARD.encode(credentials);
        let mut value = HeaderValue::from_str(&format!("Basic {token}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// The source is not part of a server's identity.
impl PartialEq for ServerUrl {
    fn eq(&self, other: &Self) -> bool {
        self.base == other.base && self.user == other.user
    }
}

impl Eq for ServerUrl {}

impl Hash for ServerUrl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.base.hash(state);
        self.user.hash(state);
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
        let named = url.clone().from("COUCHDB_URL").named();
        assert_eq!(&*named, "http://127.0.0.1:5984 (from COUCHDB_URL)");
        assert_eq!(format!("{url:?}"), "http://127.0.0.1:5984");
        let header = url.authorization().unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic YWRtaW46cEBzcw==");
        assert!(!format!("{header:?}").contains("YWRt"));
        for bad in ["ftp://admin:secret@host", "http:a/admin:secret@host:5984"] {
            let error = ServerUrl::parse(bad).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn password_is_percent_decoded_to_bytes() {
        let token = |url: &str| {
            let header = ServerUrl::parse(url).unwrap().authorization().unwrap();
            let token = header.to_str().unwrap().strip_prefix("Basic ").unwrap();
            base64::engine::general_purpose::STANDARD
                .decode(token)
                .unwrap()
        };
        assert_eq!(token("http://a:%2541@h"), b"a:%41");
        assert_eq!(token("http://a:%E9%3A%2F@h"), b"a:\xe9:/");
    }

    #[test]
    fn source_does_not_change_equality() {
        let url = ServerUrl::parse("http://h:1").unwrap();
        assert_eq!(url, url.clone().from("COUCHDB_URL"));
        assert_eq!(url.with_other_scheme(), "https://h:1");
    }

    #[test]
    fn redirects_are_shown_without_credentials_and_query() {
        let url = ServerUrl::parse("http://h:1").unwrap();
        for (location, shown) in [
            (
                "https://admin:secret@db:6984/x?token=1#y",
                "https://db:6984/x",
            ),
            ("//admin:secret@a/login?token=1", "http://a/login"),
            ("/login?token=1", "http://h:1/login"),
        ] {
            assert_eq!(url.without_secrets(location), shown);
        }
    }
}
