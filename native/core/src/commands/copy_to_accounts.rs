//! `copy_number_dbs_to_accounts` and narrower commands: copy numbers from number databases to the databases of the assigned
//! accounts.
//!
//! A run for the whole cluster reads each database once. It reads the account databases first and keeps a digest of each number,
//! and the documents while memory permits. Then it reads the number databases and compares their documents page by page. Changes
//! are collected by account, across number databases, and written an account at a time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::answer::{Answer, Returned};
use crate::engine::{AccountFilter, AllAccounts, Budget, Charge, Kept, Run, Scanned};
use crate::kazoo::{
    AccountId, DatabaseName, KazooDatabase, encoded_number_database_of, number_database_of,
    range_of_numbers,
};
use crate::plan::{Decision, copy_to_account as decide};
use crate::repair::{Assignment, Copies, CopySource, copy_to_account, copy_to_accounts};
use crate::report::{Outcome, Reason};
use crate::selection::NumberDatabases;
use couchdb::{Error, Kind};
use document::{Change, Digest, Document, SortedIdMap};

/// `copy_number_dbs_to_accounts`, `copy_single_number_db_to_accounts`, `copy_assigned_number_dbs_to_account`,
/// `copy_single_assigned_number_db_to_account`. `only`: the account whose numbers are copied.
pub(crate) async fn copy(
    run: &Arc<Run>,
    databases: NumberDatabases,
    only: Option<AccountId>,
) -> Result<(), Error> {
    if let Some(account) = only {
        run.must_exist(account).await?;
    }
    let whole = databases == NumberDatabases::All;
    let databases = run.number_databases(databases).await?;
    // A few number databases need documents of only some accounts. They are read by id once these accounts are known.
    let snapshots = match only {
        Some(account) => Snapshots::read(run, vec![account]).await?,
        None if whole => Snapshots::read(run, run.accounts_to_read().await?).await?,
        None => Snapshots::default(),
    };
    let copying = Arc::new(Copying {
        snapshots,
        only,
        pending: Mutex::default(),
    });
    run.each_number_database(databases, |run, database| {
        let copying = copying.clone();
        async move {
            let scanned = copying.scan(&run, &database).await;
            run.or_failed(&database, scanned)?;
            run.finished(&database).await;
            Ok(())
        }
    })
    .await?;
    let mut left: BTreeMap<AccountId, Copies> = copying.pending().drain().collect();
    for account in copying.snapshots.0.keys() {
        left.entry(*account).or_default();
    }
    copy_to_accounts(run, left).await
}

/// `copy_numbers_from_dbs_to_assigned_accounts`
pub(crate) async fn copy_numbers(run: &Arc<Run>, given: Vec<String>) -> Result<(), Error> {
    let numbers = run.normalised(given).await?;
    let mut by_account: BTreeMap<AccountId, Copies> = BTreeMap::new();
    for (database, live) in run.read_numbers(numbers).await? {
        for (account, document) in run.assigned_of(&database, live) {
            let source = kept_source(run, &database, document);
            by_account.entry(account).or_default().compare(source);
        }
        run.finished(&database).await;
    }
    copy_to_accounts(run, by_account).await
}

fn kept_source(run: &Run, database: &DatabaseName, document: Document) -> CopySource {
    CopySource {
        id: document.id().to_owned(),
        from: database.clone(),
        document: Some(run.budget.keep_anyway(document)),
    }
}

/// `copy_single_number_to_account_db`: copies a number to any account, whatever its assignment.
pub(crate) async fn copy_number_to(
    run: &Arc<Run>,
    given: String,
    account: AccountId,
) -> Result<Answer, Error> {
    let error = |text: String| Ok(Answer::FiguresAnd(Returned::Value(Err(text))));
    let normaliser = run.normaliser().await?;
    let number = normaliser.normalise(&given);
    let shown = number_database_of(&number).map_or_else(
        || encoded_number_database_of(&number),
        |database| database.encoded(),
    );
    let unread = |reason: &str| format!("can read number '{number}' from '{shown}': {reason}");
    if !normaliser.is_reconcilable(&number) {
        return error(unread(&Reason::NotReconcilable.key()));
    }
    let read = run.read_numbers(vec![number.clone()]).await?;
    let live = read
        .into_iter()
        .find_map(|(database, live)| Some((database, live.into_iter().next()?)));
    let Some((database, found)) = live else {
        return error(unread(&reason_of(run, &number)));
    };
    let mut copies = Copies::default();
    copies.compare(kept_source(run, &database, found.document));
    let ends = copy_to_account(run, account, copies, Assignment::Any).await?;
    run.finished(&account.database()).await;
    if ends.get(&number).is_some_and(crate::engine::End::is_done) {
        return Ok(Answer::FiguresAnd(Returned::Value(Ok(number))));
    }
    error(format!(
        "can save number '{number}' to account db: {}",
        reason_of(run, &number)
    ))
}

