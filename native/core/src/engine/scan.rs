//! Reads the documents of a database, page by page or by ids.

use std::time::Instant;

use tracing::{Instrument, debug, debug_span};

use super::run::Run;
use super::steps::milliseconds_since;
use crate::kazoo::{AccountId, DatabaseName, NumberFacts, range_after_numbers, range_of_numbers};
use couchdb::{
    Attachments, DatabaseName as Name, Document, Error, Found, FromRow, Kind, Operation, Pages,
    Revised,
};
use document::{IdRange, Leaf, Revision};

/// The factor by which a page of ids may have more rows than a page of documents.
const IDS_IN_A_PAGE: usize = 10;

/// The most documents in one request by ids.
const KEYS_AT_ONCE: usize = 500;

/// The limit for the losing leaves of one document together, in bytes: the same as for one answer.
const LARGEST_LEAVES: usize = 256 << 20;

/// A range of a database, read page by page. Delivered rows are counted.
pub(crate) struct Scan<'a, T> {
    run: &'a Run,
    database: Name,
    pages: Pages<T>,
    /// Whether rows count as documents read.
    counts: bool,
    /// The pages that were requested.
    requested: u64,
}

impl<T: FromRow> Scan<'_, T> {
    /// The next page; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<T>>, Error> {
        self.run.steps.scan();
        self.requested += 1;
        let rows = if self.counts { "documents" } else { "ids" };
        let span = debug_span!("page", database = %self.database, rows, page = self.requested);
        let next = async {
            let began = Instant::now();
            let page = self.pages.next().await?;
            if let Some(page) = &page {
                let documents = if self.counts { page.len() } else { 0 };
                self.run.steps.plan();
                self.run.reporter.read(&self.database, documents);
                debug!(
                    rows = page.len(),
                    milliseconds = milliseconds_since(began),
                    "page read"
                );
            }
            Ok(page)
        };
        next.instrument(span).await
    }
}

