//! Numbers from the command line: normalises, checks and reads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::run::Run;
use crate::kazoo::{
    AccountId, DatabaseName, NumberFacts, encoded_number_database_of, number_database_of,
};
use crate::operation;
use crate::report::Reason;
use crate::report::shown;
use couchdb::{Error, Kind};
use document::Document;

/// A live number document of a number database.
pub(crate) struct Numbered {
    pub(crate) document: Document,
    pub(crate) assigned_to: Option<AccountId>,
}

/// Numbers, divided into reconcilable ones and others.
pub(crate) struct Checked {
    /// The reconcilable numbers: normalised, sorted, each once.
    pub(crate) good: Vec<String>,
    /// The others, as they were given.
    pub(crate) bad: Vec<String>,
}

impl Run {
    /// Normalises numbers. A number that is not reconcilable is a failure of the number database that it would name.
    ///
    /// # Errors
    ///
    /// No number is reconcilable: the command is refused and reads no data (docs/specification.md#not-reconcilable).
    pub(crate) async fn normalised(&self, given: Vec<String>) -> Result<Vec<String>, Error> {
        let Checked { good, bad } = self.usable(given).await?;
        self.fail_not_reconcilable(None, bad);
        Ok(good)
    }

    /// As [`Run::normalised`], for numbers of an account that must exist. A number that is not reconcilable is a failure of the
    /// account's database.
    ///
    /// # Errors
    ///
    /// As [`Run::normalised`], or the account's database does not exist.
    pub(crate) async fn normalised_of(
        &self,
        account: AccountId,
        given: Vec<String>,
    ) -> Result<Vec<String>, Error> {
        let Checked { good, bad } = self.usable(given).await?;
        self.must_exist(account).await?;
        self.fail_not_reconcilable(Some(account), bad);
        Ok(good)
    }

    /// As [`Run::checked`], but refuses the command if no number is reconcilable.
    async fn usable(&self, given: Vec<String>) -> Result<Checked, Error> {
        let checked = self.checked(given).await?;
        if checked.good.is_empty() && !checked.bad.is_empty() {
            let bad: Vec<String> = checked.bad.iter().map(|one| shown(one)).collect();
            let line = format!(
                "none of the numbers can be used: {} ({}); expected is a number such as +14155550100",
                bad.join(", "),
                Reason::NotReconcilable.key()
            );
            return Err(Error::new(Kind::BadRequest, operation::ARGUMENTS, line));
        }
        Ok(checked)
    }

    /// Normalises numbers and checks which are reconcilable.
    pub(crate) async fn checked(&self, given: Vec<String>) -> Result<Checked, Error> {
        let normaliser = self.normaliser().await?;
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for given in given {
            let number = normaliser.normalise(&given);
            if normaliser.is_reconcilable(&number) {
                good.push(number);
            } else {
                bad.push(given);
            }
        }
        good.sort_unstable();
        good.dedup();
        Ok(Checked { good, bad })
    }

    /// Records a failure for each number that is not reconcilable.
    pub(crate) fn fail_not_reconcilable(&self, account: Option<AccountId>, bad: Vec<String>) {
        for given in bad {
            let database = match account {
                Some(account) => account.database().encoded(),
                None => encoded_number_database_of(&given),
            };
            self.reporter
                .failed(&database, Reason::NotReconcilable, &given);
        }
    }

    /// Groups numbers by number database. A number that is too short to name one, such as `011`, is in none.
    pub(crate) fn by_number_database(
        &self,
        numbers: impl IntoIterator<Item = String>,
    ) -> BTreeMap<DatabaseName, Vec<String>> {
        let mut by_database: BTreeMap<DatabaseName, Vec<String>> = BTreeMap::new();
        for number in numbers {
            match number_database_of(&number) {
                Some(database) => by_database.entry(database).or_default().push(number),
                None => {
                    let database = encoded_number_database_of(&number);
                    self.reporter.failed(&database, Reason::NOT_FOUND, &number);
                }
            }
        }
        by_database
    }

    /// Reads numbers of one number database. Returns the live ones; the others are failures.
    async fn live_numbers(
        &self,
        database: &DatabaseName,
        numbers: &[String],
    ) -> Result<Vec<Numbered>, Error> {
        let ids: Vec<&str> = numbers.iter().map(String::as_str).collect();
        let found = match self.present(database, &ids).await {
            Ok(found) => found,
            // Without the database every number is absent.
            Err(error) if error.kind() == Kind::DatabaseNotFound => {
                ids.iter().map(|_| None).collect()
            }
            Err(error) => {
                self.numbers_failed(database, &error, (&error).into(), ids)?;
                return Ok(Vec::new());
            }
        };
        let mut live = Vec::new();
        for (id, found) in numbers.iter().zip(found) {
            match found.map(|document| (NumberFacts::of(&document), document)) {
                Some((facts, document)) if facts.is_live_number() => live.push(Numbered {
                    document,
                    assigned_to: facts.assigned_to,
                }),
                _ => self
                    .reporter
                    .failed(&database.encoded(), Reason::NOT_FOUND, id),
            }
        }
        Ok(live)
    }

    /// Reads numbers from their number databases, several databases at a time. Returns the live ones; the others are failures.
    pub(crate) async fn read_numbers(
        self: &Arc<Self>,
        numbers: Vec<String>,
    ) -> Result<Vec<(DatabaseName, Vec<Numbered>)>, Error> {
        let by_database: Vec<_> = self.by_number_database(numbers).into_iter().collect();
        self.each(by_database, |run, (database, numbers)| async move {
            let live = run.live_numbers(&database, &numbers).await?;
            Ok((database, live))
        })
        .await
    }

    /// Returns the numbers with an assigned account; the others are failures.
    pub(crate) fn assigned_of(
        &self,
        database: &DatabaseName,
        live: Vec<Numbered>,
    ) -> Vec<(AccountId, Document)> {
        let mut assigned = Vec::new();
        for number in live {
            match number.assigned_to {
                Some(account) => assigned.push((account, number.document)),
                None => self.reporter.failed(
                    &database.encoded(),
                    Reason::NotAssigned,
                    number.document.id(),
                ),
            }
        }
        assigned
    }
}
