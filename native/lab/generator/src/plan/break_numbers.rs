//! What is broken, and how.

use super::Plan;
use super::deal::portion;
use super::fate::ODD_ASSIGNMENTS;
use super::number::{Breakage, Holder, Stray, Usage};
use crate::dice::Dice;
use crate::drift::DriftKind;
use crate::names::account_database;
use crate::number_documents::Difference;
use crate::ugly::UglyKind;

impl Plan {
    /// Drift falls on a shuffled row of numbers, kinds in turn, so that all occur.
    pub(super) fn break_numbers(&mut self) {
        let kinds: Vec<DriftKind> = self
            .options
            .kinds
            .iter()
            .copied()
            .filter(|kind| self.can_break(*kind))
            .collect();
        if kinds.is_empty() {
            return;
        }
        let mut dice = Dice::new(self.options.seed, "drift", 0);
        let mut row: Vec<usize> = (0..self.numbers.len()).collect();
        dice.shuffle(&mut row);
        row.truncate(portion(self.numbers.len(), self.options.drift));
        let first = dice.below(kinds.len());
        for (turn, index) in row.into_iter().enumerate() {
            let kind = kinds[(first + turn) % kinds.len()];
            self.break_number(index, kind, &mut dice);
        }
    }

    pub(super) fn can_break(&self, kind: DriftKind) -> bool {
        match kind {
            DriftKind::WrongAccount | DriftKind::FormerAccount | DriftKind::Contested => {
                self.accounts.len() > 1
            }
            DriftKind::Misfiled => self.options.number_databases > 1,
            _ => true,
        }
    }

    pub(super) fn break_number(&mut self, index: usize, kind: DriftKind, dice: &mut Dice) {
        let own = match self.numbers[index].holder {
            Holder::Account(own) => own,
            _ => match self.any_account(dice) {
                Holder::Account(own) => own,
                _ => 0,
            },
        };
        self.numbers[index].holder = Holder::Account(own);
        let breakage = match kind {
            DriftKind::MissingCopy => Breakage::Missing {
                tombstone: dice.one_in(3),
            },
            DriftKind::DifferingCopy => Breakage::Differing(self.any_difference(dice)),
            DriftKind::WrongUsedByInNumberDatabase => {
                let both = self
                    .options
                    .kinds
                    .contains(&DriftKind::WrongUsedByInAccount)
                    && dice.one_in(2);
                let which = dice.below(3);
                Breakage::UsedBy {
                    number_side: Some(which),
                    account_side: both.then_some(which),
                }
            }
            DriftKind::WrongUsedByInAccount => Breakage::UsedBy {
                number_side: None,
                account_side: Some(dice.below(3)),
            },
            DriftKind::WrongAccount => Breakage::Astray(self.stray(own, false, dice)),
            DriftKind::FormerAccount => {
                let stray = self.stray(own, true, dice);
                if dice.one_in(3) {
                    // Released: nobody has it now.
                    self.numbers[index].holder = Holder::Nobody;
                    self.numbers[index].usage = Usage::None;
                }
                Breakage::Astray(stray)
            }
            DriftKind::OnlyInAccount => self.only_in_account(index, own, dice),
            DriftKind::AccountMissing => {
                self.numbers[index].holder = Holder::Gone(dice.below(self.gone.len()));
                let planned = &self.numbers[index];
                self.drift.push(self.fact(
                    DriftKind::AccountMissing,
                    planned,
                    planned.holder,
                    &[
                        account_database(self.holder_id(planned.holder).unwrap_or_default()),
                        self.home(planned),
                    ],
                ));
                return;
            }
            DriftKind::Misfiled => {
                let shift = 1 + dice.below(self.options.number_databases - 1);
                let home = self.numbers[index].prefix as usize;
                let twice = dice.one_in(3);
                if !twice && dice.one_in(2) {
                    self.numbers[index].holder = Holder::Nobody;
                    self.numbers[index].usage = Usage::None;
                }
                Breakage::Misfiled {
                    prefix: (home + shift) % self.options.number_databases,
                    twice,
                }
            }
            DriftKind::UnassignedButUsed => {
                self.numbers[index].holder = Holder::Nobody;
                self.numbers[index].usage = Usage::None;
                Breakage::UnassignedButUsed
            }
            DriftKind::OddAssignment => {
                self.numbers[index].holder = Holder::Nobody;
                self.numbers[index].usage = Usage::None;
                Breakage::OddAssignment(dice.below(ODD_ASSIGNMENTS))
            }
            DriftKind::Conflicted => {
                let side = dice.below(3);
                Breakage::Conflicted {
                    number_side: side != 1,
                    account_side: side != 0,
                    agree: dice.one_in(3),
                }
            }
            DriftKind::Contested => {
                let mut stray = self.stray(own, true, dice);
                if dice.one_in(3) {
                    Breakage::GivenTwice {
                        account: stray.account,
                    }
                } else {
                    stray.used &= self.numbers[index].usage == Usage::None;
                    Breakage::OnlyInAccount {
                        in_own: true,
                        strays: vec![stray],
                        tombstone: dice.one_in(3),
                    }
                }
            }
        };
        self.state_facts(index, &breakage);
        self.numbers[index].breakage = Some(Box::new(breakage));
    }

    pub(super) fn any_difference(&self, dice: &mut Dice) -> Difference {
        match dice.pick(&Difference::ALL) {
            Difference::Attachment if !self.is_ugly(UglyKind::TextAttachment) => Difference::Public,
            difference => difference,
        }
    }

    pub(super) fn stray(&self, own: usize, own_assigned: bool, dice: &mut Dice) -> Stray {
        let others = self.accounts.len() - 1;
        Stray {
            account: (own + 1 + dice.below(others)) % self.accounts.len(),
            own: own_assigned,
            used: dice.one_in(2),
            difference: None,
        }
    }

    pub(super) fn only_in_account(
        &mut self,
        index: usize,
        own: usize,
        dice: &mut Dice,
    ) -> Breakage {
        // One in four belongs to a number database that does not exist.
        if dice.one_in(4) {
            let lost = self.prefixes.len() - 1;
            self.numbers[index].prefix = lost as u32;
            self.numbers[index].serial = self.serials[lost];
            self.serials[lost] += 1;
        }
        let mut strays: Vec<Stray> = Vec::new();
        if self.accounts.len() > 1 && dice.one_in(2) {
            for _ in 0..1 + dice.below(2) {
                let own_assigned = dice.one_in(2);
                let mut stray = self.stray(own, own_assigned, dice);
                stray.difference = match self.any_difference(dice) {
                    // A soft-deleted document is no candidate, and no fact either.
                    Difference::SoftDeleted => None,
                    difference if dice.one_in(2) => Some(difference),
                    _ => None,
                };
                if strays.iter().all(|other| other.account != stray.account) {
                    strays.push(stray);
                }
            }
        }
        Breakage::OnlyInAccount {
            in_own: strays.is_empty() || !dice.one_in(3),
            strays,
            tombstone: dice.one_in(3),
        }
    }
}
