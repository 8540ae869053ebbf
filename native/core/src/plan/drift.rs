//! What can be out of step between number databases and account databases, and what one or two
//! documents say about that.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::kazoo::{AccountId, NumberFacts, Usage, UsedBy};
use couchdb::{Object, quoted};

/// A kind of drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "&'static str")]
pub enum Drift {
    /// Assigned, and the account's database has no document.
    MissingCopy,
    /// Assigned, and the account's document is not the number database's.
    DifferingCopy,
    /// `pvt_used_by` in the number database is not what the account uses the number for.
    WrongUsedByInNumberDatabase,
    /// `pvt_used_by` in an account's database is not what that account uses the number for.
    WrongUsedByInAccount,
    /// In an account's database, and by its own `pvt_assigned_to` another account's.
    WrongAccount,
    /// In an account's database and assigned to it there, while the number database assigns it to
    /// another.
    FormerAccount,
    /// In an account's database, and in no number database.
    OnlyInAccount,
    /// Assigned to an account that has no database.
    AccountMissing,
    /// A number in the number database of another prefix.
    Misfiled,
    /// In the number database with a `pvt_used_by`, and assigned to nobody.
    UnassignedButUsed,
}

impl Drift {
    /// Every kind, in the order in which they are told.
    pub const ALL: [Self; 10] = [
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
    ];

    /// Its name in reports.
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
        }
    }

    /// What it means, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::MissingCopy => "assigned, and the account has no copy",
            Self::DifferingCopy => "assigned, and the account's copy differs",
            Self::WrongUsedByInNumberDatabase => {
                "the number database says it is used by something else than the account's documents do"
            }
            Self::WrongUsedByInAccount => {
                "the account's copy says it is used by something else than the account's documents do"
            }
            Self::WrongAccount => "in an account, and by its own word another account's",
            Self::FormerAccount => {
                "in an account that takes it for its own, and assigned to another by now"
            }
            Self::OnlyInAccount => "in an account, and in no number database",
            Self::AccountMissing => "assigned to an account that has no database",
            Self::Misfiled => "in the number database of another prefix",
            Self::UnassignedButUsed => "assigned to nobody, and said to be used",
        }
    }
}

impl From<Drift> for &'static str {
    fn from(drift: Drift) -> Self {
        drift.name()
    }
}

/// Whether `pvt_used_by` is known to be other than what the account's documents say. Of a number
/// that both applications name nobody can tell (contract section 9.7).
pub fn is_used_by_wrong(used_by: UsedBy, usage: Usage) -> bool {
    match usage {
        Usage::Both => false,
        Usage::None => used_by != UsedBy::Nobody,
        Usage::Callflow => used_by != UsedBy::Callflow,
        Usage::Trunkstore => used_by != UsedBy::Trunkstore,
    }
}

/// Whether a number that no account has says that something uses it.
pub fn is_said_to_be_used(document: &Object<'_>) -> bool {
    document
        .get("pvt_used_by")
        .is_some_and(|used_by| used_by != "null")
}

/// Where else than in the account that was looked at a number is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// A number database that may hold it has a document of it, whatever that is.
    pub exists: bool,
    /// One of these is a live number that an account has.
    pub is_held: bool,
    /// That account is the one that was looked at, for one of these.
    pub is_held_here: bool,
}

/// What an account's number is in the light of the number databases; `is_at_home`: the account's
/// document says that it is this account's.
pub fn place_in_account(is_at_home: bool, elsewhere: Elsewhere) -> Option<Drift> {
    if !elsewhere.exists {
        return Some(Drift::OnlyInAccount);
    }
    (is_at_home && elsewhere.is_held && !elsewhere.is_held_here).then_some(Drift::FormerAccount)
}

/// Whether a document of an account's database says that it is this account's.
pub fn is_at_home(account: AccountId, facts: &NumberFacts<'_>) -> bool {
    facts.is_live_number() && facts.assigned_to == Some(account)
}

/// The fields in which two documents differ, by name.
pub fn differing_fields(one: &Object<'_>, other: &Object<'_>) -> Vec<String> {
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

/// By the digest of a document that has only this field, so that a field counts just as it does in
/// the whole: `_rev` not at all, attachments by their content.
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

    #[test]
    fn fields_differ_by_content() {
        let one = Object::parse(
            r#"{"_id":"+1","_rev":"1-a","a":1,"b":{"x":1,"y":2},"c":"\u00e9","only":null}"#,
        )
        .unwrap();
        let other = Object::parse(
            r#"{"b":{"y":2,"x":1},"_id":"+1","_rev":"2-b","a":1.0,"c":"é","\"odd\"":[]}"#,
        )
        .unwrap();
        assert_eq!(differing_fields(&one, &other), ["\"odd\"", "a", "only"]);
    }

    #[test]
    fn an_account_that_lost_its_number_is_told_from_one_that_made_it_up() {
        let held = |exists, is_held, is_held_here| Elsewhere {
            exists,
            is_held,
            is_held_here,
        };
        assert_eq!(
            place_in_account(true, held(false, false, false)),
            Some(Drift::OnlyInAccount)
        );
        assert_eq!(
            place_in_account(true, held(true, true, false)),
            Some(Drift::FormerAccount)
        );
        assert_eq!(place_in_account(false, held(true, true, false)), None);
        assert_eq!(place_in_account(true, held(true, true, true)), None);
        assert_eq!(place_in_account(true, held(true, false, false)), None);
    }

    #[test]
    fn null_is_no_use_and_still_not_absent() {
        assert!(is_used_by_wrong(UsedBy::Other, Usage::None));
        assert!(!is_used_by_wrong(UsedBy::Other, Usage::Both));
        let null = Object::parse(r#"{"pvt_used_by":null}"#).unwrap();
        assert!(!is_said_to_be_used(&null));
    }
}
