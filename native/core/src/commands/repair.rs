//! `repair/0`, `repair/1`: repairs all drift that can be decided, in one read of the data.
//!
//! An audit finds the drift. Passes repair it by the ids of the findings, with the rules of the commands that repair one kind each,
//! and in an order in which no pass makes work for an earlier one:
//!
//! 1. numbers that no number database has are created from the accounts' copies;
//! 2. `pvt_used_by` in number databases;
//! 3. copies in accounts;
//! 4. wrong and former copies are deleted;
//! 5. `pvt_used_by` in the copies that are left;
//! 6. fields of assigned numbers are removed from unassigned ones.
//!
//! A pass reads again the documents that it changes. Drift that only a person can decide about is reported.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::answer::Answer;
use super::audit::{FoundDrift, find_drift};
use crate::engine::{End, OfDatabase, Run};
use crate::kazoo::{AccountId, DatabaseName, KazooDatabase, NumberFacts, number_database_of};
use crate::plan::{Drift, Remedy, Source, has_used_by, is_migrated, source_in_number_database};
use crate::repair::{
    AccountNumbers, AccountUsage, AssignedUsage, Copies, CopySource, FormerCopies, Known,
    Migration, MisplacedCopies, Others, copy_to_accounts, fill, usage_of,
};
use crate::report::{Event, Finding, Reason, Undecided};
use crate::selection::Part;
use couchdb::{Error, Kind, Operation};
use document::Document;

/// Documents to look at, by database.
type Ids<D> = BTreeMap<D, BTreeSet<String>>;

/// `repair/0`, `repair/1`
pub(crate) async fn repair(run: &Arc<Run>, parts: Vec<Part>) -> Result<Answer, Error> {
    run.begin_passes();
    let found = find_drift(run, parts).await?;
    run.looked_at(found.looked_at);
    let mut drift = Repairable::of(&found);
    drift.create_missing(run, &found).await?;
    drift.fix_apps(run).await?;
    drift.copy(run, &found).await?;
    drift.remove_copies(run).await?;
    drift.fix_apps_in_accounts(run).await?;
    drift.migrate_unassigned(run).await?;
    run.end_passes().await;
    report_undecided(run, &found.findings).await;
    Ok(Answer::Figures)
}

/// The documents that each pass looks at.
#[derive(Default)]
struct Repairable {
    /// Numbers that no number database has, with the accounts that have them.
    missing: Ids<AccountId>,
    /// Numbers that several accounts claim and no number database has. A person decides.
    contested: BTreeSet<String>,
    /// Numbers of number databases that may have a wrong `pvt_used_by`, with their accounts.
    used_by: BTreeMap<DatabaseName, BTreeMap<String, AccountId>>,
    /// Copies that are missing or differ, by account: the number, and the number database of its source.
    copies: BTreeMap<AccountId, BTreeMap<String, DatabaseName>>,
    wrong: Ids<AccountId>,
    former: Ids<AccountId>,
    used_by_in_accounts: Ids<AccountId>,
    unassigned: Ids<DatabaseName>,
}

impl Repairable {
    fn of(found: &FoundDrift) -> Self {
        let mut drift = Self::default();
        for finding in &found.findings {
            drift.add(finding);
        }
        // These are not deleted but made equal to their sources.
        for ((account, number), from) in &found.sources_of_wrong {
            let is_wrong = |ids: &BTreeSet<String>| ids.contains(number);
            if drift.wrong.get(account).is_some_and(is_wrong) {
                drift.add_copy(*account, number.clone(), from);
            }
        }
        drift
    }

    fn add(&mut self, finding: &Finding) {
        let number = finding.number.clone();
        let of_account = |ids: &mut Ids<AccountId>| {
            if let Some(account) = finding.database.account() {
                ids.entry(account).or_default().insert(number.clone());
            }
        };
        match finding.kind {
            Drift::OnlyInAccount => of_account(&mut self.missing),
            Drift::WrongAccount => of_account(&mut self.wrong),
            Drift::FormerAccount => of_account(&mut self.former),
            Drift::WrongUsedByInAccount => of_account(&mut self.used_by_in_accounts),
            Drift::MissingCopy | Drift::DifferingCopy => {
                if let (Some(account), Some(from)) = (finding.account, &finding.number_database) {
                    self.add_copy(account, number, from);
                }
            }
            Drift::WrongUsedByInNumberDatabase => {
                if let Some(account) = finding.account {
                    let numbers = self.used_by.entry(finding.database.clone()).or_default();
                    numbers.insert(number, account);
                }
            }
            Drift::UnassignedButUsed => {
                let database = finding.database.clone();
                self.unassigned.entry(database).or_default().insert(number);
            }
            Drift::Contested if finding.database.account().is_some() => {
                self.contested.insert(number);
            }
            Drift::Contested
            | Drift::AccountMissing
            | Drift::Misfiled
            | Drift::OddAssignment
            | Drift::Conflicted => {}
        }
    }

