//! Reconcilers that several commands use, with their reads and rules.

mod account_copies;
mod number_copies;
mod orphans;
mod used_by;

pub(crate) use account_copies::{
    Assignment, Copies, CopySource, copy_to_account, copy_to_accounts,
};
pub(crate) use number_copies::NumberCopies;
pub(crate) use orphans::{Orphans, Side};
pub(crate) use used_by::{AccountUsage, AssignedUsage, usage_of, usages_of, warn_used_by_both};
