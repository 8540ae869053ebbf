//! The list of drift. It is made from the decisions, not from the documents.

use super::Plan;
use super::number::{Assignee, DriftCase, NumberPlan};
use crate::drift::{Drift, DriftKind};
use crate::names::account_database;

impl Plan {
    pub(super) fn drift_of(
        &self,
        kind: DriftKind,
        planned: &NumberPlan,
        assignee: Assignee,
        databases: &[String],
    ) -> Drift {
        Drift {
            kind,
            number: self.number(planned),
            account: self.assignee_id(assignee).map(String::from),
            databases: databases.to_vec(),
            fields: Vec::new(),
        }
    }

    /// Lists the drift of one number.
    pub(super) fn list_drift(&mut self, index: usize, drift_case: &DriftCase) {
        let planned = self.numbers[index].clone();
        let home = self.home(&planned);
        let own = match planned.assignee {
            Assignee::Account(own) => Some(own),
            _ => None,
        };
        let account = |at: usize| account_database(&self.accounts[at]);
        let own_database = own.map(account).unwrap_or_default();
        let copy = [own_database.clone(), home.clone()];
        let mut found = Vec::new();
        let mut state = |kind, assignee, databases: &[String], fields: &[&str]| {
            let mut drift = self.drift_of(kind, &planned, assignee, databases);
            drift.fields = fields.iter().copied().map(String::from).collect();
            found.push(drift);
        };
        match drift_case {
            DriftCase::Missing { .. } => {
                state(DriftKind::MissingCopy, planned.assignee, &copy, &[]);
            }
            DriftCase::Differing(difference) => {
                let fields = difference.fields();
                state(DriftKind::DifferingCopy, planned.assignee, &copy, fields);
            }
            DriftCase::UsedBy {
                number_side,
                account_side,
            } => {
                let swapped = [home.clone(), own_database.clone()];
                if number_side.is_some() {
                    let kind = DriftKind::WrongUsedByInNumberDatabase;
                    state(kind, planned.assignee, &swapped, &[]);
                }
                if account_side.is_some() {
                    let kind = DriftKind::WrongUsedByInAccount;
                    state(kind, planned.assignee, &copy, &[]);
                }
                if number_side.is_none() || account_side.is_none() {
                    let kind = DriftKind::DifferingCopy;
                    state(kind, planned.assignee, &copy, &["pvt_used_by"]);
                }
            }
            DriftCase::Stray(stray) => {
                let kind = if stray.own {
                    DriftKind::FormerAccount
                } else {
                    DriftKind::WrongAccount
                };
                let assignee = Assignee::Account(stray.account);
                let databases = [account(stray.account), home.clone()];
                state(kind, assignee, &databases, &[]);
                if stray.used && planned.usage.name().is_some() {
                    state(DriftKind::WrongUsedByInAccount, assignee, &databases, &[]);
                }
            }
            DriftCase::OnlyInAccount { in_own, strays, .. } => {
                let claims = strays.iter().filter(|stray| stray.own).count();
                let kind = if claims + usize::from(*in_own) > 1 {
                    DriftKind::Contested
                } else {
                    DriftKind::OnlyInAccount
                };
                if *in_own {
                    state(kind, planned.assignee, &copy, &[]);
                }
                for stray in strays {
                    let assignee = Assignee::Account(stray.account);
                    let databases = [account(stray.account), home.clone()];
                    state(kind, assignee, &databases, &[]);
                    if !stray.own {
                        state(DriftKind::WrongAccount, assignee, &databases, &[]);
                    }
                    if stray.used && planned.usage.name().is_some() {
                        state(DriftKind::WrongUsedByInAccount, assignee, &databases, &[]);
                    }
                }
            }
            DriftCase::Misfiled { prefix, twice } => {
                let wrong = format!("numbers/{}", self.prefixes[*prefix]);
                state(
                    DriftKind::Misfiled,
                    planned.assignee,
                    &[wrong, home.clone()],
                    &[],
                );
                if !twice && own.is_some() {
                    state(DriftKind::OnlyInAccount, planned.assignee, &copy, &[]);
                }
            }
            DriftCase::UnassignedButUsed => {
                let kind = DriftKind::UnassignedButUsed;
                state(kind, planned.assignee, std::slice::from_ref(&home), &[]);
            }
            DriftCase::OddAssignment(_) => {
                let kind = DriftKind::OddAssignment;
                state(kind, planned.assignee, std::slice::from_ref(&home), &[]);
            }
            DriftCase::Conflicted {
                number_side,
                account_side,
                ..
            } => {
                let kind = DriftKind::Conflicted;
                if *number_side {
                    let databases = [home.clone(), own_database.clone()];
                    state(kind, planned.assignee, &databases, &[]);
                }
                if *account_side {
                    state(kind, planned.assignee, &copy, &[]);
                }
            }
            DriftCase::AssignedTwice { account } => {
                let managed = String::from("numbers/managed");
                let kind = DriftKind::Contested;
                let databases = [home.clone(), managed.clone()];
                state(kind, planned.assignee, &databases, &[]);
                let other = Assignee::Account(*account);
                state(kind, other, &[managed, home.clone()], &[]);
            }
        }
        self.drift.append(&mut found);
    }
}
