//! Which application uses a number: `pvt_used_by`, in account databases and number databases.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;

use super::accounts::warn_misfiled;
use super::budget::Held;
use super::context::Run;
use super::databases;
use super::numbers::{self, NOT_FOUND};
use super::read::parsed;
use super::settle::{Decide, Decision, InPlace, settle};
use crate::command::{Accounts, NumberDatabases};
use crate::kazoo::{AccountId, AppUsage, DatabaseName, NumberFacts, UsedBy};
use crate::plan::{Change, Fix, Source, fix_used_by, source_in_number_database};
use crate::report::Outcome;
use couchdb::Error;
use couchdb::{Found, Include, Range, Revision};

/// What is decided about one number document's `pvt_used_by`.
pub(super) enum Verdict {
    Unchanged,
    UsedByBoth,
    Change(Change),
}

/// Plans one document's `pvt_used_by`.
pub(super) fn verdict(
    database: &DatabaseName,
    id: &str,
    rev: &Revision,
    text: &str,
    usage: &AppUsage,
) -> Result<Verdict, Error> {
    let document = parsed(database, text)?;
    let used_by = NumberFacts::of(&document).used_by;
    Ok(match fix_used_by(&document, used_by, usage.of(id)) {
        Fix::Unchanged => Verdict::Unchanged,
        Fix::UsedByBoth => Verdict::UsedByBoth,
        Fix::Update(body) => Verdict::Change(Change::update(rev, text, body)),
    })
}

/// The change that a verdict asks for. A document that stays as it is counts as unchanged, with
/// a warning where both applications use it.
pub(super) async fn change_of(
    run: &Run,
    database: &DatabaseName,
    id: &str,
    verdict: Verdict,
) -> Option<Change> {
    match verdict {
        Verdict::Change(change) => return Some(change),
        Verdict::UsedByBoth => warn_used_by_both(run, database, id).await,
        Verdict::Unchanged => {}
    }
    run.tally.decided(database, Outcome::Unchanged, 1);
    None
}

fn decision(verdict: Verdict) -> Decision {
    match verdict {
        Verdict::Change(change) => Decision::Change(change),
        Verdict::Unchanged | Verdict::UsedByBoth => Decision::Unchanged,
    }
}

/// The warning for a number that both applications name (contract section 9.7).
async fn warn_used_by_both(run: &Run, database: &DatabaseName, id: &str) {
    run.warn(format!(
        "{database}: {id} is used by callflow and by trunkstore, and is left alone"
    ))
    .await;
}

/// The reason for numbers whose account's usage could not be read.
pub(super) fn usage_reason(error: &Error) -> String {
    format!("app_usage-{}", error.kind().name())
}

/// `fix_apps_for_account_dbs` and its narrower kin.
pub(super) async fn in_accounts(run: &Arc<Run>, accounts: Accounts) -> Result<(), Error> {
    let accounts = databases::accounts(run, accounts).await?;
    run.each(accounts, |run, account| async move {
        if let Err(error) = in_account(&run, account).await {
            run.database_failed(&account.database(), error)?;
        }
        run.finished(&account.database()).await;
        Ok(())
    })
    .await?;
    Ok(())
}

/// One account's database in one reading: its callflows and servers tell the usage, and its
/// numbers wait until all of them are read.
async fn in_account(run: &Run, account: AccountId) -> Result<(), Error> {
    let normaliser = run.normaliser().await?;
    let database = account.database();
    let mut usage = AppUsage::default();
    let mut waiting: Vec<(String, Revision, UsedBy, Option<Held>)> = Vec::new();
    let mut scan = run
        .pages(&database, Range::all(), Include::Documents)
        .await?;
    while let Some(page) = scan.next().await? {
        for (row, text) in page.rows() {
            let document = parsed(&database, text)?;
            let facts = NumberFacts::of(&document);
            if facts.is_live_number() {
                let held = run.budget.hold(text);
                waiting.push((row.id.clone(), row.rev.clone(), facts.used_by, held));
            } else {
                usage.add(&document, &normaliser);
            }
        }
    }
    let mut planned = Vec::new();
    let mut undecided = Vec::new();
    for (id, rev, used_by, held) in waiting {
        let Some(held) = held else {
            // Its text was let go; only where it must change is it worth reading again.
            match usage_is_right(used_by, &usage, &id) {
                true => run.tally.decided(&database, Outcome::Unchanged, 1),
                false => undecided.push(id),
            }
            continue;
        };
        let verdict = verdict(&database, &id, &rev, held.text(), &usage)?;
        if let Some(change) = change_of(run, &database, &id, verdict).await {
            planned.push((id, change));
        }
    }
    let decider = account_decider(run, &database, &usage);
    settle(run, &database, planned, &undecided, &decider).await?;
    Ok(())
}

