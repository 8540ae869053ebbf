//! The number databases: what they hold, and for whom.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::copies::Doubtful;
use super::held::{Held, Holding, WAS_SEEN};
use super::holders::is_design;
use super::view::View;
use super::{Notes, count};
use crate::engine::{Duplicate, Run};
use crate::kazoo::{AccountId, DatabaseName, KazooDatabase, NumberFacts, UsedBy};
use crate::plan::{Drift, Source, is_said_to_be_used, is_used_by_wrong, source_in_number_database};
use crate::repair::usage_of;
use crate::report::Finding;
use couchdb::Error;
use document::{Digest, Document, IdRange};

/// What is known while the number databases pass by.
pub(super) struct Pass {
    pub(super) view: Arc<View>,
    pub(super) held: Held,
    pub(super) unread_accounts: BTreeSet<AccountId>,
    pub(super) notes: Arc<Notes>,
}

/// An assigned number of a number database.
struct Assigned {
    document: Document,
    account: AccountId,
    digest: Digest,
    used_by: UsedBy,
    /// Whether the audit is about it; otherwise it only tells what is contested.
    is_about: bool,
}

/// Reads the number databases of an audit, and returns those that could not be read to the end.
pub(super) async fn read(
    run: &Arc<Run>,
    pass: &Arc<Pass>,
) -> Result<BTreeSet<DatabaseName>, Error> {
    let unread = run
        .each_number_database(pass.view.databases.clone(), |run, database| {
            let pass = pass.clone();
            async move {
                let scanned = pass.scan(&run, &database).await;
                Ok(match run.or_failed(&database, scanned)? {
                    Some(()) => None,
                    None => Some(database),
                })
            }
        })
        .await?;
    Ok(unread.into_iter().flatten().collect())
}

impl Pass {
    async fn scan(&self, run: &Run, database: &DatabaseName) -> Result<(), Error> {
        if let Some(number) = &self.view.number {
            let found = run.present(database, &[number]).await?;
            let assigned = found.into_iter().flatten();
            let assigned = assigned.filter_map(|document| self.see(database, document));
            return self.check(run, database, assigned.collect()).await;
        }
        let mut scan = run.scan(database, IdRange::all()).await?;
        while let Some(page) = scan.next().await? {
            let assigned = page.into_iter();
            let assigned = assigned.filter_map(|document| self.see(database, document));
            self.check(run, database, assigned.collect()).await?;
        }
        Ok(())
    }

    /// Takes in one document, and returns what must be compared with an account's.
    fn see(&self, database: &DatabaseName, document: Document) -> Option<Assigned> {
        let id = document.id();
        if is_design(id) {
            return None;
        }
        let facts = NumberFacts::of(&document);
        let source = source_in_number_database(database, id, &facts);
        let is_about = self.view.is_about(database);
        if database.holds(id) {
            let holding = match source {
                Source::Assigned(account) => Holding::Assigned(account),
                Source::Unassigned => Holding::Released,
                _ => Holding::Other,
            };
            let seen = if is_about { WAS_SEEN } else { 0 };
            self.held.exists(id, holding, seen);
        }
        let is_about = is_about && self.view.is_about_account(facts.assigned_to);
        if is_about && facts.is_number && facts.has_conflicts {
            self.find(Drift::Conflicted, database, id, facts.assigned_to);
        }
        match source {
            Source::Assigned(account) if is_about || database.is_unprefixed() => {
                return Some(Assigned {
                    account,
                    digest: document.digest(),
                    used_by: facts.used_by,
                    is_about,
                    document,
                });
            }
            _ if !is_about => {}
            Source::Misfiled => {
                self.find(Drift::Misfiled, database, id, facts.assigned_to);
            }
            Source::Unassigned if is_said_to_be_used(&document) => {
                self.find(Drift::UnassignedButUsed, database, id, None);
            }
            Source::OddlyAssigned => {
                self.find(Drift::OddAssignment, database, id, None);
            }
            Source::Assigned(_) | Source::Unassigned | Source::Not => {}
        }
        None
    }

    /// Something is wrong in the number database.
    fn find(&self, kind: Drift, database: &DatabaseName, id: &str, account: Option<AccountId>) {
        self.notes.find(Finding {
            kind,
            database: database.clone(),
            number: id.to_owned(),
            account,
            number_database: Some(database.clone()),
            fields: Vec::new(),
            assigned_to: None,
        });
    }

    /// Two number databases assign a number to different accounts: wrong in both.
    fn contested(&self, database: &DatabaseName, double: &Duplicate) {
        let (account, holder) = (double.account, double.holder);
        let accounts = [account, holder];
        if !accounts
            .iter()
            .any(|one| self.view.is_about_account(Some(*one)))
        {
            return;
        }
        for (here, there, account, other) in [
            (database, &double.other, account, holder),
            (&double.other, database, holder, account),
        ] {
            if self.view.is_about(here) {
                self.notes.find(Finding {
                    kind: Drift::Contested,
                    database: here.clone(),
                    number: double.id.clone(),
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
        assigned: Vec<Assigned>,
    ) -> Result<(), Error> {
        let shadowed = if !database.is_unprefixed() || assigned.is_empty() {
            HashSet::new()
        } else {
            let ids: Vec<(AccountId, &str)> = assigned
                .iter()
                .map(|one| (one.account, one.document.id()))
                .collect();
            let about: HashSet<&str> = assigned
                .iter()
                .filter(|one| one.is_about)
                .map(|one| one.document.id())
                .collect();
            let doubles = run.duplicates(database, &ids).await?;
            for double in doubles.iter().filter(|one| one.account != one.holder) {
                self.contested(database, double);
            }
            let told: Vec<Duplicate> = doubles
                .into_iter()
                .filter(|double| about.contains(double.id.as_str()))
                .collect();
            run.warn_shadowed(database, &told).await
        };
        for one in assigned.into_iter().filter(|one| one.is_about) {
            let counts = !shadowed.contains(one.document.id());
            if counts {
                count(&self.notes.assigned);
            }
            self.check_one(run, database, one, counts).await?;
        }
        Ok(())
    }

    /// `counts`: whether this is the document that the account's copy is made from.
    async fn check_one(
        &self,
        run: &Run,
        database: &DatabaseName,
        one: Assigned,
        counts: bool,
    ) -> Result<(), Error> {
        let account = one.account;
        if self.unread_accounts.contains(&account) {
            self.notes.unchecked(1);
            return Ok(());
        }
        if self.view.accounts.binary_search(&account).is_err() {
            if counts {
                self.notes.find(Finding {
                    kind: Drift::AccountMissing,
                    database: account.database(),
                    number: one.document.id().to_owned(),
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
                self.notes.unchecked(1);
                return Ok(());
            }
        };
        if is_used_by_wrong(one.used_by, usage.of(one.document.id())) {
            let kind = Drift::WrongUsedByInNumberDatabase;
            self.find(kind, database, one.document.id(), Some(account));
        }
        if !counts {
            return Ok(());
        }
        let held = self.held.digest_of(account, one.document.id());
        if held == Some(one.digest) {
            count(&self.notes.in_sync);
        } else {
            self.notes.doubt(
                account,
                Doubtful {
                    id: one.document.id().to_owned(),
                    from: database.clone(),
                    source: run.budget.keep(one.document).ok(),
                    held,
                },
            );
        }
        Ok(())
    }
}
