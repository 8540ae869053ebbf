//! Adds drift to planned numbers.

use super::Plan;
use super::assign::portion;
use super::number::{Assignee, DriftCase, NumberUsage, StrayCopy};
use super::ugly_documents::ODD_ASSIGNMENTS;
use crate::drift::DriftKind;
use crate::names::account_database;
use crate::number_documents::Difference;
use crate::random::RandomStream;
use crate::ugly::UglyKind;

impl Plan {
    /// Distributes the kinds of drift in turn over shuffled numbers, so that all kinds occur.
    pub(super) fn add_drift(&mut self) {
        let kinds: Vec<DriftKind> = self
            .options
            .kinds
            .iter()
            .copied()
            .filter(|kind| self.can_have_drift(*kind))
            .collect();
        if kinds.is_empty() {
            return;
        }
        let mut random = RandomStream::new(self.options.seed, "drift", 0);
        let mut row: Vec<usize> = (0..self.numbers.len()).collect();
        random.shuffle(&mut row);
        row.truncate(portion(self.numbers.len(), self.options.drift));
        let first = random.below(kinds.len());
        for (turn, index) in row.into_iter().enumerate() {
            let kind = kinds[(first + turn) % kinds.len()];
            self.add_drift_to(index, kind, &mut random);
        }
    }

    pub(super) fn can_have_drift(&self, kind: DriftKind) -> bool {
        match kind {
            DriftKind::WrongAccount | DriftKind::FormerAccount | DriftKind::Contested => {
                self.accounts.len() > 1
            }
            DriftKind::Misfiled => self.options.number_databases > 1,
            _ => true,
        }
    }

    pub(super) fn add_drift_to(
        &mut self,
        index: usize,
        kind: DriftKind,
        random: &mut RandomStream,
    ) {
        let own = match self.numbers[index].assignee {
            Assignee::Account(own) => own,
            _ => match self.any_account(random) {
                Assignee::Account(own) => own,
                _ => 0,
            },
        };
        self.numbers[index].assignee = Assignee::Account(own);
        let drift_case = match kind {
            DriftKind::MissingCopy => DriftCase::Missing {
                tombstone: random.one_in(3),
            },
            DriftKind::DifferingCopy => DriftCase::Differing(self.any_difference(random)),
            DriftKind::WrongUsedByInNumberDatabase => {
                let both = self
                    .options
                    .kinds
                    .contains(&DriftKind::WrongUsedByInAccount)
                    && random.one_in(2);
                let which = random.below(3);
                DriftCase::UsedBy {
                    number_side: Some(which),
                    account_side: both.then_some(which),
                }
            }
            DriftKind::WrongUsedByInAccount => DriftCase::UsedBy {
                number_side: None,
                account_side: Some(random.below(3)),
            },
            DriftKind::WrongAccount => DriftCase::Stray(self.stray(own, false, random)),
            DriftKind::FormerAccount => {
                let stray = self.stray(own, true, random);
                if random.one_in(3) {
                    // Released: the number is unassigned now.
                    self.numbers[index].assignee = Assignee::Unassigned;
                    self.numbers[index].usage = NumberUsage::None;
                }
                DriftCase::Stray(stray)
            }
            DriftKind::OnlyInAccount => self.only_in_account(index, own, random),
            DriftKind::AccountMissing => {
                self.numbers[index].assignee =
                    Assignee::WithoutDatabase(random.below(self.gone.len()));
                let planned = &self.numbers[index];
                self.drift.push(self.drift_of(
                    DriftKind::AccountMissing,
                    planned,
                    planned.assignee,
                    &[
                        account_database(self.assignee_id(planned.assignee).unwrap_or_default()),
                        self.home(planned),
                    ],
                ));
                return;
            }
            DriftKind::Misfiled => {
                let shift = 1 + random.below(self.options.number_databases - 1);
                let home = self.numbers[index].prefix as usize;
                let twice = random.one_in(3);
                if !twice && random.one_in(2) {
                    self.numbers[index].assignee = Assignee::Unassigned;
                    self.numbers[index].usage = NumberUsage::None;
                }
                DriftCase::Misfiled {
                    prefix: (home + shift) % self.options.number_databases,
                    twice,
                }
            }
            DriftKind::UnassignedButUsed => {
                self.numbers[index].assignee = Assignee::Unassigned;
                self.numbers[index].usage = NumberUsage::None;
                DriftCase::UnassignedButUsed
            }
            DriftKind::OddAssignment => {
                self.numbers[index].assignee = Assignee::Unassigned;
                self.numbers[index].usage = NumberUsage::None;
                DriftCase::OddAssignment(random.below(ODD_ASSIGNMENTS))
            }
            DriftKind::Conflicted => {
                let side = random.below(3);
                DriftCase::Conflicted {
                    number_side: side != 1,
                    account_side: side != 0,
                    agree: random.one_in(3),
                }
            }
            DriftKind::Contested => {
                let mut stray = self.stray(own, true, random);
                if random.one_in(3) {
                    DriftCase::AssignedTwice {
                        account: stray.account,
                    }
                } else {
                    stray.used &= self.numbers[index].usage == NumberUsage::None;
                    DriftCase::OnlyInAccount {
                        in_own: true,
                        strays: vec![stray],
                        tombstone: random.one_in(3),
                    }
                }
            }
        };
        self.list_drift(index, &drift_case);
        self.numbers[index].drift_case = Some(Box::new(drift_case));
    }

    pub(super) fn any_difference(&self, random: &mut RandomStream) -> Difference {
        match random.pick(&Difference::ALL) {
            Difference::Attachment if !self.is_ugly(UglyKind::TextAttachment) => Difference::Public,
            difference => difference,
        }
    }

    pub(super) fn stray(
        &self,
        own: usize,
        own_assigned: bool,
        random: &mut RandomStream,
    ) -> StrayCopy {
        let others = self.accounts.len() - 1;
        StrayCopy {
            account: (own + 1 + random.below(others)) % self.accounts.len(),
            own: own_assigned,
            used: random.one_in(2),
            difference: None,
        }
    }

    pub(super) fn only_in_account(
        &mut self,
        index: usize,
        own: usize,
        random: &mut RandomStream,
    ) -> DriftCase {
        // One in four has a number database that does not exist.
        if random.one_in(4) {
            let lost = self.prefixes.len() - 1;
            self.numbers[index].prefix = lost as u32;
            self.numbers[index].serial = self.serials[lost];
            self.serials[lost] += 1;
        }
        let mut strays: Vec<StrayCopy> = Vec::new();
        if self.accounts.len() > 1 && random.one_in(2) {
            for _ in 0..1 + random.below(2) {
                let own_assigned = random.one_in(2);
                let mut stray = self.stray(own, own_assigned, random);
                stray.difference = match self.any_difference(random) {
                    // A soft-deleted document is neither copied nor drift.
                    Difference::SoftDeleted => None,
                    difference if random.one_in(2) => Some(difference),
                    _ => None,
                };
                if strays.iter().all(|other| other.account != stray.account) {
                    strays.push(stray);
                }
            }
        }
        DriftCase::OnlyInAccount {
            in_own: strays.is_empty() || !random.one_in(3),
            strays,
            tombstone: random.one_in(3),
        }
    }
}
