//! Shows one number in all databases.

use std::collections::{BTreeMap, BTreeSet};

use kazoo_numbers_generator::{Cluster, DriftKind};

use crate::{apps, audit::audit, numbers, outcome::Now, run_state::RunState};

/// One number in all databases. Databases have their plain names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ShownNumber {
    /// The databases that have a document of the number.
    pub documents: BTreeSet<String>,
    /// The documents that use the number, application and id, for each account database that exists and has a document of it or
    /// is assigned to it.
    pub uses: BTreeMap<String, BTreeSet<(&'static str, String)>>,
    /// The drift: kind and database.
    pub drift: BTreeSet<(DriftKind, String)>,
}

/// Shows a number, which must be normalised.
pub fn show(cluster: &Cluster, number: &str) -> ShownNumber {
    let run = RunState::on(cluster, Now::marker());
    let (accounts, databases) = (run.all_account_databases(), run.all_number_databases());
    let has_it = |database: &&String| run.document(database, number).is_some();
    let mut of_interest: BTreeSet<String> = accounts.iter().filter(has_it).cloned().collect();
    let documents = databases.iter().filter(has_it).chain(&of_interest).cloned();
    let documents = documents.collect();
    for database in &databases {
        if numbers::is_filed(database, number)
            && let Some(document) = numbers::live_number(cluster, database, number)
        {
            of_interest.extend(numbers::assigned_database(&document));
        }
    }
    of_interest.retain(|account| run.exists(account));
    let uses = of_interest.into_iter().map(|account| {
        let uses = apps::uses(&run, &account, number);
        (account, uses)
    });
    let uses = uses.collect();
    let mut drift = BTreeSet::new();
    for (kind, places) in audit(cluster) {
        let places = places.into_iter().filter(|(_, found)| found == number);
        drift.extend(places.map(|(database, _)| (kind, database)));
    }
    ShownNumber {
        documents,
        uses,
        drift,
    }
}
