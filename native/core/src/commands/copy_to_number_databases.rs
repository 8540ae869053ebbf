//! `copy_accounts_to_number_dbs` and the narrower commands: from account databases to the number databases that lack a number.
//!
//! The accounts are read. Of each number that may be missing a digest is kept, by number database, and the document while there is
//! room. All copies of a number are known before the number is created, so the one that is chosen does not depend on the order of
//! reading. A copy that a copy in an unread account might beat is not made the authority: the next run, which may read that
//! account, could not take it back.
//!
//! For a whole cluster the number databases are read first, so that only missing numbers take room. For some accounts the number
//! databases are read afterwards, by the ids.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::engine::{Kept, MissingDatabase, OtherSide, Read, Reconciler, Run, Target};
use crate::kazoo::{AccountId, DatabaseName, KazooDatabase, NumberFacts, number_database_of};
use crate::plan::{
    Candidate, Decision, Pick, compare_with_number_database, copy_to_number_database, pick,
};
use crate::report::{Outcome, Reason};
use crate::selection::Accounts;
use couchdb::{Attachments, Backoff, Error, Kind, Landed, Operation, Write};
use document::{Change, Digest, Document, IdRange, Object, SortedIdMap};

/// The design document that a number database gets when it is created.
const DESIGN_DOCUMENT: &str = include_str!("../../../../priv/couchdb/numbers.json");

/// Its id.
const DESIGN_ID: &str = "_design/numbers";

/// One account's copy of a number.
struct AccountCopy {
    id: String,
    account: AccountId,
    /// Whether it says that it is assigned to that account.
    at_home: bool,
    digest: Digest,
    document: Option<Kept>,
}

/// Copies by the number database that they belong to.
#[derive(Default)]
struct Copies {
    /// What the number databases hold that were read before.
    known: Known,
    by_database: Mutex<BTreeMap<DatabaseName, Vec<AccountCopy>>>,
}

impl Copies {
    fn of(known: Known) -> Self {
        let databases = known.keys().map(|name| (name.clone(), Vec::new()));
        Self {
            by_database: Mutex::new(databases.collect()),
            known,
        }
    }

    fn add(&self, run: &Run, account: AccountId, document: Document) {
        let id = document.id();
        let Some(database) = number_database_of(id) else {
            let encoded = account.database().encoded();
            run.reporter.failed(&encoded, Reason::NoNumberDatabase, id);
            return;
        };
        let digest = document.digest();
        if let Some(Ok(Some(existing))) = self.known.get(&database)
            && let Some(held) = existing.digest(id)
        {
            count(run, &database, id, digest, held);
            return;
        }
        let facts = NumberFacts::of(&document);
        let copy = AccountCopy {
            id: id.to_owned(),
            account,
            at_home: facts.assigned_to == Some(account),
            digest,
            // Those with attachments are read again with their content.
            document: if facts.has_attachments {
                None
            } else {
                run.budget.keep(document).ok()
            },
        };
        self.by_database
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(database)
            .or_default()
            .push(copy);
    }

    fn take(&self) -> BTreeMap<DatabaseName, Vec<AccountCopy>> {
        let mut copies = self
            .by_database
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *copies)
    }
}

/// `copy_accounts_to_number_dbs`, `copy_single_account_to_number_dbs`
pub(crate) async fn copy(run: &Arc<Run>, accounts: Accounts) -> Result<(), Error> {
    let whole = accounts == Accounts::All;
    let accounts = run.accounts(accounts).await?;
    let known = if whole {
        known(run).await?
    } else {
        Known::default()
    };
    let copies = Arc::new(Copies::of(known));
    let unread = run
        .each(accounts, |run, account| {
            let copies = copies.clone();
            async move {
                let mut unread = None;
                let read = run
                    .scan_numbers_of(account, |page| {
                        for document in page {
                            if NumberFacts::of(&document).is_live_number() {
                                copies.add(&run, account, document);
                            }
                        }
                    })
                    .await;
                if let Err(error) = read {
                    // An account without a database holds nothing.
                    unread = (error.kind() != Kind::DatabaseNotFound).then(|| Reason::from(&error));
                    run.database_failed(&account.database(), error)?;
                }
                run.reporter.finished(&account.database()).await;
                Ok(unread)
            }
        })
        .await?;
    fill(run, copies, unread.into_iter().flatten().next()).await
}