fn usage_is_right(used_by: UsedBy, usage: &AppUsage, id: &str) -> bool {
    use crate::kazoo::Usage;
    matches!(
        (used_by, usage.of(id)),
        (UsedBy::Nobody, Usage::None)
            | (UsedBy::Callflow, Usage::Callflow)
            | (UsedBy::Trunkstore, Usage::Trunkstore)
    )
}

fn account_decider<'a>(
    run: &'a Run,
    database: &'a DatabaseName,
    usage: &'a AppUsage,
) -> InPlace<'a, impl Fn(&str, &Revision, &str) -> Result<Decision, Error> + Send + Sync + 'a> {
    InPlace {
        run,
        database,
        plan: move |id: &str, rev: &Revision, text: &str| {
            let document = parsed(database, text)?;
            if !NumberFacts::of(&document).is_live_number() {
                return Ok(Decision::Skip);
            }
            Ok(decision(verdict(database, id, rev, text, usage)?))
        },
    }
}

/// `fix_numbers_apps_in_accountdb`
pub(super) async fn numbers_in_account(
    run: &Arc<Run>,
    account: AccountId,
    given: Vec<String>,
) -> Result<(), Error> {
    let numbers = numbers::of_account(run, account, given).await?;
    let database = account.database();
    let usage = match run.usages.of(run, account).await {
        Ok(usage) => usage,
        Err(error) => {
            let ids = numbers.iter().map(String::as_str);
            return run.numbers_failed(&database, &error, &usage_reason(&error), ids);
        }
    };
    let ids: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let mut planned = Vec::new();
    for (id, found) in ids
        .iter()
        .zip(run.keys(&database, &ids, Include::Documents).await?)
    {
        let live = match found.document() {
            Some((_, text)) => NumberFacts::of(&parsed(&database, text)?).is_live_number(),
            None => false,
        };
        match found {
            Found::Present { rev, text } if live => {
                let verdict = verdict(&database, id, &rev, &text, &usage)?;
                if let Some(change) = change_of(run, &database, id, verdict).await {
                    planned.push(((*id).to_owned(), change));
                }
            }
            _ => run.tally.failed(&database.encoded(), NOT_FOUND, id),
        }
    }
    let decider = account_decider(run, &database, &usage);
    settle(run, &database, planned, &[], &decider).await?;
    run.finished(&database).await;
    Ok(())
}

/// `fix_apps_in_number_dbs_for_accounts`: only those assigned to these accounts.
pub(super) async fn of_accounts(run: &Arc<Run>, accounts: Accounts) -> Result<(), Error> {
    let accounts = databases::accounts(run, accounts).await?;
    if accounts.is_empty() {
        return Ok(());
    }
    let only = Arc::new(accounts.into_iter().collect());
    in_number_databases(run, NumberDatabases::All, Some(only)).await
}

/// `fix_apps_for_number_dbs` and its narrower kin.
pub(super) async fn in_number_databases(
    run: &Arc<Run>,
    databases: NumberDatabases,
    only: Option<Arc<BTreeSet<AccountId>>>,
) -> Result<(), Error> {
    let databases = databases::number_databases(run, databases).await?;
    run.each_number_database(databases, |run, database| {
        let only = only.clone();
        async move {
            if let Err(error) = in_number_database(&run, &database, only.as_deref()).await {
                run.database_failed(&database, error)?;
            }
            run.finished(&database).await;
            Ok(())
        }
    })
    .await?;
    Ok(())
}

