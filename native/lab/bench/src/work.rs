//! The floor's jobs: what a command of a family must ask for, from the list of databases to the
//! last write.

use exact_json::json;

use crate::changes::{Changes, Towards};
use crate::family::{Family, Then};
use crate::http::{Method, Request};
use crate::job::{Job, Phase};
use crate::present::Present;
use crate::reads::list_of_databases;
use crate::snapshot::{Snapshot, is_of_numbers};

/// The job where there is nothing to write.
pub(crate) fn to_look(family: &Family, snapshot: &Snapshot) -> Job {
    let documents = family.reads.iter().flat_map(|read| read.phase(snapshot));
    Job {
        phases: vec![list_of_databases(), documents.collect()],
    }
}

/// The job where these changes are to be made, of documents as they are at present.
pub(crate) fn to_change(
    family: &Family,
    snapshot: &Snapshot,
    changes: &Changes,
    present: &Present,
) -> Job {
    let mut job = to_look(family, snapshot);
    job.phases.extend(then(family, changes));
    job.phases.extend(changes.writes(Towards::After, present));
    job
}

/// The job where these changes are to be undone: they say what there is to read.
pub(crate) fn to_undo(family: &Family, changes: &Changes, present: &Present) -> Job {
    let mut phases: Vec<Phase> = then(family, changes).into_iter().collect();
    phases.extend(changes.writes(Towards::Before, present));
    Job { phases }
}

/// What is read when it is known what is written.
fn then(family: &Family, changes: &Changes) -> Option<Phase> {
    match family.then {
        Then::Nothing => None,
        Then::RevisionsInAccounts => Some(revisions(changes, |database| !is_of_numbers(database))),
        Then::Revisions => Some(revisions(changes, |_| true)),
    }
}

/// The revisions of what is written to some databases: one request each.
fn revisions(changes: &Changes, wanted: impl Fn(&str) -> bool) -> Phase {
    changes
        .ids()
        .filter(|(database, _)| wanted(database))
        .map(|(database, ids)| {
            let body = json!({ "keys": ids }).to_string();
            let request = Request::to(Method::Post, database, "/_all_docs", Some(body));
            vec![request]
        })
        .collect()
}