    fn add_copy(&mut self, account: AccountId, number: String, from: &DatabaseName) {
        let sources = self.copies.entry(account).or_default();
        let source = sources
            .entry(number.clone())
            .or_insert_with(|| from.clone());
        source.prefer(from, &number);
    }

    /// Creates the numbers that no number database has. All accounts' copies decide, as in a repair of the whole cluster.
    async fn create_missing(&mut self, run: &Arc<Run>, found: &FoundDrift) -> Result<(), Error> {
        let contested = &self.contested;
        let can_be_created =
            |id: &String| number_database_of(id).is_some() && !contested.contains(id);
        let all: BTreeSet<String> = self.missing.values().flatten().cloned().collect();
        let wanted: BTreeSet<String> = all.into_iter().filter(can_be_created).collect();
        for ids in self.missing.values_mut() {
            ids.retain(|id| wanted.contains(id));
        }
        self.missing.retain(|_, ids| !ids.is_empty());
        if wanted.is_empty() {
            return Ok(());
        }
        let wanted = Arc::new(wanted);
        let holders: Vec<(AccountId, Arc<BTreeSet<String>>)> = if found.has_all_copies {
            let holders = self.missing.iter();
            holders
                .map(|(account, ids)| (*account, Arc::new(ids.clone())))
                .collect()
        } else {
            let all = found.accounts.iter();
            all.map(|account| (*account, wanted.clone())).collect()
        };
        let copies = Arc::new(AccountNumbers::new(Known::default(), Others::Later));
        let mut unread = run
            .each(holders, |run, (account, ids)| {
                let copies = copies.clone();
                async move {
                    let database = account.database();
                    match live_of(&run, &database, &*ids).await {
                        Ok(live) => {
                            for document in live {
                                copies.add(&run, account, document);
                            }
                            Ok(None)
                        }
                        Err(error) if error.kind() == Kind::DatabaseNotFound => Ok(None),
                        Err(error) => {
                            let reason = Reason::from(&error);
                            run.database_failed(&database, error)?;
                            Ok(Some(reason))
                        }
                    }
                }
            })
            .await?;
        let failures = run.reporter.failures();
        unread.extend(found.unread_accounts.iter().map(|account| {
            let name = account.database().encoded();
            let failures = failures.by_database().get(&name);
            let kind = failures.and_then(|failures| failures.last_error);
            kind.map(|kind| Reason::Failed(Operation::OPEN_DOCS, kind))
        }));
        fill(run, copies, unread.into_iter().flatten().next()).await?;
        self.add_created(run, &wanted).await
    }

    /// Adds what the created numbers need. A copy whose number was not created stays.
    async fn add_created(
        &mut self,
        run: &Arc<Run>,
        wanted: &BTreeSet<String>,
    ) -> Result<(), Error> {
        let mut absent = wanted.clone();
        for (database, ids) in run.by_number_database(wanted.iter().cloned()) {
            let live = match live_of(run, &database, &ids).await {
                Ok(live) => live,
                Err(error) if error.kind() == Kind::DatabaseNotFound => continue,
                Err(error) => {
                    run.database_failed(&database, error)?;
                    continue;
                }
            };
            for document in live {
                let id = document.id();
                absent.remove(id);
                let facts = NumberFacts::of(&document);
                match source_in_number_database(&database, id, &facts) {
                    Source::Assigned(account) => {
                        let numbers = self.used_by.entry(database.clone()).or_default();
                        numbers.insert(id.to_owned(), account);
                    }
                    Source::Unassigned
                        if has_used_by(&document) && is_migrated(&database, &document) =>
                    {
                        let ids = self.unassigned.entry(database.clone()).or_default();
                        ids.insert(id.to_owned());
                    }
                    Source::Unassigned | Source::Misfiled | Source::OddlyAssigned | Source::Not => {
                    }
                }
            }
        }
        // The others that held a created number may hold a former copy now.
        for (account, mut ids) in std::mem::take(&mut self.missing) {
            ids.retain(|id| !absent.contains(id));
            self.former.entry(account).or_default().append(&mut ids);
        }
        Ok(())
    }

    /// Fixes `pvt_used_by` in number databases. The copies of these numbers are looked at next.
    async fn fix_apps(&mut self, run: &Arc<Run>) -> Result<(), Error> {
        let by_database: Vec<_> = std::mem::take(&mut self.used_by).into_iter().collect();
        let fixed = run
            .each(by_database, |run, (database, numbers)| async move {
                let fixed = fix_apps(&run, &database, numbers).await;
                let fixed = run.or_failed(&database, fixed)?.unwrap_or_default();
                run.finished(&database).await;
                Ok((database, fixed))
            })
            .await?;
        for (database, numbers) in fixed {
            for (number, account) in numbers {
                self.add_copy(account, number, &database);
            }
        }
        Ok(())
    }

