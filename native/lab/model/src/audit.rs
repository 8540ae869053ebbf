//! What is wrong in a cluster, kind by kind.

use std::collections::{BTreeMap, BTreeSet};

use kazoo_numbers_generator::{Cluster, Document};

pub use kazoo_numbers_generator::DriftKind as Kind;

use crate::{
    apps, copies, names,
    numbers::{self, Assignment},
    outcome::Now,
    work::Work,
};

/// Each kind of drift with the database and the number that are wrong.
///
/// That database is the account's for [`Kind::MissingCopy`], [`Kind::DifferingCopy`],
/// [`Kind::WrongUsedByInAccount`], [`Kind::WrongAccount`], [`Kind::FormerAccount`],
/// [`Kind::OnlyInAccount`] and [`Kind::AccountMissing`] (which has none), and the number database
/// for the others. [`Kind::Conflicted`] and [`Kind::Contested`] name the database in which the
/// document lies. Soft-deleted documents and those of other types are out of order in no way,
/// but they are no copies either. Numbers that both applications use are right as they are.
pub fn audit(cluster: &Cluster) -> BTreeMap<Kind, BTreeSet<(String, String)>> {
    let mut work = Work::on(cluster, Now::marker());
    let mut drift = Drift::default();
    for account in work.all_account_databases() {
        of_account(&work, &account, &mut drift);
    }
    for database in work.all_number_databases() {
        of_number_database(&mut work, &database, &mut drift);
    }
    for (account, number, document) in assigned(&mut work) {
        match work.document(&account, &number) {
            _ if !work.exists(&account) => drift.add(Kind::AccountMissing, &account, &number),
            None => drift.add(Kind::MissingCopy, &account, &number),
            Some(copy) if numbers::are_equal(&copy, &document) => {}
            Some(_) => drift.add(Kind::DifferingCopy, &account, &number),
        }
    }
    drift.found
}

/// The account databases and numbers whose document is the number database's.
pub fn in_sync(cluster: &Cluster) -> BTreeSet<(String, String)> {
    let mut work = Work::on(cluster, Now::marker());
    assigned(&mut work)
        .into_iter()
        .filter(|(account, number, document)| {
            let copy = work.document(account, number);
            copy.is_some_and(|copy| numbers::are_equal(&copy, document))
        })
        .map(|(account, number, _)| (account, number))
        .collect()
}

#[derive(Default)]
struct Drift {
    found: BTreeMap<Kind, BTreeSet<(String, String)>>,
}

impl Drift {
    fn add(&mut self, kind: Kind, database: &str, number: &str) {
        let place = (database.to_owned(), number.to_owned());
        self.found.entry(kind).or_default().insert(place);
    }
}

/// Every assigned number once an account: the account's database, the number, its document.
fn assigned(work: &mut Work) -> Vec<(String, String, Document)> {
    let databases = work.all_number_databases();
    copies::assigned_numbers(work, &databases, |_| true)
        .into_iter()
        .filter(|source| !copies::is_outranked(work, source))
        .filter_map(|source| {
            let document = work.document(&source.database, &source.number)?;
            Some((source.account, source.number, document))
        })
        .collect()
}

fn of_account(work: &Work, account: &str, drift: &mut Drift) {
    for (number, document) in numbers::live_numbers(&work.cluster, account) {
        if apps::is_wrong(work, &document, &number, account) {
            drift.add(Kind::WrongUsedByInAccount, account, &number);
        }
        if !work.conflicts(account, &number).is_empty() {
            drift.add(Kind::Conflicted, account, &number);
        }
        let holder = numbers::assigned_database(&document);
        if holder.as_deref().is_some_and(|holder| holder != account) {
            drift.add(Kind::WrongAccount, account, &number);
        }
        let is_own = holder.as_deref() == Some(account);
        let whose = numbers::assignment(&document);
        if whose == Assignment::Odd {
            drift.add(Kind::OddAssignment, account, &number);
        }
        let places = places_of(work, &number);
        if places.is_empty() {
            let kind = if is_own && has_rival(work, account, &number) {
                Kind::Contested
            } else {
                Kind::OnlyInAccount
            };
            drift.add(kind, account, &number);
        }
        let assignments: Vec<Assignment> = places
            .iter()
            .filter_map(|place| numbers::live_number(&work.cluster, place, &number))
            .map(|document| numbers::assignment(&document))
            .collect();
        let here = Assignment::Account(account.to_owned());
        let is_elsewhere = |assignment: &Assignment| *assignment != Assignment::Odd;
        // What another account's is by its own word is a kind of its own.
        let is_former = is_own || whose == Assignment::Nobody;
        if is_former && !assignments.contains(&here) && assignments.iter().any(is_elsewhere) {
            drift.add(Kind::FormerAccount, account, &number);
        }
    }
}

/// Whether another account has a copy that says that it is that account's.
fn has_rival(work: &Work, account: &str, number: &str) -> bool {
    work.all_account_databases().iter().any(|other| {
        let copy = numbers::live_number(&work.cluster, other, number);
        other != account
            && copy.is_some_and(|copy| numbers::assigned_database(&copy).as_ref() == Some(other))
    })
}

/// The number databases where a number may be, and where there is a document of it.
fn places_of(work: &Work, number: &str) -> Vec<String> {
    let special = ["numbers/inum", "numbers/managed"].map(str::to_owned);
    let mut places: Vec<String> = special
        .into_iter()
        .chain(names::database_of(number))
        .collect();
    places.retain(|place| work.document(place, number).is_some());
    places
}

fn of_number_database(work: &mut Work, database: &str, drift: &mut Drift) {
    for (number, document) in numbers::live_numbers(&work.cluster, database) {
        if !numbers::is_filed(database, &number) {
            drift.add(Kind::Misfiled, database, &number);
            continue;
        }
        if !work.conflicts(database, &number).is_empty() {
            drift.add(Kind::Conflicted, database, &number);
        }
        match numbers::assignment(&document) {
            Assignment::Account(account) => {
                if apps::is_wrong(work, &document, &number, &account) {
                    drift.add(Kind::WrongUsedByInNumberDatabase, database, &number);
                }
                if is_given_twice(work, &number, &account) {
                    drift.add(Kind::Contested, database, &number);
                }
            }
            Assignment::Nobody => {
                if document
                    .get("pvt_used_by")
                    .is_some_and(|used_by| !used_by.is_null())
                {
                    drift.add(Kind::UnassignedButUsed, database, &number);
                }
            }
            Assignment::Odd => drift.add(Kind::OddAssignment, database, &number),
        }
    }
}

/// Whether a number database assigns the number to another account than this one.
fn is_given_twice(work: &Work, number: &str, account: &str) -> bool {
    places_of(work, number)
        .iter()
        .filter_map(|place| numbers::live_number(&work.cluster, place, number))
        .filter_map(|document| numbers::assigned_database(&document))
        .any(|other| other != account)
}
