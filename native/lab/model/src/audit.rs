//! Lists the drift in a cluster by kind.

use std::collections::{BTreeMap, BTreeSet};

use kazoo_numbers_generator::{Cluster, Document};

pub use kazoo_numbers_generator::DriftKind;

use crate::{
    apps, copies, names,
    numbers::{self, Assignment},
    outcome::Now,
    run_state::RunState,
};

/// Returns each kind of drift with its databases and numbers.
///
/// The database is the account's for [`DriftKind::MissingCopy`], [`DriftKind::DifferingCopy`],
/// [`DriftKind::WrongUsedByInAccount`], [`DriftKind::WrongAccount`], [`DriftKind::FormerAccount`],
/// [`DriftKind::OnlyInAccount`] and [`DriftKind::AccountMissing`], and the number database for the
/// others. For [`DriftKind::Conflicted`] and [`DriftKind::Contested`] it is the database of the
/// document. Soft-deleted documents and documents of other types are not reported as drift and do
/// not count as copies. A number in use by both applications is not drift.
pub fn audit(cluster: &Cluster) -> BTreeMap<DriftKind, BTreeSet<(String, String)>> {
    let mut run = RunState::on(cluster, Now::marker());
    let mut drift = FoundDrift::default();
    for account in run.all_account_databases() {
        of_account(&run, &account, &mut drift);
    }
    for database in run.all_number_databases() {
        of_number_database(&mut run, &database, &mut drift);
    }
    for (account, number, document) in assigned(&mut run) {
        match run.document(&account, &number) {
            _ if !run.exists(&account) => drift.add(DriftKind::AccountMissing, &account, &number),
            None => drift.add(DriftKind::MissingCopy, &account, &number),
            Some(copy) if numbers::are_equal(&copy, &document) => {}
            Some(_) => drift.add(DriftKind::DifferingCopy, &account, &number),
        }
    }
    drift.found
}

/// The accounts' documents that equal those in the number databases: account database and number.
pub fn in_sync(cluster: &Cluster) -> BTreeSet<(String, String)> {
    let mut run = RunState::on(cluster, Now::marker());
    assigned(&mut run)
        .into_iter()
        .filter(|(account, number, document)| {
            let copy = run.document(account, number);
            copy.is_some_and(|copy| numbers::are_equal(&copy, document))
        })
        .map(|(account, number, _)| (account, number))
        .collect()
}

/// The numbers with a live document in an account's database or a number database.
pub fn looked_at(cluster: &Cluster) -> BTreeSet<String> {
    let run = RunState::on(cluster, Now::marker());
    let mut databases = run.all_account_databases();
    databases.extend(run.all_number_databases());
    databases
        .iter()
        .flat_map(|database| numbers::live_numbers(cluster, database))
        .map(|(number, _)| number)
        .collect()
}

#[derive(Default)]
struct FoundDrift {
    found: BTreeMap<DriftKind, BTreeSet<(String, String)>>,
}

impl FoundDrift {
    fn add(&mut self, kind: DriftKind, database: &str, number: &str) {
        let place = (database.to_owned(), number.to_owned());
        self.found.entry(kind).or_default().insert(place);
    }
}

/// Each assigned number once for its account: account database, number, document.
fn assigned(run: &mut RunState) -> Vec<(String, String, Document)> {
    let databases = run.all_number_databases();
    copies::assigned_numbers(run, &databases, |_| true)
        .into_iter()
        .filter(|source| !copies::is_outranked(run, source))
        .filter_map(|source| {
            let document = run.document(&source.database, &source.number)?;
            Some((source.account, source.number, document))
        })
        .collect()
}

