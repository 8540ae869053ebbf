//! Who gets which number, and which are ugly.

use super::Plan;
use super::number::{Breakage, Holder, NumberPlan, Usage};
use crate::dice::Dice;
use crate::drift::DriftKind;
use crate::names::account_database;
use crate::ugly::UglyKind;

impl Plan {
    pub(super) fn deal_numbers(&mut self) {
        let mut dice = Dice::new(self.options.seed, "numbers", 0);
        let served = self.options.number_databases;
        for index in 0..self.options.numbers {
            // Every database gets some; the rest falls more often on the first ones.
            let prefix = if index < served {
                index
            } else {
                dice.below(served).min(dice.below(served))
            };
            let holder = if dice.below(100) < 8 {
                Holder::Nobody
            } else {
                self.any_account(&mut dice)
            };
            let usage = match (holder, dice.below(20)) {
                (Holder::Nobody, _) | (_, 16..) => Usage::None,
                (_, ..11) => Usage::Callflow,
                _ => Usage::Trunkstore,
            };
            let serial = self.serials[prefix];
            self.serials[prefix] += 1;
            self.numbers.push(NumberPlan {
                prefix: prefix as u32,
                serial,
                holder,
                usage,
                breakage: None,
                fate: None,
                content: None,
            });
        }
    }

    /// A few accounts have most of the numbers.
    pub(super) fn any_account(&self, dice: &mut Dice) -> Holder {
        let accounts = self.accounts.len();
        Holder::Account(dice.below(accounts).min(dice.below(accounts)))
    }

    pub(super) fn uglify_numbers(&mut self) {
        let mut dice = Dice::new(self.options.seed, "ugly", 0);
        let wanted = portion(self.numbers.len(), self.options.ugly_share);
        let mut row: Vec<usize> = (0..self.numbers.len()).collect();
        dice.shuffle(&mut row);

        let content = self.chosen(&UglyKind::CONTENT);
        let fates = self.chosen(&UglyKind::FATE);
        let first = dice.below(content.len().max(1));
        for (turn, index) in row.iter().take(wanted).enumerate() {
            if let Some(kind) = content.get((first + turn) % content.len().max(1)) {
                self.numbers[*index].content = Some(*kind);
            }
        }
        let first = dice.below(fates.len().max(1));
        let whole: Vec<usize> = row
            .into_iter()
            .filter(|index| {
                let planned = &self.numbers[*index];
                planned.breakage.is_none() && !matches!(planned.holder, Holder::Gone(_))
            })
            .take(wanted)
            .collect();
        for (turn, index) in whole.into_iter().enumerate() {
            if let Some(kind) = fates.get((first + turn) % fates.len().max(1)) {
                self.settle_fate(index, *kind, &mut dice);
            }
        }
    }

    pub(super) fn chosen(&self, kinds: &[UglyKind]) -> Vec<UglyKind> {
        let chosen = kinds.iter().copied();
        chosen.filter(|kind| self.is_ugly(*kind)).collect()
    }

    pub(super) fn settle_fate(&mut self, index: usize, kind: UglyKind, dice: &mut Dice) {
        let account = match self.numbers[index].holder {
            holder @ Holder::Account(_) => holder,
            _ => self.any_account(dice),
        };
        let planned = &mut self.numbers[index];
        let usage = match kind {
            UglyKind::UsedByBoth => Some(Usage::Both),
            UglyKind::ForeignUsage => Some(Usage::None),
            UglyKind::UnnormalisedUsage => Some(dice.pick(&[Usage::Callflow, Usage::Trunkstore])),
            UglyKind::UpperCaseAssignment => Some(planned.usage),
            _ => None,
        };
        if let Some(usage) = usage {
            planned.holder = account;
            planned.usage = usage;
        }
        planned.fate = Some(kind);
        if kind == UglyKind::OddUsedBy
            && let Holder::Account(own) = planned.holder
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
                let fact = self.fact(kind, &planned, planned.holder, &databases);
                self.drift.push(fact);
            }
        }
    }

    pub(super) fn index(&mut self) {
        for (index, planned) in self.numbers.iter().enumerate() {
            let index = index as u32;
            let mut accounts: Vec<usize> = Vec::new();
            if let Holder::Account(own) = planned.holder {
                accounts.push(own);
            }
            let mut prefix = Some(planned.prefix as usize);
            match planned.breakage.as_deref() {
                Some(Breakage::Astray(stray)) => accounts.push(stray.account),
                Some(Breakage::OnlyInAccount { strays, .. }) => {
                    accounts.extend(strays.iter().map(|stray| stray.account));
                }
                Some(Breakage::Misfiled {
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

/// `share` of `count`, and at least one of what is asked for at all.
pub(super) fn portion(count: usize, share: f64) -> usize {
    let share = share.clamp(0.0, 1.0);
    let wanted = (count as f64 * share).round() as usize;
    if share > 0.0 && wanted == 0 {
        count.min(1)
    } else {
        wanted
    }
}