/// The reason of a failed number in the words of Kazoo's module, which does not distinguish a missing number from a missing
/// database.
fn reason_of(run: &Run, number: &str) -> String {
    let failures = run.reporter.failures();
    let reason = failures.of_number(number).next();
    let reason = reason.map_or(Reason::NOT_FOUND, |(_, reason)| reason);
    match reason.kind() {
        Some(Kind::DatabaseNotFound) => Kind::NotFound.name().to_owned(),
        _ => reason.word().into_owned(),
    }
}

/// Snapshots of account databases.
#[derive(Default)]
struct Snapshots(HashMap<AccountId, Snapshot>);

/// The numbers of one account database.
#[derive(Default)]
struct Snapshot {
    digests: SortedIdMap<Digest>,
    /// Whether the digests come from the index. Then a missing copy is read before it is created.
    is_known: bool,
    /// The documents of the first ids, while memory permits. A document that is about to be replaced need not be read again:
    /// CouchDB checks its revision.
    documents: Mutex<Vec<Option<Kept>>>,
}

impl Snapshots {
    async fn read(run: &Arc<Run>, accounts: Vec<AccountId>) -> Result<Self, Error> {
        // A separate budget: snapshots must not block the changes that are written.
        let room = Budget::new(run.settings.memory);
        let read = run
            .each(accounts, |run, account| {
                let room = room.clone();
                async move {
                    // Without a snapshot, the account's documents are read by id later; that read reports the error.
                    match Snapshot::read(&run, account, &room).await {
                        Ok(snapshot) => Ok(Some((account, snapshot))),
                        Err(error) if error.is_fatal() => Err(error),
                        Err(_) => Ok(None),
                    }
                }
            })
            .await?;
        Ok(Self(read.into_iter().flatten().collect()))
    }

    /// Compares a number with the snapshot of its account.
    fn compare(&self, account: AccountId, id: &str, source: Digest) -> Compared {
        let Some(snapshot) = self.0.get(&account) else {
            return Compared::Unknown;
        };
        let Some((index, digest)) = snapshot.digests.find(id) else {
            // A snapshot has only numbers that start with `+`.
            return if id.starts_with('+') && !snapshot.is_known {
                Compared::Absent
            } else {
                Compared::Unknown
            };
        };
        let kept = locked(&snapshot.documents)
            .get_mut(index)
            .and_then(Option::take);
        if digest == source {
            return Compared::Same;
        }
        kept.map_or(Compared::Unknown, Compared::Differs)
    }
}

impl Snapshot {
    async fn read(run: &Run, account: AccountId, room: &Budget) -> Result<Self, Error> {
        let mut digests = SortedIdMap::default();
        if let Some(known) = run.known(&account.database()).await? {
            for number in known.into_numbers() {
                digests.push(&number.id, number.digest);
            }
            return Ok(Self {
                digests: digests.sorted(),
                is_known: true,
                documents: Mutex::default(),
            });
        }
        let mut documents = Vec::new();
        let mut scan = run.scan(&account.database(), range_of_numbers()).await?;
        while let Some(page) = scan.next().await? {
            let charge = if documents.len() == digests.len() {
                room.charge_page(&page)
            } else {
                None
            };
            for document in page {
                digests.push(document.id(), document.digest());
                if let Some(charge) = &charge {
                    documents.push(Some(Kept::in_page(document, charge)));
                }
            }
        }
        documents.shrink_to_fit();
        Ok(Self {
            // `_all_docs` is sorted, so ids and documents have the same order.
            digests: digests.sorted(),
            is_known: false,
            documents: Mutex::new(documents),
        })
    }
}

/// The state of a copy according to a snapshot.
enum Compared {
    /// The copy equals the number.
    Same,
    /// There is no copy.
    Absent,
    /// The copy is this document.
    Differs(Kept),
    /// The copy must be read.
    Unknown,
}

struct Copying {
    snapshots: Snapshots,
    only: Option<AccountId>,
    /// Copies that are not written yet, by account.
    pending: Mutex<HashMap<AccountId, Copies>>,
}

