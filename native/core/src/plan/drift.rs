//! Drift between number databases and account databases, as one or two documents show it.

use std::collections::BTreeSet;

use serde::Serialize;

use document::{Document, Object, quoted};

/// A kind of drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "&'static str")]
pub enum Drift {
    /// Assigned, but missing in the account's database.
    MissingCopy,
    /// Assigned, and the account's document differs from the number database's.
    DifferingCopy,
    /// `pvt_used_by` in the number database differs from the usage in the account.
    WrongUsedByInNumberDatabase,
    /// `pvt_used_by` in an account's database differs from the usage in that account.
    WrongUsedByInAccount,
    /// In an account's database, with a `pvt_assigned_to` of another account.
    WrongAccount,
    /// In an account's database without a `pvt_assigned_to` of another account, while the number database assigns the number to
    /// another account or to nobody.
    FormerAccount,
    /// In an account's database, but in no number database.
    OnlyInAccount,
    /// Assigned to an account that has no database.
    AccountMissing,
    /// A number in the number database of another prefix.
    Misfiled,
    /// In the number database with a `pvt_used_by`, but assigned to nobody.
    UnassignedButUsed,
    /// `pvt_assigned_to` is present and not an account id.
    OddAssignment,
    /// Claimed by several accounts while no number database has it, or assigned to two accounts by two number databases.
    Contested,
    /// A document with losing leaves.
    Conflicted,
}

impl Drift {
    /// Every kind, in the order of reports.
    pub const ALL: [Self; 13] = [
        Self::MissingCopy,
        Self::DifferingCopy,
        Self::WrongUsedByInNumberDatabase,
        Self::WrongUsedByInAccount,
        Self::WrongAccount,
        Self::FormerAccount,
        Self::OnlyInAccount,
        Self::AccountMissing,
        Self::Misfiled,
        Self::UnassignedButUsed,
        Self::OddAssignment,
        Self::Contested,
        Self::Conflicted,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingCopy => "missing_copy",
            Self::DifferingCopy => "differing_copy",
            Self::WrongUsedByInNumberDatabase => "wrong_used_by_in_number_db",
            Self::WrongUsedByInAccount => "wrong_used_by_in_account",
            Self::WrongAccount => "wrong_account",
            Self::FormerAccount => "former_account",
            Self::OnlyInAccount => "only_in_account",
            Self::AccountMissing => "account_missing",
            Self::Misfiled => "misfiled",
            Self::UnassignedButUsed => "unassigned_but_used",
            Self::OddAssignment => "odd_assignment",
            Self::Contested => "contested",
            Self::Conflicted => "conflicted",
        }
    }

    /// A description for operators.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::MissingCopy => "assigned, and the account has no copy",
            Self::DifferingCopy => "assigned, and the account's copy differs",
            Self::WrongUsedByInNumberDatabase => {
                "pvt_used_by in the number database differs from the account's documents"
            }
            Self::WrongUsedByInAccount => {
                "pvt_used_by in the account's copy differs from the account's documents"
            }
            Self::WrongAccount => "in an account, with a pvt_assigned_to of another account",
            Self::FormerAccount => {
                "a former account's copy: the number database assigns the number to another account, or to nobody"
            }
            Self::OnlyInAccount => "in an account, but in no number database",
            Self::AccountMissing => "assigned to an account that has no database",
            Self::Misfiled => "in the number database of another prefix",
            Self::UnassignedButUsed => "unassigned, but pvt_used_by is set",
            Self::OddAssignment => "pvt_assigned_to is not an account id",
            Self::Contested => {
                "claimed by several accounts and in no number database, or assigned to two accounts by two number databases"
            }
            Self::Conflicted => "the document has unresolved conflicts (losing leaves)",
        }
    }
}

impl From<Drift> for &'static str {
    fn from(drift: Drift) -> Self {
        drift.name()
    }
}

/// The names of the fields in which two documents differ.
pub fn differing_fields(one: &Document, other: &Document) -> Vec<String> {
    let names: BTreeSet<&str> = one
        .fields()
        .chain(other.fields())
        .map(|(name, _)| name)
        .collect();
    names
        .into_iter()
        .filter(|name| !is_same_field(name, one.get(name), other.get(name)))
        .map(str::to_owned)
        .collect()
}

/// Compares a field by the digest of a document with only this field, so that the rules of the digest apply: `_rev` does not
/// count, and attachments count by content.
fn is_same_field(name: &str, one: Option<&str>, other: Option<&str>) -> bool {
    if one == other {
        return true;
    }
    let alone = |value: Option<&str>| match value {
        Some(value) => format!("{{{}:{value}}}", quoted(name)),
        None => "{}".to_owned(),
    };
    let (one, other) = (alone(one), alone(other));
    match (Object::parse(&one), Object::parse(&other)) {
        (Ok(one), Ok(other)) => one.digest() == other.digest(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::document;

    #[test]
    fn fields_differ_by_content() {
        let one = document(
            r#"{"_id":"+1","_rev":"1-a","a":1,"b":{"x":1,"y":2},"c":"\u00e9","only":null}"#,
        );
        let other =
            document(r#"{"b":{"y":2,"x":1},"_id":"+1","_rev":"2-b","a":1.0,"c":"é","\"odd\"":[]}"#);
        assert_eq!(differing_fields(&one, &other), ["\"odd\"", "a", "only"]);
    }
}
