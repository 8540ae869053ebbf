//! The fields of a number document that decide about it.

use serde::{Deserialize, Serialize};

use super::AccountId;
use document::{Document, IdRange, Object, string};

/// The application in `pvt_used_by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UsedBy {
    /// The document has no `pvt_used_by`.
    Nobody,
    /// `"callflow"`
    Callflow,
    /// `"trunkstore"`
    Trunkstore,
    /// Any other value, `null` and other types included.
    Other,
}

/// The fields that decide about a number document. The rules docs/specification.md#fields and #odd-assignment apply to fields of
/// odd types: an assignment that is not an account id does not count as one.
#[derive(Clone, Copy, Debug)]
pub struct NumberFacts {
    /// `pvt_type` is `"number"`, or it is absent and the id is `+` and digits: Kazoo wrote no type before 3.15
    /// (docs/specification.md#untyped-number-document).
    pub is_number: bool,
    /// `pvt_deleted` is true.
    pub soft_deleted: bool,
    /// `pvt_assigned_to`, if it is an account id.
    pub assigned_to: Option<AccountId>,
    /// `pvt_assigned_to` is present, not `null`, and not an account id.
    pub is_assignment_odd: bool,
    /// The document has losing leaves. Known only if the request asked for `conflicts`.
    pub has_conflicts: bool,
    /// `pvt_used_by`.
    pub used_by: UsedBy,
    /// Whether the document has attachments.
    pub has_attachments: bool,
}

impl NumberFacts {
    /// Reads them from a document.
    pub fn of(document: &Document) -> Self {
        let mut facts = Self {
            is_number: false,
            soft_deleted: false,
            assigned_to: None,
            is_assignment_odd: false,
            has_conflicts: false,
            used_by: UsedBy::Nobody,
            has_attachments: false,
        };
        let mut has_type = false;
        let mut is_id_a_number = false;
        for (key, value) in document.fields() {
            match key {
                "_id" => is_id_a_number = string(value).is_some_and(|id| is_e164(&id)),
                "_conflicts" => facts.has_conflicts = true,
                "pvt_type" => {
                    has_type = true;
                    facts.is_number = value == "\"number\"";
                }
                "pvt_deleted" => facts.soft_deleted = value == "true",
                "pvt_assigned_to" => {
                    facts.assigned_to = string(value).as_deref().and_then(AccountId::parse);
                    facts.is_assignment_odd = facts.assigned_to.is_none() && value != "null";
                }
                "pvt_used_by" => {
                    facts.used_by = match value {
                        "\"callflow\"" => UsedBy::Callflow,
                        "\"trunkstore\"" => UsedBy::Trunkstore,
                        _ => UsedBy::Other,
                    }
                }
                "_attachments" => facts.has_attachments = value != "{}",
                _ => {}
            }
        }
        facts.is_number |= !has_type && is_id_a_number;
        facts
    }

    /// Whether two leaves of a document agree in type, deletion and assignment.
    pub fn are_of_the_same_number(&self, other: &Self) -> bool {
        let identity = |facts: &Self| {
            (
                facts.is_number,
                facts.soft_deleted,
                facts.assigned_to,
                facts.is_assignment_odd,
            )
        };
        identity(self) == identity(other)
    }

    /// Whether this is a number document that is not soft-deleted. Only such a document is a source.
    pub fn is_live_number(&self) -> bool {
        self.is_number && !self.soft_deleted
    }
}

/// Whether a document has attachments as stubs.
pub(crate) fn has_attachment_stubs(document: &Document) -> bool {
    let attachments = document
        .get("_attachments")
        .and_then(|json| Object::parse(json).ok());
    attachments.is_some_and(|attachments| {
        attachments.fields().any(|(_, attachment)| {
            Object::parse(attachment).is_ok_and(|attachment| attachment.get("data").is_none())
        })
    })
}

/// Whether an id is `+` and digits.
fn is_e164(id: &str) -> bool {
    id.strip_prefix('+')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// The range of ids up to the last that starts with `+`. Few ids sort before `+`.
pub(crate) fn range_of_numbers() -> IdRange {
    IdRange {
        start: None,
        end: Some(",".into()),
    }
}

/// The range of ids after the last that starts with `+`.
pub(crate) fn range_after_numbers() -> IdRange {
    IdRange {
        start: Some(",".into()),
        end: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> NumberFacts {
        NumberFacts::of(&Document::new("", text.to_owned()).unwrap())
    }

    #[test]
    fn document_without_type_is_a_number_if_its_id_is() {
        assert!(facts(r#"{"_id":"+14155550100"}"#).is_number);
        assert!(facts(r#"{"pvt_type":"number","_id":"4155550100"}"#).is_number);
        for other in [
            r#"{"_id":"+14155550100","pvt_type":"user"}"#,
            r#"{"_id":"+14155550100","pvt_type":null}"#,
            r#"{"_id":"4155550100"}"#,
            r#"{"_id":"+1415555abcd"}"#,
            r#"{"_id":"+"}"#,
            r#"{}"#,
        ] {
            assert!(!facts(other).is_number, "{other}");
        }
    }

    #[test]
    fn assignment_without_account_id_is_odd_unless_null() {
        let odd = |value: &str| {
            let text = format!(r#"{{"pvt_assigned_to":{value}}}"#);
            facts(&text).is_assignment_odd
        };
        for value in [
            r#""""#,
            "7",
            "{}",
            r#""account%2Fab%2Fcd%2Fef0123456789abcdef0123456789""#,
        ] {
            assert!(odd(value), "{value}");
        }
        assert!(!odd("null"));
        assert!(!odd(r#""abcdef0123456789abcdef0123456789""#));
        assert!(!facts("{}").is_assignment_odd);
    }
}