impl Copying {
    fn pending(&self) -> MutexGuard<'_, HashMap<AccountId, Copies>> {
        locked(&self.pending)
    }

    /// Compares the documents of a number database with their copies.
    async fn scan(&self, run: &Run, database: &DatabaseName) -> Result<(), Error> {
        let mut unchanged: HashMap<AccountId, u64> = HashMap::new();
        let accounts: &dyn AccountFilter = match &self.only {
            Some(account) => account,
            None => &AllAccounts,
        };
        let mut scan = run.scan_assigned(database, accounts).await?;
        while let Some(mut page) = scan.next().await? {
            if database.is_unprefixed() {
                let ids: Vec<(AccountId, &str)> = page
                    .iter()
                    .map(|(account, one)| (*account, one.id()))
                    .collect();
                let shadowed = run.shadowed(database, &ids).await?;
                page.retain(|(_, one)| !shadowed.contains(one.id()));
            }
            for (account, one) in page {
                let document = match one {
                    Scanned::Read(document) => document,
                    Scanned::Known(number) => {
                        let id = String::from(number.id);
                        match self.snapshots.compare(account, &id, number.digest) {
                            Compared::Same => *unchanged.entry(account).or_default() += 1,
                            _ => self.compare_later(database, account, Err(id)),
                        }
                        continue;
                    }
                };
                let digest = document.digest();
                match self.snapshots.compare(account, document.id(), digest) {
                    Compared::Same => *unchanged.entry(account).or_default() += 1,
                    Compared::Absent => {
                        self.put(run, database, account, document, None).await?;
                    }
                    Compared::Differs(kept) => {
                        self.put(run, database, account, document, Some(kept))
                            .await?;
                    }
                    Compared::Unknown => {
                        let source = self.keep(run, document).await?;
                        self.compare_later(database, account, source);
                    }
                }
            }
        }
        for (account, times) in unchanged {
            run.reporter
                .decided(&account.database(), Outcome::Unchanged, times);
        }
        Ok(())
    }

    /// Decides for a number with a known copy.
    async fn put(
        &self,
        run: &Run,
        database: &DatabaseName,
        account: AccountId,
        source: Document,
        copy: Option<Kept>,
    ) -> Result<(), Error> {
        let decision = decide(&source, copy.as_ref().map(Kept::document), false);
        // All other decisions are rare. They are made from fresh reads.
        let Decision::Write(after) = decision else {
            let source = self.keep(run, source).await?;
            self.compare_later(database, account, source);
            return Ok(());
        };
        drop(source);
        let Some(charge) = self.charge(run, after.size()).await? else {
            self.compare_later(database, account, Err(after.id().to_owned()));
            return Ok(());
        };
        let (change, of_copy) = match copy {
            Some(copy) => {
                let (before, charge) = copy.into_parts();
                (Change::update(before, after), Some(charge))
            }
            None => (Change::create(after), None),
        };
        let charges = of_copy.into_iter().chain([charge]);
        let mut pending = self.pending();
        let copies = pending.entry(account).or_default();
        copies.change(change, database.clone(), charges);
        Ok(())
    }

    /// Keeps a source until it is compared. If memory is full, keeps only its id (`Err`).
    async fn keep(&self, run: &Run, source: Document) -> Result<Result<Kept, String>, Error> {
        let source = match run.budget.keep(source) {
            Ok(kept) => return Ok(Ok(kept)),
            Err(source) => source,
        };
        self.spill(run).await?;
        Ok(run
            .budget
            .keep(source)
            .map_err(|source| source.id().to_owned()))
    }

    async fn charge(&self, run: &Run, bytes: usize) -> Result<Option<Arc<Charge>>, Error> {
        if let Some(charge) = run.budget.charge(bytes) {
            return Ok(Some(Arc::new(charge)));
        }
        self.spill(run).await?;
        Ok(run.budget.charge(bytes).map(Arc::new))
    }

    fn compare_later(
        &self,
        database: &DatabaseName,
        account: AccountId,
        source: Result<Kept, String>,
    ) {
        let (id, document) = match source {
            Ok(kept) => (kept.document().id().to_owned(), Some(kept)),
            Err(id) => (id, None),
        };
        let source = CopySource {
            id,
            from: database.clone(),
            document,
        };
        self.pending().entry(account).or_default().compare(source);
    }

    /// Frees memory: writes the copies of the account with the most copies.
    async fn spill(&self, run: &Run) -> Result<(), Error> {
        let largest = {
            let mut pending = self.pending();
            let account = pending
                .iter()
                .max_by_key(|(_, copies)| copies.len())
                .map(|(account, _)| *account);
            account.and_then(|account| Some((account, pending.remove(&account)?)))
        };
        if let Some((account, copies)) = largest {
            copy_to_account(run, account, copies, Assignment::ToTheAccount).await?;
        }
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