/// `copy_number_from_accountdb_to_numbdb`, `copy_numbers_from_accountdb_to_numbdbs`
pub(crate) async fn copy_numbers(
    run: &Arc<Run>,
    account: AccountId,
    given: Vec<String>,
) -> Result<(), Error> {
    let numbers = run.normalised_of(account, given).await?;
    let database = account.database();
    let copies = Arc::new(Copies::default());
    let ids: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let found = run.present(&database, &ids).await?;
    for (id, found) in ids.iter().zip(found) {
        match found {
            Some(document) if NumberFacts::of(&document).is_live_number() => {
                copies.add(run, account, document);
            }
            _ => run
                .reporter
                .failed(&database.encoded(), Reason::NOT_FOUND, id),
        }
    }
    run.reporter.finished(&database).await;
    fill(run, copies, None).await
}

/// Creates what the number databases lack. `unread`: why an account could not be read.
async fn fill(run: &Arc<Run>, copies: Arc<Copies>, unread: Option<Reason>) -> Result<(), Error> {
    let by_database: Vec<_> = copies.take().into_iter().collect();
    run.each(by_database, |run, (database, some)| {
        let copies = copies.clone();
        async move {
            fill_one(&run, &database, &copies.known, some, unread).await?;
            run.reporter.finished(&database).await;
            Ok(())
        }
    })
    .await?;
    Ok(())
}

/// Creates what one number database lacks.
async fn fill_one(
    run: &Run,
    database: &DatabaseName,
    known: &Known,
    mut copies: Vec<AccountCopy>,
    unread: Option<Reason>,
) -> Result<(), Error> {
    copies.sort_by(|one, other| one.id.cmp(&other.id));
    let asked;
    let holds = match known.get(database) {
        Some(known) => known,
        None => {
            asked = by_ids(run, database, &copies).await;
            &asked
        }
    };
    let existing = match holds {
        Ok(existing) => existing.as_ref(),
        Err(error) => {
            let ids = copies.iter().map(|one| one.id.as_str());
            return run.numbers_failed(database, error, error.into(), ids);
        }
    };
    let mut chosen = Vec::new();
    for copies in copies.chunk_by_mut(|one, other| one.id == other.id) {
        chosen.extend(choose(run, database, existing, copies, unread).await);
    }
    drop(copies);
    if chosen.is_empty() {
        return Ok(());
    }
    let made = match existing {
        None => create(run, database).await,
        // The run that created it was killed before it wrote the design document.
        Some(known) if !known.has_design => put_design(run, database).await,
        Some(_) => Ok(()),
    };
    if let Err(error) = made {
        let ids = chosen.iter().map(|one| one.id.as_str());
        return run.numbers_failed(database, &error, (&error).into(), ids);
    }
    write(run, database, chosen).await
}

/// Chooses the copy from which a number is created, and counts the others. `copies`: all copies of one number.
async fn choose(
    run: &Run,
    database: &DatabaseName,
    existing: Option<&Existing>,
    copies: &mut [AccountCopy],
    unread: Option<Reason>,
) -> Option<AccountCopy> {
    let id = copies.first()?.id.clone();
    let held = existing.and_then(|known| known.digest(&id));
    let picked = match held {
        Some(_) => None,
        None => match pick(&candidates(copies)) {
            Pick::None => None,
            Pick::Copy(index) => Some(index),
            Pick::Contested(claims) => {
                let claims = claims.iter().filter_map(|index| copies.get(*index));
                let accounts: Vec<String> = claims.map(|copy| copy.account.to_string()).collect();
                contested(run, database, &id, &accounts).await;
                return None;
            }
        },
    };
    let picked_copy = picked.and_then(|index| copies.get(index));
    // A copy in its own account is not held up: only an account that claims the same number could beat it, and one account's
    // failure must not stop all others.
    if let (Some(copy), Some(reason)) = (picked_copy, unread)
        && !copy.at_home
    {
        run.reporter.failed(&database.encoded(), reason, &id);
        return None;
    }
    let reference = held.or_else(|| picked_copy.map(|copy| copy.digest))?;
    let mut chosen = None;
    for (index, copy) in copies.iter_mut().enumerate() {
        if Some(index) == picked {
            chosen = Some(AccountCopy {
                document: copy.document.take(),
                id: copy.id.clone(),
                ..*copy
            });
        } else {
            count(run, database, &id, copy.digest, reference);
        }
    }
    chosen
}

