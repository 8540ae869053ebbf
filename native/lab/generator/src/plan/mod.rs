//! Decides the properties of every number, and builds databases from the decisions.

mod add_drift;
mod assign;
mod build;
mod list_drift;
mod number;
mod ugly_documents;

use std::collections::BTreeMap;

use crate::documents::{Cluster, Database};
use crate::drift::Drift;
use crate::names::account_database;
use crate::options::Options;
use crate::overlay::overlay;
use crate::prefixes::{number, prefixes};
use crate::random::RandomStream;
use crate::system_config::system_config;
use crate::ugly::UglyKind;

use self::number::NumberPlan;

/// A cluster and its drift.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The cluster.
    pub cluster: Cluster,
    /// The drift. Without ugliness it is complete; ugly clusters have unusual cases that are not
    /// drift.
    pub drift: Vec<Drift>,
}

/// Generates a whole cluster in memory. For hundreds of thousands of numbers, create a [`Plan`] and
/// build its databases one by one.
#[must_use]
pub fn generate(options: &Options) -> Generated {
    let plan = Plan::new(options);
    let databases = plan
        .names()
        .into_iter()
        .map(|name| {
            let database = plan.database(&name);
            (name, database)
        })
        .collect();
    Generated {
        cluster: Cluster { databases },
        drift: plan.drift,
    }
}

/// The plan of a cluster: a few bytes for each number.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) options: Options,
    pub(crate) prefixes: Vec<String>,
    pub(crate) accounts: Vec<String>,
    gone: Vec<String>,
    numbers: Vec<NumberPlan>,
    by_prefix: Vec<Vec<u32>>,
    by_account: Vec<Vec<u32>>,
    pub(crate) serials: Vec<u32>,
    overlay: BTreeMap<String, Database>,
    pub(crate) drift: Vec<Drift>,
}

impl Plan {
    /// Creates a plan.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let mut options = options.clone();
        options.accounts = options.accounts.max(1);
        let prefixes = prefixes(options.seed, options.number_databases);
        options.number_databases = prefixes.len() - 1;
        let accounts = ids(options.seed, "accounts", options.accounts);
        let gone = ids(options.seed, "gone", 1 + options.accounts / 50);
        let mut plan = Self {
            by_prefix: vec![Vec::new(); prefixes.len()],
            by_account: vec![Vec::new(); accounts.len()],
            serials: vec![0; prefixes.len()],
            options,
            prefixes,
            accounts,
            gone,
            numbers: Vec::new(),
            overlay: BTreeMap::new(),
            drift: Vec::new(),
        };
        plan.assign_numbers();
        plan.add_drift();
        plan.uglify_numbers();
        plan.index();
        plan.overlay = overlay(&mut plan);
        plan.drift.sort();
        plan
    }

    /// The drift, sorted.
    #[must_use]
    pub fn drift(&self) -> &[Drift] {
        &self.drift
    }

    /// The names of all databases, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .served_prefixes()
            .iter()
            .map(|prefix| format!("numbers/{prefix}"))
            .chain(self.accounts.iter().map(|id| account_database(id)))
            .chain(self.overlay.keys().cloned())
            .chain([String::from("system_config")])
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Builds one database. Empty if the plan has no database with this name.
    #[must_use]
    pub fn database(&self, name: &str) -> Database {
        let mut database = if name == "system_config" {
            system_config(self.is_ugly(UglyKind::Converters))
        } else if let Some(at) = self.prefix_of(name) {
            self.number_database(at)
        } else if let Some(at) = self.account_of(name) {
            self.account_database(at)
        } else {
            Database::default()
        };
        if let Some(overlay) = self.overlay.get(name) {
            for document in overlay.documents.values() {
                database.insert(document.clone());
            }
            for leaf in overlay.conflicts.values().flatten() {
                database.insert_conflict(leaf.clone());
            }
            for id in &overlay.deleted {
                database.delete(id);
            }
        }
        database
    }

    /// Whether this kind of ugliness is requested.
    pub(crate) fn is_ugly(&self, kind: UglyKind) -> bool {
        self.options.ugly.contains(&kind)
    }

    /// The prefixes that have a number database.
    pub(crate) fn served_prefixes(&self) -> &[String] {
        &self.prefixes[..self.options.number_databases]
    }

    fn prefix_of(&self, name: &str) -> Option<usize> {
        let prefix = name.strip_prefix("numbers/")?;
        self.served_prefixes().iter().position(|own| own == prefix)
    }

    fn account_of(&self, name: &str) -> Option<usize> {
        let id = crate::names::account_of_database(name)?;
        self.accounts.iter().position(|own| *own == id)
    }

    /// The master account, which is the parent of all others.
    pub(crate) fn master(&self) -> &str {
        &self.accounts[0]
    }

    /// An unused number of a prefix.
    pub(crate) fn fresh_number(&mut self, prefix: usize) -> String {
        let serial = self.serials[prefix];
        self.serials[prefix] += 1;
        number(&self.prefixes[prefix], serial)
    }
}

fn ids(seed: u64, purpose: &str, count: usize) -> Vec<String> {
    let mut random = RandomStream::new(seed, purpose, 0);
    (0..count).map(|_| random.hex(32)).collect()
}