async fn in_number_database(
    run: &Run,
    database: &DatabaseName,
    only: Option<&BTreeSet<AccountId>>,
) -> Result<(), Error> {
    let wanted = |account: &AccountId| only.is_none_or(|only| only.contains(account));
    let one = only
        .filter(|only| only.len() == 1)
        .and_then(BTreeSet::first);
    let mut scan = run.assigned(database, one.copied()).await?;
    while let Some(page) = scan.next().await? {
        let mut assigned = Vec::new();
        let mut misfiled = Vec::new();
        for (row, text) in page.rows() {
            let document = parsed(database, text)?;
            let facts = NumberFacts::of(&document);
            match source_in_number_database(database, &row.id, &facts) {
                Source::Assigned(account) if wanted(&account) => {
                    assigned.push((account, row.id.as_str(), &row.rev, text));
                }
                Source::Misfiled
                    if only.is_none() || facts.assigned_to.as_ref().is_some_and(wanted) =>
                {
                    misfiled.push(row.id.as_str());
                }
                _ => {}
            }
        }
        warn_misfiled(run, database, &misfiled).await;
        fix_assigned(run, database, assigned).await?;
    }
    Ok(())
}

/// Fixes some assigned documents of a number database.
async fn fix_assigned(
    run: &Run,
    database: &DatabaseName,
    assigned: Vec<(AccountId, &str, &Revision, &str)>,
) -> Result<(), Error> {
    let mut usages: HashMap<AccountId, Option<Arc<AppUsage>>> = HashMap::new();
    let accounts: BTreeSet<AccountId> = assigned.iter().map(|(account, ..)| *account).collect();
    let read =
        futures::future::join_all(accounts.iter().map(|account| run.usages.of(run, *account)))
            .await;
    for (account, usage) in accounts.into_iter().zip(read) {
        let usage = match usage {
            Ok(usage) => Some(usage),
            Err(error) => {
                let ids = assigned
                    .iter()
                    .filter(|(other, ..)| *other == account)
                    .map(|(_, id, ..)| *id);
                run.numbers_failed(&account.database(), &error, &usage_reason(&error), ids)?;
                None
            }
        };
        usages.insert(account, usage);
    }
    let mut planned = Vec::new();
    for (account, id, rev, text) in assigned {
        let Some(Some(usage)) = usages.get(&account) else {
            continue;
        };
        let verdict = verdict(database, id, rev, text, usage)?;
        if let Some(change) = change_of(run, database, id, verdict).await {
            planned.push((id.to_owned(), change));
        }
    }
    let decider = AssignedUsage { run, database };
    settle(run, database, planned, &[], &decider).await?;
    Ok(())
}

/// `fix_numbers_apps_in_numbdb`
pub(super) async fn numbers_in_number_databases(
    run: &Arc<Run>,
    given: Vec<String>,
) -> Result<(), Error> {
    let numbers = numbers::normalised(run, given).await?;
    for (database, live) in numbers::read_all(run, numbers).await? {
        let assigned = numbers::assigned(run, &database, live);
        let assigned: Vec<_> = assigned
            .iter()
            .map(|(account, number)| (*account, number.id.as_str(), &number.rev, &*number.text))
            .collect();
        fix_assigned(run, &database, assigned).await?;
        run.finished(&database).await;
    }
    Ok(())
}

/// Decides again about assigned documents of a number database, by the usage of the account
/// that each is assigned to by now.
pub(super) struct AssignedUsage<'a> {
    pub(super) run: &'a Run,
    pub(super) database: &'a DatabaseName,
}

#[async_trait]
impl Decide for AssignedUsage<'_> {
    async fn decide(&self, ids: &[&str]) -> Result<Vec<Decision>, Error> {
        let found = self
            .run
            .keys(self.database, ids, Include::Documents)
            .await?;
        let mut decisions = Vec::with_capacity(ids.len());
        for (id, found) in ids.iter().zip(&found) {
            decisions.push(match found.document() {
                Some((rev, text)) => self.one(id, rev, text).await?,
                None => Decision::Skip,
            });
        }
        Ok(decisions)
    }
}

impl AssignedUsage<'_> {
    async fn one(&self, id: &str, rev: &Revision, text: &str) -> Result<Decision, Error> {
        let source = {
            let document = parsed(self.database, text)?;
            source_in_number_database(self.database, id, &NumberFacts::of(&document))
        };
        let Source::Assigned(account) = source else {
            return Ok(Decision::Skip);
        };
        match self.run.usages.of(self.run, account).await {
            Ok(usage) => Ok(decision(verdict(self.database, id, rev, text, &usage)?)),
            Err(error) if Run::is_fatal(&error) => Err(error),
            Err(error) => Ok(Decision::Failed(
                account.database().encoded(),
                usage_reason(&error),
            )),
        }
    }
}
