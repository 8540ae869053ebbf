//! The destructive commands: numbers out of one side that the other side lacks.
//!
//! A scan finds what may be missing on the other side. Each of those is then looked for again
//! there, by id, and deleted at the revision that was read: nothing goes on the strength of an
//! old reading, of one that failed, or of a database that is not there.
//!
//! By id, because a listing is what one copy of each shard holds: on a cluster a node that was away
//! lists what it knew before. Asked for by id, CouchDB reads a document of as many copies as make
//! a majority.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Mutex, OnceCell};

use super::accounts::{UNPREFIXED, warn_misfiled};
use super::budget::Held;
use super::context::Run;
use super::databases;
use super::numbers::NO_NUMBER_DB;
use super::read::{may_be_a_number, parsed};
use super::settle::{Decide, Decision, settle};
use crate::command::{Accounts, NumberDatabases};
use crate::kazoo::{AccountId, DatabaseName, NumberFacts, number_database_of};
use crate::packed::Packed;
use crate::plan::{Change, Leaf, Source, source_in_number_database};
use crate::report::Outcome;
use couchdb::{Error, Kind};
use couchdb::{Found, Include, Range, Revision};

/// The ids that databases of the other side hold, each read once a run.
#[derive(Default)]
struct Listings(Mutex<HashMap<DatabaseName, Ids>>);

type Ids = Arc<OnceCell<Result<Arc<Packed<()>>, Error>>>;

impl Listings {
    async fn of(&self, run: &Run, database: &DatabaseName) -> Result<Arc<Packed<()>>, Error> {
        let ids = self
            .0
            .lock()
            .await
            .entry(database.clone())
            .or_default()
            .clone();
        // In a box: hundreds of tasks wait for each listing, and one reads it.
        ids.get_or_init(|| Box::pin(listed(run, database)))
            .await
            .clone()
    }
}

/// The ids of a database that a number could have.
async fn listed(run: &Run, database: &DatabaseName) -> Result<Arc<Packed<()>>, Error> {
    let mut ids = Packed::default();
    let mut scan = run.pages(database, Range::all(), Include::Ids).await?;
    while let Some(page) = scan.next().await? {
        let all = page.rows().map(|(row, _)| row.id.as_str());
        for id in all.filter(|id| may_be_a_number(id)) {
            ids.push(id, ());
        }
    }
    Ok(Arc::new(ids.sorted()))
}

/// A number that may have to go.
struct Candidate {
    id: String,
    rev: Revision,
    /// Its document, while there is room for it.
    text: Option<Held>,
}

/// Numbers of one database, by the database of the other side that should hold them.
type ByOther = BTreeMap<DatabaseName, Vec<Candidate>>;

/// `destructively_remove_from_account_db_if_not_in_numdb` and its narrower kin.
pub(super) async fn in_accounts(run: &Arc<Run>, accounts: Accounts) -> Result<(), Error> {
    let listings = (accounts == Accounts::All).then(Arc::default);
    let accounts = databases::accounts(run, accounts).await?;
    let found = run
        .each(accounts, |run, account| {
            let listings = listings.clone();
            async move {
                let read = numbers_of(&run, account).await;
                missing(&run, account.database(), read, listings).await
            }
        })
        .await?;
    remove(run, Side::Account, found).await
}

async fn numbers_of(run: &Run, account: AccountId) -> Result<ByOther, Error> {
    let database = account.database();
    let mut numbers = ByOther::new();
    run.numbers_of_account(account, |row, text, _, facts| {
        if !facts.is_live_number() {
            return;
        }
        match number_database_of(&row.id) {
            Some(other) => numbers.entry(other).or_default().push(Candidate {
                id: row.id.clone(),
                rev: row.rev.clone(),
                text: run.budget.hold(text),
            }),
            None => run.tally.failed(&database.encoded(), NO_NUMBER_DB, &row.id),
        }
    })
    .await?;
    Ok(numbers)
}

