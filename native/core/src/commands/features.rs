//! Commands for the features of a number (docs/specification.md#features).

use std::sync::Arc;

use super::answer::{Answer, FAILED, Returned};
use super::known_features::{print_known, unknown};
use crate::engine::{InPlace, Numbered, Run};
use crate::kazoo::{AccountId, DatabaseName, NumberFacts};
use crate::plan::{Cause, Decision, edit_features, features_of};
use crate::report::{Event, Features, Reason};
use crate::selection::{Edit, FeatureList};
use couchdb::Error;
use document::Document;

const ALLOWED: &str = "pvt_features_allowed";
const DENIED: &str = "pvt_features_denied";

/// `all_features/0`
pub(crate) async fn all(run: &Run) -> Result<Answer, Error> {
    print_known(run).await;
    Ok(Answer::Only(Returned::NoReturn))
}

/// Reads one number. `None`: the read failed, and the failure report has the reason.
async fn one_number(
    run: &Arc<Run>,
    given: String,
) -> Result<Option<(DatabaseName, Numbered)>, Error> {
    let numbers = run.normalised(vec![given]).await?;
    for (database, live) in run.read_numbers(numbers).await? {
        if let Some(number) = live.into_iter().next() {
            return Ok(Some((database, number)));
        }
    }
    Ok(None)
}

/// Prints Kazoo's line for a number that cannot be read. Returns what Kazoo returns for an absent number.
async fn print_unread(run: &Run) -> Answer {
    let failures = run.reporter.failures();
    let mut is_absent = true;
    for failures in failures.by_database().values() {
        is_absent &= failures.last_error.is_none();
        for (reason, numbers) in &failures.failed {
            is_absent &= *reason == Reason::NOT_FOUND;
            let word = match *reason {
                Reason::NOT_FOUND => reason.word(),
                reason => reason.key(),
            };
            for number in numbers {
                let line = format!("Error with number {number}: {word}");
                run.reporter.error(line, None).await;
            }
        }
    }
    Answer::Only(if is_absent {
        Returned::NoReturn
    } else {
        Returned::Code(FAILED)
    })
}

/// `feature_permissions_on_number/1`
pub(crate) async fn show_on_number(run: &Arc<Run>, given: String) -> Result<Answer, Error> {
    let Some((_, number)) = one_number(run, given).await? else {
        return Ok(print_unread(run).await);
    };
    print_number(run, &number.document).await;
    Ok(Answer::Printed(Returned::NoReturn))
}

async fn print_number(run: &Run, document: &Document) {
    run.reporter
        .send(Event::Features(Features::Number {
            number: document.id().to_owned(),
            allowed: features_of(document, ALLOWED),
            denied: features_of(document, DENIED),
        }))
        .await;
}

/// The four commands that edit a number's features. Both copies of its document are edited.
pub(crate) async fn edit_on_number(
    run: &Arc<Run>,
    edit: Edit,
    list: FeatureList,
    feature: String,
    given: String,
) -> Result<Answer, Error> {
    if let Some(answer) = unknown(run, &feature).await {
        return Ok(answer);
    }
    let Some((database, number)) = one_number(run, given).await? else {
        return Ok(print_unread(run).await);
    };
    let field = match list {
        FeatureList::Allowed => ALLOWED,
        FeatureList::Denied => DENIED,
    };
    let add = edit == Edit::Add;
    let rule = InPlace {
        cause: Cause::Features,
        rule: |document: &Document| {
            if NumberFacts::of(document).is_live_number() {
                Decision::edit(edit_features(document, field, &feature, add))
            } else {
                Decision::Skip
            }
        },
    };
    let id = number.document.id().to_owned();
    let copy = number.assigned_to.map(AccountId::database);
    for database in std::iter::once(database.clone()).chain(copy) {
        let ids = std::slice::from_ref(&id);
        run.reconcile_ids(&database, &rule, ids).await?;
    }
    let found = run.present(&database, &[&id]).await?;
    if let Some(document) = found.first().and_then(Option::as_ref) {
        print_number(run, document).await;
    }
    Ok(Answer::Printed(Returned::NoReturn))
}
