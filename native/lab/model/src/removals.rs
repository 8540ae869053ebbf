//! What is deleted from account databases and number databases.

use std::collections::BTreeSet;

use crate::{copies, names, numbers, work::Work};

/// Deletes from an account's database the numbers that are assigned to another account; those in
/// `decided` have been looked at already.
pub(crate) fn wrong_assigned(work: &mut Work, account: &str, decided: &BTreeSet<String>) {
    for (number, document) in numbers::live_numbers(&work.cluster, account) {
        if decided.contains(&number) {
            continue;
        }
        match numbers::assigned_database(&document) {
            Some(assigned) if assigned != account => work.delete(account, &number),
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
                    delete_if_not_in(work, account, &number, &other, &elsewhere);
                }
            }
        }
    }
}

/// Deletes from number databases what the assigned accounts don't have.
pub(crate) fn from_number_dbs(work: &mut Work, databases: &[String]) {
    for source in copies::assigned_numbers(work, databases, |_| true) {
        delete_if_not_in(work, &source.database, &source.number, &source.account, &[]);
    }
}

fn delete_if_not_in(
    work: &mut Work,
    database: &str,
    number: &str,
    other: &str,
    elsewhere: &[&str],
) {
    let is_in = |work: &Work, name: &str| work.document(name, number).is_some();
    if !work.exists(other) {
        work.fail(other, "open_doc-db_not_found", number);
    } else if is_in(work, other) || elsewhere.iter().any(|name| is_in(work, name)) {
        work.unchanged();
    } else {
        work.delete(database, number);
    }
}
