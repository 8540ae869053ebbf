//! Features: those that there are, those that a number allows and denies, those that the system
//! config allows (contract section 8).

use std::sync::Arc;

use async_trait::async_trait;

use super::context::Run;
use super::numbers::{self, NOT_FOUND, Numbered};
use super::read::parsed;
use super::settle::{Decide, Decision, InPlace, settle};
use super::{Answer, FAILED, Returned};
use crate::command::{Edit, FeatureList};
use crate::kazoo::{DEFAULT_FEATURES_ALLOWED, DatabaseName, NUMBER_MANAGER, NumberFacts};
use crate::operation;
use crate::plan::{Change, KNOWN_FEATURES, edit_features, edited_list, features_of};
use couchdb::{Error, Kind};
use couchdb::{Found, Include, Object, Revision, quoted};

const ALLOWED: &str = "pvt_features_allowed";
const DENIED: &str = "pvt_features_denied";

/// The feature that only administrators use, and that must be allowed for them.
const ADMIN_ONLY: &str = "carrier_name";

/// `all_features/0`
pub(super) async fn all(run: &Run) -> Result<Answer, Error> {
    tell_known(run).await;
    Ok(Answer::Only(Returned::NoReturn))
}

async fn tell_known(run: &Run) {
    run.output("Known features:".to_owned()).await;
    run.output(format!("\t{}", KNOWN_FEATURES.join(" "))).await;
}

/// What ends a command about a feature that there is not.
async fn unknown(run: &Run, feature: &str) -> Option<Answer> {
    if KNOWN_FEATURES.contains(&feature) {
        return None;
    }
    run.output(format!("Feature '{feature}' is not a known feature."))
        .await;
    tell_known(run).await;
    Some(Answer::Only(Returned::NoReturn))
}

/// Reads one number, or tells why it cannot be.
async fn one_number(
    run: &Arc<Run>,
    given: String,
) -> Result<Option<(DatabaseName, Numbered)>, Error> {
    let numbers = numbers::normalised(run, vec![given]).await?;
    for (database, live) in numbers::read_all(run, numbers).await? {
        if let Some(number) = live.into_iter().next() {
            return Ok(Some((database, number)));
        }
    }
    Ok(None)
}

/// Prints the same line as Kazoo's own for a number that cannot be read, and returns the same as Kazoo for one that is absent.
async fn tell_unread(run: &Run) -> Answer {
    let failures = run.tally.failures();
    for failures in failures.by_database().values() {
        for (reason, numbers) in &failures.failed {
            let word = match reason.as_str() {
                NOT_FOUND => "not_found",
                other => other,
            };
            for number in numbers {
                run.output(format!("Error with number {number}: {word}"))
                    .await;
            }
        }
    }
    let is_absent = failures.by_database().values().all(|failures| {
        failures.last_error.is_none() && failures.failed.keys().all(|reason| reason == NOT_FOUND)
    });
    Answer::Only(if is_absent {
        Returned::NoReturn
    } else {
        Returned::Code(FAILED)
    })
}

/// How a command about features ends: a failure is told, success has told all already.
async fn ended(run: &Run) -> Answer {
    let failures = run.tally.failures();
    if failures.is_empty() {
        return Answer::Only(Returned::NoReturn);
    }
    run.output(failures.to_json()).await;
    Answer::Only(Returned::Code(FAILED))
}

/// `feature_permissions_on_number/1`
pub(super) async fn show_on_number(run: &Arc<Run>, given: String) -> Result<Answer, Error> {
    let Some((database, number)) = one_number(run, given).await? else {
        return Ok(tell_unread(run).await);
    };
    tell_number(run, &number.id, &parsed(&database, &number.text)?).await;
    Ok(ended(run).await)
}

async fn tell_number(run: &Run, id: &str, document: &Object<'_>) {
    run.output(format!("Feature permissions on {id}:")).await;
    for (title, field) in [("allowed", ALLOWED), ("denied", DENIED)] {
        let features = features_of(document, field);
        run.output(format!("\tFeatures {title}: {}", features.join(" ")))
            .await;
    }
}

/// The four editors of a number's features: both copies of its document are edited.
pub(super) async fn edit_on_number(
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
        return Ok(tell_unread(run).await);
    };
    let field = match list {
        FeatureList::Allowed => ALLOWED,
        FeatureList::Denied => DENIED,
    };
    let add = edit == Edit::Add;
    let mut databases = vec![database.clone()];
    databases.extend(number.assigned_to.map(crate::kazoo::AccountId::database));
    for database in &databases {
        let decider = InPlace {
            run,
            database,
            plan: |_: &str, rev: &Revision, text: &str| {
                let document = parsed(database, text)?;
                if !NumberFacts::of(&document).is_live_number() {
                    return Ok(Decision::Skip);
                }
                Ok(match edit_features(&document, field, &feature, add) {
                    None => Decision::Unchanged,
                    Some(body) => Decision::Change(Change::update(rev, text, body)),
                })
            },
        };
        let ids = std::slice::from_ref(&number.id);
        settle(run, database, Vec::new(), ids, &decider).await?;
    }
    let found = run
        .keys(&database, &[&number.id], Include::Documents)
        .await?;
    if let Some((_, text)) = found.first().and_then(Found::document) {
        tell_number(run, &number.id, &parsed(&database, text)?).await;
    }
    run.reconcile_services().await?;
    Ok(ended(run).await)
}

/// `feature_permissions_on_system_config/0`
pub(super) async fn show_on_system(run: &Run) -> Result<Answer, Error> {
    let features = allowed(run).await?;
    tell_system(run, &features).await;
    Ok(Answer::Only(Returned::NoReturn))
}