/// `destructively_remove_from_number_dbs_if_not_in_accountdb` and its narrower kin.
pub(super) async fn in_number_databases(
    run: &Arc<Run>,
    databases: NumberDatabases,
) -> Result<(), Error> {
    let listings = (databases == NumberDatabases::All).then(Arc::default);
    let databases = databases::number_databases(run, databases).await?;
    let found = run
        .each_number_database(databases, |run, database| {
            let listings = listings.clone();
            async move {
                let read = assigned_in(&run, &database).await;
                missing(&run, database, read, listings).await
            }
        })
        .await?;
    remove(run, Side::Numbers, found).await
}

async fn assigned_in(run: &Run, database: &DatabaseName) -> Result<ByOther, Error> {
    let mut numbers = ByOther::new();
    let mut scan = run
        .pages(database, Range::all(), Include::Documents)
        .await?;
    while let Some(page) = scan.next().await? {
        let mut misfiled = Vec::new();
        for (row, text) in page.rows() {
            let document = parsed(database, text)?;
            match source_in_number_database(database, &row.id, &NumberFacts::of(&document)) {
                Source::Assigned(account) => {
                    numbers
                        .entry(account.database())
                        .or_default()
                        .push(Candidate {
                            id: row.id.clone(),
                            rev: row.rev.clone(),
                            text: run.budget.hold(text),
                        })
                }
                Source::Misfiled => misfiled.push(row.id.as_str()),
                _ => {}
            }
        }
        warn_misfiled(run, database, &misfiled).await;
    }
    Ok(numbers)
}

/// What a scan of one database found missing on the other side.
type Missing = (DatabaseName, ByOther);

/// Sorts out what the other side holds. With listings that side is read whole, once a run;
/// without, it is asked for by id when all is scanned.
async fn missing(
    run: &Run,
    database: DatabaseName,
    read: Result<ByOther, Error>,
    listings: Option<Arc<Listings>>,
) -> Result<Missing, Error> {
    let mut numbers = match read {
        Ok(numbers) => numbers,
        Err(error) => {
            run.database_failed(&database, error)?;
            ByOther::new()
        }
    };
    if let Some(listings) = listings {
        let listed = futures::future::join_all(
            numbers
                .keys()
                .map(async |other| (other.clone(), listings.of(run, other).await)),
        )
        .await;
        for (other, listed) in listed {
            let Some(candidates) = numbers.get_mut(&other) else {
                continue;
            };
            match listed {
                Ok(listed) => {
                    let all = candidates.len();
                    candidates.retain(|one| listed.find(&one.id).is_none());
                    let present = (all - candidates.len()) as u64;
                    run.tally.decided(&database, Outcome::Unchanged, present);
                }
                Err(error) => {
                    let ids = candidates.iter().map(|one| one.id.as_str());
                    run.numbers_failed(&other, &error, &error.reason(), ids)?;
                    candidates.clear();
                }
            }
        }
        numbers.retain(|_, candidates| !candidates.is_empty());
    }
    if numbers.is_empty() {
        run.finished(&database).await;
    }
    Ok((database, numbers))
}

/// Which side numbers are deleted from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// An account's.
    Account,
    /// A number database's.
    Numbers,
}

