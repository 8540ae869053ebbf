//! The changes of a run, from its journal and from created databases, and the requests that repeat
//! or revert them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use exact_json::{Value, json};
use kazoo_numbers::document;
use kazoo_numbers::journal::Journals;
use kazoo_numbers::plan::Step;
use kazoo_numbers_generator::Document;

use crate::current::CurrentDocuments;
use crate::http::{FloorRequest, Method};
use crate::requests::{Chain, Phase};
use crate::snapshot::is_of_numbers;

/// Documents in one write, as in the library.
const IN_A_WRITE: usize = 500;

/// One document before and after a run. None if it did not exist.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JournaledChange {
    pub(crate) before: Option<Document>,
    pub(crate) after: Option<Document>,
}

impl JournaledChange {
    /// The document that the change leads to.
    pub(crate) fn target(&self, direction: ChangeDirection) -> Option<&Document> {
        match direction {
            ChangeDirection::Before => self.before.as_ref(),
            ChangeDirection::After => self.after.as_ref(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeDirection {
    /// To the state before the run.
    Before,
    /// To the state after the run.
    After,
}

impl ChangeDirection {
    /// The other one.
    pub(crate) fn opposite(self) -> Self {
        match self {
            Self::Before => Self::After,
            Self::After => Self::Before,
        }
    }
}

/// All changes of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct JournaledChanges {
    /// Documents of existing databases, by database and id.
    pub(crate) documents: BTreeMap<String, BTreeMap<String, JournaledChange>>,
    /// Created databases with all their documents.
    pub(crate) created: BTreeMap<String, Vec<Document>>,
}

impl JournaledChanges {
    /// The changes of the only run with a journal in this folder. Empty without a journal.
    pub(crate) fn of_journal(directory: &Path) -> Result<Self> {
        let mut changes = Self::default();
        let Some(run) = run_in(directory)? else {
            return Ok(changes);
        };
        for (database, documents) in Journals::new(directory.to_owned()).done(&run)? {
            let documents = documents
                .into_iter()
                .filter_map(|(id, steps)| {
                    change(&steps).transpose().map(|change| Ok((id, change?)))
                })
                .collect::<Result<_>>()
                .with_context(|| database.clone())?;
            changes.documents.insert(database, documents);
        }
        Ok(changes)
    }

    /// Records a database as created, with all its documents.
    pub(crate) fn create(&mut self, database: String, documents: Vec<Document>) {
        self.documents.remove(&database);
        self.created.insert(database, documents);
    }

    /// Adds the change of a document.
    pub(crate) fn put(&mut self, database: &str, id: &str, change: JournaledChange) {
        let documents = self.documents.entry(database.to_owned()).or_default();
        documents.insert(id.to_owned(), change);
    }

    /// The number of changed documents, without those of created databases.
    pub(crate) fn count(&self) -> usize {
        self.documents.values().map(BTreeMap::len).sum()
    }

    /// Whether there are no changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.count() == 0 && self.created.is_empty()
    }

    /// The ids of changed documents by database.
    pub(crate) fn ids(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.documents.iter().map(|(database, documents)| {
            let ids = documents.keys().map(String::as_str).collect();
            (database.as_str(), ids)
        })
    }

    /// The minimum of writes for the changes: for each database 500 documents a request, with the
    /// current revisions. Number databases come before account databases, as in a conversion.
    pub(crate) fn writes(
        &self,
        direction: ChangeDirection,
        current: &CurrentDocuments,
    ) -> Vec<Phase> {
        let mut numbers = self.databases(direction);
        let mut accounts = Phase::new();
        for (database, documents) in &self.documents {
            let chain = writes(database, documents, direction, current);
            if is_of_numbers(database) {
                numbers.push(chain);
            } else {
                accounts.push(chain);
            }
        }
        let mut phases = vec![numbers, accounts];
        phases.retain(|phase| !phase.is_empty());
        phases
    }

    /// Creates and fills databases, or deletes them.
    fn databases(&self, direction: ChangeDirection) -> Phase {
        self.created
            .iter()
            .map(|(database, documents)| match direction {
                ChangeDirection::Before => {
                    vec![FloorRequest::to(Method::Delete, database, "", None)]
                }
                ChangeDirection::After => {
                    std::iter::once(FloorRequest::to(Method::Put, database, "", None))
                        .chain(documents.chunks(IN_A_WRITE).map(|some| {
                            let rows = some.iter().cloned().map(Value::Object).collect();
                            bulk(database, rows)
                        }))
                        .collect()
                }
            })
            .collect()
    }
}

/// The id of the only run with a journal in this folder.
pub(crate) fn run_in(directory: &Path) -> Result<Option<String>> {
    let mut runs = Journals::new(directory.to_owned()).runs()?;
    ensure!(runs.len() < 2, "more than one run has a journal");
    Ok(runs.pop().map(|run| run.start.run))
}

/// The change from before the first successful write to after the last. None if none succeeded.
fn change(steps: &[Step]) -> Result<Option<JournaledChange>> {
    let mut landed = steps.iter().filter(|step| step.rev.is_some());
    let Some(first) = landed.next() else {
        return Ok(None);
    };
    let last = landed.next_back().unwrap_or(first);
    Ok(Some(JournaledChange {
        before: tree(first.before.as_ref())?,
        after: tree(last.after.as_ref())?,
    }))
}

fn tree(document: Option<&document::Document>) -> Result<Option<Document>> {
    let Some(document) = document else {
        return Ok(None);
    };
    let mut document: Document = exact_json::from_str(document.text())?;
    document.shift_remove("_rev");
    Ok(Some(document))
}

fn writes(
    database: &str,
    documents: &BTreeMap<String, JournaledChange>,
    direction: ChangeDirection,
    current: &CurrentDocuments,
) -> Chain {
    let rows: Vec<Value> = documents
        .iter()
        .map(|(id, change)| row(id, change.target(direction), current.revision(database, id)))
        .collect();
    rows.chunks(IN_A_WRITE)
        .map(|some| bulk(database, some.to_vec()))
        .collect()
}

fn row(id: &str, target: Option<&Document>, revision: Option<&str>) -> Value {
    let mut row = match target {
        Some(document) => Value::Object(document.clone()),
        None => json!({"_id": id, "_deleted": true}),
    };
    if let Some(revision) = revision {
        row["_rev"] = revision.into();
    }
    row
}

fn bulk(database: &str, rows: Vec<Value>) -> FloorRequest {
    let body = json!({ "docs": rows }).to_string();
    FloorRequest::to(Method::Post, database, "/_bulk_docs", Some(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> document::Document {
        document::Document::new("+1", text.to_owned()).unwrap()
    }

    fn step(before: Option<&str>, after: Option<&str>, rev: Option<&str>) -> Step {
        let own = |text: Option<&str>| text.map(read);
        Step {
            before: own(before),
            cause: None,
            after: own(after),
            rev: rev.map(document::Revision::parse),
            leaves: Vec::new(),
        }
    }

    #[test]
    fn change_spans_first_to_last_successful_write() {
        let steps = [
            step(Some(r#"{"n":0}"#), Some(r#"{"n":9}"#), None),
            step(
                Some(r#"{"n":1,"_rev":"1-x"}"#),
                Some(r#"{"n":2}"#),
                Some("2-x"),
            ),
            step(Some(r#"{"n":2}"#), None, Some("3-x")),
        ];
        let change = change(&steps).unwrap().unwrap();
        assert_eq!(Value::Object(change.before.unwrap()), json!({"n": 1}));
        assert_eq!(change.after, None);
        assert_eq!(super::change(&steps[..1]).unwrap(), None);
    }

    #[test]
    fn writes_have_current_revisions_and_numbers_come_first() {
        let change = JournaledChange {
            before: None,
            after: tree(Some(&read(r#"{"_id":"+1","n":1.0}"#))).unwrap(),
        };
        let account = "account/ab/cd/ef0123456789abcdef0123456789";
        let documents = BTreeMap::from([("+1".to_owned(), change)]);
        let changes = JournaledChanges {
            documents: BTreeMap::from([
                (account.to_owned(), documents.clone()),
                ("numbers/+1415".to_owned(), documents),
            ]),
            created: BTreeMap::from([("numbers/+1999".to_owned(), Vec::new())]),
        };
        let current = CurrentDocuments::for_test("numbers/+1415", "+1", "7-x");
        let bodies = |direction| -> Vec<Vec<Option<String>>> {
            let phases = changes.writes(direction, &current);
            let phase = |phase: Phase| {
                phase
                    .into_iter()
                    .flatten()
                    .map(|request| request.body)
                    .collect()
            };
            phases.into_iter().map(phase).collect()
        };
        let own = |text: &str| Some(text.to_owned());
        assert_eq!(
            bodies(ChangeDirection::After),
            [
                vec![None, own(r#"{"docs":[{"_id":"+1","n":1.0,"_rev":"7-x"}]}"#)],
                vec![own(r#"{"docs":[{"_id":"+1","n":1.0}]}"#)],
            ]
        );
        assert_eq!(
            bodies(ChangeDirection::Before),
            [
                vec![
                    None,
                    own(r#"{"docs":[{"_id":"+1","_deleted":true,"_rev":"7-x"}]}"#)
                ],
                vec![own(r#"{"docs":[{"_id":"+1","_deleted":true}]}"#)],
            ]
        );
    }
}
