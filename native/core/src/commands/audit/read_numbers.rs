//! Reads the number databases and compares them with the snapshot.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::coverage::Coverage;
use super::number_set::NumberSet;
use super::results::{AuditResults, Recheck, count};
use super::snapshot::{AccountSnapshot, IN_SCOPE, Place, SourceState};
use crate::engine::{Duplicate, Run};
use crate::index::{DocumentFacts, IndexedNumber, facts_of};
use crate::kazoo::{AccountId, DatabaseName, KazooDatabase};
use crate::plan::{Drift, Source, is_used_by_wrong, source_in_number_database};
use crate::repair::usage_of;
use crate::report::Finding;
use couchdb::Error;

/// The state of an audit while number databases are read.
pub(super) struct AuditContext {
    pub(super) coverage: Arc<Coverage>,
    pub(super) snapshot: AccountSnapshot,
    pub(super) unread_accounts: BTreeSet<AccountId>,
    pub(super) results: Arc<AuditResults>,
}

/// An assigned number of a number database.
struct AssignedNumber {
    account: AccountId,
    number: IndexedNumber,
    /// Whether the audit covers the number. If not, it only counts for contested numbers.
    is_covered: bool,
}

/// Reads the number databases of an audit. Returns those that could not be read completely.
pub(super) async fn read(
    run: &Arc<Run>,
    context: &Arc<AuditContext>,
) -> Result<BTreeSet<DatabaseName>, Error> {
    let unread = run
        .each_number_database(context.coverage.databases.clone(), |run, database| {
            let context = context.clone();
            async move {
                let scanned = context.scan(&run, &database).await;
                Ok(match run.or_failed(&database, scanned)? {
                    Some(()) => None,
                    None => Some(database),
                })
            }
        })
        .await?;
    Ok(unread.into_iter().flatten().collect())
}

impl AuditContext {
    async fn scan(&self, run: &Run, database: &DatabaseName) -> Result<(), Error> {
        if let Some(numbers) = self.coverage.only_numbers() {
            let found = run.present(database, &numbers).await?;
            let mut facts = Vec::new();
            for document in found.into_iter().flatten() {
                self.coverage.keep(database, &document);
                facts.extend(facts_of(database, document, None));
            }
            return self.scan_page(run, database, facts).await;
        }
        let mut scan = run.scan_facts(database).await?;
        while let Some(page) = scan.next().await? {
            self.scan_page(run, database, page).await?;
        }
        Ok(())
    }

    async fn scan_page(
        &self,
        run: &Run,
        database: &DatabaseName,
        page: Vec<DocumentFacts>,
    ) -> Result<(), Error> {
        let mut looked_at = NumberSet::default();
        let mut assigned = Vec::new();
        let mut place = Place::default();
        for facts in page {
            let DocumentFacts::Number(number) = facts else {
                continue;
            };
            let assigned_to = number.facts.assigned_to;
            let is_covered = self.coverage.covers(database, &number.id, assigned_to);
            if is_covered && number.facts.is_live_number() {
                looked_at.insert(&number.id);
            }
            assigned.extend(self.classify(&mut place, database, number, is_covered));
        }
        self.results.add_looked_at(&looked_at);
        self.check(run, database, assigned).await?;
        self.results.flush(run).await;
        Ok(())
    }

    /// Processes one document. Returns it if it must be compared with a copy. `is_covered`: the audit covers it.
    fn classify(
        &self,
        place: &mut Place,
        database: &DatabaseName,
        number: IndexedNumber,
        is_covered: bool,
    ) -> Option<AssignedNumber> {
        let (id, facts) = (&*number.id, &number.facts);
        let source = source_in_number_database(database, id, facts);
        if database.holds(id) {
            let state = match source {
                Source::Assigned(account) => SourceState::Assigned(account),
                Source::Unassigned => SourceState::Unassigned,
                _ => SourceState::Other,
            };
            let scope = if self.coverage.covers_database(database) {
                IN_SCOPE
            } else {
                0
            };
            self.snapshot.flag_source(place, database, id, state, scope);
        }
        if is_covered && facts.is_number && facts.has_conflicts {
            self.add_finding(Drift::Conflicted, database, id, facts.assigned_to);
        }
        match source {
            Source::Assigned(account) if is_covered || database.is_unprefixed() => {
                return Some(AssignedNumber {
                    account,
                    number,
                    is_covered,
                });
            }
            _ if !is_covered => {}
            Source::Misfiled => {
                self.add_finding(Drift::Misfiled, database, id, facts.assigned_to);
            }
            Source::Unassigned if number.is_unassigned_but_used => {
                self.add_finding(Drift::UnassignedButUsed, database, id, None);
            }
            Source::OddlyAssigned => {
                self.add_finding(Drift::OddAssignment, database, id, None);
            }
            Source::Assigned(_) | Source::Unassigned | Source::Not => {}
        }
        None
    }

