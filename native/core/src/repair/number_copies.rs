//! Numbers of number databases, created from the copies of accounts.

use std::collections::HashMap;

use async_trait::async_trait;
use futures::FutureExt;

use crate::engine::{Lookup, MissingDatabase, OtherSide, Read, Reconciler, Run, Target};
use crate::kazoo::AccountId;
use crate::plan::{Cause, Decision, Drift, copy_to_number_database};
use couchdb::{Attachments, Error, Found};
use document::{Change, Document};

/// Numbers of a number database that were missing when it was read.
pub(crate) struct NumberCopies<'a> {
    pub(crate) run: &'a Run,
    /// The account whose copy each is created from.
    pub(crate) from: HashMap<String, AccountId>,
}

#[async_trait]
impl Reconciler for NumberCopies<'_> {
    /// The account's document; `None` where it no longer exists.
    type Other = Option<Document>;

    fn missing_database(&self) -> MissingDatabase {
        MissingDatabase::IsCreated
    }

    async fn other_side(
        &self,
        targets: &[Target],
        read: Read,
    ) -> Result<Vec<OtherSide<Self::Other>>, Error> {
        let mut copies = Lookup::default();
        for target in targets {
            if let Some(account) = self.from.get(&target.id) {
                copies.add(account.database(), &target.id);
            }
        }
        let (run, attachments) = (self.run, read.attachments);
        let read = copies
            .read(|database, ids| run.documents(database, ids, attachments).boxed())
            .await?;
        let mut sources: HashMap<&str, OtherSide<Self::Other>> = read
            .into_iter()
            .map(|one| (one.id, one.found.map(Found::present)))
            .collect();
        let source_of = |target: &Target| sources.remove(target.id.as_str()).unwrap_or(Ok(None));
        Ok(targets.iter().map(source_of).collect())
    }

    fn decide(&self, target: &Target, source: &Self::Other, read: Read) -> Decision {
        let whole = read.attachments == Attachments::Inline;
        match source {
            Some(source) => copy_to_number_database(source, target.document.as_ref(), whole),
            None => Decision::Skip,
        }
    }

    fn cause(&self, _: &Change) -> Cause {
        Cause::Drift(Drift::OnlyInAccount)
    }
}
