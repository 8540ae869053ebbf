//! Everything for one account, or for some of its numbers, in one pass over the data: app usage
//! in the number databases, copies to the account, wrong ones out of it, services reconciled.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::accounts::{
    Assignment, Pending, Target, is_named_by_numbers, settle_account, shadowed, warn_misfiled,
};
use super::apps::{AssignedUsage, change_of, usage_reason, verdict};
use super::budget::Held;
use super::context::Run;
use super::databases;
use super::numbers;
use super::read::parsed;
use super::remove;
use super::settle::{End, settle};
use crate::kazoo::{AccountId, AppUsage, DatabaseName, NumberFacts, number_database_of};
use crate::plan::{Source, is_wrongly_assigned, source_in_number_database};
use crate::report::Outcome;
use couchdb::Error;
use couchdb::{Digest, Include, Range, Revision};

/// An account's database, read once.
struct Own {
    numbers: Vec<OwnNumber>,
    usage: AppUsage,
}

struct OwnNumber {
    id: String,
    rev: Revision,
    digest: Digest,
    wrong: bool,
    text: Option<Held>,
}

/// An assigned number of a number database.
struct Assigned {
    account: AccountId,
    id: String,
    rev: Revision,
    text: Held,
}

/// `fix_account_db_numbers`
pub(super) async fn account(run: &Arc<Run>, account: AccountId) -> Result<(), Error> {
    databases::must_exist(run, account).await?;
    let databases = databases::all_number_databases(run).await?;
    let scans = run.each_number_database(databases, |run, database| async move {
        match assigned_to(&run, &database, account).await {
            Ok(assigned) => Ok((database, Some(assigned))),
            Err(error) => {
                run.database_failed(&database, error)?;
                Ok((database, None))
            }
        }
    });
    let (own, scans) = futures::future::join(read_own(run, account), scans).await;
    let scans = scans?;
    let Some(own) = readable(run, account, own)? else {
        return Ok(());
    };
    let unread = scans
        .iter()
        .filter(|(_, assigned)| assigned.is_none())
        .map(|(database, _)| database.clone())
        .collect();
    let assigned = scans
        .into_iter()
        .filter_map(|(database, assigned)| Some((database, assigned?)))
        .collect();
    fix(run, account, own, assigned, unread).await
}

/// `fix_numbers`, and `fix_number`, which is a list of one.
pub(super) async fn numbers(
    run: &Arc<Run>,
    account: AccountId,
    given: Vec<String>,
) -> Result<(), Error> {
    let numbers = numbers::of_account(run, account, given).await?;
    let (own, live) =
        futures::future::join(read_own(run, account), numbers::read_all(run, numbers)).await;
    let live = live?;
    let Some(own) = readable(run, account, own)? else {
        return Ok(());
    };
    let mut assigned = Vec::new();
    for (database, live) in live {
        let mut here = Vec::new();
        for (other, number) in numbers::assigned(run, &database, live) {
            if other != account {
                run.warn(format!(
                    "{database}: {} is assigned to {other} and is fixed there",
                    number.id
                ))
                .await;
            }
            here.push(Assigned {
                account: other,
                id: number.id,
                rev: number.rev,
                text: run.budget.hold_anyway(number.text),
            });
        }
        assigned.push((database, here));
    }
    fix(run, account, own, assigned, HashSet::new()).await
}

fn readable(run: &Run, account: AccountId, own: Result<Own, Error>) -> Result<Option<Own>, Error> {
    match own {
        Ok(own) => Ok(Some(own)),
        Err(error) => {
            run.database_failed(&account.database(), error)?;
            Ok(None)
        }
    }
}

/// The numbers of an account in one number database.
async fn assigned_to(
    run: &Run,
    database: &DatabaseName,
    account: AccountId,
) -> Result<Vec<Assigned>, Error> {
    let mut assigned = Vec::new();
    let mut scan = run.assigned(database, Some(account)).await?;
    while let Some(page) = scan.next().await? {
        let mut misfiled = Vec::new();
        for (row, text) in page.rows() {
            let document = parsed(database, text)?;
            let facts = NumberFacts::of(&document);
            match source_in_number_database(database, &row.id, &facts) {
                Source::Assigned(other) if other == account => assigned.push(Assigned {
                    account,
                    id: row.id.clone(),
                    rev: row.rev.clone(),
                    text: run.budget.hold_anyway(text.into()),
                }),
                Source::Misfiled if facts.assigned_to == Some(account) => {
                    misfiled.push(row.id.as_str());
                }
                _ => {}
            }
        }
        warn_misfiled(run, database, &misfiled).await;
    }
    Ok(assigned)
}

/// Reads an account's database once, for its usage and for its numbers.
async fn read_own(run: &Run, account: AccountId) -> Result<Own, Error> {
    let normaliser = run.normaliser().await?;
    let database = account.database();
    let mut own = Own {
        numbers: Vec::new(),
        usage: AppUsage::default(),
    };
    let mut scan = run
        .pages(&database, Range::all(), Include::Documents)
        .await?;
    while let Some(page) = scan.next().await? {
        for (row, text) in page.rows() {
            let document = parsed(&database, text)?;
            let facts = NumberFacts::of(&document);
            if facts.is_live_number() {
                let wrong = is_wrongly_assigned(account, &facts);
                own.numbers.push(OwnNumber {
                    id: row.id.clone(),
                    rev: row.rev.clone(),
                    digest: document.digest(),
                    wrong,
                    text: if wrong { run.budget.hold(text) } else { None },
                });
            } else {
                own.usage.add(&document, &normaliser);
            }
        }
    }
    Ok(own)
}

