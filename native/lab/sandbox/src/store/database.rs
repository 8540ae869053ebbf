//! The properties of a database as a whole.

use super::StoreError;
use crate::json::{self, Json};

/// The default `_revs_limit`: the number of revisions kept for each leaf.
const REVS_LIMIT: u64 = 1000;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Database {
    /// The database's number in all keys. Never reused, so that old data cannot reappear.
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) created: u64,
    pub(crate) revs_limit: u64,
    pub(crate) shards: u64,
    pub(crate) security: Json,
}

/// Counters that are updated by writes, so that reads need not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) documents: u64,
    pub(crate) deleted: u64,
    pub(crate) update_seq: u64,
    pub(crate) purge_seq: u64,
}

impl Database {
    pub(crate) fn new(number: u64, name: &str, created: u64, shards: u64) -> Self {
        let only_admins = || Json::object([("roles", Json::Array(vec![Json::str("_admin")]))]);
        Self {
            number,
            name: name.to_owned(),
            created,
            revs_limit: REVS_LIMIT,
            shards,
            security: Json::object([("members", only_admins()), ("admins", only_admins())]),
        }
    }

    pub(super) fn encode(&self) -> String {
        Json::object([
            ("number", Json::int(self.number)),
            ("created", Json::int(self.created)),
            ("revs_limit", Json::int(self.revs_limit)),
            ("shards", Json::int(self.shards)),
            ("security", self.security.clone()),
        ])
        .to_text()
    }

    pub(super) fn decode(name: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        let record = json::parse(bytes).map_err(|_| StoreError::Damaged)?;
        let number = |field| record.get(field).and_then(Json::as_u64);
        Ok(Self {
            number: number("number").ok_or(StoreError::Damaged)?,
            name: name.to_owned(),
            created: number("created").ok_or(StoreError::Damaged)?,
            revs_limit: number("revs_limit").ok_or(StoreError::Damaged)?,
            shards: number("shards").ok_or(StoreError::Damaged)?,
            security: record.get("security").ok_or(StoreError::Damaged)?.clone(),
        })
    }
}

impl From<(u64, u64, u64, u64)> for Counters {
    fn from((documents, deleted, update_seq, purge_seq): (u64, u64, u64, u64)) -> Self {
        Self {
            documents,
            deleted,
            update_seq,
            purge_seq,
        }
    }
}

impl From<Counters> for (u64, u64, u64, u64) {
    fn from(counters: Counters) -> Self {
        (
            counters.documents,
            counters.deleted,
            counters.update_seq,
            counters.purge_seq,
        )
    }
}