/// Several accounts claim a number that its number database lacks: the operator decides (docs/specification.md#contested).
async fn contested(run: &Run, database: &DatabaseName, id: &str, accounts: &[String]) {
    run.reporter
        .failed(&database.encoded(), Reason::Contested, id);
    let line = format!(
        "{database}: {id} is contested: the accounts {} claim it. To decide: copy_number_from_accountdb_to_numbdb ACCOUNT {id}",
        accounts.join(" and ")
    );
    run.reporter.warn(line).await;
}

/// Counts a copy that is not written.
fn count(run: &Run, database: &DatabaseName, id: &str, copy: Digest, number: Digest) {
    match compare_with_number_database(copy, number) {
        Decision::Failed(reason) => run.reporter.failed(&database.encoded(), reason, id),
        _ => run.reporter.decided(database, Outcome::Unchanged, 1),
    }
}

fn candidates(copies: &[AccountCopy]) -> Vec<Candidate> {
    copies
        .iter()
        .map(|copy| Candidate {
            database: copy.account.database(),
            at_home: copy.at_home,
            digest: copy.digest,
        })
        .collect()
}

/// What a number database holds.
#[derive(Default)]
struct Existing {
    numbers: SortedIdMap<Digest>,
    has_design: bool,
}

impl Existing {
    fn add(&mut self, document: &Document) {
        if document.id() == DESIGN_ID {
            self.has_design = true;
        } else {
            self.numbers.push(document.id(), document.digest());
        }
    }

    fn digest(&self, id: &str) -> Option<Digest> {
        self.numbers.find(id).map(|(_, digest)| digest)
    }
}

/// What a number database holds; `None` where it does not exist.
type Holds = Result<Option<Existing>, Error>;

/// What number databases hold.
type Known = BTreeMap<DatabaseName, Holds>;

/// What each number database of a prefix holds. One that cannot be read is a failure when a number turns out to belong there.
async fn known(run: &Arc<Run>) -> Result<Known, Error> {
    let mut databases = run.all_number_databases().await?;
    databases.retain(|database| !database.is_unprefixed());
    let known = run
        .each_number_database(databases, |run, database| async move {
            match holds(whole(&run, &database).await) {
                Err(error) if error.is_fatal() => Err(error),
                holds => Ok((database, holds)),
            }
        })
        .await?;
    Ok(known.into_iter().collect())
}

fn holds(read: Result<Existing, Error>) -> Holds {
    match read {
        Ok(existing) => Ok(Some(Existing {
            numbers: existing.numbers.sorted(),
            ..existing
        })),
        Err(error) if error.kind() == Kind::DatabaseNotFound => Ok(None),
        Err(error) => Err(error),
    }
}

async fn whole(run: &Run, database: &DatabaseName) -> Result<Existing, Error> {
    let mut existing = Existing::default();
    let mut scan = run.scan(database, IdRange::all()).await?;
    while let Some(page) = scan.next().await? {
        page.iter().for_each(|document| existing.add(document));
    }
    Ok(existing)
}

/// What a number database holds of these.
async fn by_ids(run: &Run, database: &DatabaseName, copies: &[AccountCopy]) -> Holds {
    let mut wanted: Vec<&str> = std::iter::once(DESIGN_ID)
        .chain(copies.iter().map(|one| one.id.as_str()))
        .collect();
    wanted.dedup();
    let read = async {
        let mut existing = Existing::default();
        for ids in wanted.chunks(run.settings.max_bulk_read.max(1)) {
            let found = run.present(database, ids).await?;
            found
                .iter()
                .flatten()
                .for_each(|document| existing.add(document));
        }
        Ok(existing)
    };
    holds(read.await)
}

