//! Unassigned numbers, and the fields that remain from a former account.

use kazoo_numbers_generator::Document;

use crate::{
    features, names,
    numbers::{self, Assignment},
    run_state::RunState,
};

/// Removes `pvt_used_by` and denied features from unassigned numbers in these databases.
pub(crate) fn migrate(run: &mut RunState, databases: &[String]) {
    for database in databases {
        for (number, document) in run.filed_numbers(database) {
            if is_unassigned(&document) {
                migrate_document(run, database, &number, &document);
            }
        }
    }
}

/// The same for those numbers that have a `pvt_used_by`.
pub(crate) fn migrate_used(run: &mut RunState, databases: &[String]) {
    for database in databases {
        for (number, document) in run.filed_numbers(database) {
            let is_used = document
                .get("pvt_used_by")
                .is_some_and(|app| !app.is_null());
            if is_used && is_unassigned(&document) {
                migrate_document(run, database, &number, &document);
            }
        }
    }
}

/// The same for one number. An assigned number stays unchanged.
pub(crate) fn migrate_number(run: &mut RunState, given: &str) {
    let number = run.normalised(given);
    let database = names::database_of(&number).unwrap_or_else(|| format!("numbers/{number}"));
    match numbers::live_number(&run.cluster, &database, &number) {
        None => run.fail(&database, "open_doc-not_found", &number),
        Some(document) if is_unassigned(&document) => {
            migrate_document(run, &database, &number, &document);
        }
        Some(_) => run.unchanged(),
    }
}

fn is_unassigned(document: &Document) -> bool {
    let state = numbers::state(document);
    numbers::assignment(document) == Assignment::Unassigned
        && !matches!(state, Some("deleted" | "discovery"))
}

fn migrate_document(run: &mut RunState, database: &str, number: &str, document: &Document) {
    let wanted = features::unassigned(document);
    if wanted == *document {
        run.unchanged();
    } else {
        run.write(database, number, wanted);
    }
}
