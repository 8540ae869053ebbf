//! The floor's requests for each command, from the list of databases to the last write.

use exact_json::json;

use crate::changes::{ChangeDirection, JournaledChanges};
use crate::current::CurrentDocuments;
use crate::family::{CommandFamily, SecondRead};
use crate::http::{FloorRequest, Method};
use crate::reads::list_of_databases;
use crate::requests::{Phase, RequestPlan};
use crate::snapshot::{Snapshot, is_of_numbers};

/// The requests if there is nothing to write.
pub(crate) fn plan_without_writes(family: &CommandFamily, snapshot: &Snapshot) -> RequestPlan {
    let documents = family.reads.iter().flat_map(|read| read.phase(snapshot));
    RequestPlan {
        phases: vec![list_of_databases(), documents.collect()],
    }
}

/// The requests to make these changes to the current documents.
pub(crate) fn plan_with_writes(
    family: &CommandFamily,
    snapshot: &Snapshot,
    changes: &JournaledChanges,
    current: &CurrentDocuments,
) -> RequestPlan {
    let mut requests = plan_without_writes(family, snapshot);
    requests.phases.extend(then(family, changes));
    requests
        .phases
        .extend(changes.writes(ChangeDirection::After, current));
    requests
}

/// The requests to undo these changes, which also determine the reads.
pub(crate) fn plan_undo(
    family: &CommandFamily,
    changes: &JournaledChanges,
    current: &CurrentDocuments,
) -> RequestPlan {
    let mut phases: Vec<Phase> = then(family, changes).into_iter().collect();
    phases.extend(changes.writes(ChangeDirection::Before, current));
    RequestPlan { phases }
}

/// The read after the work is known.
fn then(family: &CommandFamily, changes: &JournaledChanges) -> Option<Phase> {
    match family.then {
        SecondRead::Nothing => None,
        SecondRead::RevisionsInAccounts => {
            Some(revisions(changes, |database| !is_of_numbers(database)))
        }
        SecondRead::Revisions => Some(revisions(changes, |_| true)),
    }
}

/// The revisions of documents to write: one request for each database.
fn revisions(changes: &JournaledChanges, wanted: impl Fn(&str) -> bool) -> Phase {
    changes
        .ids()
        .filter(|(database, _)| wanted(database))
        .map(|(database, ids)| {
            let body = json!({ "keys": ids }).to_string();
            let request = FloorRequest::to(Method::Post, database, "/_all_docs", Some(body));
            vec![request]
        })
        .collect()
}
