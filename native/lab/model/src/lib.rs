//! The reference model: computes a cluster's state after a command.
//!
//! The model implements each command of the operators' manual a second time, as simply as possible.
//! It uses no network, clock, pages, batches or retries, and shares no code with the library. If
//! the two disagree, one of them is wrong. Clarity matters here; speed does not.
//!
//! [`run`] is the model. [`same_end_state`] compares its result with a server's data, [`audit()`]
//! lists the drift of a cluster, and [`arbitrary`] generates random clusters and commands.
//!
//! A command is a [`Call`]: a name and arguments as an operator gives them. There is a module for
//! each family of commands: `copies`, `apps`, `removals`, `fixes`, `carriers`, `features`,
//! `unassigned`. They share `names` (databases and arguments), `numbering` (E.164), `numbers`
//! (number documents) and `run_state` (the cluster, counts and failures of a run).

mod apps;
pub mod arbitrary;

mod audit;
mod call;
mod carriers;
mod compare;
mod copies;
mod dispatch;
mod features;
mod fixes;
mod names;
mod numbering;
mod numbers;
mod outcome;
mod removals;
mod repair;
mod run_state;
mod show;
mod unassigned;

pub use audit::{DriftKind, audit, in_sync, looked_at};
pub use call::{Argument, Call, FUNCTIONS, OTHER_FUNCTIONS};
pub use compare::{same_end_state, same_tombstones};
pub use dispatch::run;
pub use outcome::{Counts, Failure, Now, Outcome, Returned, Warning, failure_report};
pub use show::{ShownNumber, show};
