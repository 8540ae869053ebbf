//! `apply/1`, `apply/2`: make exactly the changes of a saved plan, at the revisions for which they were planned.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::answer::Answer;
use super::ending::Refused;
use super::plans::open;
use crate::engine::{MAKE_PLANNED, Run, unreadable};
use crate::journal::{Plan, PlanStart, PlannedWrite, Steps};
use crate::kazoo::{Classification, DatabaseName, KazooDatabase};
use crate::operation;
use crate::plan::is_made;
use crate::selection::Stale;
use couchdb::{Attachments, Error, Found, Kind};
use document::Document;

/// The most documents of a database that are listed as changed since the plan.
const LISTED: usize = 20;

/// Opens a plan. The answer, if it is for another cluster.
///
/// # Errors
///
/// There is no such plan, or it cannot be used.
pub(crate) async fn check(run: &Run, plan: &str) -> Result<Result<Arc<Plan>, Answer>, Error> {
    let opened = open(run, plan)?;
    let start = &opened.start.start;
    if !run.cluster.is_of(start).await? {
        let line = format!(
            "error: plan {plan} is for another cluster ({}) than this one ({}): nothing is done",
            start.server,
            run.cluster.url().await?
        );
        let because = Refused::OtherCluster;
        return Ok(Err(Answer::Refused { because, line }));
    }
    Ok(Ok(Arc::new(opened)))
}

fn refused(line: String) -> Error {
    Error::new(Kind::BadRequest, operation::ARGUMENTS, line)
}

/// `apply/1`, `apply/2`
pub(crate) async fn apply(run: &Arc<Run>, plan: &Plan, stale: Stale) -> Result<Answer, Error> {
    let steps = Arc::new(plan.steps(|entry| is_ours(&plan.start, entry))?);
    let changed = changed_since(run, &steps).await?;
    if !changed.is_empty() && stale == Stale::Refuse {
        list(run, &changed).await;
        let count: usize = changed.values().map(Vec::len).sum();
        let line = format!(
            "error: {count} documents changed since the plan was made: nothing is done; plan again, or apply the others with {}",
            Stale::SKIP
        );
        let because = Refused::StalePlan;
        return Ok(Answer::Refused { because, line });
    }
    for name in steps.created().filter_map(DatabaseName::new) {
        let server = run.cluster.server(Some(&name)).await?;
        if !server.exists(&name).await? {
            create(run, &name).await?;
        } else if name.classification() == Classification::Numbers {
            // An apply that created it may have been killed before it wrote the design document.
            crate::repair::complete(run, &name).await?;
        }
    }
    run.replay(steps, Vec::new(), MAKE_PLANNED).await?;
    if plan.start.reconciles_services {
        run.reconcile_services().await?;
    }
    Ok(Answer::Figures)
}

async fn create(run: &Run, database: &DatabaseName) -> Result<(), Error> {
    if database.classification() == Classification::Numbers {
        return crate::repair::create(run, database).await;
    }
    if run.writes_nothing() {
        return Ok(());
    }
    let server = run.cluster.server(Some(database)).await?;
    server.create_database(database).await
}

/// Refuses a plan with a change that no command plans: it was not written by this library.
fn is_ours(start: &PlanStart, entry: &PlannedWrite) -> Result<(), Error> {
    let database = DatabaseName::new(&entry.database);
    if database.is_some_and(|database| database.may_be_restored(&entry.id)) {
        return Ok(());
    }
    Err(refused(format!(
        "cannot apply {}: it has a change of {:?} in {:?}, which no command plans; nothing is done",
        start.start.run, entry.id, entry.database
    )))
}

/// The documents that another writer changed since the plan was made, by database. Changes that were made already are not among
/// them.
async fn changed_since(
    run: &Arc<Run>,
    steps: &Arc<Steps>,
) -> Result<BTreeMap<DatabaseName, Vec<String>>, Error> {
    let databases: Vec<DatabaseName> = steps.databases().filter_map(DatabaseName::new).collect();
    let changed: Arc<Mutex<BTreeMap<DatabaseName, Vec<String>>>> = Arc::default();
    run.each(databases, |run, database| {
        let (steps, changed) = (steps.clone(), changed.clone());
        async move {
            let ids = changed_in(&run, &database, &steps).await?;
            if !ids.is_empty() {
                let mut changed = changed.lock().unwrap_or_else(PoisonError::into_inner);
                changed.insert(database, ids);
            }
            Ok(())
        }
    })
    .await?;
    let mut changed = changed.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *changed))
}

async fn changed_in(
    run: &Run,
    database: &DatabaseName,
    steps: &Steps,
) -> Result<Vec<String>, Error> {
    let is_created = steps.created().any(|name| name == database.plain());
    let ids: Vec<&str> = steps
        .documents(database.plain())
        .map(|(id, _)| id)
        .collect();
    let mut suspects = Vec::new();
    for ids in ids.chunks(run.settings.max_bulk_read.max(1)) {
        let found = match run.revisions(database, ids).await {
            Err(error) if error.kind() == Kind::DatabaseNotFound && is_created => continue,
            found => found?,
        };
        for (id, found) in ids.iter().zip(found) {
            let step = steps.read(database.plain(), id);
            let step = step.map_err(|error| unreadable(&error))?;
            let before = step.first().and_then(|first| first.before.as_ref());
            let rev = match &found {
                Found::Present(revised) => Some(&revised.rev),
                Found::Deleted(_) | Found::Missing => None,
            };
            if before.and_then(Document::rev) != rev {
                suspects.push(*id);
            }
        }
    }
    let mut changed = Vec::new();
    for ids in suspects.chunks(run.settings.max_bulk_read.max(1)) {
        let found = run.documents(database, ids, Attachments::Stubs).await?;
        for (id, found) in ids.iter().zip(found) {
            let now: Option<Document> = found.present();
            let step = steps.read(database.plain(), id);
            let step = step.map_err(|error| unreadable(&error))?;
            if !is_made(&step, now.as_ref()) {
                changed.push((*id).to_owned());
            }
        }
    }
    Ok(changed)
}

async fn list(run: &Run, changed: &BTreeMap<DatabaseName, Vec<String>>) {
    for (database, ids) in changed {
        let shown: Vec<&str> = ids.iter().take(LISTED).map(String::as_str).collect();
        let more = match ids.len().saturating_sub(LISTED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let line = format!("changed since: {database}: {}{more}", shown.join(" "));
        run.reporter.warn(line).await;
    }
}
