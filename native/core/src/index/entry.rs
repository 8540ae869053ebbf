//! The facts about one document that rules need.

use std::sync::Arc;

use document::{Digest, Document, Revision};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::names::{Name, Names};
use crate::kazoo::{
    AccountId, App, AppUsage, Classification, DatabaseName, KazooDatabase, NumberFacts, UsedBy,
};
use crate::plan::{has_used_by, is_migrated, is_unmigrated, module_of, state_of};

/// The facts about one document that rules need.
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

impl DocumentFacts {
    /// The facts about a number document.
    pub(crate) fn number(self) -> Option<IndexedNumber> {
        match self {
            Self::Number(number) => Some(number),
            Self::Uses { .. } | Self::Account { .. } => None,
        }
    }
}

/// The numbers that a document names, as written, each with the application.
pub(crate) type NamedNumbers = Vec<(Box<str>, App)>;

/// The facts about a number document that rules need.
#[derive(Debug)]
pub(crate) struct IndexedNumber {
    pub(crate) id: Box<str>,
    pub(crate) digest: Digest,
    pub(crate) facts: NumberFacts,
    /// Whether `migrate_unassigned_numbers` applies to it.
    pub(crate) is_migrated: bool,
    /// If so: whether it would remove its `pvt_used_by`, and whether it would change it at all, where Kazoo does not decide.
    pub(crate) is_unassigned_but_used: bool,
    pub(crate) is_unmigrated: bool,
    /// The state and the carrier module of a document in a number database.
    pub(crate) state: Option<Arc<str>>,
    pub(crate) module: Option<Arc<str>>,
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
    state: Name,
    module: Name,
    flags: u8,
}

const IS_NUMBER: u8 = 1;
const SOFT_DELETED: u8 = 1 << 1;
const ODD_ASSIGNMENT: u8 = 1 << 2;
const HAS_CONFLICTS: u8 = 1 << 3;
const HAS_ATTACHMENTS: u8 = 1 << 4;
const UNASSIGNED_BUT_USED: u8 = 1 << 5;
const UNMIGRATED: u8 = 1 << 6;
const MIGRATED: u8 = 1 << 7;

impl Entry {
    /// The facts of a document. `names`: the names in its database.
    pub(super) fn of(database: &DatabaseName, document: &Document, names: &mut Names) -> Self {
        let account = match database.classification() {
            Classification::Numbers => None,
            _ => database.account(),
        };
        let facts = NumberFacts::of(document);
        if document.id().starts_with("_design/") {
            return Self::Other;
        }
        if account.is_none() || facts.is_number {
            let is_migrated = account.is_none() && is_migrated(database, document);
            let mut name = |of: fn(&Document) -> Option<std::borrow::Cow<'_, str>>| match account {
                Some(_) => Name::default(),
                None => names.note(of(document).as_deref()),
            };
            let flags = [
                (facts.is_number, IS_NUMBER),
                (facts.soft_deleted, SOFT_DELETED),
                (facts.is_assignment_odd, ODD_ASSIGNMENT),
                (facts.has_conflicts, HAS_CONFLICTS),
                (facts.has_attachments, HAS_ATTACHMENTS),
                (is_migrated, MIGRATED),
                (is_migrated && has_used_by(document), UNASSIGNED_BUT_USED),
                (is_migrated && is_unmigrated(document), UNMIGRATED),
            ];
            return Self::Number(NumberEntry {
                rev: document.rev().cloned(),
                digest: document.digest(),
                assigned_to: facts.assigned_to,
                used_by: facts.used_by,
                state: name(state_of),
                module: name(module_of),
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
    pub(super) fn facts(
        self,
        id: Box<str>,
        document: Option<Document>,
        names: &Names,
    ) -> Option<DocumentFacts> {
        Some(match self {
            Self::Number(number) => DocumentFacts::Number(number.indexed(id, document, names)),
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

    fn indexed(self, id: Box<str>, document: Option<Document>, names: &Names) -> IndexedNumber {
        IndexedNumber {
            id,
            state: names.get(self.state),
            module: names.get(self.module),
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
            is_migrated: self.has(MIGRATED),
            is_unmigrated: self.has(UNMIGRATED),
            document,
        }
    }
}

/// The key of a document that only counts: of its id, a hash of 8 bytes is kept.
pub(super) fn short_key(id: &str) -> u64 {
    xxh3_64(id.as_bytes())
}
