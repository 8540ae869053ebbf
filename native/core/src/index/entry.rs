//! The facts about one document that rules need.

use document::{Digest, Document, Revision};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::kazoo::{
    AccountId, App, AppUsage, Classification, DatabaseName, KazooDatabase, NumberFacts, UsedBy,
};
use crate::plan::{has_used_by, is_migrated};

/// The facts about one document that an audit needs.
#[derive(Debug)]
pub(crate) enum DocumentFacts {
    /// A document of a number database, or an account's number document.
    Number(IndexedNumber),
    /// An account's document that names numbers.
    Uses {
        id: Box<str>,
        /// The numbers.
        uses: NamedNumbers,
    },
    /// The document of an account itself.
    Account {
        id: Box<str>,
        /// The account's name.
        name: Option<Box<str>>,
        /// The numbers in it, as in `Uses`.
        uses: NamedNumbers,
    },
}

/// The numbers that a document names, as written, each with the application.
pub(crate) type NamedNumbers = Vec<(Box<str>, App)>;

/// The facts about a number document that an audit needs.
#[derive(Debug)]
pub(crate) struct IndexedNumber {
    pub(crate) id: Box<str>,
    pub(crate) digest: Digest,
    pub(crate) facts: NumberFacts,
    /// Whether `migrate_unassigned_numbers` would remove its `pvt_used_by`.
    pub(crate) is_unassigned_but_used: bool,
    /// The document, if it was read in this run.
    pub(crate) document: Option<Document>,
}

/// The facts about one document as they are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Entry {
    Number(NumberEntry),
    Uses(NamedNumbers),
    Account(Option<Box<str>>, NamedNumbers),
    /// Any other document, which only counts.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NumberEntry {
    /// A document that was read has one.
    pub(super) rev: Option<Revision>,
    digest: Digest,
    assigned_to: Option<AccountId>,
    used_by: UsedBy,
    flags: u8,
}

const IS_NUMBER: u8 = 1;
const SOFT_DELETED: u8 = 1 << 1;
const ODD_ASSIGNMENT: u8 = 1 << 2;
const HAS_CONFLICTS: u8 = 1 << 3;
const HAS_ATTACHMENTS: u8 = 1 << 4;
const UNASSIGNED_BUT_USED: u8 = 1 << 5;

impl Entry {
    /// The facts of a document.
    pub(super) fn of(database: &DatabaseName, document: &Document) -> Self {
        let account = match database.classification() {
            Classification::Numbers => None,
            _ => database.account(),
        };
        let facts = NumberFacts::of(document);
        if document.id().starts_with("_design/") {
            return Self::Other;
        }
        if account.is_none() || facts.is_number {
            let flags = [
                (facts.is_number, IS_NUMBER),
                (facts.soft_deleted, SOFT_DELETED),
                (facts.is_assignment_odd, ODD_ASSIGNMENT),
                (facts.has_conflicts, HAS_CONFLICTS),
                (facts.has_attachments, HAS_ATTACHMENTS),
                (
                    account.is_none() && has_used_by(document) && is_migrated(database, document),
                    UNASSIGNED_BUT_USED,
                ),
            ];
            return Self::Number(NumberEntry {
                rev: document.rev().cloned(),
                digest: document.digest(),
                assigned_to: facts.assigned_to,
                used_by: facts.used_by,
                flags: flags
                    .iter()
                    .filter(|(is_set, _)| *is_set)
                    .map(|(_, flag)| flag)
                    .sum(),
            });
        }
        let uses = AppUsage::named_in(document);
        if account.is_some_and(|account| document.id() == account.to_string()) {
            return Self::Account(document.string("name").map(Into::into), uses);
        }
        if uses.is_empty() {
            Self::Other
        } else {
            Self::Uses(uses)
        }
    }

    /// The facts for rules; `None` for a document that only counts. `document`: the document, if it was read in this run.
    pub(super) fn facts(self, id: Box<str>, document: Option<Document>) -> Option<DocumentFacts> {
        Some(match self {
            Self::Number(number) => DocumentFacts::Number(number.indexed(id, document)),
            Self::Uses(uses) => DocumentFacts::Uses { id, uses },
            Self::Account(name, uses) => DocumentFacts::Account { id, name, uses },
            Self::Other => return None,
        })
    }
}

impl NumberEntry {
    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn indexed(self, id: Box<str>, document: Option<Document>) -> IndexedNumber {
        IndexedNumber {
            id,
            digest: self.digest,
            facts: NumberFacts {
                is_number: self.has(IS_NUMBER),
                soft_deleted: self.has(SOFT_DELETED),
                assigned_to: self.assigned_to,
                is_assignment_odd: self.has(ODD_ASSIGNMENT),
                has_conflicts: self.has(HAS_CONFLICTS),
                used_by: self.used_by,
                has_attachments: self.has(HAS_ATTACHMENTS),
            },
            is_unassigned_but_used: self.has(UNASSIGNED_BUT_USED),
            document,
        }
    }
}

/// The key of a document that only counts: of its id, a hash of 8 bytes is kept.
pub(super) fn short_key(id: &str) -> u64 {
    xxh3_64(id.as_bytes())
}
