//! Copies between number databases and account databases.

use std::collections::BTreeSet;

use kazoo_numbers_generator::Document;

use crate::{
    names, numbers,
    outcome::{Returned, Warning},
    run_state::{DESIGN_DOCUMENT, RunState, Stopped},
};

/// Copies number documents of accounts to their number databases where they are missing.
pub(crate) fn accounts_to_number_dbs(run: &mut RunState, accounts: &[String]) {
    missing_numbers(run, accounts, |_, _| true);
}

/// The same for the numbers that `is_wanted` selects.
pub(crate) fn missing_numbers(
    run: &mut RunState,
    accounts: &[String],
    is_wanted: impl Fn(&RunState, &str) -> bool,
) {
    let mut candidates = Vec::new();
    for account in accounts {
        for (id, document) in numbers::live_numbers(&run.cluster, account) {
            if is_wanted(run, &id) {
                candidates.push((account.clone(), id, document));
            }
        }
    }
    to_number_dbs(run, candidates);
}

/// The same for the given numbers of one account.
pub(crate) fn numbers_to_number_dbs(run: &mut RunState, account: &str, given: &[String]) {
    let mut candidates = Vec::new();
    for number in run.normalise_all(given, Some(account)) {
        match numbers::live_number(&run.cluster, account, &number) {
            Some(document) => candidates.push((account.to_owned(), number, document)),
            None => run.fail(account, "open_doc-not_found", &number),
        }
    }
    to_number_dbs(run, candidates);
}

/// Candidates are (account database, number, document).
fn to_number_dbs(run: &mut RunState, mut candidates: Vec<(String, String, Document)>) {
    // Documents in the account that they are assigned to come first, then the order of names.
    candidates.sort_by_key(|(account, number, document)| {
        let is_at_home = numbers::assigned_database(document).as_ref() == Some(account);
        (number.clone(), !is_at_home, account.clone())
    });
    let contested = contested(run, &candidates);
    for (account, number, document) in candidates {
        if contested.contains(&number) {
            continue;
        }
        let Some(target) = names::database_of(&number) else {
            run.fail(&account, "no_number_db", &number);
            continue;
        };
        match run.document(&target, &number) {
            None => {
                // A created database gets a design document, and so does one from an interrupted
                // run.
                if run.document(&target, DESIGN_DOCUMENT).is_none() {
                    run.put_design_document(&target);
                }
                run.write(&target, &number, document);
            }
            Some(existing) if numbers::are_equal(&existing, &document) => run.unchanged(),
            Some(_) => run.fail(&target, "save_docs-conflict", &number),
        }
    }
}

/// Numbers that are missing in their number databases and that several of these accounts claim with
/// different documents. Each is a failure.
fn contested(run: &mut RunState, candidates: &[(String, String, Document)]) -> BTreeSet<String> {
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
        if run.document(&target, number).is_none()
            && is_claim(account, document)
            && candidates.iter().any(is_rival)
        {
            run.fail(&target, "contested", number);
            contested.insert(number.clone());
        }
    }
    contested
}

/// Copies the assigned documents of number databases to their accounts.
pub(crate) fn number_dbs_to_accounts(run: &mut RunState, databases: &[String]) {
    let sources = assigned_numbers(run, databases, |_| true);
    to_assigned_accounts(run, sources);
}

/// The same for documents assigned to one account.
pub(crate) fn assigned_number_dbs_to_account(
    run: &mut RunState,
    databases: &[String],
    account: &str,
) -> BTreeSet<String> {
    let sources = assigned_numbers(run, databases, |assigned| assigned == account);
    let copied = sources.iter().map(|source| source.number.clone()).collect();
    to_assigned_accounts(run, sources);
    copied
}

/// The same for the given numbers.
pub(crate) fn numbers_to_assigned_accounts(run: &mut RunState, given: &[String]) {
    let mut sources = Vec::new();
    for number in run.normalise_all(given, None) {
        if let Some(source) = assigned_number(run, &number) {
            sources.push(source);
        }
    }
    to_assigned_accounts(run, sources);
}

/// A number document in a number database, and the database of its account.
pub(crate) struct CopySource {
    pub(crate) database: String,
    pub(crate) number: String,
    pub(crate) account: String,
}

