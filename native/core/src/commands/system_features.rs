//! Commands for the features that the system config allows (docs/specification.md#system-config-features).

use async_trait::async_trait;

use super::answer::{Answer, Returned};
use super::known_features::unknown;
use crate::engine::{MissingDatabase, OtherSide, Read, Reconciler, Run, Target};
use crate::kazoo::{DEFAULT_FEATURES_ALLOWED, DatabaseName, NUMBER_MANAGER};
use crate::operation;
use crate::plan::{Cause, Decision, KNOWN_FEATURES, edited_list};
use crate::report::Reason;
use crate::report::{Event, Features};
use crate::selection::Edit;
use couchdb::{Error, Kind};
use document::{Change, Document, Object, quoted};

/// A feature that only administrators use. It must be in the list of allowed features.
const ADMIN_ONLY: &str = "carrier_name";

/// `feature_permissions_on_system_config/0`
pub(crate) async fn show(run: &Run) -> Result<Answer, Error> {
    let features = allowed(run).await?;
    print(run, &features).await;
    Ok(Answer::Only(Returned::NoReturn))
}

async fn print(run: &Run, features: &[String]) {
    let allowed = features.to_vec();
    run.reporter
        .send(Event::Features(Features::SystemConfig { allowed }))
        .await;
}

/// The features that the system config allows, sorted, without duplicates.
async fn allowed(run: &Run) -> Result<Vec<String>, Error> {
    let features = match run.cluster.host().system_features().await? {
        Some(features) => features.allowed,
        None => run
            .cluster
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

/// `add_allowed_feature_on_system_config/1`, `remove_allowed_feature_on_system_config/1`
pub(crate) async fn edit(run: &Run, edit: Edit, feature: String) -> Result<Answer, Error> {
    if let Some(answer) = unknown(run, &feature).await {
        return Ok(answer);
    }
    let allowed = allowed(run).await?;
    let edited = edited_list(&allowed, &feature, edit == Edit::Add);
    if edited == allowed {
        print(run, &allowed).await;
        return Ok(Answer::Only(Returned::NoReturn));
    }
    set(run, edited).await
}

/// `ensure_adminonly_features_are_reachable/0`, which Kazoo's own migration calls.
pub(crate) async fn ensure_admin_only(run: &Run) -> Result<Answer, Error> {
    let allowed = allowed(run).await?;
    let reachable = edited_list(&allowed, ADMIN_ONLY, true);
    if reachable == allowed {
        return Ok(Answer::Only(Returned::NoReturn));
    }
    set(run, reachable).await
}

/// `reset_allowed_features_to_defaults_on_system_config/0`
pub(crate) async fn reset(run: &Run) -> Result<Answer, Error> {
    let defaults = match run.cluster.host().system_features().await? {
        Some(features) => features.defaults,
        None => owned(&DEFAULT_FEATURES_ALLOWED),
    };
    set(run, sorted(defaults)).await
}

/// Writes and prints the features that the system config allows.
async fn set(run: &Run, features: Vec<String>) -> Result<Answer, Error> {
    let path = ["features", "allow"];
    let by_host = !run.writes_nothing() && run.cluster.host().set_config(&path, &features).await?;
    if !by_host {
        write(run, &features).await?;
    }
    if run.reporter.failures().is_empty() {
        print(run, &features).await;
    }
    Ok(Answer::Printed(Returned::NoReturn))
}

async fn write(run: &Run, features: &[String]) -> Result<(), Error> {
    let Some(database) = DatabaseName::new("system_config") else {
        return Ok(());
    };
    let server = run.cluster.server(Some(&database)).await?;
    if !server.exists(&database).await? {
        if run.writes_nothing() {
            run.plans_to_create(&database)?;
        } else {
            server.create_database(&database).await?;
        }
    }
    let texts: Vec<String> = features.iter().map(|feature| quoted(feature)).collect();
    let reconciler = AllowedFeatures {
        section: &run.settings.config_section,
        features: format!("[{}]", texts.join(",")),
    };
    let id = NUMBER_MANAGER.to_owned();
    run.reconcile_ids(&database, &reconciler, &[id]).await?;
    Ok(())
}

/// The document of the system config with the allowed features.
struct AllowedFeatures<'a> {
    section: &'a str,
    /// A JSON array.
    features: String,
}

#[async_trait]
impl Reconciler for AllowedFeatures<'_> {
    type Other = ();

    fn missing_database(&self) -> MissingDatabase {
        MissingDatabase::IsCreated
    }

    async fn other_side(&self, targets: &[Target], _: Read) -> Result<Vec<OtherSide<()>>, Error> {
        Ok(targets.iter().map(|_| Ok(())).collect())
    }

    fn decide(&self, target: &Target, (): &(), _: Read) -> Decision {
        let path = [self.section, "features", "allow"];
        let Some(document) = &target.document else {
            let empty = Object::default().with(&[("_id", Some(&quoted(NUMBER_MANAGER)))]);
            let created = Document::new(NUMBER_MANAGER, empty)
                .map(|empty| with_nested(&empty, path, &self.features));
            return created.map_or_else(
                |_| Decision::Failed(Reason::Failed(operation::SYSTEM_CONFIG, Kind::Internal)),
                Decision::Write,
            );
        };
        let edited = with_nested(document, path, &self.features);
        Decision::edit((edited.digest() != document.digest()).then_some(edited))
    }

    fn cause(&self, _: &Change) -> Cause {
        Cause::SystemConfig
    }
}

/// The document with one nested value set. A value on the path that is not an object becomes an object.
fn with_nested(document: &Document, path: [&str; 3], json: &str) -> Document {
    let [field, inner @ ..] = path;
    let value = nested(document.get(field), &inner, json);
    document.edited(&[(field, Some(&value))])
}

fn nested(value: Option<&str>, path: &[&str], json: &str) -> String {
    let Some((field, inner)) = path.split_first() else {
        return json.to_owned();
    };
    let object = value
        .and_then(|value| Object::parse(value).ok())
        .unwrap_or_default();
    let value = nested(object.get(field), inner, json);
    object.with(&[(field, Some(&value))])
}
