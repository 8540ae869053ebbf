//! Numbers that the other side may lack.

use std::collections::HashMap;

use async_trait::async_trait;
use futures::FutureExt;

use crate::engine::{Lookup, OtherSide, Read, Reconciler, Run, Target};
use crate::kazoo::{DatabaseName, NumberFacts, number_database_of, unprefixed_number_databases};
use crate::plan::{Cause, Decision, Drift, Source, source_in_number_database};
use couchdb::{Error, Found, Kind};
use document::{Change, Document, Leaf};

/// The side that numbers are deleted from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Accounts,
    NumberDatabases,
}

/// Numbers that the other side may lack.
pub(crate) struct Orphans<'a> {
    pub(crate) run: &'a Run,
    pub(crate) database: &'a DatabaseName,
    pub(crate) side: Side,
}

#[async_trait]
impl Reconciler for Orphans<'_> {
    /// Whether the other side holds the number; `None` for a document that the command is not about.
    type Other = Option<bool>;

    async fn other_side(
        &self,
        targets: &[Target],
        _: Read,
    ) -> Result<Vec<OtherSide<Self::Other>>, Error> {
        let mut others = Lookup::default();
        for target in targets {
            let counterpart = target.document.as_ref();
            if let Some(other) = counterpart.and_then(|document| self.counterpart(document)) {
                others.add(other, &target.id);
            }
        }
        let read = others
            .read(|other, ids| self.present(other, ids).boxed())
            .await?;
        let mut present: HashMap<&str, OtherSide<Option<bool>>> = read
            .into_iter()
            .map(|one| (one.id, one.found.map(Some)))
            .collect();
        let of = |target: &Target| present.remove(target.id.as_str()).unwrap_or(Ok(None));
        Ok(targets.iter().map(of).collect())
    }

    fn decide(&self, _: &Target, present: &Self::Other, _: Read) -> Decision {
        match present {
            Some(true) => Decision::Unchanged,
            Some(false) => Decision::Delete,
            None => Decision::Skip,
        }
    }

    fn cause(&self, _: &Change) -> Cause {
        Cause::Drift(match self.side {
            Side::Accounts => Drift::OnlyInAccount,
            Side::NumberDatabases => Drift::MissingCopy,
        })
    }

    fn permits(&self, change: &Change, leaf: &Leaf) -> bool {
        let other = self.counterpart(leaf);
        other.is_some() && other == self.counterpart(change.document())
    }
}

impl Orphans<'_> {
    /// Which of these the other side holds.
    async fn present(&self, other: &DatabaseName, ids: &[&str]) -> Result<Vec<bool>, Error> {
        let found = self.run.revisions(other, ids).await?;
        let mut present: Vec<bool> = found.iter().map(Found::is_present).collect();
        if self.side == Side::NumberDatabases {
            return Ok(present);
        }
        for other in unprefixed_number_databases() {
            match self.run.revisions(&other, ids).await {
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

    /// The database that must hold a number for it to stay; `None` for a document that the command is not about.
    fn counterpart(&self, document: &Document) -> Option<DatabaseName> {
        let facts = NumberFacts::of(document);
        match self.side {
            Side::Accounts if facts.is_live_number() => number_database_of(document.id()),
            Side::Accounts => None,
            Side::NumberDatabases => {
                match source_in_number_database(self.database, document.id(), &facts) {
                    Source::Assigned(account) => Some(account.database()),
                    _ => None,
                }
            }
        }
    }
}