/// Looks for what is missing once more, and deletes what still is.
async fn remove(run: &Arc<Run>, side: Side, found: Vec<Missing>) -> Result<(), Error> {
    let owners: Vec<DatabaseName> = found
        .iter()
        .filter(|(_, numbers)| !numbers.is_empty())
        .map(|(database, _)| database.clone())
        .collect();
    let mut by_other: BTreeMap<DatabaseName, Vec<(DatabaseName, Candidate)>> = BTreeMap::new();
    for (database, numbers) in found {
        for (other, candidates) in numbers {
            let of = candidates.into_iter().map(|one| (database.clone(), one));
            by_other.entry(other).or_default().extend(of);
        }
    }
    let lacking = run
        .each(
            by_other.into_iter().collect(),
            |run, (other, candidates)| async move {
                lacking(&run, &other, candidates, Absent::IsAFailure).await
            },
        )
        .await?;
    let mut lacking: Vec<_> = lacking.into_iter().flatten().collect();
    if side == Side::Account {
        // A number may lie in a number database that is named after no prefix.
        for special in UNPREFIXED.iter().filter_map(|name| DatabaseName::new(name)) {
            lacking = self::lacking(run, &special, lacking, Absent::HoldsNothing).await?;
        }
    }
    let mut by_owner: BTreeMap<DatabaseName, Vec<Candidate>> = owners
        .into_iter()
        .map(|owner| (owner, Vec::new()))
        .collect();
    for (owner, candidate) in lacking {
        by_owner.entry(owner).or_default().push(candidate);
    }
    run.each(
        by_owner.into_iter().collect(),
        |run, (database, candidates)| async move {
            delete(&run, &database, side, candidates).await?;
            run.finished(&database).await;
            Ok(())
        },
    )
    .await?;
    Ok(())
}

/// What it means that a database is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absent {
    IsAFailure,
    HoldsNothing,
}

/// Those of the candidates that a database of the other side lacks, asked for by id.
async fn lacking(
    run: &Run,
    other: &DatabaseName,
    candidates: Vec<(DatabaseName, Candidate)>,
    absent: Absent,
) -> Result<Vec<(DatabaseName, Candidate)>, Error> {
    let mut ids: Vec<&str> = candidates.iter().map(|(_, one)| one.id.as_str()).collect();
    // Several accounts can hold a number.
    ids.sort_unstable();
    ids.dedup();
    let found = match run.keys(other, &ids, Include::Ids).await {
        Ok(found) => found,
        Err(error) if absent == Absent::HoldsNothing && error.kind() == Kind::DatabaseNotFound => {
            return Ok(candidates);
        }
        Err(error) => {
            let ids = ids.into_iter();
            run.numbers_failed(other, &error, &error.reason(), ids)?;
            return Ok(Vec::new());
        }
    };
    let present: HashSet<String> = ids
        .into_iter()
        .zip(&found)
        .filter(|(_, found)| found.is_present())
        .map(|(id, _)| id.to_owned())
        .collect();
    let (held, lacking): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|(_, one)| present.contains(&one.id));
    for (owner, _) in held {
        run.tally.decided(&owner, Outcome::Unchanged, 1);
    }
    Ok(lacking)
}

/// Deletes numbers of one database at the revisions that were read.
async fn delete(
    run: &Run,
    database: &DatabaseName,
    side: Side,
    candidates: Vec<Candidate>,
) -> Result<(), Error> {
    let mut planned = Vec::new();
    let mut let_go = Vec::new();
    for one in candidates {
        match one.text {
            Some(text) => planned.push((one.id, Change::delete(&one.rev, text.text()))),
            None => let_go.push((one.id, one.rev)),
        }
    }
    let decider = Lacking {
        run,
        database,
        side,
    };
    settle(run, database, planned, &[], &decider).await?;
    // No more at a time than is written at a time: there was no room for them before.
    for some in let_go.chunks(run.settings.max_bulk_insert.max(1)) {
        let (planned, undecided) = read_again(run, database, some).await?;
        settle(run, database, planned, &undecided, &decider).await?;
    }
    Ok(())
}

/// Reads documents again whose text was let go. Those that are as they were are planned to be
/// deleted: the other side was asked since they were first read. The others are undecided.
async fn read_again(
    run: &Run,
    database: &DatabaseName,
    let_go: &[(String, Revision)],
) -> Result<(Vec<(String, Change)>, Vec<String>), Error> {
    let ids: Vec<&str> = let_go.iter().map(|(id, _)| id.as_str()).collect();
    let (mut planned, mut undecided) = (Vec::new(), Vec::new());
    match run.keys(database, &ids, Include::Documents).await {
        Ok(found) => {
            for ((id, read), found) in let_go.iter().zip(&found) {
                match found.document() {
                    Some((rev, text)) if rev == read => {
                        planned.push((id.clone(), Change::delete(rev, text)));
                    }
                    _ => undecided.push(id.clone()),
                }
            }
        }
        Err(error) => run.numbers_failed(database, &error, &error.reason(), ids)?,
    }
    Ok((planned, undecided))
}