/// The order that the manual gives. `unread`: number databases that could not be read; what
/// belongs in them is not removed, since they might have said that it is the account's.
async fn fix(
    run: &Arc<Run>,
    account: AccountId,
    own: Own,
    assigned: Vec<(DatabaseName, Vec<Assigned>)>,
    unread: HashSet<DatabaseName>,
) -> Result<(), Error> {
    run.usages.know(account, own.usage).await;
    let held: HashMap<&str, Digest> = own
        .numbers
        .iter()
        .map(|number| (number.id.as_str(), number.digest))
        .collect();
    let sources: HashSet<String> = assigned
        .iter()
        .flat_map(|(_, all)| all)
        .filter(|one| one.account == account)
        .map(|one| one.id.clone())
        .collect();
    let fixed = run
        .each(assigned, |run, (database, assigned)| async move {
            let fixed = fix_apps(&run, &database, assigned).await?;
            run.finished(&database).await;
            Ok(fixed)
        })
        .await?;
    let mut by_account: BTreeMap<AccountId, Vec<Pending>> = BTreeMap::new();
    for (other, pending) in fixed.into_iter().flatten() {
        if other == account && is_held(&held, &pending)? {
            run.tally
                .decided(&account.database(), Outcome::Unchanged, 1);
            continue;
        }
        by_account.entry(other).or_default().push(pending);
    }
    run.each(
        by_account.into_iter().collect(),
        |run, (other, pending)| async move {
            settle_account(&run, other, pending, Assignment::ToIt).await?;
            if other != account {
                run.finished(&other.database()).await;
            }
            Ok(())
        },
    )
    .await?;
    remove_wrong(run, account, own.numbers, &sources, &unread).await?;
    run.finished(&account.database()).await;
    run.reconcile_services().await
}

/// Whether the account held a copy just like this when it was read.
fn is_held(held: &HashMap<&str, Digest>, pending: &Pending) -> Result<bool, Error> {
    let Some(text) = &pending.text else {
        return Ok(false);
    };
    let digest = parsed(&pending.from, text.text())?.digest();
    Ok(held.get(pending.id.as_str()) == Some(&digest))
}

/// Fixes the app usage of some numbers of a number database. Returns them as they are now, to
/// be copied; those that somebody else changed meanwhile without their text.
async fn fix_apps(
    run: &Run,
    database: &DatabaseName,
    assigned: Vec<Assigned>,
) -> Result<Vec<(AccountId, Pending)>, Error> {
    let accounts: BTreeSet<AccountId> = assigned.iter().map(|one| one.account).collect();
    let mut usages = HashMap::new();
    for account in accounts {
        match run.usages.of(run, account).await {
            Ok(usage) => {
                usages.insert(account, usage);
            }
            Err(error) => {
                let ids = assigned
                    .iter()
                    .filter(|one| one.account == account)
                    .map(|one| one.id.as_str());
                run.numbers_failed(&account.database(), &error, &usage_reason(&error), ids)?;
            }
        }
    }
    let shadowed = if is_named_by_numbers(database) {
        HashSet::new()
    } else {
        let ids: Vec<_> = assigned
            .iter()
            .map(|one| (one.account, one.id.as_str()))
            .collect();
        match shadowed(run, database, &ids).await {
            Ok(shadowed) => shadowed,
            Err(error) => {
                let ids = ids.into_iter().map(|(_, id)| id);
                run.numbers_failed(database, &error, &error.reason(), ids)?;
                return Ok(Vec::new());
            }
        }
    };
    let mut planned = Vec::new();
    let mut sources = Vec::new();
    for one in assigned {
        let mut text = Some(one.text);
        if let (Some(usage), Some(held)) = (usages.get(&one.account), &text) {
            let verdict = verdict(database, &one.id, &one.rev, held.text(), usage)?;
            if let Some(change) = change_of(run, database, &one.id, verdict).await {
                text = change
                    .body()
                    .map(|body| run.budget.hold_anyway(body.into()));
                planned.push((one.id.clone(), change));
            }
        }
        let pending = Pending {
            id: one.id,
            from: database.clone(),
            text,
            target: Target::Unread,
        };
        sources.push((one.account, pending));
    }
    let ends = settle(
        run,
        database,
        planned,
        &[],
        &AssignedUsage { run, database },
    )
    .await?;
    for (_, pending) in &mut sources {
        match ends.get(&pending.id) {
            None
            | Some(End::Done {
                as_planned: true, ..
            }) => {}
            Some(_) => pending.text = None,
        }
    }
    sources.retain(|(_, pending)| !shadowed.contains(&pending.id));
    Ok(sources)
}

/// Removes what is another account's, out of what was not copied just now.
async fn remove_wrong(
    run: &Run,
    account: AccountId,
    numbers: Vec<OwnNumber>,
    sources: &HashSet<String>,
    unread: &HashSet<DatabaseName>,
) -> Result<(), Error> {
    let database = account.database();
    let mut wrong = Vec::new();
    let mut unknown = Vec::new();
    for number in numbers {
        if sources.contains(&number.id) {
            continue;
        }
        if !number.wrong {
            run.tally.decided(&database, Outcome::Unchanged, 1);
            continue;
        }
        let belongs = number_database_of(&number.id);
        if belongs.is_some_and(|belongs| unread.contains(&belongs)) {
            continue;
        }
        match number.text {
            Some(text) => wrong.push(remove::deletion(&number.id, &number.rev, text.text())),
            None => unknown.push(number.id),
        }
    }
    remove::remove(run, account, &database, wrong, &unknown).await
}
