//! Writes documents for an answer: the stored text with `_id`, `_rev` and requested fields.

use crate::attachment::{self, Stub};
use crate::json::{Json, write_string};
use crate::revision::Rev;
use crate::revtree::Node;
use crate::store::{Body, DocRecord, Reader, StoreError};

/// Options of reading a document.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DocOptions {
    pub(crate) revs: bool,
    pub(crate) revs_info: bool,
    pub(crate) conflicts: bool,
    pub(crate) deleted_conflicts: bool,
    pub(crate) local_seq: bool,
    pub(crate) attachments: bool,
}

impl DocOptions {
    /// Whether the stored text is sufficient.
    pub(crate) fn is_plain(&self) -> bool {
        !(self.revs
            || self.revs_info
            || self.conflicts
            || self.deleted_conflicts
            || self.local_seq
            || self.attachments)
    }
}

/// Writes a document without fields that need a lookup.
pub(crate) fn write_plain(
    out: &mut String,
    id: &str,
    rev: &str,
    deleted: bool,
    fields: &str,
    stubs: &str,
) {
    open(out, id, rev, deleted, fields);
    if !stubs.is_empty() {
        out.push_str(",\"_attachments\":");
        out.push_str(stubs);
    }
    out.push('}');
}

fn open(out: &mut String, id: &str, rev: &str, deleted: bool, fields: &str) {
    out.push_str("{\"_id\":");
    write_string(out, id);
    out.push_str(",\"_rev\":");
    write_string(out, rev);
    if !fields.is_empty() {
        out.push(',');
        out.push_str(fields);
    }
    if deleted {
        out.push_str(",\"_deleted\":true");
    }
}

/// Writes one revision of a document with everything that `options` request.
pub(crate) fn write_revision(
    out: &mut String,
    reader: &Reader,
    (db, id): (u64, &str),
    record: &DocRecord,
    (node, body): (&Node, &Body),
    options: DocOptions,
) -> Result<(), StoreError> {
    let rev = &node.rev;
    open(out, id, &rev.to_string(), node.deleted, &body.fields);
    if options.revs {
        push_field(out, "_revisions", &revisions(&record.tree.history(rev)));
    }
    if options.revs_info {
        push_field(out, "_revs_info", &revs_info(&record.tree.history(rev)));
    }
    let others = |deleted| {
        let revs = record
            .tree
            .leaves()
            .into_iter()
            .filter(|leaf| leaf.deleted == deleted && leaf.rev != *rev);
        Json::Array(
            revs.map(|leaf| Json::String(leaf.rev.to_string()))
                .collect(),
        )
    };
    let mut push_others = |name, deleted| {
        let revs = others(deleted);
        if revs.as_array().is_some_and(|revs| !revs.is_empty()) {
            push_field(out, name, &revs);
        }
    };
    if options.conflicts {
        push_others("_conflicts", false);
    }
    if options.deleted_conflicts {
        push_others("_deleted_conflicts", true);
    }
    if options.local_seq {
        push_field(out, "_local_seq", &Json::int(record.seq));
    }
    if options.attachments && !body.stubs.is_empty() {
        push_field(out, "_attachments", &with_data(reader, db, &body.stubs)?);
    } else if !body.stubs.is_empty() {
        out.push_str(",\"_attachments\":");
        out.push_str(&body.stubs);
    }
    out.push('}');
    Ok(())
}

fn push_field(out: &mut String, name: &str, value: &Json) {
    out.push(',');
    write_string(out, name);
    out.push(':');
    value.write(out);
}

/// `_revisions`, as far as the generations are consecutive.
pub(crate) fn revisions(history: &[&Node]) -> Json {
    let start = history.first().map_or(0, |node| node.rev.generation);
    let ids = history
        .iter()
        .map(|node| Json::str(node.rev.hash.as_str()))
        .collect();
    Json::object([("start", Json::int(start)), ("ids", Json::Array(ids))])
}

fn revs_info(history: &[&Node]) -> Json {
    let status = |node: &Node| match (node.available, node.deleted) {
        (false, _) => "missing",
        (true, true) => "deleted",
        (true, false) => "available",
    };
    Json::Array(
        history
            .iter()
            .map(|node| {
                Json::object([
                    ("rev", Json::String(node.rev.to_string())),
                    ("status", Json::str(status(node))),
                ])
            })
            .collect(),
    )
}

fn with_data(reader: &Reader, db: u64, stubs: &str) -> Result<Json, StoreError> {
    let mut members = Vec::new();
    for stub in Stub::read_all(stubs)? {
        let content = reader
            .attachment(db, &stub.digest)?
            .ok_or(StoreError::Damaged)?;
        let member = Json::object([
            ("content_type", Json::str(stub.content_type.as_str())),
            ("revpos", Json::int(stub.revpos)),
            ("digest", Json::str(stub.digest.as_str())),
            ("data", Json::String(attachment::base64(&content))),
        ]);
        members.push((stub.name, member));
    }
    Ok(Json::Object(members))
}

/// The winner of a document as text. None if it does not exist or is a tombstone.
pub(crate) fn live_document(
    reader: &Reader,
    db: u64,
    id: &str,
    options: DocOptions,
) -> Result<Option<String>, StoreError> {
    let mut out = String::new();
    if options.is_plain() {
        let found = reader.inspect(db, id, |doc| {
            if !doc.deleted {
                write_plain(&mut out, id, doc.rev, false, doc.fields, doc.stubs);
            }
            !doc.deleted
        })?;
        return Ok((found == Some(true)).then_some(out));
    }
    match reader.doc(db, id)? {
        Some(record) if !record.deleted => {
            write_winner(&mut out, reader, (db, id), &record, options)?;
            Ok(Some(out))
        }
        _ => Ok(None),
    }
}

/// Writes the winner, which may be a tombstone.
pub(crate) fn write_winner(
    out: &mut String,
    reader: &Reader,
    at: (u64, &str),
    record: &DocRecord,
    options: DocOptions,
) -> Result<(), StoreError> {
    let node = record.tree.find(&record.rev).ok_or(StoreError::Damaged)?;
    write_revision(out, reader, at, record, (node, &record.body), options)
}

/// One revision, if its body still exists.
pub(crate) fn stored_revision(
    reader: &Reader,
    (db, id): (u64, &str),
    record: &DocRecord,
    rev: &Rev,
    options: DocOptions,
) -> Result<Option<String>, StoreError> {
    let Some(node) = record.tree.find(rev).filter(|node| node.available) else {
        return Ok(None);
    };
    let Some(body) = reader.body(db, id, record, rev)? else {
        return Ok(None);
    };
    let mut out = String::new();
    write_revision(&mut out, reader, (db, id), record, (node, &body), options)?;
    Ok(Some(out))
}
