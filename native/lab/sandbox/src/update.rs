//! Writes documents: assigns revisions and refuses conflicts.

use crate::attachment::{self, AttachmentEdit, Stub};
use crate::document::{DESIGN, DocumentEdit};
use crate::request_error::RequestError;
use crate::revision::Rev;
use crate::revtree::RevTree;
use crate::store::{Body, Database, DocRecord, StoreError, Writer};
use crate::validation::{Author, Validators};
use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};

/// The writes of one request.
pub(crate) struct Update<'w, 't> {
    pub(crate) writer: &'w mut Writer<'t>,
    db: &'w Database,
    author: &'w Author,
    validators: Validators,
    /// Whether a revision of an unknown document is accepted. CouchDB accepts it once it has
    /// written to the database since it opened it.
    trusting: bool,
}

impl<'w, 't> Update<'w, 't> {
    pub(crate) fn new(
        writer: &'w mut Writer<'t>,
        db: &'w Database,
        author: &'w Author,
        trusting: bool,
    ) -> Result<Self, RequestError> {
        let validators = Validators::load(writer, db)?;
        Ok(Self {
            writer,
            db,
            author,
            validators,
            trusting,
        })
    }

    /// Writes a local document, or another one as a normal write (`new_edits`) or as a replicator.
    pub(crate) fn write(
        &mut self,
        edit: DocumentEdit,
        new_edits: bool,
    ) -> Result<Rev, RequestError> {
        if edit.is_local() {
            self.edit_local(&edit)
        } else if new_edits {
            self.edit(edit)
        } else {
            self.replicate(edit)
        }
    }

    /// A normal write, as the child of the named revision or as a new document.
    pub(crate) fn edit(&mut self, mut edit: DocumentEdit) -> Result<Rev, RequestError> {
        let id = std::mem::take(&mut edit.id);
        let before = self.writer.doc(self.db.number, &id)?;
        let parent = self.parent(before.as_ref(), &edit)?;
        let old = self.old_body(&id, before.as_ref(), parent.as_ref())?;
        let generation = parent.as_ref().map_or(0, |rev| rev.generation) + 1;
        self.allow(&id, &edit, before.as_ref(), parent.as_ref(), old.as_ref())?;
        let body = self.body(&id, &mut edit, old.as_ref(), generation)?;
        let rev = Rev::new(generation, hash(&body, parent.as_ref(), edit.deleted));
        let mut tree = before
            .as_ref()
            .map(|doc| doc.tree.clone())
            .unwrap_or_default();
        match &parent {
            Some(unknown) if before.is_none() => {
                tree.merge(&[rev.clone(), unknown.clone()], edit.deleted);
            }
            _ => tree.add(parent.as_ref(), rev.clone(), edit.deleted),
        }
        self.put(&id, before.as_ref(), tree, &rev, body)?;
        Ok(rev)
    }

    /// A write with a revision chosen by the client.
    pub(crate) fn replicate(&mut self, mut edit: DocumentEdit) -> Result<Rev, RequestError> {
        let path = replicated_path(&edit)?;
        let rev = path[0].clone();
        let id = std::mem::take(&mut edit.id);
        let before = self.writer.doc(self.db.number, &id)?;
        let mut tree = before
            .as_ref()
            .map(|doc| doc.tree.clone())
            .unwrap_or_default();
        let ancestor = path
            .iter()
            .skip(1)
            .find(|rev| tree.find(rev).is_some_and(|node| node.available));
        let old = self.old_body(&id, before.as_ref(), ancestor)?;
        if !tree.merge(&path, edit.deleted) {
            return Ok(rev);
        }
        self.allow(&id, &edit, before.as_ref(), ancestor, old.as_ref())?;
        let body = self.body(&id, &mut edit, old.as_ref(), rev.generation)?;
        self.put(&id, before.as_ref(), tree, &rev, body)?;
        Ok(rev)
    }

    /// The parent of the new revision.
    fn parent(
        &self,
        before: Option<&DocRecord>,
        edit: &DocumentEdit,
    ) -> Result<Option<Rev>, RequestError> {
        match (before, &edit.rev) {
            (None, None) => Ok(None),
            (None, Some(rev)) if self.trusting && self.validators.is_empty() => {
                Ok(Some(rev.clone()))
            }
            // Re-created: the generation continues from the tombstone's.
            (Some(doc), None) if doc.deleted && !edit.deleted => Ok(Some(doc.rev.clone())),
            (Some(doc), Some(rev))
                if doc.tree.is_leaf(rev)
                    && doc.tree.find(rev).is_some_and(|node| !node.deleted) =>
            {
                Ok(Some(rev.clone()))
            }
            _ => Err(RequestError::conflict()),
        }
    }

