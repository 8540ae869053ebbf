//! The stored form of a document.
//!
//! The winner's body is stored with the revisions, serialised as it is sent: reading a page of
//! documents copies bytes without parsing.

use super::StoreError;
use crate::revision::Rev;
use crate::revtree::RevTree;

/// The content of one revision: the text between the braces, and the stubs of its attachments (JSON
/// object, or empty).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) fields: String,
    pub(crate) stubs: String,
}

/// A document with its revision tree.
#[derive(Debug, Clone)]
pub(crate) struct DocRecord {
    pub(crate) seq: u64,
    pub(crate) rev: Rev,
    pub(crate) deleted: bool,
    pub(crate) tree: RevTree,
    pub(crate) body: Body,
}

/// A [`DocRecord`] that borrows from a page of the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DocView<'a> {
    pub(crate) seq: u64,
    pub(crate) deleted: bool,
    pub(crate) rev: &'a str,
    tree: &'a [u8],
    pub(crate) stubs: &'a str,
    pub(crate) fields: &'a str,
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn take<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], StoreError> {
    let (length, rest) = bytes.split_first_chunk().ok_or(StoreError::Damaged)?;
    let (part, rest) = rest
        .split_at_checked(u32::from_le_bytes(*length) as usize)
        .ok_or(StoreError::Damaged)?;
    *bytes = rest;
    Ok(part)
}

fn text(bytes: &[u8]) -> Result<&str, StoreError> {
    std::str::from_utf8(bytes).map_err(|_| StoreError::Damaged)
}

impl Body {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.stubs.len() + self.fields.len() + 4);
        put(&mut out, self.stubs.as_bytes());
        out.extend_from_slice(self.fields.as_bytes());
        out
    }

    pub(super) fn decode(mut bytes: &[u8]) -> Result<Self, StoreError> {
        Ok(Self {
            stubs: text(take(&mut bytes)?)?.to_owned(),
            fields: text(bytes)?.to_owned(),
        })
    }
}

impl DocRecord {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.fields.len() + 160);
        out.push(u8::from(self.deleted));
        out.extend_from_slice(&self.seq.to_le_bytes());
        put(&mut out, self.rev.to_string().as_bytes());
        let mut tree = Vec::with_capacity(64);
        self.tree.encode(&mut tree);
        put(&mut out, &tree);
        put(&mut out, self.body.stubs.as_bytes());
        out.extend_from_slice(self.body.fields.as_bytes());
        out
    }
}

impl<'a> DocView<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, StoreError> {
        let (deleted, rest) = bytes.split_first().ok_or(StoreError::Damaged)?;
        let (seq, mut rest) = rest.split_first_chunk().ok_or(StoreError::Damaged)?;
        Ok(Self {
            seq: u64::from_le_bytes(*seq),
            deleted: *deleted != 0,
            rev: text(take(&mut rest)?)?,
            tree: take(&mut rest)?,
            stubs: text(take(&mut rest)?)?,
            fields: text(rest)?,
        })
    }

    /// Only reads whether the document is a tombstone, for counting.
    pub(crate) fn is_deleted(bytes: &[u8]) -> bool {
        bytes.first().is_some_and(|flag| *flag != 0)
    }

    pub(crate) fn to_record(self) -> Result<DocRecord, StoreError> {
        Ok(DocRecord {
            seq: self.seq,
            rev: Rev::parse(self.rev).map_err(|_| StoreError::Damaged)?,
            deleted: self.deleted,
            tree: RevTree::decode(self.tree)?,
            body: Body {
                fields: self.fields.to_owned(),
                stubs: self.stubs.to_owned(),
            },
        })
    }
}
