//! A document to write, split into CouchDB's own fields and the rest.

use crate::attachment::AttachmentEdit;
use crate::json::{Json, write_fields};
use crate::request_error::RequestError;
use crate::revision::Rev;

/// CouchDB's default `max_document_size`.
const MAX_SIZE: usize = 8_000_000;

pub(crate) const DESIGN: &str = "_design/";
pub(crate) const LOCAL: &str = "_local/";

/// A document to write.
#[derive(Debug, Clone, Default)]
pub(crate) struct DocumentEdit {
    /// Empty if the server must choose the id.
    pub(crate) id: String,
    pub(crate) rev: Option<Rev>,
    /// `_revisions`: the history from a replicator, newest first.
    pub(crate) history: Vec<Rev>,
    pub(crate) deleted: bool,
    /// All fields except CouchDB's own, serialised.
    pub(crate) fields: String,
    pub(crate) attachments: Vec<AttachmentEdit>,
}

impl DocumentEdit {
    /// Splits a document. The id is checked by [`check_id`].
    pub(crate) fn from_json(document: Json) -> Result<Self, RequestError> {
        let Json::Object(members) = document else {
            return Err(RequestError::bad_request("Document must be a JSON object"));
        };
        let mut edit = DocumentEdit::default();
        let mut fields = Vec::with_capacity(members.len());
        for (name, value) in members {
            if !name.starts_with('_') || name.starts_with("_replication_") {
                fields.push((name, value));
                continue;
            }
            match (name.as_str(), value) {
                ("_id", Json::String(id)) => {
                    if id.is_empty() {
                        return Err(RequestError::illegal_docid("Document id must not be empty"));
                    }
                    edit.id = id;
                }
                ("_id", _) => {
                    return Err(RequestError::illegal_docid("Document id must be a string"));
                }
                ("_rev", Json::String(rev)) => edit.rev = Some(Rev::parse(&rev)?),
                ("_rev", _) => return Err(RequestError::bad_request("Invalid rev format")),
                ("_deleted", Json::Bool(deleted)) => edit.deleted = deleted,
                ("_attachments", Json::Object(attachments)) => {
                    edit.attachments = AttachmentEdit::all_from_json(attachments)?;
                }
                ("_revisions", revisions) => edit.history = history(&revisions)?,
                ("_local_seq" | "_conflicts" | "_deleted_conflicts" | "_revs_info", _) => {}
                _ => return Err(RequestError::doc_validation(&name)),
            }
        }
        write_fields(&mut edit.fields, &fields);
        if edit.fields.len() > MAX_SIZE {
            return Err(RequestError::new(413, "document_too_large", edit.id));
        }
        Ok(edit)
    }

    pub(crate) fn is_local(&self) -> bool {
        self.id.starts_with(LOCAL)
    }
}

fn history(revisions: &Json) -> Result<Vec<Rev>, RequestError> {
    let malformed = || RequestError::doc_validation("_revisions");
    let start = revisions
        .get("start")
        .and_then(Json::as_u64)
        .ok_or_else(malformed)?;
    let ids = revisions
        .get("ids")
        .and_then(Json::as_array)
        .ok_or_else(malformed)?;
    ids.iter()
        .zip((0..=start).rev())
        .map(|(id, generation)| Ok(Rev::new(generation, id.as_str().ok_or_else(malformed)?)))
        .collect()
}

/// Checks an id. Only CouchDB's own ids may start with an underscore.
pub(crate) fn check_id(id: &str) -> Result<(), RequestError> {
    match id {
        "_design/" => Err(RequestError::illegal_docid(
            "Illegal document id `_design/`",
        )),
        "_local" | "_local/" => Err(RequestError::bad_request("Invalid _local document id.")),
        _ if id.starts_with(DESIGN) || id.starts_with(LOCAL) => Ok(()),
        _ if id.starts_with('_') => Err(RequestError::illegal_docid(
            "Only reserved document ids may start with underscore.",
        )),
        _ => Ok(()),
    }
}
