//! Assigns numbers to accounts and selects the ugly ones.

use super::Plan;
use super::number::{Assignee, DriftCase, NumberPlan, NumberUsage};
use crate::drift::DriftKind;
use crate::names::account_database;
use crate::random::RandomStream;
use crate::ugly::UglyKind;

impl Plan {
    pub(super) fn assign_numbers(&mut self) {
        let mut random = RandomStream::new(self.options.seed, "numbers", 0);
        let served = self.options.number_databases;
        for index in 0..self.options.numbers {
            // Every database gets some numbers; the first ones get more.
            let prefix = if index < served {
                index
            } else {
                random.below(served).min(random.below(served))
            };
            let assignee = if random.below(100) < 8 {
                Assignee::Unassigned
            } else {
                self.any_account(&mut random)
            };
            let usage = match (assignee, random.below(20)) {
                (Assignee::Unassigned, _) | (_, 16..) => NumberUsage::None,
                (_, ..11) => NumberUsage::Callflow,
                _ => NumberUsage::Trunkstore,
            };
            let serial = self.serials[prefix];
            self.serials[prefix] += 1;
            self.numbers.push(NumberPlan {
                prefix: prefix as u32,
                serial,
                assignee,
                usage,
                drift_case: None,
                ugly_documents: None,
                content: None,
            });
        }
    }

    /// A random account. A few accounts get most of the numbers.
    pub(super) fn any_account(&self, random: &mut RandomStream) -> Assignee {
        let accounts = self.accounts.len();
        Assignee::Account(random.below(accounts).min(random.below(accounts)))
    }

    pub(super) fn uglify_numbers(&mut self) {
        let mut random = RandomStream::new(self.options.seed, "ugly", 0);
        let wanted = portion(self.numbers.len(), self.options.ugly_share);
        let mut row: Vec<usize> = (0..self.numbers.len()).collect();
        random.shuffle(&mut row);

        let content = self.chosen(&UglyKind::CONTENT);
        let fates = self.chosen(&UglyKind::EXCLUSIVE);
        let first = random.below(content.len().max(1));
        for (turn, index) in row.iter().take(wanted).enumerate() {
            if let Some(kind) = content.get((first + turn) % content.len().max(1)) {
                self.numbers[*index].content = Some(*kind);
            }
        }
        let first = random.below(fates.len().max(1));
        let whole: Vec<usize> = row
            .into_iter()
            .filter(|index| {
                let planned = &self.numbers[*index];
                planned.drift_case.is_none()
                    && !matches!(planned.assignee, Assignee::WithoutDatabase(_))
            })
            .take(wanted)
            .collect();
        for (turn, index) in whole.into_iter().enumerate() {
            if let Some(kind) = fates.get((first + turn) % fates.len().max(1)) {
                self.assign_exclusive_kind(index, *kind, &mut random);
            }
        }
    }

    pub(super) fn chosen(&self, kinds: &[UglyKind]) -> Vec<UglyKind> {
        let chosen = kinds.iter().copied();
        chosen.filter(|kind| self.is_ugly(*kind)).collect()
    }

    pub(super) fn assign_exclusive_kind(
        &mut self,
        index: usize,
        kind: UglyKind,
        random: &mut RandomStream,
    ) {
        let account = match self.numbers[index].assignee {
            assignee @ Assignee::Account(_) => assignee,
            _ => self.any_account(random),
        };
        let planned = &mut self.numbers[index];
        let usage = match kind {
            UglyKind::UsedByBoth => Some(NumberUsage::Both),
            UglyKind::ForeignUsage => Some(NumberUsage::None),
            UglyKind::UnnormalisedUsage => {
                Some(random.pick(&[NumberUsage::Callflow, NumberUsage::Trunkstore]))
            }
            UglyKind::UpperCaseAssignment => Some(planned.usage),
            _ => None,
        };
        if let Some(usage) = usage {
            planned.assignee = account;
            planned.usage = usage;
        }
        planned.ugly_documents = Some(kind);
        if kind == UglyKind::OddUsedBy
            && let Assignee::Account(own) = planned.assignee
        {
            let planned = planned.clone();
            let (home, copy) = (self.home(&planned), account_database(&self.accounts[own]));
            for (kind, databases) in [
                (
                    DriftKind::WrongUsedByInNumberDatabase,
                    [home.clone(), copy.clone()],
                ),
                (DriftKind::WrongUsedByInAccount, [copy, home]),
            ] {
                let drift = self.drift_of(kind, &planned, planned.assignee, &databases);
                self.drift.push(drift);
            }
        }
    }

    pub(super) fn index(&mut self) {
        for (index, planned) in self.numbers.iter().enumerate() {
            let index = index as u32;
            let mut accounts: Vec<usize> = Vec::new();
            if let Assignee::Account(own) = planned.assignee {
                accounts.push(own);
            }
            let mut prefix = Some(planned.prefix as usize);
            match planned.drift_case.as_deref() {
                Some(DriftCase::Stray(stray)) => accounts.push(stray.account),
                Some(DriftCase::OnlyInAccount { strays, .. }) => {
                    accounts.extend(strays.iter().map(|stray| stray.account));
                }
                Some(DriftCase::Misfiled {
                    prefix: wrong,
                    twice,
                }) => {
                    self.by_prefix[*wrong].push(index);
                    if !twice {
                        prefix = None;
                    }
                }
                _ => {}
            }
            if let Some(prefix) = prefix {
                self.by_prefix[prefix].push(index);
            }
            for account in accounts {
                self.by_account[account].push(index);
            }
        }
    }
}

/// `share` of `count`, at least 1 if the share is positive.
pub(super) fn portion(count: usize, share: f64) -> usize {
    let share = share.clamp(0.0, 1.0);
    let wanted = (count as f64 * share).round() as usize;
    if share > 0.0 && wanted == 0 {
        count.min(1)
    } else {
        wanted
    }
}
