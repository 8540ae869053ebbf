//! The facts about the documents of a database: from the index and what changed since, or from a scan of all documents.

use super::run::Run;
use super::scan::Scan;
use super::scanned::Scanned;
use crate::index::{DocumentFacts, KnownDatabase, OtherDocuments, facts_of};
use crate::kazoo::DatabaseName;
use couchdb::Error;
use document::{Document, IdRange};

/// The facts in a page that comes from the index.
const PAGE: usize = 1000;

/// The facts about the documents of one database, page by page.
pub(crate) enum FactsScan<'a> {
    Known(KnownFacts, OtherDocuments),
    Read(Box<CompleteScan<'a>>),
}

type KnownFacts = Box<dyn Iterator<Item = DocumentFacts> + Send>;

/// A scan of all documents of a database, from which the index learns.
pub(crate) struct CompleteScan<'a> {
    run: &'a Run,
    scan: Scan<'a, Document>,
    database: DatabaseName,
    /// The facts that the scan has delivered so far. `None`: the run has no index for the database.
    learned: Option<Box<KnownDatabase>>,
}

impl FactsScan<'_> {
    /// The facts that the index knows.
    pub(super) fn known(known: KnownDatabase) -> Self {
        let (facts, others) = known.into_facts();
        Self::Known(Box::new(facts), others)
    }

    /// Whether the index has this document and knows no facts about it.
    pub(crate) fn has_other(&self, id: &str) -> bool {
        matches!(self, Self::Known(_, others) if others.has(id))
    }

    /// The facts of the next page; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<DocumentFacts>>, Error> {
        match self {
            Self::Known(facts, _) => Ok(page_of(facts)),
            Self::Read(scan) => scan.next_facts().await,
        }
    }

    /// The documents of the next page, or the numbers that the index knows; `None` after the last.
    pub(crate) async fn next_scanned(&mut self) -> Result<Option<Vec<Scanned>>, Error> {
        match self {
            Self::Known(facts, _) => Ok(page_of(facts).map(|page| {
                let numbers = page.into_iter().filter_map(DocumentFacts::number);
                numbers.map(Scanned::Known).collect()
            })),
            Self::Read(scan) => {
                let page = scan.next().await?;
                Ok(page.map(|page| page.into_iter().map(Scanned::Read).collect()))
            }
        }
    }
}

fn page_of(facts: &mut KnownFacts) -> Option<Vec<DocumentFacts>> {
    let page: Vec<_> = facts.take(PAGE).collect();
    (!page.is_empty()).then_some(page)
}

impl CompleteScan<'_> {
    /// The documents of the next page; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Document>>, Error> {
        let page = self.next_page().await?;
        if let (Some(page), Some(learned)) = (&page, &mut self.learned) {
            for document in page {
                learned.apply(&self.database, document.id(), Some(document));
            }
        }
        Ok(page)
    }

    /// The facts about the documents of the next page; `None` after the last.
    async fn next_facts(&mut self) -> Result<Option<Vec<DocumentFacts>>, Error> {
        let Some(page) = self.next_page().await? else {
            return Ok(None);
        };
        let (database, learned) = (&self.database, &mut self.learned);
        let of = |document| facts_of(database, document, learned.as_deref_mut());
        Ok(Some(page.into_iter().filter_map(of).collect()))
    }

    /// The next page. After the last, the facts are stored.
    async fn next_page(&mut self) -> Result<Option<Vec<Document>>, Error> {
        let page = self.scan.next().await?;
        if page.is_none()
            && let Some(known) = self.learned.take()
        {
            self.run.index.learn(&self.database, &known).await;
        }
        Ok(page)
    }
}

impl Run {
    /// Starts to read the facts about all documents of a database.
    pub(crate) async fn scan_facts(&self, database: &DatabaseName) -> Result<FactsScan<'_>, Error> {
        Ok(match self.known(database).await? {
            Some(known) => FactsScan::known(*known),
            None => FactsScan::Read(Box::new(self.scan_all(database).await?)),
        })
    }

    /// Starts to read all documents of a database, whatever the index knows.
    pub(crate) async fn scan_all(
        &self,
        database: &DatabaseName,
    ) -> Result<CompleteScan<'_>, Error> {
        Ok(CompleteScan {
            run: self,
            learned: self.index.begin(self, database).await?,
            scan: self.scan(database, IdRange::all()).await?,
            database: database.clone(),
        })
    }

    /// The known facts about a database, as of now. `None`: it must be read.
    pub(crate) async fn known(
        &self,
        database: &DatabaseName,
    ) -> Result<Option<Box<KnownDatabase>>, Error> {
        let known = self.index.known(self, database).await?;
        if known.is_some() {
            self.reporter.read(database, 0);
        }
        Ok(known)
    }
}
