//! App usage of accounts: read once an account and run, whatever the number of databases.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex, OnceCell};

use super::context::Run;
use super::databases;
use super::read::parsed;
use super::{Answer, Returned};
use crate::kazoo::{AccountId, AppUsage, Usage, range_after_numbers};
use couchdb::Error;
use couchdb::Include;

/// What is known of one account's usage: an error is remembered, too, and not asked for again.
type Known = Arc<OnceCell<Result<Arc<AppUsage>, Error>>>;

/// The usage of the accounts of a run.
#[derive(Default)]
pub(super) struct Usages(Mutex<HashMap<AccountId, Known>>);

impl Usages {
    /// An account's usage, read when it is first asked for.
    pub(super) async fn of(&self, run: &Run, account: AccountId) -> Result<Arc<AppUsage>, Error> {
        let known = self.0.lock().await.entry(account).or_default().clone();
        // In a box: hundreds of tasks wait for each account, and one reads it.
        known
            .get_or_init(|| Box::pin(read(run, account)))
            .await
            .clone()
    }

    /// Takes in an account's usage that was read along with something else.
    pub(super) async fn know(&self, account: AccountId, usage: AppUsage) {
        let known = Known::new(OnceCell::new_with(Some(Ok(Arc::new(usage.packed())))));
        self.0.lock().await.insert(account, known);
    }
}

/// Reads an account's usage from its documents: views for this exist, and can be missing, still
/// to be built, or silently empty (contract section 4). What is named as numbers are is not read:
/// callflows and trunkstore documents have ids that Kazoo made up, 32 hexadecimal digits.
async fn read(run: &Run, account: AccountId) -> Result<Arc<AppUsage>, Error> {
    let normaliser = run.normaliser().await?;
    let database = account.database();
    let mut usage = AppUsage::default();
    let mut scan = run
        .pages(&database, range_after_numbers(), Include::Documents)
        .await?;
    while let Some(page) = scan.next().await? {
        for (_, text) in page.rows() {
            usage.add(&parsed(&database, text)?, &normaliser);
        }
    }
    Ok(Arc::new(usage.packed()))
}

/// `app_using/2`: callflow first.
pub(super) async fn app_using(
    run: &Arc<Run>,
    number: String,
    account: AccountId,
) -> Result<Answer, Error> {
    databases::must_exist(run, account).await?;
    let number = run.normaliser().await?.normalise(&number);
    let usage = read(run, account).await?;
    let app = match usage.of(&number) {
        Usage::Callflow | Usage::Both => Some("callflow"),
        Usage::Trunkstore => Some("trunkstore"),
        Usage::None => None,
    };
    Ok(Answer::Only(Returned::App(app)))
}