async fn tell_system(run: &Run, features: &[String]) {
    run.output("Features allowed on system config document:".to_owned())
        .await;
    run.output(format!("\t{}", features.join(" "))).await;
}

/// The features that the system config allows, sorted, each once.
async fn allowed(run: &Run) -> Result<Vec<String>, Error> {
    let features = match run.host.system_features().await? {
        Some(features) => features.allowed,
        None => run
            .system_config(|config| config.features_allowed())
            .await?
            .flatten()
            .unwrap_or_else(|| owned(&KNOWN_FEATURES)),
    };
    Ok(sorted(features))
}

fn owned(features: &[&str]) -> Vec<String> {
    features
        .iter()
        .map(|feature| (*feature).to_owned())
        .collect()
}

fn sorted(mut features: Vec<String>) -> Vec<String> {
    features.sort_unstable();
    features.dedup();
    features
}

/// `add_allowed_feature_on_system_config/1` and `remove_allowed_…/1`
pub(super) async fn edit_on_system(
    run: &Run,
    edit: Edit,
    feature: String,
) -> Result<Answer, Error> {
    if let Some(answer) = unknown(run, &feature).await {
        return Ok(answer);
    }
    let allowed = allowed(run).await?;
    let edited = edited_list(&allowed, &feature, edit == Edit::Add);
    if edited == allowed {
        tell_system(run, &allowed).await;
        return Ok(Answer::Only(Returned::NoReturn));
    }
    set(run, edited).await
}

/// `ensure_adminonly_features_are_reachable/0`, which Kazoo's own migration calls.
pub(super) async fn ensure_admin_only(run: &Run) -> Result<Answer, Error> {
    let allowed = allowed(run).await?;
    let reachable = edited_list(&allowed, ADMIN_ONLY, true);
    if reachable == allowed {
        return Ok(Answer::Only(Returned::NoReturn));
    }
    set(run, reachable).await
}

/// `reset_allowed_features_to_defaults_on_system_config/0`
pub(super) async fn reset(run: &Run) -> Result<Answer, Error> {
    let defaults = match run.host.system_features().await? {
        Some(features) => features.defaults,
        None => owned(&DEFAULT_FEATURES_ALLOWED),
    };
    set(run, sorted(defaults)).await
}

/// Writes the features that the system config allows, and tells them.
async fn set(run: &Run, features: Vec<String>) -> Result<Answer, Error> {
    let by_host = !run.settings.dry_run
        && run
            .host
            .set_config(&["features", "allow"], &features)
            .await?;
    if !by_host {
        write(run, &features).await?;
    }
    let failures = run.tally.failures();
    if failures.is_empty() {
        tell_system(run, &features).await;
    }
    Ok(ended(run).await)
}

async fn write(run: &Run, features: &[String]) -> Result<(), Error> {
    let Some(database) = DatabaseName::new("system_config") else {
        return Ok(());
    };
    let server = run.server(Some(&database)).await?;
    if !run.settings.dry_run && !server.exists(&database).await? {
        server.create_database(&database).await?;
    }
    let texts: Vec<String> = features.iter().map(|feature| quoted(feature)).collect();
    let decider = Allow {
        run,
        database: &database,
        features: format!("[{}]", texts.join(",")),
    };
    let id = NUMBER_MANAGER.to_owned();
    settle(run, &database, Vec::new(), &[id], &decider).await?;
    Ok(())
}

/// Decides about the document of the system config that holds the features allowed.
struct Allow<'a> {
    run: &'a Run,
    database: &'a DatabaseName,
    features: String,
}

#[async_trait]
impl Decide for Allow<'_> {
    async fn decide(&self, ids: &[&str]) -> Result<Vec<Decision>, Error> {
        let found = match self.run.keys(self.database, ids, Include::Documents).await {
            Ok(found) => found,
            Err(error) if error.kind() == Kind::DatabaseNotFound && self.run.settings.dry_run => {
                vec![Found::Missing; ids.len()]
            }
            Err(error) => return Err(error),
        };
        found.iter().map(|found| self.one(found)).collect()
    }
}

impl Allow<'_> {
    fn one(&self, found: &Found) -> Result<Decision, Error> {
        let section = self.run.settings.config_section.as_str();
        let Some((rev, text)) = found.document() else {
            let body = format!(
                "{{\"_id\":{},{}:{{\"features\":{{\"allow\":{}}}}}}}",
                quoted(NUMBER_MANAGER),
                quoted(section),
                self.features
            );
            return Ok(Decision::Change(Change::create(body.into())));
        };
        let document = parsed(self.database, text)?;
        let body = with_nested(&document, &[section, "features", "allow"], &self.features);
        let changed = Object::parse(&body).map_err(|_| {
            Error::new(
                Kind::Internal,
                operation::SYSTEM_CONFIG,
                "the edited document",
            )
        })?;
        if changed.digest() == document.digest() {
            return Ok(Decision::Unchanged);
        }
        Ok(Decision::Change(Change::update(rev, text, body.into())))
    }
}

/// A document with a value deep inside set; what is no object on the way makes way for one.
fn with_nested(object: &Object<'_>, path: &[&str], json: &str) -> String {
    let Some((first, rest)) = path.split_first() else {
        return json.to_owned();
    };
    let inner = if rest.is_empty() {
        json.to_owned()
    } else {
        let inner = object
            .get(first)
            .and_then(|json| Object::parse(json).ok())
            .unwrap_or_default();
        with_nested(&inner, rest, json)
    };
    object.with(&[(first, Some(&inner))])
}
