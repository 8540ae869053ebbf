//! Copies between number databases and account databases.

use std::collections::BTreeSet;

use kazoo_numbers_generator::Document;

use crate::{
    names, numbers,
    outcome::{Returned, Warning},
    work::{DESIGN_DOCUMENT, Stopped, Work},
};

/// Copies number documents of accounts to their number databases, where they are missing.
pub(crate) fn accounts_to_number_dbs(work: &mut Work, accounts: &[String]) {
    let mut candidates = Vec::new();
    for account in accounts {
        for (id, document) in numbers::live_numbers(&work.cluster, account) {
            candidates.push((account.clone(), id, document));
        }
    }
    to_number_dbs(work, candidates);
}

/// The same for the given numbers of one account.
pub(crate) fn numbers_to_number_dbs(work: &mut Work, account: &str, given: &[String]) {
    let mut candidates = Vec::new();
    for number in work.numbers_of(given, Some(account)) {
        match numbers::live_number(&work.cluster, account, &number) {
            Some(document) => candidates.push((account.to_owned(), number, document)),
            None => work.fail(account, "open_doc-not_found", &number),
        }
    }
    to_number_dbs(work, candidates);
}

/// Candidates are (account database, number, document).
fn to_number_dbs(work: &mut Work, mut candidates: Vec<(String, String, Document)>) {
    // Those that lie in the account they are assigned to are asked first, then by name.
    candidates.sort_by_key(|(account, number, document)| {
        let is_at_home = numbers::assigned_database(document).as_ref() == Some(account);
        (number.clone(), !is_at_home, account.clone())
    });
    let contested = contested(work, &candidates);
    for (account, number, document) in candidates {
        if contested.contains(&number) {
            continue;
        }
        let Some(target) = names::database_of(&number) else {
            work.fail(&account, "no_number_db", &number);
            continue;
        };
        match work.document(&target, &number) {
            None => {
                // A database that is created gets it, and one whose creation was broken off.
                if work.document(&target, DESIGN_DOCUMENT).is_none() {
                    work.put_design_document(&target);
                }
                work.write(&target, &number, document);
            }
            Some(existing) if numbers::are_equal(&existing, &document) => work.unchanged(),
            Some(_) => work.fail(&target, "save_docs-conflict", &number),
        }
    }
}

/// The numbers that their number databases lack and that several of these accounts claim with
/// documents that differ: a failure each.
fn contested(work: &mut Work, candidates: &[(String, String, Document)]) -> BTreeSet<String> {
    let mut contested = BTreeSet::new();
    for (account, number, document) in candidates {
        let Some(target) = names::database_of(number) else {
            continue;
        };
        let is_claim = |account: &String, document: &Document| {
            numbers::assigned_database(document).as_ref() == Some(account)
        };
        let is_rival = |(other, same, rival): &(String, String, Document)| {
            same == number && is_claim(other, rival) && !numbers::are_equal(rival, document)
        };
        if work.document(&target, number).is_none()
            && is_claim(account, document)
            && candidates.iter().any(is_rival)
        {
            work.fail(&target, "contested", number);
            contested.insert(number.clone());
        }
    }
    contested
}

/// Copies the assigned documents of number databases to their accounts.
pub(crate) fn number_dbs_to_accounts(work: &mut Work, databases: &[String]) {
    let sources = assigned_numbers(work, databases, |_| true);
    to_assigned_accounts(work, sources);
}

/// The same, for those that are assigned to one account.
pub(crate) fn assigned_number_dbs_to_account(
    work: &mut Work,
    databases: &[String],
    account: &str,
) -> BTreeSet<String> {
    let sources = assigned_numbers(work, databases, |assigned| assigned == account);
    let copied = sources.iter().map(|source| source.number.clone()).collect();
    to_assigned_accounts(work, sources);
    copied
}

/// The same, for the given numbers.
pub(crate) fn numbers_to_assigned_accounts(work: &mut Work, given: &[String]) {
    let mut sources = Vec::new();
    for number in work.numbers_of(given, None) {
        if let Some(source) = assigned_number(work, &number) {
            sources.push(source);
        }
    }
    to_assigned_accounts(work, sources);
}

/// A number document of a number database, and the database of the account that has it.
pub(crate) struct Source {
    pub(crate) database: String,
    pub(crate) number: String,
    pub(crate) account: String,
}

