//! What a client wants written: a JSON object taken apart into CouchDB's own fields and the rest.

use crate::attachment::AttachmentEdit;
use crate::failure::Failure;
use crate::json::{Json, write_fields};
use crate::revision::Rev;

/// CouchDB's `max_document_size` as shipped.
const MAX_SIZE: usize = 8_000_000;

pub(crate) const DESIGN: &str = "_design/";
pub(crate) const LOCAL: &str = "_local/";

/// One document to be written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edit {
    /// Empty: the server is to choose.
    pub(crate) id: String,
    pub(crate) rev: Option<Rev>,
    /// `_revisions`: the history as a replicator knows it, newest first.
    pub(crate) history: Vec<Rev>,
    pub(crate) deleted: bool,
    /// All but CouchDB's own fields, serialised.
    pub(crate) fields: String,
    pub(crate) attachments: Vec<AttachmentEdit>,
}

impl Edit {
    /// Takes a document apart. Whether its id is a good one is asked by [`check_id`].
    pub(crate) fn from_json(document: Json) -> Result<Self, Failure> {
        let Json::Object(members) = document else {
            return Err(Failure::bad_request("Document must be a JSON object"));
        };
        let mut edit = Edit::default();
        let mut fields = Vec::with_capacity(members.len());
        for (name, value) in members {
            if !name.starts_with('_') || name.starts_with("_replication_") {
                fields.push((name, value));
                continue;
            }
            match (name.as_str(), value) {
                ("_id", Json::String(id)) => {
                    if id.is_empty() {
                        return Err(Failure::illegal_docid("Document id must not be empty"));
                    }
                    edit.id = id;
                }
                ("_id", _) => {
                    return Err(Failure::illegal_docid("Document id must be a string"));
                }
                ("_rev", Json::String(rev)) => edit.rev = Some(Rev::parse(&rev)?),
                ("_rev", _) => return Err(Failure::bad_request("Invalid rev format")),
                ("_deleted", Json::Bool(deleted)) => edit.deleted = deleted,
                ("_attachments", Json::Object(attachments)) => {
                    edit.attachments = AttachmentEdit::all_from_json(attachments)?;
                }
                ("_revisions", revisions) => edit.history = history(&revisions)?,
                ("_local_seq" | "_conflicts" | "_deleted_conflicts" | "_revs_info", _) => {}
                _ => return Err(Failure::doc_validation(&name)),
            }
        }
        write_fields(&mut edit.fields, &fields);
        if edit.fields.len() > MAX_SIZE {
            return Err(Failure::new(413, "document_too_large", edit.id));
        }
        Ok(edit)
    }

    pub(crate) fn is_local(&self) -> bool {
        self.id.starts_with(LOCAL)
    }
}

fn history(revisions: &Json) -> Result<Vec<Rev>, Failure> {
    let malformed = || Failure::doc_validation("_revisions");
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

/// Only CouchDB's own ids may start with an underscore.
pub(crate) fn check_id(id: &str) -> Result<(), Failure> {
    match id {
        "_design/" => Err(Failure::illegal_docid("Illegal document id `_design/`")),
        "_local" | "_local/" => Err(Failure::bad_request("Invalid _local document id.")),
        _ if id.starts_with(DESIGN) || id.starts_with(LOCAL) => Ok(()),
        _ if id.starts_with('_') => Err(Failure::illegal_docid(
            "Only reserved document ids may start with underscore.",
        )),
        _ => Ok(()),
    }
}
