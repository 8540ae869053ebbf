//! Errors that are reported to the client.

use crate::json::Malformed;
use crate::revision::InvalidRev;
use crate::store::StoreError;
use std::borrow::Cow;

/// A refusal in CouchDB's words, or an internal error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("{error}: {reason}")]
    Refused {
        status: u16,
        error: Cow<'static, str>,
        reason: Cow<'static, str>,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Text = Cow<'static, str>;

impl RequestError {
    pub(crate) fn new(status: u16, error: impl Into<Text>, reason: impl Into<Text>) -> Self {
        RequestError::Refused {
            status,
            error: error.into(),
            reason: reason.into(),
        }
    }

    pub(crate) fn bad_request(reason: impl Into<Text>) -> Self {
        Self::new(400, "bad_request", reason)
    }

    pub(crate) fn query_parse(reason: impl Into<Text>) -> Self {
        Self::new(400, "query_parse_error", reason)
    }

    pub(crate) fn illegal_docid(reason: impl Into<Text>) -> Self {
        Self::new(400, "illegal_docid", reason)
    }

    pub(crate) fn doc_validation(member: &str) -> Self {
        let reason = format!("Bad special document member: {member}");
        Self::new(400, "doc_validation", reason)
    }

    pub(crate) fn unauthorized(reason: impl Into<Text>) -> Self {
        Self::new(401, "unauthorized", reason)
    }

    pub(crate) fn forbidden(reason: impl Into<Text>) -> Self {
        Self::new(403, "forbidden", reason)
    }

    pub(crate) fn too_large() -> Self {
        Self::new(413, "too_large", "the request entity is too large")
    }

    pub(crate) fn not_found(reason: impl Into<Text>) -> Self {
        Self::new(404, "not_found", reason)
    }

    pub(crate) fn missing() -> Self {
        Self::not_found("missing")
    }

    pub(crate) fn deleted() -> Self {
        Self::not_found("deleted")
    }

    pub(crate) fn no_database() -> Self {
        Self::not_found("Database does not exist.")
    }

    pub(crate) fn no_attachment() -> Self {
        Self::not_found("Document is missing attachment")
    }

    pub(crate) fn methods(allowed: &str) -> Self {
        Self::new(405, "method_not_allowed", format!("Only {allowed} allowed"))
    }

    pub(crate) fn conflict() -> Self {
        Self::new(409, "conflict", "Document update conflict.")
    }

    pub(crate) fn missing_stub(id: &str, name: &str) -> Self {
        let reason = format!("Invalid attachment stub in {id} for {name}");
        Self::new(412, "missing_stub", reason)
    }

    pub(crate) fn bad_content_type(reason: impl Into<Text>) -> Self {
        Self::new(415, "bad_content_type", reason)
    }

    pub(crate) fn status(&self) -> u16 {
        match self {
            RequestError::Refused { status, .. } => *status,
            RequestError::Store(_) => 500,
        }
    }

    /// The `error` and `reason` of the answer.
    pub(crate) fn texts(&self) -> (&str, String) {
        match self {
            RequestError::Refused { error, reason, .. } => (error, reason.to_string()),
            RequestError::Store(error) => ("internal_server_error", error.to_string()),
        }
    }

    /// Whether the error concerns one row of a bulk request. Any other fails the whole request.
    pub(crate) fn is_of_one_row(&self) -> bool {
        matches!(self, RequestError::Refused { error, .. } if matches!(
            error.as_ref(),
            "conflict" | "forbidden" | "unauthorized" | "compilation_error" | "invalid_design_doc"
        ))
    }
}

impl From<Malformed> for RequestError {
    fn from(error: Malformed) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<InvalidRev> for RequestError {
    fn from(error: InvalidRev) -> Self {
        Self::bad_request(error.to_string())
    }
}
