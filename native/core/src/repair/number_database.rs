//! The content of a number database, and creating one.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::{Run, Scanned};
use crate::kazoo::{DatabaseName, KazooDatabase};
use backon::Retryable;
use couchdb::{Backoff, Error, Kind, Landed, Operation, Write};
use document::{Digest, Document, Object, SortedIdMap};

/// The design document that a number database gets when it is created.
const DESIGN_DOCUMENT: &str = include_str!("../../../../priv/couchdb/numbers.json");

/// Its id.
const DESIGN_ID: &str = "_design/numbers";

/// The content of a number database.
#[derive(Default)]
pub(crate) struct Existing {
    numbers: SortedIdMap<Digest>,
    pub(super) has_design: bool,
}

impl Existing {
    fn add(&mut self, document: &Document) {
        if document.id() == DESIGN_ID {
            self.has_design = true;
        } else {
            self.numbers.push(document.id(), document.digest());
        }
    }

    pub(super) fn digest(&self, id: &str) -> Option<Digest> {
        self.numbers.find(id).map(|(_, digest)| digest)
    }
}

/// The content of a number database; `None` where it does not exist.
pub(crate) type Holds = Result<Option<Existing>, Error>;

/// The content of number databases.
pub(crate) type Known = BTreeMap<DatabaseName, Holds>;

/// The content of each number database of a prefix. One that cannot be read is a failure when a number turns out to belong there.
pub(crate) async fn known(run: &Arc<Run>) -> Result<Known, Error> {
    let mut databases = run.number_databases_to_read().await?;
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
    let mut scan = run.scan_facts(database).await?;
    existing.has_design = scan.has_other(DESIGN_ID);
    while let Some(page) = scan.next_scanned().await? {
        for one in page {
            match one {
                Scanned::Read(document) => existing.add(&document),
                Scanned::Known(number) => existing.numbers.push(&number.id, number.digest),
            }
        }
    }
    Ok(existing)
}

/// The documents of a number database with these ids.
pub(super) async fn by_ids(run: &Run, database: &DatabaseName, ids: &[&str]) -> Holds {
    let mut wanted: Vec<&str> = std::iter::once(DESIGN_ID)
        .chain(ids.iter().copied())
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
pub(crate) async fn create(run: &Run, database: &DatabaseName) -> Result<(), Error> {
    if run.writes_nothing() {
        return run.plans_to_create(database);
    }
    if run.cluster.host().create_database(database).await? {
        return Ok(());
    }
    let server = run.cluster.server(Some(database)).await?;
    server.create_database(database).await?;
    put_design(run, database).await
}

/// Puts the design document into a number database if it lacks it.
pub(crate) async fn complete(run: &Run, database: &DatabaseName) -> Result<(), Error> {
    match by_ids(run, database, &[]).await? {
        Some(existing) if !existing.has_design => put_design(run, database).await,
        Some(_) | None => Ok(()),
    }
}

/// Puts the design document into a number database that lacks it.
pub(super) async fn put_design(run: &Run, database: &DatabaseName) -> Result<(), Error> {
    if run.writes_nothing() {
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
    let http = &run.settings.http;
    let sent = || async {
        match server.bulk_docs(database, &write, 1).await.pop() {
            Some(Landed::Failed(error)) => Err(error),
            _ => Ok(()),
        }
    };
    let _ = sent
        .retry(Backoff::new(http).take(http.tries.saturating_sub(1)))
        .adjust(Backoff::adjust(http))
        .when(Error::is_temporary)
        .await;
    Ok(())
}
