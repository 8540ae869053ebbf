//! What number databases hold for one account: asked of their index, where it answers.
//!
//! Somebody waits for these commands behind a web button, and a large cluster has a thousand
//! documents of others for each of the account's. Only ids are taken from the index; the documents
//! are read, and decide. What it does not have is not copied and not fixed by this run, and nothing
//! is deleted for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::context::Run;
use super::read::Scan;
use crate::kazoo::{AccountId, DatabaseName};
use couchdb::{Error, Kind, Operation};
use couchdb::{Include, Keyed, Keys, Page, Range};

/// How long an index may take. One that is up to date answers in milliseconds; one that is still to
/// be built takes longer than reading the documents.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the cluster's indexes are worth asking.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    /// One took too long: nobody built them, and the others will be no better.
    are_slow: AtomicBool,
}

/// A reading of a number database.
pub(super) enum Assigned<'a> {
    /// Of all its documents.
    All(Scan<'a>),
    /// Of those that an index has for an account.
    Of {
        run: &'a Run,
        database: DatabaseName,
        ids: std::vec::IntoIter<String>,
    },
}

impl Assigned<'_> {
    /// The next page; None when there is no more.
    pub(super) async fn next(&mut self) -> Result<Option<Page>, Error> {
        match self {
            Self::All(scan) => scan.next().await,
            Self::Of { run, database, ids } => {
                let some: Vec<String> = ids.by_ref().take(run.settings.max_bulk_read).collect();
                if some.is_empty() {
                    return Ok(None);
                }
                let keys: Vec<&str> = some.iter().map(String::as_str).collect();
                let found = run.keys(database, &keys, Include::Documents).await?;
                Ok(Some(Page::from_found(some, found)))
            }
        }
    }
}

impl Run {
    /// A reading of a number database for one account, or for all: at least of the documents that
    /// are assigned to it.
    pub(super) async fn assigned(
        &self,
        database: &DatabaseName,
        only: Option<AccountId>,
    ) -> Result<Assigned<'_>, Error> {
        if let Some(account) = only {
            match self.ids_assigned_to(database, account).await {
                Ok(ids) => {
                    return Ok(Assigned::Of {
                        run: self,
                        database: database.clone(),
                        ids: ids.into_iter(),
                    });
                }
                Err(error) if Self::is_fatal(&error) => return Err(error),
                Err(_) => {}
            }
        }
        let scan = self.pages(database, Range::all(), Include::Documents);
        Ok(Assigned::All(scan.await?))
    }

    async fn ids_assigned_to(
        &self,
        database: &DatabaseName,
        account: AccountId,
    ) -> Result<Vec<String>, Error> {
        let unusable = |kind, detail: &str| {
            Error::new(kind, Operation::OPEN_DOCS, detail).in_database(database)
        };
        if self.indexes.are_slow.load(Ordering::Relaxed) {
            return Err(unusable(Kind::Timeout, "the indexes are not built"));
        }
        let server = self.server(Some(database)).await?;
        let keys = keys_of(account);
        let asked = server.rows_in_range(database, &keys, self.settings.max_bulk_read);
        let found = asked.await.inspect_err(|error| {
            if error.kind() == Kind::Timeout {
                self.indexes.are_slow.store(true, Ordering::Relaxed);
            }
        })?;
        // Keys of another kind would all lie out of range, and an engine that cannot run the view
        // leaves it empty: only an index that has rows, and of this kind, says that there are none.
        if !found.first_of_all.as_ref().is_some_and(is_of_kazoo) {
            return Err(unusable(Kind::BadAnswer, "another index than Kazoo's"));
        }
        let mut ids = Vec::new();
        for row in found.rows {
            if !(is_of_kazoo(&row) && account_in(&row.key) == Some(account)) {
                return Err(unusable(Kind::BadAnswer, "not an answer of the index"));
            }
            ids.push(row.id);
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }
}

/// `numbers/assigned_to`: keys are `[pvt_assigned_to, _id]`. Views sort letters by what they are
/// first and by their case last, small ones before: an account however it is spelled is in between.
fn keys_of(account: AccountId) -> Keys {
    let id = account.to_string();
    Keys {
        design: "numbers",
        view: "assigned_to",
        start: json!([id]),
        end: json!([id.to_uppercase(), {}]),
        patience: PATIENCE,
    }
}

/// Whether a row's key is of this kind.
fn is_of_kazoo(row: &Keyed) -> bool {
    matches!(row.key.as_array().map(Vec::as_slice), Some([_, Value::String(id)]) if *id == row.id)
}

/// The account in a key, if it names one.
fn account_in(key: &Value) -> Option<AccountId> {
    AccountId::parse(key.get(0)?.as_str()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_an_account_in_any_case_and_the_id() {
        let row = |key: Value| Keyed {
            id: "+14155550100".to_owned(),
            key,
        };
        let own = json!(["Ab000000000000000000000000000001", "+14155550100"]);
        assert_eq!(
            account_in(&own),
            AccountId::parse("ab000000000000000000000000000001")
        );
        assert!(is_of_kazoo(&row(own)));
        assert!(is_of_kazoo(&row(json!([7, "+14155550100"]))));
        for other in [
            json!("ab000000000000000000000000000001"),
            json!(["ab000000000000000000000000000001"]),
            json!(["ab000000000000000000000000000001", "+14155550101"]),
        ] {
            assert!(!is_of_kazoo(&row(other)));
        }
    }
}
