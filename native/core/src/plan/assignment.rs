//! To which account a number belongs, and whether a document is where it belongs.

use crate::kazoo::{AccountId, DatabaseName, KazooDatabase, NumberFacts};

/// What a document of a number database is to a command that works on assigned numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A live number, filed right, assigned to this account.
    Assigned(AccountId),
    /// A live number that no account has: no `pvt_assigned_to`, or `null`.
    Unassigned,
    /// A live number whose `pvt_assigned_to` is no account id (contract section 10.4).
    OddlyAssigned,
    /// A live number in the number database of another prefix: left alone, with a warning
    /// (contract section 9.3).
    Misfiled,
    /// Soft-deleted, or of another type: never touched.
    Not,
}

impl Source {
    /// A live number that is filed right, whoever it is assigned to.
    pub fn is_filed(self) -> bool {
        match self {
            Self::Assigned(_) | Self::Unassigned | Self::OddlyAssigned => true,
            Self::Misfiled | Self::Not => false,
        }
    }
}

/// What a document of a number database is.
pub fn source_in_number_database(
    database: &DatabaseName,
    id: &str,
    facts: &NumberFacts<'_>,
) -> Source {
    if !facts.is_live_number() {
        return Source::Not;
    }
    if !database.holds(id) {
        return Source::Misfiled;
    }
    match facts.assigned_to {
        Some(account) => Source::Assigned(account),
        None if facts.is_assignment_odd => Source::OddlyAssigned,
        None => Source::Unassigned,
    }
}

/// Whether a document of an account's database says that it is another account's. No valid
/// assignment is nobody else's (contract sections 5 and 9.5).
pub fn is_wrongly_assigned(account: AccountId, facts: &NumberFacts<'_>) -> bool {
    facts.is_live_number() && facts.assigned_to.is_some_and(|other| other != account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use couchdb::Object;

    const OURS: &str = "abcdef0123456789abcdef0123456789";

    fn wrong(document: &str) -> bool {
        let document = Object::parse(document).unwrap();
        is_wrongly_assigned(AccountId::parse(OURS).unwrap(), &NumberFacts::of(&document))
    }

    #[test]
    fn only_another_accounts_number_is_wrong() {
        let number =
            |assigned: &str| format!(r#"{{"pvt_type":"number","pvt_assigned_to":{assigned}}}"#);
        assert!(wrong(&number(r#""00000000000000000000000000000001""#)));
        assert!(!wrong(&number(r#""ABCDEF0123456789ABCDEF0123456789""#)));
        for odd in ["null", "7", r#""""#, r#""not an id""#] {
            assert!(!wrong(&number(odd)), "{odd}");
        }
        assert!(!wrong(r#"{"pvt_type":"number"}"#));
        assert!(!wrong(
            r#"{"pvt_type":"user","pvt_assigned_to":"00000000000000000000000000000001"}"#
        ));
        assert!(!wrong(
            r#"{"pvt_type":"number","pvt_deleted":true,"pvt_assigned_to":"00000000000000000000000000000001"}"#
        ));
    }
}