/// Decides about numbers that have changed since they were scanned, or were not held.
struct Lacking<'a> {
    run: &'a Run,
    database: &'a DatabaseName,
    side: Side,
}

#[async_trait]
impl Decide for Lacking<'_> {
    async fn decide(&self, ids: &[&str]) -> Result<Vec<Decision>, Error> {
        let found = self
            .run
            .keys(self.database, ids, Include::Documents)
            .await?;
        let mut decisions: HashMap<&str, Decision> = HashMap::new();
        let mut asked: BTreeMap<DatabaseName, Vec<(&str, Change)>> = BTreeMap::new();
        for (id, found) in ids.iter().zip(&found) {
            let Some((rev, text)) = found.document() else {
                continue;
            };
            if let Some(other) = self.counterpart(id, text)? {
                let deletion = Change::delete(rev, text);
                asked.entry(other).or_default().push((id, deletion));
            }
        }
        for (other, asked) in asked {
            let keys: Vec<&str> = asked.iter().map(|(id, _)| *id).collect();
            match self.present(&other, &keys).await {
                Ok(present) => {
                    for ((id, deletion), present) in asked.into_iter().zip(present) {
                        let decision = if present {
                            Decision::Unchanged
                        } else {
                            Decision::Change(deletion)
                        };
                        decisions.insert(id, decision);
                    }
                }
                Err(error) if Run::is_fatal(&error) => return Err(error),
                Err(error) => {
                    for id in keys {
                        let failed = Decision::Failed(other.encoded(), error.reason());
                        decisions.insert(id, failed);
                    }
                }
            }
        }
        Ok(ids
            .iter()
            .map(|id| decisions.remove(id).unwrap_or(Decision::Skip))
            .collect())
    }

    fn may_delete(&self, id: &str, before: &str, leaf: &Leaf) -> Result<bool, Error> {
        let other = self.counterpart(id, &leaf.text)?;
        Ok(other.is_some() && other == self.counterpart(id, before)?)
    }
}

impl Lacking<'_> {
    /// Which of these the other side holds. A number of an account may lie in one of the number
    /// databases that are named after no prefix: "any number database", as the manual says.
    async fn present(&self, other: &DatabaseName, ids: &[&str]) -> Result<Vec<bool>, Error> {
        let found = self.run.keys(other, ids, Include::Ids).await?;
        let mut present: Vec<bool> = found.iter().map(Found::is_present).collect();
        if matches!(self.side, Side::Numbers) {
            return Ok(present);
        }
        for special in UNPREFIXED.iter().filter_map(|name| DatabaseName::new(name)) {
            match self.run.keys(&special, ids, Include::Ids).await {
                Ok(found) => {
                    for (present, found) in present.iter_mut().zip(&found) {
                        *present |= found.is_present();
                    }
                }
                Err(error) if error.kind() == Kind::DatabaseNotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(present)
    }

    /// Where a number must be for it to stay, if it is one that is asked about at all.
    fn counterpart(&self, id: &str, text: &str) -> Result<Option<DatabaseName>, Error> {
        let document = parsed(self.database, text)?;
        let facts = NumberFacts::of(&document);
        Ok(match self.side {
            Side::Account if facts.is_live_number() => number_database_of(id),
            Side::Account => None,
            Side::Numbers => match source_in_number_database(self.database, id, &facts) {
                Source::Assigned(account) => Some(account.database()),
                _ => None,
            },
        })
    }
}
