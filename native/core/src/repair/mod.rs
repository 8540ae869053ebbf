//! Reconcilers that several commands use, with their reads and rules.

mod account_copies;
mod fill;
mod former_copies;
mod known_numbers;
mod migration;
mod number_copies;
mod number_database;
mod orphans;
mod used_by;

pub(crate) use account_copies::{
    Assignment, Copies, CopySource, copy_to_account, copy_to_accounts,
};
pub(crate) use fill::{AccountNumbers, Others, fill};
pub(crate) use former_copies::{FormerCopies, MisplacedCopies, wrong_copies};
pub(crate) use known_numbers::KnownNumbers;
pub(crate) use migration::{Migration, decides_by_rule};
pub(crate) use number_copies::NumberCopies;
pub(crate) use number_database::{Known, complete, create, known};
pub(crate) use orphans::{Orphans, Side};
pub(crate) use used_by::{
    AccountUsage, AssignedUsage, known_usage_of, numbers_and_usage, usage_of, usages_of,
    warn_used_by_both,
};
