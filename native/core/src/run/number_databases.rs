//! Copies from account databases to the number databases that lack a number.
//!
//! The accounts are read, and of each number that may be missing a digest is kept, on the shelf of
//! its number database, and the document while there is room. All copies of a number are known
//! when what its number database lacks is created, so which one wins does not depend on who was
//! read first. A copy that one in an account that could not be read might beat is not made the
//! authority: the next run, which may read it, could not take that back.
//!
//! Of a whole cluster the number databases are read before: then only what they lack needs a
//! shelf, and there is room for it. For some accounts they are asked afterwards, by id.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::accounts::is_named_by_numbers;
use super::budget::Held;
use super::context::Run;
use super::databases;
use super::numbers::{self, CONTESTED, NO_NUMBER_DB, NOT_FOUND};
use super::read::parsed;
use super::settle::{Decide, Decision, settle};
use crate::command::Accounts;
use crate::kazoo::{AccountId, DatabaseName, NumberFacts, number_database_of};
use crate::packed::Packed;
use crate::plan::{Candidate, Change, Copy, Pick, pick, to_number_database};
use crate::report::Outcome;
use couchdb::{Digest, Found, Include, Landed, Object, Range, Write};
use couchdb::{Error, Kind, Operation};

/// The design document that a number database gets when it is created.
const DESIGN_DOCUMENT: &str = include_str!("../../../../priv/couchdb/numbers.json");

/// Its id.
const DESIGN_ID: &str = "_design/numbers";

/// One account's copy of a number.
struct Shelved {
    id: String,
    account: AccountId,
    at_home: bool,
    digest: Digest,
    has_attachments: bool,
    text: Option<Held>,
}

/// Copies by the number database that they belong to.
#[derive(Default)]
struct Shelves {
    /// What number databases hold, of those that were read before.
    known: Known,
    copies: Mutex<BTreeMap<DatabaseName, Vec<Shelved>>>,
}

impl Shelves {
    fn of(known: Known) -> Self {
        let copies = known.keys().map(|name| (name.clone(), Vec::new()));
        Self {
            copies: Mutex::new(copies.collect()),
            known,
        }
    }

    fn put(&self, run: &Run, account: AccountId, id: &str, text: &str, document: &Object<'_>) {
        let facts = NumberFacts::of(document);
        let Some(database) = number_database_of(id) else {
            run.tally
                .failed(&account.database().encoded(), NO_NUMBER_DB, id);
            return;
        };
        let digest = document.digest();
        if let Some(Ok(Some(existing))) = self.known.get(&database)
            && let Some(held) = existing.digest(id)
        {
            judge(run, &database, id, digest, Some(held));
            return;
        }
        let shelved = Shelved {
            id: id.to_owned(),
            account,
            at_home: facts.assigned_to == Some(account),
            digest,
            has_attachments: facts.has_attachments,
            text: run.budget.hold(text),
        };
        self.copies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(database)
            .or_default()
            .push(shelved);
    }

