//! The databases: whether a proxy lets their names through, how fast pages are, and whether indexes are built.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;

use super::Examination;
use crate::engine::{PASS_PATHS_ON, proxy_decodes};
use crate::report::CheckState;
use couchdb::{Attachments, DatabaseName, Error, Index, Kind, Pages, Server};
use document::IdRange;

/// The checks that need a number database.
const OF_DATABASES: [&str; 3] = ["proxy", "pages", "indexes"];

/// The databases whose first page is read.
const PAGES: usize = 3;

/// The number databases whose index is looked at together.
const AT_ONCE: usize = 8;

/// More updates than this that are not in the indexes are worth a warning. CouchDB adds updates to an index when it is read, so some
/// are usual; this many take seconds.
const MANY: u64 = 10_000;

/// The design document of number databases.
const DESIGN: &str = "numbers";

pub(super) async fn examine(
    examination: &mut Examination<'_>,
    server: &Arc<Server>,
) -> Result<(), Error> {
    let databases = match server.databases("numbers/").await {
        Ok(databases) => databases,
        Err(error) => {
            let state = CheckState::Failed;
            examination.error("databases", state, error, None).await?;
            examination
                .skip(&OF_DATABASES, "the databases cannot be listed")
                .await;
            return Ok(());
        }
    };
    let Some(first) = databases.iter().find(|one| one.plain().contains('+')) else {
        let finding = "there is no number database";
        let remedy = "if there should be some: is this the cluster, and does its user see them?";
        examination.warn("databases", finding, remedy).await;
        examination.skip(&OF_DATABASES, finding).await;
        return Ok(());
    };
    let finding = format!("{} number databases", databases.len());
    examination.good("databases", finding).await;
    if !proxy(examination, server, first).await? {
        let finding = "number databases cannot be read";
        examination.skip(&["pages", "indexes"], finding).await;
        return Ok(());
    }
    pages(examination, server, &databases).await?;
    indexes(examination, server, &databases).await
}

/// Checks whether the names of databases reach CouchDB. Returns whether they do.
async fn proxy(
    examination: &mut Examination<'_>,
    server: &Server,
    database: &DatabaseName,
) -> Result<bool, Error> {
    match proxy_decodes(server, database).await {
        Ok(None) => {
            examination
                .good("proxy", "names of databases reach CouchDB")
                .await;
            Ok(true)
        }
        Ok(Some(finding)) => {
            let (state, remedy) = (CheckState::Failed, PASS_PATHS_ON);
            examination.add("proxy", state, finding, Some(remedy)).await;
            Ok(false)
        }
        Err(error) => {
            let state = CheckState::Failed;
            examination.error("proxy", state, error, None).await?;
            Ok(false)
        }
    }
}

/// Reads the first page of some number databases, and compares the time with the limit.
async fn pages(
    examination: &mut Examination<'_>,
    server: &Arc<Server>,
    databases: &[DatabaseName],
) -> Result<(), Error> {
    let settings = &examination.run.settings;
    let limit = settings.http.read_timeout;
    let mut slowest = Duration::ZERO;
    for database in databases.iter().take(PAGES) {
        let began = Instant::now();
        let mut pages = Pages::of_documents(
            server.clone(),
            database.clone(),
            IdRange::all(),
            Attachments::Stubs,
            settings.max_bulk_read,
        );
        match pages.next().await {
            Ok(_) => slowest = slowest.max(began.elapsed()),
            Err(error) => {
                let state = CheckState::Warning;
                return examination.error("pages", state, error, None).await;
            }
        }
    }
    let finding = format!(
        "the slowest of {} took {:.1} seconds; the limit is {} seconds",
        databases.len().min(PAGES),
        slowest.as_secs_f64(),
        limit.as_secs()
    );
    if slowest * 4 > limit {
        let remedy = "lower max_bulk_read, and let the proxy wait at least as long as the limit";
        examination.warn("pages", finding, remedy).await;
    } else {
        examination.good("pages", finding).await;
    }
    Ok(())
}

/// Checks whether number databases have their design document, and its indexes are built.
async fn indexes(
    examination: &mut Examination<'_>,
    server: &Server,
    databases: &[DatabaseName],
) -> Result<(), Error> {
    let (mut without, mut pending) = (Vec::new(), 0);
    for some in databases.chunks(AT_ONCE) {
        let asked: Vec<_> = some
            .iter()
            .map(|database| server.index(database, DESIGN))
            .collect();
        for (database, index) in some.iter().zip(join_all(asked).await) {
            match index {
                Ok(Index::NoDesign) => without.push(database.encoded()),
                Ok(Index::Pending(updates)) => pending += updates.unwrap_or_default(),
                // It was deleted since.
                Err(error) if error.kind() == Kind::DatabaseNotFound => {}
                Err(error) => {
                    let state = CheckState::Warning;
                    return examination.error("indexes", state, error, None).await;
                }
            }
        }
    }
    if !without.is_empty() {
        let shown: Vec<&str> = without.iter().take(PAGES).map(String::as_str).collect();
        let finding = format!(
            "{} of {} number databases have no design document: {}",
            without.len(),
            databases.len(),
            shown.join(" ")
        );
        let remedy = "in Kazoo: sup kapps_maintenance refresh DATABASE; commands work without it, and Kazoo does not list its numbers";
        examination.warn("indexes", finding, remedy).await;
    } else if pending > MANY {
        let finding = format!("{pending} updates are not in the indexes yet");
        let remedy = "the first function for one account that reads them waits until they are built, or reads all numbers";
        examination.warn("indexes", finding, remedy).await;
    } else {
        let finding = "each number database has its design document, and its indexes are built";
        let finding = match pending {
            0 => finding.to_owned(),
            pending => format!("{finding}, to the last {pending} updates"),
        };
        examination.good("indexes", finding).await;
    }
    Ok(())
}
