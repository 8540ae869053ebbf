//! Numbers that an operator named: normalised, sorted out, and read where they belong.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::Run;
use super::databases;
use super::read::parsed;
use crate::command::shown;
use crate::kazoo::{
    AccountId, DatabaseName, NumberFacts, encoded_number_database_of, number_database_of,
};
use crate::operation;
use couchdb::{Error, Kind};
use couchdb::{Found, Include, Revision};

/// A live number document of a number database.
pub(super) struct Numbered {
    pub(super) id: String,
    pub(super) rev: Revision,
    pub(super) text: Box<str>,
    pub(super) assigned_to: Option<AccountId>,
}

/// The reason for a number that Kazoo would not take for one.
pub(super) const NOT_RECONCILABLE: &str = "not_reconcilable";
/// The reason for a number that its database lacks, or holds soft-deleted.
pub(super) const NOT_FOUND: &str = "open_doc-not_found";
/// The reason for a number without an account, where one is needed.
pub(super) const NOT_ASSIGNED: &str = "not_assigned";
/// The reason for a number that several accounts claim.
pub(super) const CONTESTED: &str = "contested";
/// The reason for an id that names no number database.
pub(super) const NO_NUMBER_DB: &str = "no_number_db";

/// Normalises numbers; those that are not reconcilable are failures of the number database that they would name.
///
/// # Errors
/// None of the numbers is reconcilable: the command is refused, and reads no data (contract section 9.6).
pub(super) async fn normalised(run: &Run, given: Vec<String>) -> Result<Vec<String>, Error> {
    let (good, bad) = usable(run, given).await?;
    fail_not_reconcilable(run, None, bad);
    Ok(good)
}

/// The same, of an account that must exist: those that are not reconcilable are failures of its database.
///
/// # Errors
/// As [`normalised`], or the account's database does not exist.
pub(super) async fn of_account(
    run: &Run,
    account: AccountId,
    given: Vec<String>,
) -> Result<Vec<String>, Error> {
    let (good, bad) = usable(run, given).await?;
    databases::must_exist(run, account).await?;
    fail_not_reconcilable(run, Some(account), bad);
    Ok(good)
}

/// As [`sorted_out`], and refuses the command where no number can be used.
async fn usable(run: &Run, given: Vec<String>) -> Result<(Vec<String>, Vec<String>), Error> {
    let (good, bad) = sorted_out(run, given).await?;
    if good.is_empty() && !bad.is_empty() {
        let line = format!(
            "none of the numbers can be used: {} ({NOT_RECONCILABLE}); expected is a number such as +14155550100",
            bad.iter()
                .map(|one| shown(one))
                .collect::<Vec<_>>()
                .join(", ")
        );
        return Err(Error::new(Kind::BadRequest, operation::ARGUMENTS, line));
    }
    Ok((good, bad))
}

/// The numbers that are reconcilable, normalised, sorted, each once; and the others as they were given.
pub(super) async fn sorted_out(
    run: &Run,
    given: Vec<String>,
) -> Result<(Vec<String>, Vec<String>), Error> {
    let normaliser = run.normaliser().await?;
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for given in given {
        let number = normaliser.normalise(&given);
        if normaliser.is_reconcilable(&number) {
            good.push(number);
        } else {
            bad.push(given);
        }
    }
    good.sort_unstable();
    good.dedup();
    Ok((good, bad))
}

/// Notes the failure of numbers that are not reconcilable.
pub(super) fn fail_not_reconcilable(run: &Run, account: Option<AccountId>, bad: Vec<String>) {
    for given in bad {
        let database = match account {
            Some(account) => account.database().encoded(),
            None => encoded_number_database_of(&given),
        };
        run.tally.failed(&database, NOT_RECONCILABLE, &given);
    }
}

/// Numbers by the number database that they name. One that is too short to name any, as `011` is,
/// is in none.
fn by_number_database(run: &Run, numbers: Vec<String>) -> BTreeMap<DatabaseName, Vec<String>> {
    let mut by_database: BTreeMap<DatabaseName, Vec<String>> = BTreeMap::new();
    for number in numbers {
        match number_database_of(&number) {
            Some(database) => by_database.entry(database).or_default().push(number),
            None => {
                let database = encoded_number_database_of(&number);
                run.tally.failed(&database, NOT_FOUND, &number);
            }
        }
    }
    by_database
}

/// Reads numbers of one number database: those that are there and live. Absent ones are
/// failures.
pub(super) async fn read(
    run: &Run,
    database: &DatabaseName,
    numbers: &[String],
) -> Result<Vec<Numbered>, Error> {
    let ids: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let found = match run.keys(database, &ids, Include::Documents).await {
        Ok(found) => found,
        // No database, no numbers: each is absent.
        Err(error) if error.kind() == Kind::DatabaseNotFound => vec![Found::Missing; ids.len()],
        Err(error) => {
            run.numbers_failed(database, &error, &error.reason(), ids)?;
            return Ok(Vec::new());
        }
    };
    let mut live = Vec::new();
    for (id, found) in numbers.iter().zip(found) {
        match live_number(database, &found)? {
            Some(assigned_to) => {
                if let Found::Present { rev, text } = found {
                    live.push(Numbered {
                        id: id.clone(),
                        rev,
                        text,
                        assigned_to,
                    });
                }
            }
            None => run.tally.failed(&database.encoded(), NOT_FOUND, id),
        }
    }
    Ok(live)
}

/// Whether what was found is a live number, and then whose.
fn live_number(database: &DatabaseName, found: &Found) -> Result<Option<Option<AccountId>>, Error> {
    let Some((_, text)) = found.document() else {
        return Ok(None);
    };
    let document = parsed(database, text)?;
    let facts = NumberFacts::of(&document);
    Ok(facts.is_live_number().then_some(facts.assigned_to))
}

/// Reads numbers in all their number databases, several at a time.
pub(super) async fn read_all(
    run: &Arc<Run>,
    numbers: Vec<String>,
) -> Result<Vec<(DatabaseName, Vec<Numbered>)>, Error> {
    let by_database: Vec<_> = by_number_database(run, numbers).into_iter().collect();
    run.each(by_database, |run, (database, numbers)| async move {
        let live = read(&run, &database, &numbers).await?;
        Ok((database, live))
    })
    .await
}

/// Those of them that an account has; the others are failures.
pub(super) fn assigned(
    run: &Run,
    database: &DatabaseName,
    live: Vec<Numbered>,
) -> Vec<(AccountId, Numbered)> {
    let mut assigned = Vec::new();
    for number in live {
        match number.assigned_to {
            Some(account) => assigned.push((account, number)),
            None => run
                .tally
                .failed(&database.encoded(), NOT_ASSIGNED, &number.id),
        }
    }
    assigned
}
