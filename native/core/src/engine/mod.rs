//! Scan and apply: reads documents in bounded memory, lets a [`Reconciler`] decide, and writes. Independent of any command.

mod announce;
mod apply;
mod assigned_scan;
mod attempts;
mod budget;
mod cluster;
mod databases;
mod duplicates;
mod fate;
mod given;
mod index;
#[cfg(test)]
mod interleavings;
mod journal;
mod keep;
mod lookup;
mod once;
mod proxy;
mod reconcile;
mod rounds;
mod run;
mod scan;
mod services;
mod settings;
mod steps;
mod tasks;
mod write;

pub(crate) use apply::{End, Ends};
pub(crate) use assigned_scan::{AccountFilter, AllAccounts};
pub(crate) use budget::{Budget, Charge};
pub(crate) use duplicates::Duplicate;
pub(crate) use given::Numbered;
pub(crate) use keep::Kept;
pub(crate) use lookup::Lookup;
pub(crate) use once::OncePerKey;
pub(crate) use proxy::decodes_names;
pub(crate) use reconcile::{InPlace, MissingDatabase, OtherSide, Read, Reconciler, Target};
pub(crate) use run::{Run, UndoneRun};
pub(crate) use scan::may_be_a_number;
pub use settings::{Lock, Settings};
pub(crate) use steps::milliseconds_since;
