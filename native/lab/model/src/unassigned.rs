//! Numbers that no account has, and what they still hold of an account that had them.

use kazoo_numbers_generator::Document;

use crate::{
    features, names,
    numbers::{self, Assignment},
    work::Work,
};

/// Takes from the unassigned numbers of these databases what only assigned ones have.
pub(crate) fn migrate(work: &mut Work, databases: &[String]) {
    for database in databases {
        for (number, document) in work.filed_numbers(database) {
            if is_unassigned(&document) {
                migrate_one(work, database, &number, &document);
            }
        }
    }
}

/// The same for one number, which is left as it is where an account has it.
pub(crate) fn migrate_number(work: &mut Work, given: &str) {
    let number = work.normalised(given);
    let database = names::database_of(&number).unwrap_or_else(|| format!("numbers/{number}"));
    match numbers::live_number(&work.cluster, &database, &number) {
        None => work.fail(&database, "open_doc-not_found", &number),
        Some(document) if is_unassigned(&document) => {
            migrate_one(work, &database, &number, &document);
        }
        Some(_) => work.unchanged(),
    }
}

fn is_unassigned(document: &Document) -> bool {
    let state = numbers::state(document);
    numbers::assignment(document) == Assignment::Nobody
        && !matches!(state, Some("deleted" | "discovery"))
}

fn migrate_one(work: &mut Work, database: &str, number: &str, document: &Document) {
    let wanted = features::unassigned(document);
    if wanted == *document {
        work.unchanged();
    } else {
        work.write(database, number, wanted);
    }
}
