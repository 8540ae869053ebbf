//! What a run changed, from its journal and from the databases that it created; and the requests
//! that make the same changes again, or take them back.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use exact_json::{Value, json};
use kazoo_numbers::document;
use kazoo_numbers::journal::Journals;
use kazoo_numbers::plan::Step;
use kazoo_numbers_generator::Document;

use crate::http::{Method, Request};
use crate::job::{Chain, Phase};
use crate::present::Present;
use crate::snapshot::is_of_numbers;

/// Documents in one write, as the library has it.
const IN_A_WRITE: usize = 500;

/// One document before and after a run; None: it was not there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) before: Option<Document>,
    pub(crate) after: Option<Document>,
}

impl Change {
    /// The document that is to be reached.
    pub(crate) fn target(&self, towards: Towards) -> Option<&Document> {
        match towards {
            Towards::Before => self.before.as_ref(),
            Towards::After => self.after.as_ref(),
        }
    }
}

/// Which way changes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Towards {
    /// Back to what was there before the run.
    Before,
    /// To what the run made of it.
    After,
}

/// All that a run changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Changes {
    /// Documents of databases that were there before: by database and id.
    pub(crate) documents: BTreeMap<String, BTreeMap<String, Change>>,
    /// Databases that were not, with all that they hold now.
    pub(crate) created: BTreeMap<String, Vec<Document>>,
}

impl Changes {
    /// What the one run that has a journal in this folder changed; nothing, if there is none.
    pub(crate) fn of_journal(directory: &Path) -> Result<Self> {
        let mut changes = Self::default();
        let Some(run) = run_in(directory)? else {
            return Ok(changes);
        };
        for (database, documents) in Journals::new(directory.to_owned()).done(&run)? {
            let documents = documents
                .into_iter()
                .filter_map(|(id, steps)| change(&steps).transpose().map(|one| Ok((id, one?))))
                .collect::<Result<_>>()
                .with_context(|| database.clone())?;
            changes.documents.insert(database, documents);
        }
        Ok(changes)
    }

    /// Takes a database for created, with all that it holds.
    pub(crate) fn create(&mut self, database: String, documents: Vec<Document>) {
        self.documents.remove(&database);
        self.created.insert(database, documents);
    }

    /// How many documents changed, those of created databases left out.
    pub(crate) fn count(&self) -> usize {
        self.documents.values().map(BTreeMap::len).sum()
    }

    /// Whether nothing changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.count() == 0 && self.created.is_empty()
    }

    /// The ids of the documents that changed, by database.
    pub(crate) fn ids(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.documents.iter().map(|(database, documents)| {
            let ids = documents.keys().map(String::as_str).collect();
            (database.as_str(), ids)
        })
    }

    /// The fewest writes that make the changes: of each database five hundred documents a
    /// request, with the revisions that are current. Number databases come before account
    /// databases, as a conversion has it.
    pub(crate) fn writes(&self, towards: Towards, present: &Present) -> Vec<Phase> {
        let mut numbers = self.databases(towards);
        let mut accounts = Phase::new();
        for (database, documents) in &self.documents {
            let chain = writes(database, documents, towards, present);
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

    /// Databases as a whole: made and filled, or taken away.
    fn databases(&self, towards: Towards) -> Phase {
        self.created
            .iter()
            .map(|(database, documents)| match towards {
                Towards::Before => vec![Request::to(Method::Delete, database, "", None)],
                Towards::After => std::iter::once(Request::to(Method::Put, database, "", None))
                    .chain(documents.chunks(IN_A_WRITE).map(|some| {
                        let rows = some.iter().cloned().map(Value::Object).collect();
                        bulk(database, rows)
                    }))
                    .collect(),
            })
            .collect()
    }
}

/// The id of the one run that has a journal in this folder.
pub(crate) fn run_in(directory: &Path) -> Result<Option<String>> {
    let mut runs = Journals::new(directory.to_owned()).runs()?;
    ensure!(runs.len() < 2, "more than one run has a journal");
    Ok(runs.pop().map(|run| run.start.run))
}

/// From before the first write that landed to after the last; None: none did.
fn change(steps: &[Step]) -> Result<Option<Change>> {
    let mut landed = steps.iter().filter(|step| step.rev.is_some());
    let Some(first) = landed.next() else {
        return Ok(None);
    };
    let last = landed.next_back().unwrap_or(first);
    Ok(Some(Change {
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
    documents: &BTreeMap<String, Change>,
    towards: Towards,
    present: &Present,
) -> Chain {
    let rows: Vec<Value> = documents
        .iter()
        .map(|(id, change)| row(id, change.target(towards), present.revision(database, id)))
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

fn bulk(database: &str, rows: Vec<Value>) -> Request {
    let body = json!({ "docs": rows }).to_string();
    Request::to(Method::Post, database, "/_bulk_docs", Some(body))
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
            after: own(after),
            rev: rev.map(document::Revision::parse),
            leaves: Vec::new(),
        }
    }

    #[test]
    fn a_change_goes_from_the_first_to_the_last_that_landed() {
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
    fn writes_carry_the_present_revisions_and_numbers_go_first() {
        let change = Change {
            before: None,
            after: tree(Some(&read(r#"{"_id":"+1","n":1.0}"#))).unwrap(),
        };
        let account = "account/ab/cd/ef0123456789abcdef0123456789";
        let documents = BTreeMap::from([("+1".to_owned(), change)]);
        let changes = Changes {
            documents: BTreeMap::from([
                (account.to_owned(), documents.clone()),
                ("numbers/+1415".to_owned(), documents),
            ]),
            created: BTreeMap::from([("numbers/+1999".to_owned(), Vec::new())]),
        };
        let present = Present::made_up("numbers/+1415", "+1", "7-x");
        let bodies = |towards| -> Vec<Vec<Option<String>>> {
            let phases = changes.writes(towards, &present);
            let phase = |phase: Phase| phase.into_iter().flatten().map(|one| one.body).collect();
            phases.into_iter().map(phase).collect()
        };
        let own = |text: &str| Some(text.to_owned());
        assert_eq!(
            bodies(Towards::After),
            [
                vec![None, own(r#"{"docs":[{"_id":"+1","n":1.0,"_rev":"7-x"}]}"#)],
                vec![own(r#"{"docs":[{"_id":"+1","n":1.0}]}"#)],
            ]
        );
        assert_eq!(
            bodies(Towards::Before),
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