    /// Makes the copies in accounts equal to the documents of number databases.
    async fn copy(&mut self, run: &Arc<Run>, found: &FoundDrift) -> Result<(), Error> {
        let mut by_account = BTreeMap::new();
        for (account, sources) in std::mem::take(&mut self.copies) {
            if !found.accounts.contains(&account) {
                continue;
            }
            let mut copies = Copies::default();
            for (id, from) in sources {
                let document = None;
                copies.compare(CopySource { id, from, document });
            }
            by_account.insert(account, copies);
        }
        copy_to_accounts(run, by_account).await
    }

    /// Deletes wrong and former copies. Only one pass deletes a document.
    async fn remove_copies(&mut self, run: &Arc<Run>) -> Result<(), Error> {
        for (account, ids) in &mut self.former {
            if let Some(wrong) = self.wrong.get(account) {
                ids.retain(|id| !wrong.contains(id));
            }
        }
        each(run, &mut self.wrong, |run, account, ids| async move {
            let rule = MisplacedCopies { run: &run, account };
            run.reconcile_ids(&account.database(), &rule, &ids).await?;
            Ok(())
        })
        .await?;
        each(run, &mut self.former, |run, account, ids| async move {
            let rule = FormerCopies { run: &run, account };
            run.reconcile_ids(&account.database(), &rule, &ids).await?;
            Ok(())
        })
        .await
    }

    async fn fix_apps_in_accounts(&mut self, run: &Arc<Run>) -> Result<(), Error> {
        let ids = &mut self.used_by_in_accounts;
        each(run, ids, |run, account, ids| async move {
            let usage = usage_of(&run, account).await?;
            run.reconcile_ids(&account.database(), &AccountUsage(&usage), &ids)
                .await?;
            Ok(())
        })
        .await
    }

    async fn migrate_unassigned(&mut self, run: &Arc<Run>) -> Result<(), Error> {
        let ids = &mut self.unassigned;
        each(run, ids, |run, database, ids| async move {
            let rule = Migration {
                run: &run,
                database: &database,
            };
            run.reconcile_ids(&database, &rule, &ids).await?;
            Ok(())
        })
        .await
    }
}

/// Calls `work` with the ids of each database. An error that concerns one database is a failure of that database.
async fn each<D, F>(
    run: &Arc<Run>,
    ids: &mut Ids<D>,
    work: impl Fn(Arc<Run>, D, Vec<String>) -> F,
) -> Result<(), Error>
where
    D: OfDatabase + Clone + Ord + Send + 'static,
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let mut ids = std::mem::take(ids);
    ids.retain(|_, ids| !ids.is_empty());
    let all: Vec<(D, BTreeSet<String>)> = ids.into_iter().collect();
    run.each(all, |run, (of, ids)| {
        let database = of.database();
        let work = work(run.clone(), of, ids.into_iter().collect());
        async move {
            let worked = work.await;
            run.or_failed(&database, worked)?;
            run.finished(&database).await;
            Ok(())
        }
    })
    .await?;
    Ok(())
}

/// Fixes `pvt_used_by` of numbers of a number database. Returns those that are right now, except those of which the account's copy
/// is made from another number database.
async fn fix_apps(
    run: &Run,
    database: &DatabaseName,
    mut numbers: BTreeMap<String, AccountId>,
) -> Result<BTreeMap<String, AccountId>, Error> {
    let ids: Vec<String> = numbers.keys().cloned().collect();
    let reconciler = AssignedUsage { run, database };
    for ids in ids.chunks(run.settings.max_bulk_insert.max(1)) {
        let ends = run.reconcile_ids(database, &reconciler, ids).await?;
        for id in ids {
            if !ends.get(id).is_some_and(End::is_done) {
                numbers.remove(id);
            }
        }
    }
    if database.is_unprefixed() {
        let ids: Vec<(AccountId, &str)> = ids
            .iter()
            .filter_map(|id| Some((*numbers.get(id)?, id.as_str())))
            .collect();
        for one in run.duplicates(database, &ids).await? {
            if one.account == one.holder {
                numbers.remove(&one.id);
            }
        }
    }
    Ok(numbers)
}

/// The live number documents of these ids.
async fn live_of(
    run: &Run,
    database: &DatabaseName,
    ids: impl IntoIterator<Item = &String>,
) -> Result<Vec<Document>, Error> {
    let ids: Vec<&str> = ids.into_iter().map(String::as_str).collect();
    let found = run.present(database, &ids).await?;
    let live = |document: &Document| NumberFacts::of(document).is_live_number();
    Ok(found.into_iter().flatten().filter(live).collect())
}

/// Reports the drift that only a person can decide about.
async fn report_undecided(run: &Run, findings: &[Finding]) {
    let mut by_kind: BTreeMap<Drift, BTreeSet<&str>> = BTreeMap::new();
    for finding in findings {
        if matches!(finding.kind.remedy(), Remedy::Decision(_)) {
            let numbers = by_kind.entry(finding.kind).or_default();
            numbers.insert(&finding.number);
        }
    }
    for (kind, numbers) in by_kind {
        let undecided = Undecided::new(kind, numbers);
        run.reporter.send(Event::Undecided(undecided)).await;
    }
}