    /// Adds a finding in a number database.
    fn add_finding(
        &self,
        kind: Drift,
        database: &DatabaseName,
        id: &str,
        account: Option<AccountId>,
    ) {
        self.results.add(Finding {
            kind,
            database: database.clone(),
            number: id.to_owned(),
            account,
            number_database: Some(database.clone()),
            fields: Vec::new(),
            assigned_to: None,
        });
    }

    /// Adds a finding to each of two number databases that assign a number to different accounts.
    fn add_contested(&self, database: &DatabaseName, duplicate: &Duplicate) {
        let (account, holder) = (duplicate.account, duplicate.holder);
        for (here, there, account, other) in [
            (database, &duplicate.other, account, holder),
            (&duplicate.other, database, holder, account),
        ] {
            let covers = |account| self.coverage.covers(here, &duplicate.id, Some(account));
            if covers(account) || covers(other) {
                self.results.add(Finding {
                    kind: Drift::Contested,
                    database: here.clone(),
                    number: duplicate.id.clone(),
                    account: Some(account),
                    number_database: Some(there.clone()),
                    fields: Vec::new(),
                    assigned_to: Some(other),
                });
            }
        }
    }

    async fn check(
        &self,
        run: &Run,
        database: &DatabaseName,
        assigned: Vec<AssignedNumber>,
    ) -> Result<(), Error> {
        let shadowed = if !database.is_unprefixed() || assigned.is_empty() {
            HashSet::new()
        } else {
            let ids: Vec<(AccountId, &str)> = assigned
                .iter()
                .map(|one| (one.account, &*one.number.id))
                .collect();
            let covered: HashSet<&str> = assigned
                .iter()
                .filter(|one| one.is_covered)
                .map(|one| &*one.number.id)
                .collect();
            let duplicates = run.duplicates(database, &ids).await?;
            for duplicate in duplicates.iter().filter(|one| one.account != one.holder) {
                self.add_contested(database, duplicate);
            }
            let relevant: Vec<Duplicate> = duplicates
                .into_iter()
                .filter(|duplicate| covered.contains(duplicate.id.as_str()))
                .collect();
            run.warn_shadowed(database, &relevant).await
        };
        let mut place = Place::default();
        for one in assigned.into_iter().filter(|one| one.is_covered) {
            let counts = !shadowed.contains(&*one.number.id);
            if counts {
                count(&self.results.assigned);
            }
            self.check_one(run, &mut place, database, one, counts)
                .await?;
        }
        Ok(())
    }

    /// `counts`: whether the account's copy is made from this document.
    async fn check_one(
        &self,
        run: &Run,
        place: &mut Place,
        database: &DatabaseName,
        one: AssignedNumber,
        counts: bool,
    ) -> Result<(), Error> {
        let account = one.account;
        if self.unread_accounts.contains(&account) {
            self.results.add_unchecked([&*one.number.id]);
            return Ok(());
        }
        if self.coverage.accounts.binary_search(&account).is_err() {
            if counts {
                self.results.add(Finding {
                    kind: Drift::AccountMissing,
                    database: account.database(),
                    number: one.number.id.to_string(),
                    account: Some(account),
                    number_database: Some(database.clone()),
                    fields: Vec::new(),
                    assigned_to: None,
                });
            }
            return Ok(());
        }
        let usage = match usage_of(run, account).await {
            Ok(usage) => usage,
            Err(error) => {
                run.database_failed(&account.database(), error)?;
                self.results.add_unchecked([&*one.number.id]);
                return Ok(());
            }
        };
        if is_used_by_wrong(one.number.facts.used_by, usage.of(&one.number.id)) {
            let kind = Drift::WrongUsedByInNumberDatabase;
            self.add_finding(kind, database, &one.number.id, Some(account));
        }
        if !counts {
            return Ok(());
        }
        let IndexedNumber {
            id,
            digest,
            document,
            ..
        } = one.number;
        let known = self.snapshot.digest_of(place, account, &id);
        if known == Some(digest) {
            count(&self.results.in_sync);
        } else {
            self.results.add_recheck(
                account,
                Recheck {
                    id: id.into(),
                    from: database.clone(),
                    is_indexed: document.is_none(),
                    source: document.and_then(|document| run.budget.keep(document).ok()),
                    known,
                },
            );
        }
        Ok(())
    }
}
