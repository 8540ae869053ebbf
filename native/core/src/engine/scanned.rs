//! Documents that a command looks for in a whole database: read in this run, or known to the index.

use std::borrow::Cow;

use document::Document;

use super::apply::Ends;
use super::reconcile::{Reconciler, Target};
use super::run::Run;
use super::scan::may_be_a_number;
use crate::index::IndexedNumber;
use crate::kazoo::{AccountId, DatabaseName, NumberFacts};
use crate::plan::{Decision, module_of};
use crate::report::Outcome;
use couchdb::Error;

/// A document of a database that is read for its numbers.
#[derive(Debug)]
pub(crate) enum Scanned {
    /// It was read in this run.
    Read(Document),
    /// The index knows a number document.
    Known(IndexedNumber),
}

impl Scanned {
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Read(document) => document.id(),
            Self::Known(number) => &number.id,
        }
    }

    /// The carrier module of a document in a number database.
    pub(crate) fn module(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Read(document) => module_of(document),
            Self::Known(number) => number.module.as_deref().map(Cow::Borrowed),
        }
    }

    pub(crate) fn facts(&self) -> NumberFacts {
        match self {
            Self::Read(document) => NumberFacts::of(document),
            Self::Known(number) => number.facts,
        }
    }
}

/// The effect of a rule on a document, as far as the facts about it say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByFacts {
    /// The rule may change it: it is read.
    Read,
    /// It is as it should be.
    Unchanged,
    /// The rule does not concern it.
    Skip,
}

impl From<Decision> for ByFacts {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Unchanged => Self::Unchanged,
            Decision::Skip => Self::Skip,
            _ => Self::Read,
        }
    }
}

impl Run {
    /// Passes on the number documents of an account's database, whatever their ids: those that the index knows, or pages of documents.
    /// Only a part of the documents is read for that, so the index learns nothing.
    pub(crate) async fn scanned_numbers_of(
        &self,
        account: AccountId,
        mut each_page: impl FnMut(Vec<Scanned>),
    ) -> Result<(), Error> {
        if let Some(known) = self.known(&account.database()).await? {
            // The same documents as without an index.
            let is_read =
                |number: &IndexedNumber| number.facts.is_number && may_be_a_number(&number.id);
            let numbers = known.into_numbers().filter(is_read);
            each_page(numbers.map(Scanned::Known).collect());
            return Ok(());
        }
        self.scan_numbers_of(account, |page| {
            each_page(page.into_iter().map(Scanned::Read).collect());
        })
        .await
    }

    /// Reads those documents of a page that only the index knows. The order is another.
    pub(crate) async fn documents_of(
        &self,
        database: &DatabaseName,
        page: Vec<Scanned>,
    ) -> Result<Vec<Document>, Error> {
        let mut documents = Vec::with_capacity(page.len());
        let mut known = Vec::new();
        for one in page {
            match one {
                Scanned::Read(document) => documents.push(document),
                Scanned::Known(number) => known.push(number.id),
            }
        }
        if !known.is_empty() {
            let ids: Vec<&str> = known.iter().map(|id| &**id).collect();
            let found = self.present(database, &ids).await?;
            documents.extend(found.into_iter().flatten());
        }
        Ok(documents)
    }

    /// Decides about the documents of a page, and makes the changes. A document that the index knows is read only if the rule may change
    /// it, which `by_facts` decides.
    pub(crate) async fn reconcile_scanned<R: Reconciler>(
        &self,
        database: &DatabaseName,
        reconciler: &R,
        page: Vec<Scanned>,
        by_facts: impl Fn(&IndexedNumber) -> ByFacts,
    ) -> Result<Ends, Error> {
        let mut targets = Vec::with_capacity(page.len());
        let (mut ids, mut unchanged) = (Vec::new(), 0);
        for one in page {
            match one {
                Scanned::Read(document) => targets.push(Target::present(document)),
                Scanned::Known(number) => match by_facts(&number) {
                    ByFacts::Read => ids.push(number.id.into()),
                    ByFacts::Unchanged => unchanged += 1,
                    ByFacts::Skip => {}
                },
            }
        }
        self.reporter
            .decided(database, Outcome::Unchanged, unchanged);
        let mut ends = self.reconcile(database, reconciler, targets).await?;
        ends.extend(self.reconcile_ids(database, reconciler, &ids).await?);
        Ok(ends)
    }
}
