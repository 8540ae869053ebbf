//! Scans: the documents of a database, page by page.

use super::context::Run;
use crate::kazoo::{AccountId, DatabaseName, NumberFacts, range_after_numbers, range_of_numbers};
use crate::plan::Leaf;
use couchdb::{Error, Kind, Operation};
use couchdb::{Found, Include, Object, Page, Pages, Range, Revision, Row, elements, string};

/// Ids are short: pages of them may hold more.
const IDS_IN_A_PAGE: usize = 10;

/// The most that the losing leaves of one document may take together, in bytes: as much as one answer.
const LARGEST_LEAVES: usize = 256 << 20;

impl Run {
    /// A reading of a range of a database's documents.
    pub(super) async fn pages(
        &self,
        database: &DatabaseName,
        range: Range,
        include: Include,
    ) -> Result<Scan<'_>, Error> {
        let limit = match include {
            Include::Ids => self.settings.max_bulk_read.saturating_mul(IDS_IN_A_PAGE),
            _ => self.settings.max_bulk_read,
        };
        let server = self.server(Some(database)).await?;
        Ok(Scan {
            run: self,
            database: database.clone(),
            include,
            pages: Pages::new(server, database.clone(), range, include, limit),
        })
    }

    /// Reads ids of a database, in this order: one answer for each.
    pub(super) async fn keys(
        &self,
        database: &DatabaseName,
        ids: &[&str],
        include: Include,
    ) -> Result<Vec<Found>, Error> {
        let server = self.server(Some(database)).await?;
        let limit = self.settings.max_bulk_read.min(500);
        let found = server.read_keys(database, ids, include, limit).await?;
        if include != Include::Ids {
            let present = found.iter().filter(|one| one.is_present()).count();
            self.tally.read(database, present);
        }
        Ok(found)
    }

    /// The losing leaves of a document that was read (`text`), with their attachments. A leaf that is gone by now is left out.
    pub(super) async fn losing_leaves(
        &self,
        database: &DatabaseName,
        id: &str,
        text: &str,
    ) -> Result<Vec<Leaf>, Error> {
        // Hardly any document has some.
        if !text.contains("_conflicts") {
            return Ok(Vec::new());
        }
        let document = parsed(database, text)?;
        let revisions = document.get("_conflicts").and_then(elements);
        let server = self.server(Some(database)).await?;
        let mut leaves = Vec::new();
        let mut bytes = 0;
        for rev in revisions.into_iter().flatten().filter_map(string) {
            let rev = Revision::parse(&rev);
            if let Some(text) = server.open_revision(database, id, &rev).await? {
                bytes += text.len();
                if bytes > LARGEST_LEAVES {
                    let mib = LARGEST_LEAVES >> 20;
                    let line = format!("the conflicts of {id} take more than {mib} MiB");
                    let error = Error::new(Kind::TooLarge, Operation::OPEN_DOCS, line);
                    return Err(error.in_database(database));
                }
                leaves.push(Leaf { rev, text });
            }
        }
        Ok(leaves)
    }

    /// Reads the number documents of an account's database, whatever their ids: those that start
    /// with `+`, and among the rest those whose ids could be a number's. Kazoo's own ids are 32
    /// hexadecimal digits, and reading those documents to learn that they are no numbers would
    /// be most of the work.
    pub(super) async fn numbers_of_account(
        &self,
        account: AccountId,
        mut each: impl FnMut(&Row, &str, &Object<'_>, &NumberFacts<'_>),
    ) -> Result<(), Error> {
        let database = account.database();
        let mut see = |row: &Row, text: &str| -> Result<(), Error> {
            let document = parsed(&database, text)?;
            let facts = NumberFacts::of(&document);
            if facts.is_number {
                each(row, text, &document, &facts);
            }
            Ok(())
        };
        let mut numbers = self
            .pages(&database, range_of_numbers(), Include::Documents)
            .await?;
        let mut others = self
            .pages(&database, range_after_numbers(), Include::Ids)
            .await?;
        match numbers.pages.read_first_pages_with(&mut others.pages).await {
            // What is wrong, or too large for one answer, each learns for itself.
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
                for (row, text) in page.rows() {
                    see(row, text)?;
                }
            }
            Ok(())
        };
        let list = async {
            let mut odd = Vec::new();
            while let Some(page) = others.next().await? {
                let ids = page.rows().map(|(row, _)| row.id.as_str());
                odd.extend(ids.filter(|id| may_be_a_number(id)).map(str::to_owned));
            }
            Ok(odd)
        };
        let ((), odd) = futures::try_join!(read, list)?;
        let ids: Vec<&str> = odd.iter().map(String::as_str).collect();
        let found = if ids.is_empty() {
            Vec::new()
        } else {
            self.keys(&database, &ids, Include::Documents).await?
        };
        for (id, found) in odd.iter().zip(&found) {
            if let Some((rev, text)) = found.document() {
                see(&Row::new(id.clone(), rev.clone()), text)?;
            }
        }
        Ok(())
    }
}

/// Whether a document of this id could be a number's.
pub(super) fn may_be_a_number(id: &str) -> bool {
    !id.starts_with("_design/") && AccountId::parse(id).is_none()
}

/// A document that CouchDB sent, read; what is no JSON object is a broken answer.
pub(super) fn parsed<'a>(database: &DatabaseName, text: &'a str) -> Result<Object<'a>, Error> {
    Object::parse(text).map_err(|_| {
        Error::new(
            Kind::BadAnswer,
            Operation::OPEN_DOCS,
            "a document that is no JSON object",
        )
        .in_database(database)
    })
}

/// A reading that counts what it delivers.
pub(super) struct Scan<'a> {
    run: &'a Run,
    database: DatabaseName,
    include: Include,
    pages: Pages,
}

impl Scan<'_> {
    pub(super) async fn next(&mut self) -> Result<Option<Page>, Error> {
        let page = self.pages.next().await?;
        if let Some(page) = &page {
            let documents = if self.include == Include::Ids {
                0
            } else {
                page.len()
            };
            self.run.tally.read(&self.database, documents);
        }
        Ok(page)
    }
}