/// Creates a number database, with its design document.
async fn create(run: &Run, database: &DatabaseName) -> Result<(), Error> {
    if run.settings.dry_run || run.cluster.host().create_database(database).await? {
        return Ok(());
    }
    let server = run.cluster.server(Some(database)).await?;
    server.create_database(database).await?;
    put_design(run, database).await
}

/// Puts the design document into a number database that lacks it.
async fn put_design(run: &Run, database: &DatabaseName) -> Result<(), Error> {
    if run.settings.dry_run {
        return Ok(());
    }
    let server = run.cluster.server(Some(database)).await?;
    let design = Object::parse(DESIGN_DOCUMENT).map_err(|_| {
        Error::new(
            Kind::Internal,
            Operation::CREATE_DATABASE,
            "design document",
        )
    })?;
    let body = design.with(&[]);
    let write = [Write {
        id: DESIGN_ID,
        rev: None,
        body: Some(&body),
        losers: Vec::new(),
    }];
    // Sent until it is known to be there; a conflict means that it is. If all tries fail, Kazoo's own refresh writes it later:
    // numbers do not depend on it.
    let mut backoff = Backoff::new(&run.settings.http);
    for _ in 0..run.settings.http.tries.max(1) {
        match server.bulk_docs(database, &write, 1).await.first() {
            Some(Landed::Failed(error)) if error.is_temporary() => {
                tokio::time::sleep(backoff.after(error)).await;
            }
            _ => break,
        }
    }
    Ok(())
}

async fn write(run: &Run, database: &DatabaseName, chosen: Vec<AccountCopy>) -> Result<(), Error> {
    let mut changes = Vec::new();
    let mut undecided = Vec::new();
    let mut from = HashMap::new();
    for copy in chosen {
        from.insert(copy.id.clone(), copy.account);
        let decision = copy
            .document
            .as_ref()
            .map(|kept| copy_to_number_database(kept.document(), None, false));
        match decision {
            Some(Decision::Write(after)) => changes.push(Change::create(after)),
            _ => undecided.push(copy.id),
        }
    }
    let reconciler = NumberCopies { run, from };
    run.apply(database, &reconciler, changes).await?;
    run.reconcile_ids(database, &reconciler, &undecided).await?;
    Ok(())
}

/// Numbers of a number database that were missing when it was read.
struct NumberCopies<'a> {
    run: &'a Run,
    /// The account whose copy each is created from.
    from: HashMap<String, AccountId>,
}

#[async_trait]
impl Reconciler for NumberCopies<'_> {
    /// The account's document; `None` where it no longer exists.
    type Other = Option<Document>;

    fn missing_database(&self) -> MissingDatabase {
        MissingDatabase::IsCreated
    }

    async fn other_side(
        &self,
        targets: &[Target],
        read: Read,
    ) -> Result<Vec<OtherSide<Self::Other>>, Error> {
        let mut by_account: BTreeMap<AccountId, Vec<&str>> = BTreeMap::new();
        for target in targets {
            if let Some(account) = self.from.get(&target.id) {
                by_account.entry(*account).or_default().push(&target.id);
            }
        }
        let mut sources: HashMap<&str, Document> = HashMap::new();
        for (account, ids) in by_account {
            let database = account.database();
            let found = self
                .run
                .documents(&database, &ids, read.attachments)
                .await?;
            for (id, found) in ids.into_iter().zip(found) {
                sources.extend(found.present().map(|document| (id, document)));
            }
        }
        let source_of = |target: &Target| Ok(sources.remove(target.id.as_str()));
        Ok(targets.iter().map(source_of).collect())
    }

    fn decide(&self, target: &Target, source: &Self::Other, read: Read) -> Decision {
        let whole = read.attachments == Attachments::Inline;
        match source {
            Some(source) => copy_to_number_database(source, target.document.as_ref(), whole),
            None => Decision::Skip,
        }
    }
}
