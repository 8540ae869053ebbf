//! The state of an account's copy, given the number databases and the other accounts.

use super::{Drift, Source};
use crate::kazoo::{AccountId, NumberFacts};

/// The documents of a number in number databases and other accounts, for an account's live copy of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// A number database that may hold the number has a document of it, of any kind.
    pub exists: bool,
    /// Such a document is a live number that is assigned to an account.
    pub is_assigned: bool,
    /// Such a document is assigned to the account of the copy.
    pub is_assigned_here: bool,
    /// Such a document is a live number that is assigned to nobody.
    pub is_unassigned: bool,
    /// How many other accounts claim the number: have a copy that is assigned to that account.
    pub claims: usize,
}

impl Elsewhere {
    /// Adds the document in a number database that may hold the number. `account`: the account of the copy.
    pub fn add(&mut self, source: Source, account: AccountId) {
        self.exists = true;
        match source {
            Source::Assigned(holder) => {
                self.is_assigned = true;
                self.is_assigned_here |= holder == account;
            }
            Source::Unassigned => self.is_unassigned = true,
            Source::OddlyAssigned | Source::Misfiled | Source::Not => {}
        }
    }

    /// Whether the number belongs to another account or to nobody.
    pub fn is_former(self) -> bool {
        match (self.is_assigned, self.is_assigned_here) {
            (true, here) => !here,
            (false, _) => self.is_unassigned,
        }
    }
}

/// The assignment of an account's live copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Assigned to the account of the copy.
    Here,
    /// Assigned to another account.
    Another,
    /// Assigned to nobody.
    Nobody,
    /// The assignment is not an account id.
    Odd,
}

impl Owner {
    /// Classifies a copy in this account's database.
    pub fn of(account: AccountId, facts: &NumberFacts) -> Self {
        match facts.assigned_to {
            Some(owner) if owner == account => Self::Here,
            Some(_) => Self::Another,
            None if facts.is_assignment_odd => Self::Odd,
            None => Self::Nobody,
        }
    }
}

/// The drift of an account's live copy, given the number databases and the other accounts.
///
/// Every copy of a contested number is contested, so that no command which creates the number from one of them is suggested.
pub fn place_in_account(owner: Owner, elsewhere: Elsewhere) -> Option<Drift> {
    if !elsewhere.exists {
        let claims = elsewhere.claims + usize::from(owner == Owner::Here);
        return Some(if claims > 1 {
            Drift::Contested
        } else {
            Drift::OnlyInAccount
        });
    }
    (elsewhere.is_former() && matches!(owner, Owner::Here | Owner::Nobody))
        .then_some(Drift::FormerAccount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_of_copy_follows_number_databases_and_other_accounts() {
        let absent = Elsewhere::default();
        let assigned_to_another = Elsewhere {
            exists: true,
            is_assigned: true,
            ..absent
        };
        let assigned_here = Elsewhere {
            is_assigned_here: true,
            ..assigned_to_another
        };
        let released = Elsewhere {
            exists: true,
            is_unassigned: true,
            ..absent
        };
        let claimed = Elsewhere {
            claims: 1,
            ..absent
        };
        let claimed_twice = Elsewhere {
            claims: 2,
            ..absent
        };
        let deleted = Elsewhere {
            exists: true,
            ..absent
        };
        for (owner, elsewhere, expected) in [
            (Owner::Here, absent, Some(Drift::OnlyInAccount)),
            (Owner::Here, claimed, Some(Drift::Contested)),
            (Owner::Nobody, claimed, Some(Drift::OnlyInAccount)),
            (Owner::Nobody, claimed_twice, Some(Drift::Contested)),
            (Owner::Another, claimed_twice, Some(Drift::Contested)),
            (Owner::Here, assigned_to_another, Some(Drift::FormerAccount)),
            (
                Owner::Nobody,
                assigned_to_another,
                Some(Drift::FormerAccount),
            ),
            (Owner::Another, assigned_to_another, None),
            (Owner::Odd, assigned_to_another, None),
            (Owner::Here, assigned_here, None),
            (Owner::Here, released, Some(Drift::FormerAccount)),
            (Owner::Odd, released, None),
            (Owner::Here, deleted, None),
        ] {
            assert_eq!(
                place_in_account(owner, elsewhere),
                expected,
                "{owner:?} {elsewhere:?}"
            );
        }
    }
}
