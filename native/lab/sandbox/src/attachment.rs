//! Attachments: as clients send them, and as stubs in the store.

use crate::json::{self, Json};
use crate::request_error::RequestError;
use crate::store::StoreError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

const OCTETS: &str = "application/octet-stream";

/// An attachment in a document to write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AttachmentEdit {
    /// Keeps the stored attachment.
    Stub { name: String, revpos: Option<u64> },
    New {
        name: String,
        content_type: String,
        content: Vec<u8>,
    },
}

/// Metadata of a stored attachment. The content is stored under its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stub {
    pub(crate) name: String,
    pub(crate) content_type: String,
    pub(crate) revpos: u64,
    pub(crate) digest: String,
    pub(crate) length: u64,
}

impl AttachmentEdit {
    pub(crate) fn new(name: &str, content_type: Option<&str>, content: Vec<u8>) -> Self {
        AttachmentEdit::New {
            name: name.to_owned(),
            content_type: content_type.unwrap_or(OCTETS).to_owned(),
            content,
        }
    }

    pub(crate) fn all_from_json(members: Vec<(String, Json)>) -> Result<Vec<Self>, RequestError> {
        let mut edits = Vec::with_capacity(members.len());
        for (name, value) in members {
            check_name(&name)?;
            // CouchDB ignores a value that is not an object.
            if value.as_object().is_some() {
                edits.push(Self::from_json(&name, &value)?);
            }
        }
        Ok(edits)
    }

    fn from_json(name: &str, value: &Json) -> Result<Self, RequestError> {
        if value.get("stub").is_some_and(Json::is_true) {
            return Ok(AttachmentEdit::Stub {
                name: name.to_owned(),
                revpos: value.get("revpos").and_then(Json::as_u64),
            });
        }
        let content = value
            .get("data")
            .and_then(Json::as_str)
            .and_then(|data| STANDARD.decode(data).ok())
            .ok_or_else(|| {
                RequestError::bad_request(format!("Invalid attachment data for {name}"))
            })?;
        let content_type = value.get("content_type").and_then(Json::as_str);
        Ok(Self::new(name, content_type, content))
    }
}

pub(crate) fn check_name(name: &str) -> Result<(), RequestError> {
    if name.starts_with('_') {
        return Err(RequestError::bad_request(format!(
            "Attachment name '{name}' starts with prohibited character '_'"
        )));
    }
    Ok(())
}

pub(crate) fn digest(content: &[u8]) -> String {
    format!("md5-{}", STANDARD.encode(Md5::digest(content)))
}

pub(crate) fn base64(content: &[u8]) -> String {
    STANDARD.encode(content)
}

impl Stub {
    fn to_json(&self) -> (String, Json) {
        let stub = Json::object([
            ("content_type", Json::str(self.content_type.as_str())),
            ("revpos", Json::int(self.revpos)),
            ("digest", Json::str(self.digest.as_str())),
            ("length", Json::int(self.length)),
            ("stub", Json::Bool(true)),
        ]);
        (self.name.clone(), stub)
    }

    /// The JSON text of stubs, as stored and sent. Empty without stubs.
    pub(crate) fn write_all(stubs: &[Stub]) -> String {
        if stubs.is_empty() {
            return String::new();
        }
        Json::Object(stubs.iter().map(Stub::to_json).collect()).to_text()
    }

    pub(crate) fn read_all(text: &str) -> Result<Vec<Stub>, StoreError> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let stubs = json::parse(text.as_bytes()).map_err(|_| StoreError::Damaged)?;
        stubs
            .as_object()
            .unwrap_or_default()
            .iter()
            .map(|(name, stub)| Self::read(name, stub).ok_or(StoreError::Damaged))
            .collect()
    }

    fn read(name: &str, stub: &Json) -> Option<Stub> {
        Some(Stub {
            name: name.to_owned(),
            content_type: stub.get("content_type")?.as_str()?.to_owned(),
            revpos: stub.get("revpos")?.as_u64()?,
            digest: stub.get("digest")?.as_str()?.to_owned(),
            length: stub.get("length")?.as_u64()?,
        })
    }
}
