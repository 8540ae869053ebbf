//! The list of what is wrong, made together with the decision and not read off the documents.

use super::Plan;
use super::number::{Breakage, Holder, NumberPlan};
use crate::drift::{Drift, DriftKind};
use crate::names::account_database;

impl Plan {
    pub(super) fn fact(
        &self,
        kind: DriftKind,
        planned: &NumberPlan,
        holder: Holder,
        databases: &[String],
    ) -> Drift {
        Drift {
            kind,
            number: self.number(planned),
            account: self.holder_id(holder).map(String::from),
            databases: databases.to_vec(),
            fields: Vec::new(),
        }
    }

    /// Lists what this breakage makes wrong.
    pub(super) fn state_facts(&mut self, index: usize, breakage: &Breakage) {
        let planned = self.numbers[index].clone();
        let home = self.home(&planned);
        let own = match planned.holder {
            Holder::Account(own) => Some(own),
            _ => None,
        };
        let account = |at: usize| account_database(&self.accounts[at]);
        let own_database = own.map(account).unwrap_or_default();
        let copy = [own_database.clone(), home.clone()];
        let mut facts = Vec::new();
        let mut state = |kind, holder, databases: &[String], fields: &[&str]| {
            let mut fact = self.fact(kind, &planned, holder, databases);
            fact.fields = fields.iter().copied().map(String::from).collect();
            facts.push(fact);
        };
        match breakage {
            Breakage::Missing { .. } => {
                state(DriftKind::MissingCopy, planned.holder, &copy, &[]);
            }
            Breakage::Differing(difference) => {
                let fields = difference.fields();
                state(DriftKind::DifferingCopy, planned.holder, &copy, fields);
            }
            Breakage::UsedBy {
                number_side,
                account_side,
            } => {
                let swapped = [home.clone(), own_database.clone()];
                if number_side.is_some() {
                    let kind = DriftKind::WrongUsedByInNumberDatabase;
                    state(kind, planned.holder, &swapped, &[]);
                }
                if account_side.is_some() {
                    let kind = DriftKind::WrongUsedByInAccount;
                    state(kind, planned.holder, &copy, &[]);
                }
                if number_side.is_none() || account_side.is_none() {
                    let kind = DriftKind::DifferingCopy;
                    state(kind, planned.holder, &copy, &["pvt_used_by"]);
                }
            }
            Breakage::Astray(stray) => {
                let kind = if stray.own {
                    DriftKind::FormerAccount
                } else {
                    DriftKind::WrongAccount
                };
                let holder = Holder::Account(stray.account);
                let databases = [account(stray.account), home.clone()];
                state(kind, holder, &databases, &[]);
                if stray.used && planned.usage.name().is_some() {
                    state(DriftKind::WrongUsedByInAccount, holder, &databases, &[]);
                }
            }
            Breakage::OnlyInAccount { in_own, strays, .. } => {
                let claims = strays.iter().filter(|stray| stray.own).count();
                let is_contested = claims + usize::from(*in_own) > 1;
                let kind_of = |claims: bool| {
                    if claims && is_contested {
                        DriftKind::Contested
                    } else {
                        DriftKind::OnlyInAccount
                    }
                };
                if *in_own {
                    state(kind_of(true), planned.holder, &copy, &[]);
                }
                for stray in strays {
                    let holder = Holder::Account(stray.account);
                    let databases = [account(stray.account), home.clone()];
                    state(kind_of(stray.own), holder, &databases, &[]);
                    if !stray.own {
                        state(DriftKind::WrongAccount, holder, &databases, &[]);
                    }
                    if stray.used && planned.usage.name().is_some() {
                        state(DriftKind::WrongUsedByInAccount, holder, &databases, &[]);
                    }
                }
            }
            Breakage::Misfiled { prefix, twice } => {
                let wrong = format!("numbers/{}", self.prefixes[*prefix]);
                state(
                    DriftKind::Misfiled,
                    planned.holder,
                    &[wrong, home.clone()],
                    &[],
                );
                if !twice && own.is_some() {
                    state(DriftKind::OnlyInAccount, planned.holder, &copy, &[]);
                }
            }
            Breakage::UnassignedButUsed => {
                let kind = DriftKind::UnassignedButUsed;
                state(kind, planned.holder, std::slice::from_ref(&home), &[]);
            }
            Breakage::OddAssignment(_) => {
                let kind = DriftKind::OddAssignment;
                state(kind, planned.holder, std::slice::from_ref(&home), &[]);
            }
            Breakage::Conflicted {
                number_side,
                account_side,
                ..
            } => {
                let kind = DriftKind::Conflicted;
                if *number_side {
                    let databases = [home.clone(), own_database.clone()];
                    state(kind, planned.holder, &databases, &[]);
                }
                if *account_side {
                    state(kind, planned.holder, &copy, &[]);
                }
            }
            Breakage::GivenTwice { account } => {
                let managed = String::from("numbers/managed");
                let kind = DriftKind::Contested;
                let databases = [home.clone(), managed.clone()];
                state(kind, planned.holder, &databases, &[]);
                let other = Holder::Account(*account);
                state(kind, other, &[managed, home.clone()], &[]);
            }
        }
        self.drift.append(&mut facts);
    }
}
