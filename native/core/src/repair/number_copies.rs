//! Numbers of number databases, created from the copies of accounts.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;

use crate::engine::{MissingDatabase, OtherSide, Read, Reconciler, Run, Target};
use crate::kazoo::AccountId;
use crate::plan::{Decision, copy_to_number_database};
use couchdb::{Attachments, Error};
use document::Document;

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
        let mut by_account: BTreeMap<AccountId, Vec<&str>> = BTreeMap::new();
        for target in targets {
            if let Some(account) = self.from.get(&target.id) {
                by_account.entry(*account).or_default().push(&target.id);
            }
        }
        let mut sources: HashMap<&str, Document> = HashMap::new();
        for (account, ids) in by_account {
            let database = account.database();
            let found = self
                .run
                .documents(&database, &ids, read.attachments)
                .await?;
            for (id, found) in ids.into_iter().zip(found) {
                sources.extend(found.present().map(|document| (id, document)));
            }
        }
        let source_of = |target: &Target| Ok(sources.remove(target.id.as_str()));
        Ok(targets.iter().map(source_of).collect())
    }

    fn decide(&self, target: &Target, source: &Self::Other, read: Read) -> Decision {
        let whole = read.attachments == Attachments::Inline;
        match source {
            Some(source) => copy_to_number_database(source, target.document.as_ref(), whole),
            None => Decision::Skip,
        }
    }
}
