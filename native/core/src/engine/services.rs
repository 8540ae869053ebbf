//! The accounts whose numbers changed, and whose services must be reconciled.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug_span};

use crate::host::Host;
use crate::kazoo::AccountId;
use crate::operation;
use crate::report::{NumberWarningKind, Reason, Reporter};
use couchdb::{Error, Pace};

#[derive(Debug, Default)]
pub(crate) struct Services {
    touched: Mutex<BTreeSet<AccountId>>,
    /// Accounts with services that the host could not reconcile.
    left: Mutex<Vec<String>>,
}

impl Services {
    /// Records an account whose numbers changed on either side.
    pub(super) fn touch(&self, account: AccountId) {
        locked(&self.touched).insert(account);
    }

    /// Reconciles the services of all accounts that were recorded, each once.
    pub(super) async fn reconcile(
        &self,
        host: &dyn Host,
        reporter: &Reporter,
        cancel: &CancellationToken,
        pace: &Pace,
    ) -> Result<(), Error> {
        let touched = std::mem::take(&mut *locked(&self.touched));
        let mut left = Vec::new();
        for account in touched {
            // Kazoo works for a run, too.
            tokio::select! {
                () = pace.resumed() => {}
                () = cancel.cancelled() => {}
            }
            if cancel.is_cancelled() {
                return Err(Error::cancelled(operation::HOST));
            }
            let span = debug_span!("services", %account);
            match host.services(account).instrument(span).await {
                Ok(true) => {}
                Ok(false) => left.push(account.to_string()),
                Err(error) => {
                    let (database, id) = (account.database(), account.to_string());
                    let (kind, why) = (NumberWarningKind::ServicesFailed, error.to_string());
                    reporter
                        .warn_of_number(kind, &database, &id, Some(why))
                        .await;
                    reporter.failed(&database.encoded(), Reason::Services, &id);
                }
            }
        }
        if !left.is_empty() {
            let line = format!(
                "services of these accounts must be reconciled in Kazoo: {}",
                left.join(" ")
            );
            reporter.note(line).await;
            locked(&self.left).extend(left);
        }
        Ok(())
    }

    /// The accounts with services that the host could not reconcile.
    pub(crate) fn left(&self) -> Vec<String> {
        locked(&self.left).clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
