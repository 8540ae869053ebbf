//! The parts of a request that CouchDB evaluates.

use super::MAX_BODY;
use crate::json::{self, Json};
use crate::request_error::RequestError;
use crate::revision::Rev;
use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use flate2::read::GzDecoder;
use std::io::Read as _;
use std::net::IpAddr;

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The path as received.
    pub(crate) raw_path: String,
    /// The decoded parts of the path. `None` for a part that is not UTF-8.
    pub(crate) path: Vec<Option<String>>,
    pub(crate) raw_query: Option<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) remote: IpAddr,
}

impl Request {
    /// A part of the path, or an empty text.
    pub(crate) fn part(&self, index: usize) -> &str {
        self.path
            .get(index)
            .and_then(Option::as_deref)
            .unwrap_or_default()
    }

    /// The method. `HEAD` is reported as `GET`; its body is dropped later.
    pub(crate) fn method(&self) -> &str {
        match self.method.as_str() {
            "HEAD" => "GET",
            method => method,
        }
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn asks(&self, name: &str) -> bool {
        self.query(name) == Some("true")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `http://host:port` as the client addressed the server.
    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.header("host").unwrap_or("localhost"))
    }

    /// `?rev=`, or `If-Match`.
    pub(crate) fn rev(&self) -> Result<Option<Rev>, RequestError> {
        match self.query("rev").or_else(|| self.if_match()) {
            Some(text) => Ok(Some(Rev::parse(text)?)),
            None => Ok(None),
        }
    }

    pub(crate) fn if_match(&self) -> Option<&str> {
        Some(self.header("if-match")?.trim().trim_matches('"'))
    }

    pub(crate) fn body(&self) -> Result<Vec<u8>, RequestError> {
        match self.header("content-encoding") {
            None | Some("identity") => Ok(self.body.to_vec()),
            Some("gzip") => {
                let mut plain = Vec::new();
                GzDecoder::new(self.body.as_ref())
                    .take(MAX_BODY as u64 + 1)
                    .read_to_end(&mut plain)
                    .map_err(|_| {
                        RequestError::bad_request("Request body is not properly gzipped.")
                    })?;
                if plain.len() > MAX_BODY {
                    return Err(RequestError::too_large());
                }
                Ok(plain)
            }
            Some(other) => Err(RequestError::bad_content_type(format!(
                "{other} is not a supported content encoding."
            ))),
        }
    }

    pub(crate) fn json(&self) -> Result<Json, RequestError> {
        if self.header("content-encoding").is_none() {
            return Ok(json::parse(&self.body)?);
        }
        Ok(json::parse(&self.body()?)?)
    }

    /// The JSON body. The content type must be JSON.
    pub(crate) fn declared_json(&self) -> Result<Json, RequestError> {
        self.must_declare_json()?;
        self.json()
    }

    pub(crate) fn must_declare_json(&self) -> Result<(), RequestError> {
        let declared = self.header("content-type").unwrap_or_default();
        let kind = declared.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/json") {
            Ok(())
        } else {
            Err(RequestError::bad_content_type(
                "Content-Type must be application/json",
            ))
        }
    }

    /// The JSON body, which must be an object.
    pub(crate) fn json_object(&self) -> Result<Json, RequestError> {
        let body = self.declared_json()?;
        if body.as_object().is_none() {
            return Err(RequestError::bad_request(
                "Request body must be a JSON object",
            ));
        }
        Ok(body)
    }
}

/// The parts of a path between slashes. Empty parts are dropped, dots have no meaning, and a raw
/// plus is a space.
pub(crate) fn split_path(raw: &str) -> Result<Vec<Option<String>>, RequestError> {
    raw.split('/')
        .filter(|part| !part.is_empty())
        .map(|part| {
            unescape(part)
                .map(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(|| RequestError::bad_request("invalid_url_encoding"))
        })
        .collect()
}

pub(crate) fn split_query(raw: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        unescape(text).map_or_else(
            || text.to_owned(),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    };
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            _ => byte,
        });
    }
    Some(out)
}

/// Escapes all characters except letters, digits and `-_.~`.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(raw: &str) -> Vec<Option<String>> {
        split_path(raw).unwrap()
    }

    #[test]
    fn raw_plus_is_space_and_escaped_plus_is_plus() {
        assert_eq!(
            parts("/numbers%2F%2B1555/a+b"),
            [Some("numbers/+1555".to_owned()), Some("a b".to_owned())]
        );
        assert_eq!(split_query("startkey=%2B&x=+1")[1].1, " 1");
    }

    #[test]
    fn path_keeps_dots_and_drops_empty_parts() {
        assert_eq!(
            parts("/db/../doc/"),
            ["db", "..", "doc"].map(|part| Some(part.to_owned()))
        );
    }

    #[test]
    fn invalid_utf8_differs_from_invalid_escape() {
        assert_eq!(parts("/%C3%28"), [None]);
        assert!(split_path("/a%ZZb").is_err());
    }

    #[test]
    fn escape_keeps_only_unreserved_characters() {
        assert_eq!(escape("a+b/ü~"), "a%2Bb%2F%C3%BC~");
    }
}
