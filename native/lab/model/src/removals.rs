//! Deletes documents from account databases and number databases.

use std::collections::BTreeSet;

use kazoo_numbers_generator::Document;

use crate::{
    copies::{self, CopySource},
    names,
    numbers::{self, Assignment},
    run_state::RunState,
};

/// Deletes numbers from an account's database that are assigned to another account. Numbers in
/// `decided` have been checked already.
pub(crate) fn wrong_assigned(run: &mut RunState, account: &str, decided: &BTreeSet<String>) {
    for (number, document) in numbers::live_numbers(&run.cluster, account) {
        if decided.contains(&number) {
            continue;
        }
        match numbers::assigned_database(&document) {
            Some(assigned) if assigned != account => run.delete(account, &number, |leaf| {
                numbers::is_live_number(leaf)
                    && numbers::assigned_database(leaf).is_some_and(|other| other != account)
            }),
            _ => run.unchanged(),
        }
    }
}

/// Deletes copies from an account's database whose numbers belong to another account, or to
/// nobody: a number database holds the number, and none holds it for this account. A copy with an
/// invalid assignment stays. Where the copy, or a document of its number, has conflicts, it stays
/// and is a failure.
pub(crate) fn former_copies(run: &mut RunState, account: &str) {
    for (number, copy) in numbers::live_numbers(&run.cluster, account) {
        let places: Vec<String> = names::database_of(&number)
            .into_iter()
            .chain(["numbers/inum".to_owned(), "numbers/managed".to_owned()])
            .collect();
        let owners: Vec<Assignment> = places
            .iter()
            .filter_map(|place| numbers::live_number(&run.cluster, place, &number))
            .map(|document| numbers::assignment(&document))
            .collect();
        let is_ours = |owner: &Assignment| *owner == Assignment::Account(account.to_owned());
        let is_another = |owner: &Assignment| matches!(owner, Assignment::Account(other) if other.as_str() != account);
        let is_former = !owners.iter().any(is_ours)
            && (owners.iter().any(is_another) || owners.contains(&Assignment::Unassigned));
        if !is_former || numbers::assignment(&copy) == Assignment::Invalid {
            run.unchanged();
            continue;
        }
        let has_conflicts = std::iter::once(account)
            .chain(places.iter().map(String::as_str))
            .any(|place| !run.conflicts(place, &number).is_empty());
        if has_conflicts {
            run.fail(account, "conflicted", &number);
        } else {
            run.delete(account, &number, |_| false);
        }
    }
}

/// Deletes numbers from account databases that their number databases do not have.
pub(crate) fn from_account_dbs(run: &mut RunState, accounts: &[String]) {
    for account in accounts {
        for (number, _) in numbers::live_numbers(&run.cluster, account) {
            match names::database_of(&number) {
                None => run.fail(account, "no_number_db", &number),
                Some(other) => {
                    // The manual says "if they don't exist in any number database". These two
                    // accept any number.
                    let elsewhere = ["numbers/inum", "numbers/managed"];
                    let may = numbers::is_live_number;
                    delete_if_not_in(run, (account, &number), &other, &elsewhere, may);
                }
            }
        }
    }
}

/// Deletes numbers from number databases that the assigned accounts do not have.
pub(crate) fn from_number_dbs(run: &mut RunState, databases: &[String]) {
    for source in copies::assigned_numbers(run, databases, |_| true) {
        let CopySource {
            database,
            number,
            account,
        } = source;
        let may = |leaf: &Document| {
            let assigned = numbers::assigned_database(leaf);
            numbers::is_live_number(leaf) && assigned.as_ref() == Some(&account)
        };
        delete_if_not_in(run, (&database, &number), &account, &[], may);
    }
}

fn delete_if_not_in(
    run: &mut RunState,
    (database, number): (&str, &str),
    other: &str,
    elsewhere: &[&str],
    may: impl Fn(&Document) -> bool,
) {
    let is_in = |run: &RunState, name: &str| run.document(name, number).is_some();
    if !run.exists(other) {
        run.fail(other, "open_doc-db_not_found", number);
    } else if is_in(run, other) || elsewhere.iter().any(|name| is_in(run, name)) {
        run.unchanged();
    } else {
        run.delete(database, number, may);
    }
}

/// Deletes numbers in this state from number databases.
pub(crate) fn in_state(run: &mut RunState, databases: &[String], state: &str) {
    let is_in_state = |document: &Document| {
        numbers::is_live_number(document) && numbers::state(document) == Some(state)
    };
    for database in databases {
        for (number, document) in run.filed_numbers(database) {
            if is_in_state(&document) {
                run.delete(database, &number, is_in_state);
            }
        }
    }
}
