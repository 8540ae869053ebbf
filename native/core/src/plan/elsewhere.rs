//! An account's copy in the light of the number databases and of the other accounts.

use super::{Drift, Source};
use crate::kazoo::{AccountId, NumberFacts};

/// What number databases, and the other accounts, hold of a number that an account has a live copy of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// A number database that may hold it has a document of it, whatever that is.
    pub exists: bool,
    /// One of these is a live number that an account has.
    pub is_held: bool,
    /// That account is the one that was looked at, for one of these.
    pub is_held_here: bool,
    /// One of these is a live number that is assigned to nobody.
    pub is_released: bool,
    /// Another account has a copy that says it is that account's.
    pub is_claimed: bool,
}

impl Elsewhere {
    /// Adds what a number database that may hold the number has of it. `account`: the one that was looked at.
    pub fn add(&mut self, source: Source, account: AccountId) {
        self.exists = true;
        match source {
            Source::Assigned(holder) => {
                self.is_held = true;
                self.is_held_here |= holder == account;
            }
            Source::Unassigned => self.is_released = true,
            Source::OddlyAssigned | Source::Misfiled | Source::Not => {}
        }
    }

    /// Whether the number belongs to another account, or to nobody any more.
    pub fn is_former(self) -> bool {
        match (self.is_held, self.is_held_here) {
            (true, here) => !here,
            (false, _) => self.is_released,
        }
    }
}

/// Whose an account's live copy says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The account that it lies in.
    Here,
    /// Another account.
    Another,
    /// Nobody.
    Nobody,
    /// Something that is no account id.
    Odd,
}

impl Owner {
    /// Of a copy in this account's database.
    pub fn of(account: AccountId, facts: &NumberFacts) -> Self {
        match facts.assigned_to {
            Some(owner) if owner == account => Self::Here,
            Some(_) => Self::Another,
            None if facts.is_assignment_odd => Self::Odd,
            None => Self::Nobody,
        }
    }
}

/// What an account's live copy is in the light of the number databases and of the other accounts.
pub fn place_in_account(owner: Owner, elsewhere: Elsewhere) -> Option<Drift> {
    if !elsewhere.exists {
        return Some(match owner {
            Owner::Here if elsewhere.is_claimed => Drift::Contested,
            _ => Drift::OnlyInAccount,
        });
    }
    (elsewhere.is_former() && matches!(owner, Owner::Here | Owner::Nobody))
        .then_some(Drift::FormerAccount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_is_placed_by_what_number_databases_and_other_accounts_hold() {
        let absent = Elsewhere::default();
        let assigned_to_another = Elsewhere {
            exists: true,
            is_held: true,
            ..absent
        };
        let assigned_here = Elsewhere {
            is_held_here: true,
            ..assigned_to_another
        };
        let released = Elsewhere {
            exists: true,
            is_released: true,
            ..absent
        };
        let claimed = Elsewhere {
            is_claimed: true,
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