fn of_account(run: &RunState, account: &str, drift: &mut FoundDrift) {
    for (number, document) in numbers::live_numbers(&run.cluster, account) {
        if apps::is_wrong(run, &document, &number, account) {
            drift.add(DriftKind::WrongUsedByInAccount, account, &number);
        }
        if !run.conflicts(account, &number).is_empty() {
            drift.add(DriftKind::Conflicted, account, &number);
        }
        let holder = numbers::assigned_database(&document);
        if holder.as_deref().is_some_and(|holder| holder != account) {
            drift.add(DriftKind::WrongAccount, account, &number);
        }
        let is_own = holder.as_deref() == Some(account);
        let assigned = numbers::assignment(&document);
        if assigned == Assignment::Invalid {
            drift.add(DriftKind::OddAssignment, account, &number);
        }
        let places = places_of(run, &number);
        if places.is_empty() {
            let kind = if other_claims(run, account, &number) + usize::from(is_own) > 1 {
                DriftKind::Contested
            } else {
                DriftKind::OnlyInAccount
            };
            drift.add(kind, account, &number);
        }
        let assignments: Vec<Assignment> = places
            .iter()
            .filter_map(|place| numbers::live_number(&run.cluster, place, &number))
            .map(|document| numbers::assignment(&document))
            .collect();
        let here = Assignment::Account(account.to_owned());
        let is_elsewhere = |assignment: &Assignment| *assignment != Assignment::Invalid;
        // A copy that names another account has another kind.
        let is_former = is_own || assigned == Assignment::Unassigned;
        if is_former && !assignments.contains(&here) && assignments.iter().any(is_elsewhere) {
            drift.add(DriftKind::FormerAccount, account, &number);
        }
    }
}

/// How many other accounts have a copy that names that account.
fn other_claims(run: &RunState, account: &str, number: &str) -> usize {
    let is_claim = |other: &&String| {
        let copy = numbers::live_number(&run.cluster, other, number);
        *other != account
            && copy.is_some_and(|copy| numbers::assigned_database(&copy).as_ref() == Some(*other))
    };
    let databases = run.all_account_databases();
    databases.iter().filter(is_claim).count()
}

/// The number databases that may hold a number and do hold a document of it.
pub(crate) fn places_of(run: &RunState, number: &str) -> Vec<String> {
    let special = ["numbers/inum", "numbers/managed"].map(str::to_owned);
    let mut places: Vec<String> = special
        .into_iter()
        .chain(names::database_of(number))
        .collect();
    places.retain(|place| run.document(place, number).is_some());
    places
}

fn of_number_database(run: &mut RunState, database: &str, drift: &mut FoundDrift) {
    for (number, document) in numbers::live_numbers(&run.cluster, database) {
        if !numbers::is_filed(database, &number) {
            drift.add(DriftKind::Misfiled, database, &number);
            continue;
        }
        if !run.conflicts(database, &number).is_empty() {
            drift.add(DriftKind::Conflicted, database, &number);
        }
        match numbers::assignment(&document) {
            Assignment::Account(account) => {
                if apps::is_wrong(run, &document, &number, &account) {
                    drift.add(DriftKind::WrongUsedByInNumberDatabase, database, &number);
                }
                if is_assigned_elsewhere(run, &number, &account) {
                    drift.add(DriftKind::Contested, database, &number);
                }
            }
            Assignment::Unassigned => {
                let used_by = document.get("pvt_used_by");
                let is_past = matches!(numbers::state(&document), Some("deleted" | "discovery"));
                if used_by.is_some_and(|used_by| !used_by.is_null()) && !is_past {
                    drift.add(DriftKind::UnassignedButUsed, database, &number);
                }
            }
            Assignment::Invalid => drift.add(DriftKind::OddAssignment, database, &number),
        }
    }
}

/// Whether a number database assigns the number to a different account.
fn is_assigned_elsewhere(run: &RunState, number: &str, account: &str) -> bool {
    places_of(run, number)
        .iter()
        .filter_map(|place| numbers::live_number(&run.cluster, place, number))
        .filter_map(|document| numbers::assigned_database(&document))
        .any(|other| other != account)
}
