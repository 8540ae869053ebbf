//! The facts about the documents of a database: from the index and what changed since, or from a scan of all documents.

use tracing::debug;

use super::cluster_index::ClusterIndex;
use super::run::Run;
use super::scan::Scan;
use crate::index::{DocumentFacts, KnownDatabase, facts_of};
use crate::kazoo::DatabaseName;
use couchdb::Error;
use document::{Document, IdRange};

/// The facts in a page that comes from the index.
const PAGE: usize = 1000;

/// The facts about the documents of one database, page by page.
pub(crate) enum FactsScan<'a> {
    Known(Box<dyn Iterator<Item = DocumentFacts> + Send>),
    Read {
        scan: Box<Scan<'a, Document>>,
        database: DatabaseName,
        /// The index, and the facts that the scan has delivered so far.
        learned: Option<(&'a ClusterIndex, Box<KnownDatabase>)>,
    },
}

impl FactsScan<'_> {
    /// The facts of the next page; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<DocumentFacts>>, Error> {
        match self {
            Self::Known(facts) => {
                let page: Vec<_> = facts.by_ref().take(PAGE).collect();
                Ok((!page.is_empty()).then_some(page))
            }
            Self::Read {
                scan,
                database,
                learned,
            } => {
                let Some(page) = scan.next().await? else {
                    if let Some((index, known)) = learned.take() {
                        index.learn(database, &known).await;
                    }
                    return Ok(None);
                };
                let mut facts = Vec::with_capacity(page.len());
                for document in page {
                    let learner = learned.as_mut().map(|(_, known)| &mut **known);
                    facts.extend(facts_of(database, document, learner));
                }
                Ok(Some(facts))
            }
        }
    }
}

impl Run {
    /// Starts to read the facts about all documents of a database.
    pub(crate) async fn scan_facts<'a>(
        &'a self,
        index: Option<&'a ClusterIndex>,
        database: &DatabaseName,
    ) -> Result<FactsScan<'a>, Error> {
        let mut learned = None;
        if let Some(index) = index
            && let Some(state) = index.states.get(database)
            && KnownDatabase::is_possible(state)
        {
            match index.bring_up_to_date(self, database, state).await {
                Ok(Some(known)) => {
                    self.reporter.read(database, 0);
                    return Ok(FactsScan::Known(Box::new(known.into_facts())));
                }
                Ok(None) => {}
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => {
                    debug!(%database, %error, "the index cannot be brought up to date");
                }
            }
            let known = index.begin(self, database, state).await?;
            learned = known.map(|known| (index, known));
        }
        Ok(FactsScan::Read {
            scan: Box::new(self.scan(database, IdRange::all()).await?),
            database: database.clone(),
            learned,
        })
    }
}
