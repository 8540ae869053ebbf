//! Finds the numbers of one account in the number databases by the index of the cluster, or by the view index, if one answers.
//!
//! A web page calls these commands, and a large cluster has a thousand documents of others for each of the account's. An index
//! provides only ids; decisions come from the documents. A number that the index lacks is not copied and not fixed by this run,
//! and nothing is deleted because of it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use tracing::{Instrument, debug, debug_span};

use super::facts::FactsScan;
use super::run::Run;
use super::scanned::Scanned;
use crate::kazoo::{AccountId, DatabaseName};
use couchdb::{Error, Keyed, Keys, Kind, Operation};

/// The timeout for an index. An index that is up to date answers in milliseconds; building one takes longer than reading the
/// documents.
const PATIENCE: Duration = Duration::from_secs(2);

/// The documents of a number database; at least all that are assigned to one account.
pub(crate) enum AssignedPages<'a> {
    All(FactsScan<'a>),
    /// The documents that the index lists for the account.
    Of {
        run: &'a Run,
        database: DatabaseName,
        ids: std::vec::IntoIter<String>,
    },
}

impl AssignedPages<'_> {
    /// The next page; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Scanned>>, Error> {
        match self {
            Self::All(scan) => scan.next_scanned().await,
            Self::Of { run, database, ids } => {
                let some: Vec<String> = ids.by_ref().take(run.settings.max_bulk_read).collect();
                if some.is_empty() {
                    return Ok(None);
                }
                let keys: Vec<&str> = some.iter().map(String::as_str).collect();
                let found = run.present(database, &keys).await?;
                Ok(Some(
                    found.into_iter().flatten().map(Scanned::Read).collect(),
                ))
            }
        }
    }
}

impl Run {
    /// The documents of a number database that may be assigned to an account; all documents if no account is given.
    pub(crate) async fn assigned(
        &self,
        database: &DatabaseName,
        only: Option<AccountId>,
    ) -> Result<AssignedPages<'_>, Error> {
        let Some(account) = only else {
            return Ok(AssignedPages::All(self.scan_facts(database).await?));
        };
        let ids = match self.known(database).await? {
            Some(known) => {
                let numbers = known.into_numbers();
                let assigned = numbers.filter(|number| number.facts.assigned_to == Some(account));
                Ok(assigned.map(|number| number.id.into()).collect())
            }
            None => self.ids_assigned_to(database, account).await,
        };
        match ids {
            Ok(ids) => {
                return Ok(AssignedPages::Of {
                    run: self,
                    database: database.clone(),
                    ids: ids.into_iter(),
                });
            }
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                debug!(database = %database, %error, "no index: all documents are read")
            }
        }
        // The index was asked already.
        let scan = self.scan_all(database).await?;
        Ok(AssignedPages::All(FactsScan::Read(Box::new(scan))))
    }

    async fn ids_assigned_to(
        &self,
        database: &DatabaseName,
        account: AccountId,
    ) -> Result<Vec<String>, Error> {
        let unusable = |kind, detail: &str| {
            Error::new(kind, Operation::OPEN_DOCS, detail).in_database(database)
        };
        if self.indexes_are_slow.load(Ordering::Relaxed) {
            return Err(unusable(Kind::Timeout, "the indexes are not built"));
        }
        let server = self.cluster.server(Some(database)).await?;
        let keys = keys_of(account);
        let asked = server.rows_in_range(database, &keys, self.settings.max_bulk_read);
        let span = debug_span!("index", database = %database, account = %account);
        let found = asked.instrument(span).await.inspect_err(|error| {
            if error.kind() == Kind::Timeout {
                self.indexes_are_slow.store(true, Ordering::Relaxed);
            }
        })?;
        // Keys of another form lie out of range, and a server that cannot run the view leaves it empty. So an empty answer counts
        // only if the index has rows of the expected form.
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

/// `numbers/assigned_to`: keys are `[pvt_assigned_to, _id]`. Views compare letters without case first, then lower case before
/// upper case, so the range covers every spelling of an account.
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

/// Whether a row's key has the expected form.
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
    fn index_key_has_account_and_number() {
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
