//! The commands, one file per family: which databases are scanned, which reconciler decides, and what is printed.

mod answer;
pub(crate) mod app_using;
pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod carrier_usage;
mod conversion_report;
pub(crate) mod convert_carrier;
pub(crate) mod copy_to_accounts;
pub(crate) mod copy_to_number_databases;
pub(crate) mod doctor;
mod ending;
pub(crate) mod features;
pub(crate) mod fix;
pub(crate) mod fix_apps;
mod known_features;
pub(crate) mod migrate_unassigned;
pub(crate) mod plans;
pub(crate) mod purge;
pub(crate) mod remove_from_accounts;
pub(crate) mod remove_orphans;
pub(crate) mod repair;
pub(crate) mod runs;
pub(crate) mod show;
pub(crate) mod system_features;
pub(crate) mod undo;
mod undo_target;

pub(crate) use answer::Answer;
pub use answer::{FAILED, NOT_HERE, Returned};
pub use ending::{Ending, Refused};
