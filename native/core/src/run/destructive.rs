//! The destructive commands: numbers out of one side that the other side lacks.
//!
//! A scan finds what may be missing on the other side. Each of those is then looked for again on
//! both sides, by id, right before it is deleted: nothing goes on the strength of an old
//! reading, of one that failed, or of a database that is not there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Mutex, OnceCell};

use super::accounts::{UNPREFIXED, warn_misfiled};
use super::context::Run;
use super::databases;
use super::numbers::NO_NUMBER_DB;
use super::read::parsed;
use super::settle::{Decide, Decision, settle};
use crate::command::{Accounts, NumberDatabases};
use crate::couch::{Found, Include, Range};
use crate::error::{Error, Kind};
use crate::kazoo::{AccountId, DatabaseName, NumberFacts};
use crate::plan::{Change, Source, source_in_number_database};
use crate::report::Outcome;

/// The ids that databases of the other side hold, each read once a run.
#[derive(Default)]
struct Held(Mutex<HashMap<DatabaseName, Ids>>);

type Ids = Arc<OnceCell<Result<Arc<HashSet<Box<str>>>, Error>>>;

impl Held {
    async fn by(
        &self,
        run: &Run,
        database: &DatabaseName,
    ) -> Result<Arc<HashSet<Box<str>>>, Error> {
        let ids = self
            .0
            .lock()
            .await
            .entry(database.clone())
            .or_default()
            .clone();
        ids.get_or_init(|| async {
            let mut all = HashSet::new();
            let mut scan = run.pages(database, Range::all(), Include::Ids).await?;
            while let Some(page) = scan.next().await? {
                all.extend(page.rows().map(|(row, _)| Box::from(row.id.as_str())));
            }
            Ok(Arc::new(all))
        })
        .await
        .clone()
    }
}

/// Whether the other side is read whole, or asked for the numbers in question only.
#[derive(Clone)]
struct Elsewhere {
    held: Option<Arc<Held>>,
}

impl Elsewhere {
    fn new(whole: bool) -> Self {
        Self {
            held: whole.then(Arc::default),
        }
    }

    /// Which of these ids a database of the other side lacks, as far as a scan can tell.
    async fn lacking(
        &self,
        run: &Run,
        database: &DatabaseName,
        ids: &[String],
    ) -> Result<Vec<String>, Error> {
        if let Some(held) = &self.held {
            let all = held.by(run, database).await?;
            return Ok(ids
                .iter()
                .filter(|id| !all.contains(id.as_str()))
                .cloned()
                .collect());
        }
        let mut lacking = Vec::new();
        for ids in ids.chunks(run.settings.max_bulk_read.max(1)) {
            let keys: Vec<&str> = ids.iter().map(String::as_str).collect();
            let found = run.keys(database, &keys, Include::Ids).await?;
            let missing = ids
                .iter()
                .zip(&found)
                .filter(|(_, found)| !found.is_present());
            lacking.extend(missing.map(|(id, _)| id.clone()));
        }
        Ok(lacking)
    }
}

/// `destructively_remove_from_account_db_if_not_in_numdb` and its narrower kin.
pub(super) async fn in_accounts(run: &Arc<Run>, accounts: Accounts) -> Result<(), Error> {
    let elsewhere = Elsewhere::new(accounts == Accounts::All);
    let accounts = databases::accounts(run, accounts).await?;
    run.each(accounts, |run, account| {
        let elsewhere = elsewhere.clone();
        async move {
            let database = account.database();
            if let Err(error) = in_account(&run, account, &elsewhere).await {
                run.database_failed(&database, error)?;
            }
            run.finished(&database).await;
            Ok(())
        }
    })
    .await?;
    Ok(())
}

async fn in_account(run: &Run, account: AccountId, elsewhere: &Elsewhere) -> Result<(), Error> {
    let database = account.database();
    let mut by_number_database: BTreeMap<DatabaseName, Vec<String>> = BTreeMap::new();
    run.numbers_of_account(account, |row, _, _, facts| {
        if !facts.is_live_number() {
            return;
        }
        match DatabaseName::number_database_of(&row.id) {
            Some(other) => by_number_database
                .entry(other)
                .or_default()
                .push(row.id.clone()),
            None => run.tally.failed(&database.encoded(), NO_NUMBER_DB, &row.id),
        }
    })
    .await?;
    let side = Side::Account;
    remove_lacking(run, &database, side, by_number_database, elsewhere).await
}

/// `destructively_remove_from_number_dbs_if_not_in_accountdb` and its narrower kin.
pub(super) async fn in_number_databases(
    run: &Arc<Run>,
    databases: NumberDatabases,
) -> Result<(), Error> {
    let elsewhere = Elsewhere::new(databases == NumberDatabases::All);
    let databases = databases::number_databases(run, databases).await?;
    run.each(databases, |run, database| {
        let elsewhere = elsewhere.clone();
        async move {
            if let Err(error) = in_number_database(&run, &database, &elsewhere).await {
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
    elsewhere: &Elsewhere,
) -> Result<(), Error> {
    let mut by_account: BTreeMap<DatabaseName, Vec<String>> = BTreeMap::new();
    let mut scan = run
        .pages(database, Range::all(), Include::Documents)
        .await?;
    while let Some(page) = scan.next().await? {
        let mut misfiled = Vec::new();
        for (row, text) in page.rows() {
            let document = parsed(database, text)?;
            match source_in_number_database(database, &row.id, &NumberFacts::of(&document)) {
                Source::Assigned(account) => by_account
                    .entry(account.database())
                    .or_default()
                    .push(row.id.clone()),
                Source::Misfiled => misfiled.push(row.id.as_str()),
                _ => {}
            }
        }
        warn_misfiled(run, database, &misfiled).await;
    }
    remove_lacking(run, database, Side::Numbers, by_account, elsewhere).await
}

/// Which side numbers are deleted from.
#[derive(Clone, Copy)]
enum Side {
    /// An account's.
    Account,
    /// A number database's.
    Numbers,
}

/// Deletes those numbers of a database that the databases they belong to lack as well.
async fn remove_lacking(
    run: &Run,
    database: &DatabaseName,
    side: Side,
    by_other: BTreeMap<DatabaseName, Vec<String>>,
    elsewhere: &Elsewhere,
) -> Result<(), Error> {
    let lookups =
        futures::future::join_all(by_other.iter().map(|(other, ids)| async move {
            (other, ids, elsewhere.lacking(run, other, ids).await)
        }))
        .await;
    let mut candidates = Vec::new();
    for (other, ids, lacking) in lookups {
        match lacking {
            Ok(lacking) => {
                let present = (ids.len() - lacking.len()) as u64;
                run.tally.decided(database, Outcome::Unchanged, present);
                candidates.extend(lacking);
            }
            Err(error) => {
                let ids = ids.iter().map(String::as_str);
                run.numbers_failed(other, &error, &error.reason(), ids)?;
            }
        }
    }
    let decider = Lacking {
        run,
        database,
        side,
    };
    settle(run, database, Vec::new(), &candidates, &decider).await?;
    Ok(())
}

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
            Side::Account if facts.is_live_number() => DatabaseName::number_database_of(id),
            Side::Account => None,
            Side::Numbers => match source_in_number_database(self.database, id, &facts) {
                Source::Assigned(account) => Some(account.database()),
                _ => None,
            },
        })
    }
}
