//! What is deleted from account databases and number databases.

use std::collections::BTreeSet;

use kazoo_numbers_generator::Document;

use crate::{
    copies::{self, Source},
    names, numbers,
    work::Work,
};

/// Deletes from an account's database the numbers that are assigned to another account; those in
/// `decided` have been looked at already.
pub(crate) fn wrong_assigned(work: &mut Work, account: &str, decided: &BTreeSet<String>) {
    for (number, document) in numbers::live_numbers(&work.cluster, account) {
        if decided.contains(&number) {
            continue;
        }
        match numbers::assigned_database(&document) {
            Some(assigned) if assigned != account => work.delete(account, &number, |leaf| {
                numbers::is_live_number(leaf)
                    && numbers::assigned_database(leaf).is_some_and(|other| other != account)
            }),
            _ => work.unchanged(),
        }
    }
}

/// Deletes from account databases what their number databases don't have.
pub(crate) fn from_account_dbs(work: &mut Work, accounts: &[String]) {
    for account in accounts {
        for (number, _) in numbers::live_numbers(&work.cluster, account) {
            match names::database_of(&number) {
                None => work.fail(account, "no_number_db", &number),
                Some(other) => {
                    // "If they don't exist in any number database", as the manual says: these
                    // two take any number.
                    let elsewhere = ["numbers/inum", "numbers/managed"];
                    let may = numbers::is_live_number;
                    delete_if_not_in(work, (account, &number), &other, &elsewhere, may);
                }
            }
        }
    }
}

/// Deletes from number databases what the assigned accounts don't have.
pub(crate) fn from_number_dbs(work: &mut Work, databases: &[String]) {
    for source in copies::assigned_numbers(work, databases, |_| true) {
        let Source {
            database,
            number,
            account,
        } = source;
        let may = |leaf: &Document| {
            let assigned = numbers::assigned_database(leaf);
            numbers::is_live_number(leaf) && assigned.as_ref() == Some(&account)
        };
        delete_if_not_in(work, (&database, &number), &account, &[], may);
    }
}

fn delete_if_not_in(
    work: &mut Work,
    (database, number): (&str, &str),
    other: &str,
    elsewhere: &[&str],
    may: impl Fn(&Document) -> bool,
) {
    let is_in = |work: &Work, name: &str| work.document(name, number).is_some();
    if !work.exists(other) {
        work.fail(other, "open_doc-db_not_found", number);
    } else if is_in(work, other) || elsewhere.iter().any(|name| is_in(work, name)) {
        work.unchanged();
    } else {
        work.delete(database, number, may);
    }
}

/// Deletes from number databases the numbers in this state.
pub(crate) fn in_state(work: &mut Work, databases: &[String], state: &str) {
    let is_in_state = |document: &Document| {
        numbers::is_live_number(document) && numbers::state(document) == Some(state)
    };
    for database in databases {
        for (number, document) in work.filed_numbers(database) {
            if is_in_state(&document) {
                work.delete(database, &number, is_in_state);
            }
        }
    }
}