    fn old_body(
        &self,
        id: &str,
        before: Option<&DocRecord>,
        rev: Option<&Rev>,
    ) -> Result<Option<Body>, StoreError> {
        match (before, rev) {
            (Some(doc), Some(rev)) => self.writer.body(self.db.number, id, doc, rev),
            _ => Ok(None),
        }
    }

    fn allow(
        &mut self,
        id: &str,
        edit: &DocumentEdit,
        before: Option<&DocRecord>,
        parent: Option<&Rev>,
        old: Option<&Body>,
    ) -> Result<(), RequestError> {
        if id.starts_with(DESIGN) {
            return self.author.may_design(edit);
        }
        let old = old.zip(parent).filter(|(_, rev)| {
            before.is_some_and(|doc| doc.tree.find(rev).is_some_and(|node| !node.deleted))
        });
        self.validators
            .validate(id, edit, old, self.author, self.db)
    }

    /// Stores new attachments and looks up the existing ones.
    fn body(
        &mut self,
        id: &str,
        edit: &mut DocumentEdit,
        old: Option<&Body>,
        generation: u64,
    ) -> Result<Body, RequestError> {
        let attachments = std::mem::take(&mut edit.attachments);
        let kept = match old {
            Some(body) if !attachments.is_empty() => Stub::read_all(&body.stubs)?,
            _ => Vec::new(),
        };
        let mut stubs = Vec::with_capacity(attachments.len());
        for attachment in attachments {
            stubs.push(match attachment {
                AttachmentEdit::Stub { name, revpos } => kept
                    .iter()
                    .find(|stub| stub.name == name && revpos.is_none_or(|at| at == stub.revpos))
                    .cloned()
                    .ok_or_else(|| RequestError::missing_stub(id, &name))?,
                AttachmentEdit::New {
                    name,
                    content_type,
                    content,
                } => {
                    let digest = attachment::digest(&content);
                    self.writer
                        .put_attachment(self.db.number, &digest, &content)?;
                    Stub {
                        name,
                        content_type,
                        revpos: generation,
                        digest,
                        length: content.len() as u64,
                    }
                }
            });
        }
        Ok(Body {
            fields: std::mem::take(&mut edit.fields),
            stubs: Stub::write_all(&stubs),
        })
    }

    fn put(
        &mut self,
        id: &str,
        before: Option<&DocRecord>,
        tree: RevTree,
        rev: &Rev,
        body: Body,
    ) -> Result<(), StoreError> {
        self.writer.put_doc(
            self.db.number,
            id,
            before,
            tree,
            (rev, body),
            self.db.revs_limit,
        )
    }

    /// Local documents have no conflicts: the revision is the named one plus one.
    pub(crate) fn edit_local(&mut self, edit: &DocumentEdit) -> Result<Rev, RequestError> {
        let db = self.db.number;
        if edit.deleted {
            if !self.writer.delete_local(db, &edit.id)? {
                return Err(RequestError::missing());
            }
            return Ok(Rev::new(0, "0"));
        }
        let named: u64 = match &edit.rev {
            Some(rev) => rev
                .hash
                .parse()
                .map_err(|_| RequestError::bad_request("Invalid rev format"))?,
            None => 0,
        };
        self.writer
            .put_local(db, &edit.id, named + 1, &edit.fields)?;
        Ok(Rev::new(0, (named + 1).to_string()))
    }
}

fn replicated_path(edit: &DocumentEdit) -> Result<Vec<Rev>, RequestError> {
    if !edit.history.is_empty() {
        return Ok(edit.history.clone());
    }
    match &edit.rev {
        Some(rev) => Ok(vec![rev.clone()]),
        None => Err(RequestError::bad_request(
            "When `new_edits: false`, the document needs `_rev` or `_revisions` specified",
        )),
    }
}

/// Equal edits of equal documents get equal revisions on every server.
fn hash(body: &Body, parent: Option<&Rev>, deleted: bool) -> String {
    let mut md5 = Md5::new();
    md5.update([u8::from(deleted)]);
    if let Some(parent) = parent {
        md5.update(parent.to_string());
    }
    md5.update([0]);
    md5.update(&body.fields);
    md5.update([0]);
    md5.update(&body.stubs);
    HEXLOWER.encode(&md5.finalize())
}
