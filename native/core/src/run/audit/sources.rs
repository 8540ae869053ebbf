//! The number databases: what they hold, and for whom.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::copies::Doubtful;
use super::held::{Held, Holding, WAS_SEEN};
use super::holders::is_design;
use super::view::View;
use super::{Notes, count};
use crate::kazoo::{AccountId, DatabaseName, KazooDatabase, NumberFacts, UsedBy};
use crate::plan::{Drift, Source, is_said_to_be_used, is_used_by_wrong, source_in_number_database};
use crate::report::Finding;
use crate::run::accounts::{Double, doubles, is_named_by_numbers, shadows};
use crate::run::context::Run;
use crate::run::read::parsed;
use couchdb::Error;
use couchdb::{Digest, Found, Include, Range};

/// What is known while the number databases pass by.
pub(super) struct Pass {
    pub(super) view: Arc<View>,
    pub(super) held: Held,
    pub(super) unread_accounts: BTreeSet<AccountId>,
    pub(super) notes: Arc<Notes>,
}

/// An assigned number of a number database.
struct Assigned<'a> {
    id: String,
    text: &'a str,
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
                match pass.scan(&run, &database).await {
                    Ok(()) => Ok(None),
                    Err(error) => {
                        run.database_failed(&database, error)?;
                        Ok(Some(database))
                    }
                }
            }
        })
        .await?;
    Ok(unread.into_iter().flatten().collect())
}

impl Pass {
    async fn scan(&self, run: &Run, database: &DatabaseName) -> Result<(), Error> {
        if let Some(number) = &self.view.number {
            let found = run.keys(database, &[number], Include::Documents).await?;
            let mut assigned = Vec::new();
            if let Some((_, text)) = found.first().and_then(Found::document) {
                assigned.extend(self.see(database, number, text)?);
            }
            return self.check(run, database, assigned).await;
        }
        let mut scan = run
            .pages(database, Range::all(), Include::Documents)
            .await?;
        while let Some(page) = scan.next().await? {
            let mut assigned = Vec::new();
            for (row, text) in page.rows() {
                assigned.extend(self.see(database, &row.id, text)?);
            }
            self.check(run, database, assigned).await?;
        }
        Ok(())
    }

    /// Takes in one document, and returns what must be compared with an account's.
    fn see<'a>(
        &self,
        database: &DatabaseName,
        id: &str,
        text: &'a str,
    ) -> Result<Option<Assigned<'a>>, Error> {
        if is_design(id) {
            return Ok(None);
        }
        let document = parsed(database, text)?;
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
            Source::Assigned(account) if is_about || !is_named_by_numbers(database) => {
                return Ok(Some(Assigned {
                    id: id.to_owned(),
                    text,
                    account,
                    digest: document.digest(),
                    used_by: facts.used_by,
                    is_about,
                }));
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
        Ok(None)
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
    fn contested(&self, database: &DatabaseName, double: &Double) {
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
        assigned: Vec<Assigned<'_>>,
    ) -> Result<(), Error> {
        let shadowed = if is_named_by_numbers(database) || assigned.is_empty() {
            HashSet::new()
        } else {
            let ids: Vec<(AccountId, &str)> = assigned
                .iter()
                .map(|one| (one.account, one.id.as_str()))
                .collect();
            let about: HashSet<&str> = assigned
                .iter()
                .filter(|one| one.is_about)
                .map(|one| one.id.as_str())
                .collect();
            let doubles = doubles(run, database, &ids).await?;
            for double in doubles.iter().filter(|one| one.account != one.holder) {
                self.contested(database, double);
            }
            let told: Vec<Double> = doubles
                .into_iter()
                .filter(|double| about.contains(double.id.as_str()))
                .collect();
            shadows(run, database, &told).await
        };
        for one in assigned.into_iter().filter(|one| one.is_about) {
            let counts = !shadowed.contains(&one.id);
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
        one: Assigned<'_>,
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
                    number: one.id,
                    account: Some(account),
                    number_database: Some(database.clone()),
                    fields: Vec::new(),
                    assigned_to: None,
                });
            }
            return Ok(());
        }
        let usage = match run.usages.of(run, account).await {
            Ok(usage) => usage,
            Err(error) => {
                run.database_failed(&account.database(), error)?;
                self.notes.unchecked(1);
                return Ok(());
            }
        };
        if is_used_by_wrong(one.used_by, usage.of(&one.id)) {
            let kind = Drift::WrongUsedByInNumberDatabase;
            self.find(kind, database, &one.id, Some(account));
        }
        if !counts {
            return Ok(());
        }
        let held = self.held.digest_of(account, &one.id);
        if held == Some(one.digest) {
            count(&self.notes.in_sync);
        } else {
            self.notes.doubt(
                account,
                Doubtful {
                    id: one.id,
                    from: database.clone(),
                    source: run.budget.hold(one.text),
                    held,
                },
            );
        }
        Ok(())
    }
}