/// The live documents in their correct number database with an account that is wanted.
pub(crate) fn assigned_numbers(
    run: &mut RunState,
    databases: &[String],
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<CopySource> {
    let mut sources = Vec::new();
    for database in databases {
        for (number, document) in run.filed_numbers(database) {
            if let Some(account) = numbers::assigned_database(&document)
                && is_wanted(&account)
            {
                sources.push(CopySource {
                    database: database.clone(),
                    number,
                    account,
                });
            }
        }
    }
    sources
}

/// The assigned document of a number in its number database. A failure if it does not exist.
pub(crate) fn assigned_number(run: &mut RunState, number: &str) -> Option<CopySource> {
    let database = names::database_of(number).unwrap_or_else(|| format!("numbers/{number}"));
    let Some(document) = numbers::live_number(&run.cluster, &database, number) else {
        run.fail(&database, "open_doc-not_found", number);
        return None;
    };
    let Some(account) = numbers::assigned_database(&document) else {
        run.fail(&database, "not_assigned", number);
        return None;
    };
    Some(CopySource {
        database,
        number: number.to_owned(),
        account,
    })
}

/// Makes the account's document equal to the one in the number database.
pub(crate) fn to_assigned_accounts(run: &mut RunState, sources: Vec<CopySource>) {
    for source in sources {
        if is_outranked(run, &source) {
            run.warn(Warning::Outranked(source.database, source.number));
        } else if let Some(document) = run.document(&source.database, &source.number) {
            to_account(run, &source.account, &source.number, document);
        }
    }
}

/// Whether another number database has precedence for this number. `numbers/inum` and
/// `numbers/managed` accept any number, but an account has one document of each. The number's own
/// database comes first, then `numbers/inum`.
pub(crate) fn is_outranked(run: &RunState, source: &CopySource) -> bool {
    let own = names::database_of(&source.number);
    let inum = Some("numbers/inum".to_owned());
    let better = match source.database.as_str() {
        "numbers/inum" => [own, None],
        "numbers/managed" => [own, inum],
        _ => [None, None],
    };
    better.into_iter().flatten().any(|database| {
        numbers::live_number(&run.cluster, &database, &source.number)
            .and_then(|document| numbers::assigned_database(&document))
            .is_some_and(|account| account == source.account)
    })
}

fn to_account(run: &mut RunState, account: &str, number: &str, document: Document) {
    if !run.exists(account) {
        run.fail(account, "save_docs-db_not_found", number);
        return;
    }
    match run.document(account, number) {
        Some(existing) if numbers::are_equal(&existing, &document) => run.unchanged(),
        Some(existing) if !numbers::is_number(&existing) => {
            run.fail(account, "save_docs-conflict", number);
        }
        Some(_) if run.is_disputed(account, number, &document) => {
            run.fail(account, "conflicted", number)
        }
        _ => run.write(account, number, document),
    }
}

/// Copies one number to an account, whatever account it is assigned to.
pub(crate) fn single_number_to_account_db(
    run: &mut RunState,
    given: &str,
    account: &str,
) -> Result<Returned, Stopped> {
    let number = run.normalised(given);
    let error = |text: String| Stopped(Returned::ErrorValue(text));
    if !run.is_reconcilable(&number) {
        return Err(error(String::new()));
    }
    let database = names::database_of(&number).unwrap_or_else(|| format!("numbers/{number}"));
    let Some(document) = numbers::live_number(&run.cluster, &database, &number) else {
        run.fail(&database, "open_doc-not_found", &number);
        let database = names::encoded(&database);
        let text = format!("can read number '{number}' from '{database}': not_found");
        return Err(error(text));
    };
    let cannot_save = |reason| format!("can save number '{number}' to account db: {reason}");
    if !run.exists(account) {
        run.fail(account, "save_docs-db_not_found", &number);
        return Err(error(cannot_save("not_found")));
    }
    match run.document(account, &number) {
        Some(existing) if numbers::are_equal(&existing, &document) => run.unchanged(),
        Some(existing) if !numbers::is_number(&existing) => {
            run.fail(account, "save_docs-conflict", &number);
            return Err(error(cannot_save("conflict")));
        }
        Some(_) if run.is_disputed(account, &number, &document) => {
            run.fail(account, "conflicted", &number);
            return Err(error(cannot_save("conflicted")));
        }
        _ => run.write(account, &number, document),
    }
    Ok(Returned::OkValue(number))
}