impl Run {
    /// Starts a scan of the documents in a range.
    pub(crate) async fn scan(
        &self,
        database: &DatabaseName,
        range: IdRange,
    ) -> Result<Scan<'_, Document>, Error> {
        let server = self.cluster.server(Some(database)).await?;
        let limit = self.settings.max_bulk_read;
        let (name, stubs) = (database.clone(), Attachments::Stubs);
        Ok(Scan {
            run: self,
            database: database.clone(),
            pages: Pages::of_documents(server, name, range, stubs, limit),
            counts: true,
            requested: 0,
        })
    }

    /// Starts a scan of the ids and revisions in a range.
    pub(crate) async fn scan_ids(
        &self,
        database: &DatabaseName,
        range: IdRange,
    ) -> Result<Scan<'_, Revised>, Error> {
        let server = self.cluster.server(Some(database)).await?;
        let limit = self.settings.max_bulk_read.saturating_mul(IDS_IN_A_PAGE);
        Ok(Scan {
            run: self,
            database: database.clone(),
            pages: Pages::of_revisions(server, database.clone(), range, limit),
            counts: false,
            requested: 0,
        })
    }

    /// Reads documents by ids: one answer per id, in the same order.
    pub(crate) async fn documents(
        &self,
        database: &DatabaseName,
        ids: &[&str],
        attachments: Attachments,
    ) -> Result<Vec<Found<Document>>, Error> {
        self.steps.scan();
        let server = self.cluster.server(Some(database)).await?;
        let limit = self.settings.max_bulk_read.min(KEYS_AT_ONCE);
        let span = debug_span!("documents", database = %database, ids = ids.len());
        let began = Instant::now();
        let found = server
            .read_documents(database, ids, attachments, limit)
            .instrument(span.clone())
            .await;
        let found = match found {
            Err(error)
                if error.kind() == Kind::DatabaseNotFound && self.withheld.creates(database) =>
            {
                ids.iter().map(|_| Found::Missing).collect()
            }
            found => found?,
        };
        let found = self.overlaid(database, ids, found)?;
        let present = found.iter().filter(|found| found.is_present()).count();
        self.steps.plan();
        debug!(parent: &span, present, milliseconds = milliseconds_since(began), "documents read");
        self.reporter.read(database, present);
        // Attachments inline are large: two such documents could use up the budget for answers.
        Ok(match attachments {
            Attachments::Stubs => found,
            Attachments::Inline => found.into_iter().map(detached).collect(),
        })
    }

    /// Reads the documents of these ids, attachments as stubs: one answer per id, in the same order; `None` if a document does
    /// not exist.
    pub(crate) async fn present(
        &self,
        database: &DatabaseName,
        ids: &[&str],
    ) -> Result<Vec<Option<Document>>, Error> {
        let found = self.documents(database, ids, Attachments::Stubs).await?;
        Ok(found.into_iter().map(Found::present).collect())
    }

    /// Reads the revisions of ids: one answer per id, in the same order.
    pub(crate) async fn revisions(
        &self,
        database: &DatabaseName,
        ids: &[&str],
    ) -> Result<Vec<Found<Revised>>, Error> {
        let server = self.cluster.server(Some(database)).await?;
        let limit = self.settings.max_bulk_read.min(KEYS_AT_ONCE);
        let span = debug_span!("revisions", database = %database, ids = ids.len());
        server
            .read_revisions(database, ids, limit)
            .instrument(span)
            .await
    }

    /// Reads the losing leaves of a document, attachments inline. A leaf that no longer exists is skipped.
    pub(super) async fn losing_leaves(
        &self,
        database: &DatabaseName,
        id: &str,
        revisions: Vec<Revision>,
    ) -> Result<Vec<Leaf>, Error> {
        let server = self.cluster.server(Some(database)).await?;
        let mut leaves = Vec::new();
        let mut bytes = 0;
        for rev in revisions {
            let span = debug_span!("conflict", database = %database, id, %rev);
            let leaf = server.open_revision(database, id, &rev);
            let Some(leaf) = leaf.instrument(span).await? else {
                continue;
            };
            bytes += leaf.text().len();
            if bytes > LARGEST_LEAVES {
                let mib = LARGEST_LEAVES >> 20;
                let line = format!("the conflicts of {id} take more than {mib} MiB");
                let error = Error::new(Kind::TooLarge, Operation::OPEN_DOCS, line);
                return Err(error.in_database(database));
            }
            leaves.push(leaf);
        }
        Ok(leaves)
    }

    /// Reads the number documents of an account's database, whatever their ids, and passes them on page by page. It reads the ids
    /// that start with `+`, and of all other ids those that could be a number's. Kazoo's own ids are 32 hexadecimal digits.
    /// Reading those documents as well would be most of the work.
    pub(crate) async fn scan_numbers_of(
        &self,
        account: AccountId,
        mut each_page: impl FnMut(Vec<Document>),
    ) -> Result<(), Error> {
        let database = account.database();
        let mut see = |page: Vec<Document>| {
            each_page(
                page.into_iter()
                    .filter(|document| NumberFacts::of(document).is_number)
                    .collect(),
            );
        };
        let mut numbers = self.scan(&database, range_of_numbers()).await?;
        let mut others = self.scan_ids(&database, range_after_numbers()).await?;
        self.steps.scan();
        let span = debug_span!("page", database = %database, rows = "documents and ids", page = 1);
        let begun = numbers.pages.begin_with(&mut others.pages);
        match begun.instrument(span).await {
            // Each of the two scans reports an error or an answer that is too large.
            Err(error)
                if matches!(
                    error.kind(),
                    Kind::BadAnswer
                        | Kind::BadRequest
                        | Kind::DatabaseNotFound
                        | Kind::TooLarge
                        | Kind::OutOfMemory
                ) => {}
            begun => begun?,
        }
        let read = async {
            while let Some(page) = numbers.next().await? {
                see(page);
            }
            Ok(())
        };
        let list = async {
            let mut odd = Vec::new();
            while let Some(page) = others.next().await? {
                let ids = page.into_iter().map(|row| row.id);
                odd.extend(ids.filter(|id| may_be_a_number(id)));
            }
            Ok(odd)
        };
        let ((), odd) = futures::try_join!(read, list)?;
        if !odd.is_empty() {
            let ids: Vec<&str> = odd.iter().map(String::as_str).collect();
            let found = self.present(&database, &ids).await?;
            see(found.into_iter().flatten().collect());
        }
        Ok(())
    }
}

fn detached(found: Found<Document>) -> Found<Document> {
    match found {
        Found::Present(document) => Found::Present(document.detached()),
        other => other,
    }
}

/// Whether the document of this id could be a number.
pub(crate) fn may_be_a_number(id: &str) -> bool {
    !id.starts_with("_design/") && AccountId::parse(id).is_none()
}
