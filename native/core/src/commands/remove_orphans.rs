//! `destructively_remove_…`: numbers out of one side that the other side lacks.
//!
//! A scan finds what may be missing on the other side. Each of those numbers is then looked for there again, by its id, and deleted at
//! the revision that was read: nothing is deleted on the strength of an old reading, of one that failed, or of a missing database.
//!
//! By id, because a listing shows what one copy of each shard holds: on a cluster, a node that was away lists an old state. A document
//! that is asked for by its id is read from a majority of the copies.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::engine::may_be_a_number;
use crate::engine::{AllAccounts, Kept, OncePerKey, Run, Scanned, Target};
use crate::kazoo::{AccountId, DatabaseName, number_database_of, unprefixed_number_databases};
use crate::repair::{Orphans, Side};
use crate::report::{Outcome, Reason};
use crate::selection::{Accounts, NumberDatabases};
use couchdb::{Error, Kind};
use document::{Change, IdRange, Revision, SortedIdMap};

/// The ids that databases of the other side hold, each read once a run.
type Listings = OncePerKey<DatabaseName, Listing>;

/// The ids of a database that a number could have, as far as they are known. An id that is missing here is asked for.
type Listing = SortedIdMap<()>;

/// Lists a database.
async fn listed(run: &Run, database: &DatabaseName) -> Result<Listing, Error> {
    let mut ids = Listing::default();
    if let Some(known) = run.known(database).await? {
        for number in known
            .into_numbers()
            .filter(|number| may_be_a_number(&number.id))
        {
            ids.push(&number.id, ());
        }
        return Ok(ids.sorted());
    }
    let mut scan = run.scan_ids(database, IdRange::all()).await?;
    while let Some(page) = scan.next().await? {
        for row in page.iter().filter(|row| may_be_a_number(&row.id)) {
            ids.push(&row.id, ());
        }
    }
    Ok(ids.sorted())
}

/// A number that may be an orphan.
struct Suspect {
    id: String,
    rev: Option<Revision>,
    /// Its document, while there is room for it.
    document: Option<Kept>,
}

impl Suspect {
    fn of(run: &Run, found: Scanned) -> Self {
        match found {
            Scanned::Read(document) => Self {
                id: document.id().to_owned(),
                rev: document.rev().cloned(),
                document: run.budget.keep(document).ok(),
            },
            Scanned::Known(number) => Self {
                id: number.id.into(),
                // Not the revision of the index: the document is decided about when it is read.
                rev: None,
                document: None,
            },
        }
    }
}

/// Numbers of one database, by the database of the other side that should hold them.
type ByOther = BTreeMap<DatabaseName, Vec<Suspect>>;

/// `destructively_remove_from_account_db_if_not_in_numdb`, `…_single_account_db_…`
pub(crate) async fn in_accounts(run: &Arc<Run>, accounts: Accounts) -> Result<(), Error> {
    let listings = (accounts == Accounts::All).then(Arc::<Listings>::default);
    if listings.is_some() {
        run.open_index_of_number_databases().await?;
    }
    let accounts = run.accounts(accounts).await?;
    let found = run
        .each(accounts, |run, account| {
            let listings = listings.clone();
            async move {
                let read = numbers_of(&run, account).await;
                missing(&run, account.database(), read, listings).await
            }
        })
        .await?;
    remove(run, Side::Accounts, found).await
}

async fn numbers_of(run: &Run, account: AccountId) -> Result<ByOther, Error> {
    let database = account.database();
    let mut numbers = ByOther::new();
    run.scanned_numbers_of(account, |page| {
        for one in page {
            if !one.facts().is_live_number() {
                continue;
            }
            match number_database_of(one.id()) {
                Some(other) => {
                    let suspect = Suspect::of(run, one);
                    numbers.entry(other).or_default().push(suspect);
                }
                None => {
                    let encoded = database.encoded();
                    let reason = Reason::NoNumberDatabase;
                    run.reporter.failed(&encoded, reason, one.id());
                }
            }
        }
    })
    .await?;
    Ok(numbers)
}

/// `destructively_remove_from_number_dbs_if_not_in_accountdb`, `…_single_numdb_…`
pub(crate) async fn in_number_databases(
    run: &Arc<Run>,
    databases: NumberDatabases,
) -> Result<(), Error> {
    let listings = (databases == NumberDatabases::All).then(Arc::<Listings>::default);
    if listings.is_some() {
        run.open_index_of_accounts().await?;
    }
    let databases = run.number_databases(databases).await?;
    let found = run
        .each_number_database(databases, |run, database| {
            let listings = listings.clone();
            async move {
                let read = assigned_in(&run, &database).await;
                missing(&run, database, read, listings).await
            }
        })
        .await?;
    remove(run, Side::NumberDatabases, found).await
}

async fn assigned_in(run: &Run, database: &DatabaseName) -> Result<ByOther, Error> {
    let mut numbers = ByOther::new();
    let mut scan = run.scan_assigned(database, &AllAccounts).await?;
    while let Some(page) = scan.next().await? {
        for (account, one) in page {
            let suspects = numbers.entry(account.database()).or_default();
            suspects.push(Suspect::of(run, one));
        }
    }
    Ok(numbers)
}

/// The documents that a scan of one database found missing on the other side.
type Missing = (DatabaseName, ByOther);

