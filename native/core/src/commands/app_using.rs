//! `app_using/2`: the application that uses a number in an account. Callflow has priority.

use std::sync::Arc;

use super::answer::{Answer, Returned};
use crate::engine::Run;
use crate::kazoo::{AccountId, Usage};
use crate::repair::usage_of;
use couchdb::Error;

/// `app_using/2`
pub(crate) async fn app_using(
    run: &Arc<Run>,
    number: String,
    account: AccountId,
) -> Result<Answer, Error> {
    run.must_exist(account).await?;
    let number = run.normaliser().await?.normalise(&number);
    let app = match usage_of(run, account).await?.of(&number) {
        Usage::Callflow | Usage::Both => Some("callflow"),
        Usage::Trunkstore => Some("trunkstore"),
        Usage::None => None,
    };
    Ok(Answer::Only(Returned::App(app)))
}