    fn take(&self) -> BTreeMap<DatabaseName, Vec<Shelved>> {
        std::mem::take(&mut *self.copies.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// `copy_accounts_to_number_dbs` and its narrower kin.
pub(super) async fn copy(run: &Arc<Run>, accounts: Accounts) -> Result<(), Error> {
    let whole = accounts == Accounts::All;
    let accounts = databases::accounts(run, accounts).await?;
    let known = if whole {
        known(run).await?
    } else {
        Known::default()
    };
    let shelves = Arc::new(Shelves::of(known));
    let unread = run
        .each(accounts, |run, account| {
            let shelves = shelves.clone();
            async move {
                let mut unread = None;
                let read = run
                    .numbers_of_account(account, |row, text, document, facts| {
                        if facts.is_live_number() {
                            shelves.put(&run, account, &row.id, text, document);
                        }
                    })
                    .await;
                if let Err(error) = read {
                    // One that does not exist holds nothing.
                    unread = (error.kind() != Kind::DatabaseNotFound).then(|| error.reason());
                    run.database_failed(&account.database(), error)?;
                }
                run.finished(&account.database()).await;
                Ok(unread)
            }
        })
        .await?;
    let unread = unread.into_iter().flatten().collect();
    fill(run, shelves, unread).await
}

/// `copy_numbers_from_accountdb_to_numbdbs`
pub(super) async fn copy_numbers(
    run: &Arc<Run>,
    account: AccountId,
    given: Vec<String>,
) -> Result<(), Error> {
    let numbers = numbers::of_account(run, account, given).await?;
    let database = account.database();
    let shelves = Arc::new(Shelves::default());
    let ids: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let found = run.keys(&database, &ids, Include::Documents).await?;
    for (id, found) in numbers.iter().zip(&found) {
        let live = match found.document() {
            Some((_, text)) => {
                let document = parsed(&database, text)?;
                let live = NumberFacts::of(&document).is_live_number();
                if live {
                    shelves.put(run, account, id, text, &document);
                }
                live
            }
            None => false,
        };
        if !live {
            run.tally.failed(&database.encoded(), NOT_FOUND, id);
        }
    }
    run.finished(&database).await;
    fill(run, shelves, Vec::new()).await
}

async fn fill(run: &Arc<Run>, shelves: Arc<Shelves>, unread: Vec<String>) -> Result<(), Error> {
    let copies: Vec<_> = shelves.take().into_iter().collect();
    let unread: Arc<[String]> = unread.into();
    run.each(copies, |run, (database, shelf)| {
        let (shelves, unread) = (shelves.clone(), unread.clone());
        async move {
            fill_one(&run, &database, &shelves.known, shelf, &unread).await?;
            run.finished(&database).await;
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
    mut shelf: Vec<Shelved>,
    unread: &[String],
) -> Result<(), Error> {
    shelf.sort_by(|one, other| one.id.cmp(&other.id));
    let asked;
    let holds = match known.get(database) {
        Some(known) => known,
        None => {
            asked = by_ids(run, database, &shelf).await;
            &asked
        }
    };
    let existing = match holds {
        Ok(existing) => existing.as_ref(),
        Err(error) => {
            let ids = shelf.iter().map(|one| one.id.as_str());
            return run.numbers_failed(database, error, &error.reason(), ids);
        }
    };
    let mut winners = Vec::new();
    for copies in shelf.chunk_by_mut(|one, other| one.id == other.id) {
        let Some(id) = copies.first().map(|copy| copy.id.clone()) else {
            continue;
        };
        let held = existing.and_then(|known| known.digest(&id));
        let pick = match held {
            Some(_) => Pick::None,
            None => pick(&candidates(copies)),
        };
        let won = match pick {
            Pick::None => None,
            Pick::Copy(index) => Some(index),
            Pick::Contested(claims) => {
                let accounts: Vec<String> = claims
                    .iter()
                    .filter_map(|index| copies.get(*index))
                    .map(|copy| copy.account.to_string())
                    .collect();
                contested(run, database, &id, &accounts).await;
                continue;
            }
        };
        let doubt = won
            .and_then(|won| copies.get(won))
            .and_then(|copy| may_be_beaten(copy, unread));
        if let Some(reason) = doubt {
            run.tally.failed(&database.encoded(), reason, &id);
            continue;
        }
        let reference = held.or_else(|| won.and_then(|won| copies.get(won)).map(|one| one.digest));
        for (index, copy) in copies.iter_mut().enumerate() {
            if Some(index) == won {
                winners.push(Shelved {
                    text: copy.text.take(),
                    id: copy.id.clone(),
                    ..*copy
                });
                continue;
            }
            judge(run, database, &id, copy.digest, reference);
        }
    }
    drop(shelf);
    if winners.is_empty() {
        return Ok(());
    }
    let made = match existing {
        None => create(run, database).await,
        // Who created it was killed before there was more.
        Some(known) if !known.has_design => put_design(run, database).await,
        Some(_) => Ok(()),
    };
    if let Err(error) = made {
        let ids = winners.iter().map(|one| one.id.as_str());
        return run.numbers_failed(database, &error, &error.reason(), ids);
    }
    write(run, database, winners).await
}

/// Several accounts claim a number that its number database lacks: the operator decides (contract section 9.8).
async fn contested(run: &Run, database: &DatabaseName, id: &str, accounts: &[String]) {
    run.tally.failed(&database.encoded(), CONTESTED, id);
    run.warn(format!(
        "{database}: {id} is contested: the accounts {} claim it. To decide: copy_number_from_accountdb_to_numbdb ACCOUNT {id}",
        accounts.join(" and ")
    ))
    .await;
}

/// Counts a copy that is not written: it is what is there, or in conflict with it.
fn judge(run: &Run, database: &DatabaseName, id: &str, copy: Digest, there: Option<Digest>) {
    match to_number_database(copy, there) {
        Copy::Unchanged => run.tally.decided(database, Outcome::Unchanged, 1),
        _ => run.tally.failed(&database.encoded(), &conflict(), id),
    }
}

/// Why an account could not be read that may hold a copy which goes before this one: copies at
/// home go before others. One that is at home does not wait: only an account that claims the
/// same number could beat it, and one account's failure must not stop all others.
fn may_be_beaten<'a>(copy: &Shelved, unread: &'a [String]) -> Option<&'a String> {
    unread.first().filter(|_| !copy.at_home)
}

fn candidates(copies: &[Shelved]) -> Vec<Candidate> {
    copies
        .iter()
        .map(|copy| Candidate {
            database: copy.account.database(),
            at_home: copy.at_home,
            digest: copy.digest,
        })
        .collect()
}

fn conflict() -> String {
    Error::new(Kind::Conflict, Operation::SAVE_DOCS, "").reason()
}

/// What a number database holds.
#[derive(Default)]
struct Existing {
    numbers: Packed<Digest>,
    has_design: bool,
}

impl Existing {
    fn saw(&mut self, database: &DatabaseName, id: &str, text: &str) -> Result<(), Error> {
        if id == DESIGN_ID {
            self.has_design = true;
        } else {
            self.numbers.push(id, parsed(database, text)?.digest());
        }
        Ok(())
    }

    /// All is seen.
    fn sorted(self) -> Self {
        Self {
            numbers: self.numbers.sorted(),
            ..self
        }
    }

    fn digest(&self, id: &str) -> Option<Digest> {
        self.numbers.find(id).map(|(_, digest)| digest)
    }
}

/// What a number database holds; None where there is none of that name.
type Holds = Result<Option<Existing>, Error>;

/// What number databases hold.
type Known = BTreeMap<DatabaseName, Holds>;

/// What each number database holds that is named by numbers. One that cannot be read is a failure
/// when it turns out that a number belongs there.
async fn known(run: &Arc<Run>) -> Result<Known, Error> {
    let mut databases = databases::all_number_databases(run).await?;
    databases.retain(is_named_by_numbers);
    let known = run
        .each_number_database(databases, |run, database| async move {
            let holds = present(by_range(&run, &database).await);
            match holds {
                Err(error) if Run::is_fatal(&error) => Err(error),
                holds => Ok((database, holds)),
            }
        })
        .await?;
    Ok(known.into_iter().collect())
}

fn present(read: Result<Existing, Error>) -> Holds {
    match read {
        Ok(existing) => Ok(Some(existing.sorted())),
        Err(error) if error.kind() == Kind::DatabaseNotFound => Ok(None),
        Err(error) => Err(error),
    }
}

async fn by_range(run: &Run, database: &DatabaseName) -> Result<Existing, Error> {
    let mut existing = Existing::default();
    let mut scan = run
        .pages(database, Range::all(), Include::Documents)
        .await?;
    while let Some(page) = scan.next().await? {
        for (row, text) in page.rows() {
            existing.saw(database, &row.id, text)?;
        }
    }
    Ok(existing)
}

/// What a number database holds of these.
async fn by_ids(run: &Run, database: &DatabaseName, shelf: &[Shelved]) -> Holds {
    let mut wanted: Vec<&str> = std::iter::once(DESIGN_ID)
        .chain(shelf.iter().map(|one| one.id.as_str()))
        .collect();
    wanted.dedup();
    let read = async {
        let mut existing = Existing::default();
        for ids in wanted.chunks(run.settings.max_bulk_read.max(1)) {
            let found = run.keys(database, ids, Include::Documents).await?;
            for (id, found) in ids.iter().zip(&found) {
                if let Some((_, text)) = found.document() {
                    existing.saw(database, id, text)?;
                }
            }
        }
        Ok(existing)
    };
    present(read.await)
}

/// Creates a number database, with its design document.
async fn create(run: &Run, database: &DatabaseName) -> Result<(), Error> {
    if run.settings.dry_run || run.host.create_database(database).await? {
        return Ok(());
    }
    let server = run.server(Some(database)).await?;
    server.create_database(database).await?;
    put_design(run, database).await
}

/// Puts the design document into a number database that lacks it.
async fn put_design(run: &Run, database: &DatabaseName) -> Result<(), Error> {
    if run.settings.dry_run {
        return Ok(());
    }
    let server = run.server(Some(database)).await?;
    let design = Object::parse(DESIGN_DOCUMENT).map_err(|_| {
        Error::new(
            Kind::Internal,
            Operation::CREATE_DATABASE,
            "design document",
        )
    })?;
    let write = [Write {
        id: DESIGN_ID.to_owned(),
        rev: None,
        body: Some(design.with(&[]).into()),
        losers: Vec::new(),
    }];
    // Sent again until it is known to be there: what it conflicts with is itself. Beyond that,
    // views come and go with Kazoo's own refresh; numbers do not.
    for _ in 0..run.settings.http.tries.max(1) {
        match server.bulk_docs(database, &write, 1).await.first() {
            Some(Landed::Failed(error)) if error.is_temporary() => {
                tokio::time::sleep(run.settings.http.first_pause).await;
            }
            _ => break,
        }
    }
    Ok(())
}

async fn write(run: &Run, database: &DatabaseName, winners: Vec<Shelved>) -> Result<(), Error> {
    let mut planned = Vec::new();
    let mut undecided = Vec::new();
    let mut from = HashMap::new();
    for winner in winners {
        from.insert(winner.id.clone(), winner.account);
        match winner.text {
            Some(text) if !winner.has_attachments => {
                let body = parsed(database, text.text())?.with(&[]).into();
                planned.push((winner.id, Change::create(body)));
            }
            _ => undecided.push(winner.id),
        }
    }
    let decider = ToNumberDatabase {
        run,
        database,
        from,
    };
    settle(run, database, planned, &undecided, &decider).await?;
    Ok(())
}

/// Decides about numbers that were missing when the number database was read.
struct ToNumberDatabase<'a> {
    run: &'a Run,
    database: &'a DatabaseName,
    from: HashMap<String, AccountId>,
}

#[async_trait]
impl Decide for ToNumberDatabase<'_> {
    async fn decide(&self, ids: &[&str]) -> Result<Vec<Decision>, Error> {
        let mut by_account: BTreeMap<AccountId, Vec<&str>> = BTreeMap::new();
        for id in ids {
            if let Some(account) = self.from.get(*id) {
                by_account.entry(*account).or_default().push(id);
            }
        }
        let targets = match self.run.keys(self.database, ids, Include::Documents).await {
            Ok(targets) => targets,
            // It is being created in a rehearsal, which creates nothing.
            Err(error) if error.kind() == Kind::DatabaseNotFound && self.run.settings.dry_run => {
                vec![Found::Missing; ids.len()]
            }
            Err(error) => return Err(error),
        };
        let mut decisions: HashMap<&str, Decision> = HashMap::new();
        let targets: HashMap<&str, Found> = ids.iter().copied().zip(targets).collect();
        for (account, ids) in by_account {
            let database = account.database();
            let sources = self.run.keys(&database, &ids, Include::Documents).await?;
            for (id, source) in ids.into_iter().zip(sources) {
                let target = targets.get(id).unwrap_or(&Found::Missing);
                decisions.insert(id, self.one(&database, id, &source, target).await?);
            }
        }
        Ok(ids
            .iter()
            .map(|id| decisions.remove(id).unwrap_or(Decision::Skip))
            .collect())
    }
}

impl ToNumberDatabase<'_> {
    async fn one(
        &self,
        from: &DatabaseName,
        id: &str,
        source: &Found,
        target: &Found,
    ) -> Result<Decision, Error> {
        let Some((_, text)) = source.document() else {
            return Ok(Decision::Skip);
        };
        let document = parsed(from, text)?;
        let facts = NumberFacts::of(&document);
        if !facts.is_live_number() {
            return Ok(Decision::Skip);
        }
        let held = match target.document() {
            Some((_, text)) => Some(parsed(self.database, text)?.digest()),
            None => None,
        };
        match to_number_database(document.digest(), held) {
            Copy::Unchanged => Ok(Decision::Unchanged),
            Copy::Conflict | Copy::Overwrite => {
                Ok(Decision::Failed(self.database.encoded(), conflict()))
            }
            Copy::Create if facts.has_attachments => {
                let whole = self.run.keys(from, &[id], Include::Attachments).await?;
                match whole.first().and_then(Found::document) {
                    Some((_, text)) => Ok(create_from(&parsed(from, text)?)),
                    None => Ok(Decision::Skip),
                }
            }
            Copy::Create => Ok(create_from(&document)),
        }
    }
}

fn create_from(document: &Object<'_>) -> Decision {
    Decision::Change(Change::create(document.with(&[]).into()))
}
