//! The reference model: a whole cluster and a command in, a whole cluster out.
//!
//! This is what each command of the operators' manual means, written a second time and as plainly
//! as it can be said. It reads no network and no clock, pages nothing, batches nothing, retries
//! nothing and shares no line with the library that does all of that: where the two disagree, one
//! of them has misread the contract. Being obviously right matters here, being fast does not.
//!
//! [`run`] is the model. [`same_end_state`] compares what it says with what a server holds,
//! [`audit`] names the drift of a cluster, and [`arbitrary`] throws random clusters and commands.
//!
//! A command is a [`Call`]: a name and arguments as an operator gives them. The modules follow the
//! families of the manual: `copies`, `apps`, `removals`, `fixes`, `carriers`, `features`,
//! `unassigned`. What they all lean on is in `names` (databases and arguments), `numbering` (E.164), `numbers` (number
//! documents) and `work` (one run's cluster, counts and failures).

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
mod unassigned;
mod work;

pub use audit::{Kind, audit, in_sync};
pub use call::{Argument, Call, FUNCTIONS, OTHER_FUNCTIONS};
pub use compare::{same_end_state, same_tombstones};
pub use dispatch::run;
pub use outcome::{Counts, Failure, Now, Outcome, Returned, Warning, failure_report};