/// Leaves out what the other side holds. With listings that side is read whole, once a run; without, it is asked by id later.
async fn missing(
    run: &Run,
    database: DatabaseName,
    read: Result<ByOther, Error>,
    listings: Option<Arc<Listings>>,
) -> Result<Missing, Error> {
    let mut numbers = run.or_failed(&database, read)?.unwrap_or_default();
    if let Some(listings) = listings {
        let listed = futures::future::join_all(numbers.keys().map(async |other| {
            let read = || -> std::pin::Pin<Box<dyn Future<Output = _> + Send + '_>> {
                Box::pin(listed(run, other))
            };
            (other.clone(), listings.of(other.clone(), read).await)
        }))
        .await;
        for (other, listed) in listed {
            let Some(suspects) = numbers.get_mut(&other) else {
                continue;
            };
            match listed {
                Ok(listed) => {
                    let all = suspects.len();
                    suspects.retain(|one| listed.find(&one.id).is_none());
                    let present = (all - suspects.len()) as u64;
                    run.reporter.decided(&database, Outcome::Unchanged, present);
                }
                Err(error) => {
                    let ids = suspects.iter().map(|one| one.id.as_str());
                    run.numbers_failed(&other, &error, (&error).into(), ids)?;
                    suspects.clear();
                }
            }
        }
        numbers.retain(|_, suspects| !suspects.is_empty());
    }
    if numbers.is_empty() {
        run.finished(&database).await;
    }
    Ok((database, numbers))
}

/// Looks for what is missing again, and deletes what still is.
async fn remove(run: &Arc<Run>, side: Side, found: Vec<Missing>) -> Result<(), Error> {
    let mut by_owner: BTreeMap<DatabaseName, Vec<Suspect>> = BTreeMap::new();
    let mut by_other: BTreeMap<DatabaseName, Vec<(DatabaseName, Suspect)>> = BTreeMap::new();
    for (database, numbers) in found {
        if !numbers.is_empty() {
            by_owner.insert(database.clone(), Vec::new());
        }
        for (other, suspects) in numbers {
            let of = suspects.into_iter().map(|one| (database.clone(), one));
            by_other.entry(other).or_default().extend(of);
        }
    }
    let lacking = run
        .each(
            by_other.into_iter().collect(),
            |run, (other, suspects)| async move {
                lacking(&run, &other, suspects, Absent::IsAFailure).await
            },
        )
        .await?;
    let mut lacking: Vec<_> = lacking.into_iter().flatten().collect();
    if side == Side::Accounts {
        // "Any number database", as the manual says.
        for other in unprefixed_number_databases() {
            lacking = self::lacking(run, &other, lacking, Absent::HoldsNothing).await?;
        }
    }
    for (owner, suspect) in lacking {
        by_owner.entry(owner).or_default().push(suspect);
    }
    run.each(
        by_owner.into_iter().collect(),
        |run, (database, orphans)| async move {
            delete(&run, &database, side, orphans).await?;
            run.finished(&database).await;
            Ok(())
        },
    )
    .await?;
    Ok(())
}

/// The effect of a missing database on the other side.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absent {
    IsAFailure,
    HoldsNothing,
}

/// Those of the suspects that a database of the other side lacks, asked by id.
async fn lacking(
    run: &Run,
    other: &DatabaseName,
    suspects: Vec<(DatabaseName, Suspect)>,
    absent: Absent,
) -> Result<Vec<(DatabaseName, Suspect)>, Error> {
    let mut ids: Vec<&str> = suspects.iter().map(|(_, one)| one.id.as_str()).collect();
    // Several accounts can hold a number.
    ids.sort_unstable();
    ids.dedup();
    let found = match run.revisions(other, &ids).await {
        Ok(found) => found,
        Err(error) if absent == Absent::HoldsNothing && error.kind() == Kind::DatabaseNotFound => {
            return Ok(suspects);
        }
        Err(error) => {
            run.numbers_failed(other, &error, (&error).into(), ids)?;
            return Ok(Vec::new());
        }
    };
    let present: HashSet<String> = ids
        .into_iter()
        .zip(&found)
        .filter(|(_, found)| found.is_present())
        .map(|(id, _)| id.to_owned())
        .collect();
    let (held, lacking): (Vec<_>, Vec<_>) = suspects
        .into_iter()
        .partition(|(_, one)| present.contains(&one.id));
    for (owner, _) in held {
        run.reporter.decided(&owner, Outcome::Unchanged, 1);
    }
    Ok(lacking)
}

/// Deletes the orphans of one database at the revisions that were read.
async fn delete(
    run: &Run,
    database: &DatabaseName,
    side: Side,
    orphans: Vec<Suspect>,
) -> Result<(), Error> {
    let mut changes = Vec::new();
    let mut charges = Vec::new();
    let mut unread = Vec::new();
    for one in orphans {
        match one.document {
            Some(kept) => {
                let (document, charge) = kept.into_parts();
                changes.push(Change::delete(document));
                charges.push(charge);
            }
            None => unread.push((one.id, one.rev)),
        }
    }
    let reconciler = Orphans {
        run,
        database,
        side,
    };
    run.apply(database, &reconciler, changes).await?;
    drop(charges);
    // There was no room for these: no more at a time than are written at a time.
    for some in unread.chunks(run.settings.max_bulk_insert.max(1)) {
        let ids: Vec<&str> = some.iter().map(|(id, _)| id.as_str()).collect();
        let found = match run.present(database, &ids).await {
            Ok(found) => found,
            Err(error) => {
                run.numbers_failed(database, &error, (&error).into(), ids)?;
                continue;
            }
        };
        let (mut changes, mut changed) = (Vec::new(), Vec::new());
        for ((_, rev), document) in some.iter().zip(found) {
            match document {
                // The other side was asked after this revision was read.
                Some(document) if document.rev() == rev.as_ref() => {
                    changes.push(Change::delete(document));
                }
                Some(document) => changed.push(Target::present(document)),
                None => {}
            }
        }
        run.apply(database, &reconciler, changes).await?;
        run.reconcile(database, &reconciler, changed).await?;
    }
    Ok(())
}