/// The live, rightly filed documents that are assigned to an account that is wanted.
pub(crate) fn assigned_numbers(
    work: &mut Work,
    databases: &[String],
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<Source> {
    let mut sources = Vec::new();
    for database in databases {
        for (number, document) in work.filed_numbers(database) {
            if let Some(account) = numbers::assigned_database(&document)
                && is_wanted(&account)
            {
                sources.push(Source {
                    database: database.clone(),
                    number,
                    account,
                });
            }
        }
    }
    sources
}

/// The assigned document of a number in its number database; a failure when it isn't there.
pub(crate) fn assigned_number(work: &mut Work, number: &str) -> Option<Source> {
    let database = names::database_of(number).unwrap_or_else(|| format!("numbers/{number}"));
    let Some(document) = numbers::live_number(&work.cluster, &database, number) else {
        work.fail(&database, "open_doc-not_found", number);
        return None;
    };
    let Some(account) = numbers::assigned_database(&document) else {
        work.fail(&database, "not_assigned", number);
        return None;
    };
    Some(Source {
        database,
        number: number.to_owned(),
        account,
    })
}

/// Makes the account's document equal to the number database's.
pub(crate) fn to_assigned_accounts(work: &mut Work, sources: Vec<Source>) {
    for source in sources {
        if is_outranked(work, &source) {
            work.warn(Warning::Outranked(source.database, source.number));
        } else if let Some(document) = work.document(&source.database, &source.number) {
            to_account(work, &source.account, &source.number, document);
        }
    }
}

/// Whether another number database is the authority for this number: `numbers/inum` and
/// `numbers/managed` take any number, but an account has one document of each. A number's own
/// database comes first, then `numbers/inum`.
pub(crate) fn is_outranked(work: &Work, source: &Source) -> bool {
    let own = names::database_of(&source.number);
    let inum = Some("numbers/inum".to_owned());
    let better = match source.database.as_str() {
        "numbers/inum" => [own, None],
        "numbers/managed" => [own, inum],
        _ => [None, None],
    };
    better.into_iter().flatten().any(|database| {
        numbers::live_number(&work.cluster, &database, &source.number)
            .and_then(|document| numbers::assigned_database(&document))
            .is_some_and(|account| account == source.account)
    })
}

fn to_account(work: &mut Work, account: &str, number: &str, document: Document) {
    if !work.exists(account) {
        work.fail(account, "save_docs-db_not_found", number);
        return;
    }
    match work.document(account, number) {
        Some(existing) if numbers::are_equal(&existing, &document) => work.unchanged(),
        Some(existing) if !numbers::is_number(&existing) => {
            work.fail(account, "save_docs-conflict", number);
        }
        Some(_) if work.is_disputed(account, number, &document) => {
            work.fail(account, "conflicted", number)
        }
        _ => work.write(account, number, document),
    }
}

/// Copies one number to an account, whoever has it.
pub(crate) fn single_number_to_account_db(
    work: &mut Work,
    given: &str,
    account: &str,
) -> Result<Returned, Stopped> {
    let number = work.normalised(given);
    let error = |text: String| Stopped(Returned::ErrorValue(text));
    if !work.is_reconcilable(&number) {
        return Err(error(String::new()));
    }
    let database = names::database_of(&number).unwrap_or_else(|| format!("numbers/{number}"));
    let Some(document) = numbers::live_number(&work.cluster, &database, &number) else {
        work.fail(&database, "open_doc-not_found", &number);
        let database = names::encoded(&database);
        let text = format!("can read number '{number}' from '{database}': not_found");
        return Err(error(text));
    };
    let cannot_save = |reason| format!("can save number '{number}' to account db: {reason}");
    if !work.exists(account) {
        work.fail(account, "save_docs-db_not_found", &number);
        return Err(error(cannot_save("not_found")));
    }
    match work.document(account, &number) {
        Some(existing) if numbers::are_equal(&existing, &document) => work.unchanged(),
        Some(existing) if !numbers::is_number(&existing) => {
            work.fail(account, "save_docs-conflict", &number);
            return Err(error(cannot_save("conflict")));
        }
        Some(_) if work.is_disputed(account, &number, &document) => {
            work.fail(account, "conflicted", &number);
            return Err(error(cannot_save("conflicted")));
        }
        _ => work.write(account, &number, document),
    }
    Ok(Returned::OkValue(number))
}
