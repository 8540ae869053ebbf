//! The accounts whose numbers changed, and whose services must be reconciled.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::{Instrument, debug_span};

use super::run::Run;
use crate::kazoo::AccountId;
use crate::operation;
use crate::report::Reason;
use couchdb::Error;

/// Accounts whose numbers changed in a run.
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

    /// The accounts with services that the host could not reconcile.
    pub(crate) fn left(&self) -> Vec<String> {
        locked(&self.left).clone()
    }
}

impl Run {
    /// Reconciles the services of all accounts whose numbers changed, each once.
    pub(crate) async fn reconcile_services(&self) -> Result<(), Error> {
        if self.settings.dry_run {
            return Ok(());
        }
        let touched = std::mem::take(&mut *locked(&self.services.touched));
        let mut left = Vec::new();
        for account in touched {
            if self.cancel.is_cancelled() {
                return Err(Error::cancelled(operation::HOST));
            }
            let span = debug_span!("services", %account);
            match self.cluster.host().services(account).instrument(span).await {
                Ok(true) => {}
                Ok(false) => left.push(account.to_string()),
                Err(error) => {
                    let line = format!("services of {account} are not reconciled: {error}");
                    self.reporter.warn(line).await;
                    self.reporter.failed(
                        &account.database().encoded(),
                        Reason::Services,
                        &account.to_string(),
                    );
                }
            }
        }
        if !left.is_empty() {
            let line = format!(
                "services of these accounts must be reconciled in Kazoo: {}",
                left.join(" ")
            );
            self.reporter.note(line).await;
            locked(&self.services.left).extend(left);
        }
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
