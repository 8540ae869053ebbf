//! What a number document says of itself, read from its text.

use std::borrow::Cow;

use super::AccountId;
use couchdb::{Object, Range};

/// The application that a number document says it is used by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsedBy {
    /// There is no `pvt_used_by`.
    Nobody,
    /// `"callflow"`
    Callflow,
    /// `"trunkstore"`
    Trunkstore,
    /// Anything else, `null` and other types included.
    Other,
}

/// The fields that decide about a number document. Fields of odd types count as what the
/// contract's sections 2 and 9 make of them: an assignment that is no account id is none.
#[derive(Clone, Debug)]
pub struct NumberFacts<'a> {
    /// `pvt_type` is `"number"`.
    pub is_number: bool,
    /// `pvt_deleted` is true.
    pub soft_deleted: bool,
    /// `pvt_assigned_to`, when it is an account id.
    pub assigned_to: Option<AccountId>,
    /// `pvt_used_by`.
    pub used_by: UsedBy,
    /// `pvt_module_name`, when it is a string.
    pub module_name: Option<Cow<'a, str>>,
    /// Whether the document has attachments.
    pub has_attachments: bool,
}

impl<'a> NumberFacts<'a> {
    /// Reads them from a document.
    pub fn of(document: &Object<'a>) -> Self {
        let mut facts = Self {
            is_number: false,
            soft_deleted: false,
            assigned_to: None,
            used_by: UsedBy::Nobody,
            module_name: None,
            has_attachments: false,
        };
        for (key, value) in document.fields() {
            match key {
                "pvt_type" => facts.is_number = value == "\"number\"",
                "pvt_deleted" => facts.soft_deleted = value == "true",
                "pvt_assigned_to" => {
                    facts.assigned_to =
                        couchdb::string(value).as_deref().and_then(AccountId::parse);
                }
                "pvt_used_by" => {
                    facts.used_by = match value {
                        "\"callflow\"" => UsedBy::Callflow,
                        "\"trunkstore\"" => UsedBy::Trunkstore,
                        _ => UsedBy::Other,
                    }
                }
                "pvt_module_name" => facts.module_name = couchdb::string(value),
                "_attachments" => facts.has_attachments = value != "{}",
                _ => {}
            }
        }
        facts
    }

    /// A number document that is not soft-deleted: the only kind that is ever a source.
    pub fn is_live_number(&self) -> bool {
        self.is_number && !self.soft_deleted
    }
}

/// The range of ids up to the last that starts with `+`. Hardly any id sorts before `+`.
pub(crate) fn range_of_numbers() -> Range {
    Range {
        start: None,
        end: Some(",".into()),
    }
}

/// The range of ids after the last that starts with `+`.
pub(crate) fn range_after_numbers() -> Range {
    Range {
        start: Some(",".into()),
        end: None,
    }
}
