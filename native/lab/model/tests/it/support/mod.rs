//! Small clusters in short form, and checks of a command on them.
//!
//! `"A"` is the database of account [`A`] (also `"B"`, `"C"`), and `"+1415"` is `numbers/+1415`;
//! other names are used as they are. Documents need no `_id`, and number databases have their
//! design document. A list of documents is a winner and its losing leaves.

use std::collections::BTreeMap;

use exact_json::{Value, json};
use kazoo_numbers_generator::{Cluster, Database, Document};
use kazoo_numbers_model::{
    Argument, Call, Counts, Now, Outcome, Returned, failure_report, run, same_end_state,
};

pub const A: &str = "aa000000000000000000000000000001";
pub const B: &str = "bb000000000000000000000000000002";
pub const C: &str = "cc000000000000000000000000000003";

/// The design document of a number database.
pub const DESIGN_DOCUMENT: &str = "_design/numbers";

/// The time of every run, in Unix seconds and as Kazoo writes it.
pub const NOW: u64 = 1_700_000_000;
pub const KAZOO_NOW: u64 = 63_867_219_200;

/// A live number document, assigned to `account` unless that is empty.
pub fn number(account: &str, more: Value) -> Value {
    let mut document = json!({"pvt_type": "number"});
    if !account.is_empty() {
        document["pvt_assigned_to"] = json!(account);
    }
    for (key, value) in more.as_object().unwrap() {
        document[key] = value.clone();
    }
    document
}

pub fn database(name: &str) -> String {
    let account = match name {
        "A" => A,
        "B" => B,
        "C" => C,
        _ if name.starts_with('+') => return format!("numbers/{name}"),
        _ => return name.to_owned(),
    };
    format!(
        "account/{}/{}/{}",
        &account[..2],
        &account[2..4],
        &account[4..]
    )
}

pub fn cluster(databases: &Value) -> Cluster {
    let mut cluster = Cluster::default();
    for (name, documents) in databases.as_object().unwrap() {
        let mut found = Database::default();
        for (id, document) in documents.as_object().unwrap() {
            if document.is_null() {
                found.deleted.insert(id.clone());
                continue;
            }
            let with_id = |document: &Value| {
                let mut with_id = Document::new();
                with_id.insert("_id".to_owned(), json!(id));
                with_id.extend(document.as_object().unwrap().clone());
                with_id
            };
            let Some(leaves) = document.as_array() else {
                found.insert(with_id(document));
                continue;
            };
            found.insert(with_id(&leaves[0]));
            for leaf in &leaves[1..] {
                found.insert_conflict(with_id(leaf));
            }
        }
        let name = database(name);
        if name.starts_with("numbers/") {
            let design = json!({"_id": DESIGN_DOCUMENT, "views": {}});
            let design = design.as_object().unwrap().clone();
            found.documents.insert(DESIGN_DOCUMENT.to_owned(), design);
        }
        cluster.databases.insert(name, found);
    }
    cluster
}

/// The counts of a command. Counts that are not named are 0.
macro_rules! counts {
    ($($name:ident: $count:expr),+) => {
        kazoo_numbers_model::Counts {
            $($name: $count,)+
            ..kazoo_numbers_model::Counts::default()
        }
    };
}
pub(crate) use counts;

pub struct Case {
    pub before: Cluster,
    pub call: Call,
    pub outcome: Outcome,
}

/// Runs a command on a cluster.
pub fn case<const N: usize>(databases: Value, function: &str, arguments: [Argument; N]) -> Case {
    let before = cluster(&databases);
    let call = Call::new(function, arguments);
    let outcome = run(&before, &call, Now::at(NOW));
    Case {
        before,
        call,
        outcome,
    }
}

impl Case {
    /// Checks the whole cluster. A `null` document is a deleted one.
    #[track_caller]
    pub fn leaves(self, databases: Value) -> Self {
        let mut wanted = cluster(&databases);
        for (name, database) in &mut wanted.databases {
            if !self.before.databases.contains_key(name) {
                database.documents.remove(DESIGN_DOCUMENT);
            }
        }
        let found = without_design_of_new_databases(&self.outcome.cluster, &self.before);
        let problems = same_end_state(&wanted, &found, NOW, NOW);
        assert!(problems.is_empty(), "{}: {problems:#?}", self.call);
        for (name, database) in &wanted.databases {
            let deleted = &found.databases[name].deleted;
            assert_eq!(deleted, &database.deleted, "deleted in {name}");
        }
        self.second_run_writes_nothing()
    }

    #[track_caller]
    pub fn leaves_cluster_unchanged(self) -> Self {
        assert_eq!(self.outcome.cluster, self.before, "{}", self.call);
        self
    }

    #[track_caller]
    fn second_run_writes_nothing(self) -> Self {
        let again = run(&self.outcome.cluster, &self.call, Now::at(NOW + 1));
        assert_eq!(
            again.cluster, self.outcome.cluster,
            "second run: {}",
            self.call
        );
        let Counts {
            created,
            updated,
            deleted,
            ..
        } = again.counts;
        assert_eq!((created, updated, deleted), (0, 0, 0));
        self
    }

    #[track_caller]
    pub fn counts(self, counts: Counts) -> Self {
        assert_eq!(self.outcome.counts, counts, "{}", self.call);
        self
    }

    /// Checks the failure report, with the short names of databases.
    #[track_caller]
    pub fn fails(self, report: Value) -> Self {
        let wanted: BTreeMap<String, Value> = report
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, failure)| {
                let encoded = database(name).replace('/', "%2F").replace('+', "%2B");
                (encoded, failure.clone())
            })
            .collect();
        let found = failure_report(&self.outcome.failures);
        assert_eq!(found, json!(wanted), "{}", self.call);
        self
    }

    #[track_caller]
    pub fn returns(self, returned: Returned) -> Self {
        assert_eq!(self.outcome.returned, returned, "{}", self.call);
        self
    }

    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.fails(json!({})).returns(Returned::Ok)
    }

    #[track_caller]
    pub fn reconciles<const N: usize>(self, accounts: [&str; N]) -> Self {
        let found: Vec<&str> = self.outcome.services.iter().map(String::as_str).collect();
        assert_eq!(found, accounts, "{}", self.call);
        self
    }

    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        let lines = self.outcome.output.clone().expect("an output");
        assert_eq!(lines.join("\n"), text, "{}", self.call);
        self
    }
}

/// Removes the design documents of created databases, and checks that they exist.
fn without_design_of_new_databases(after: &Cluster, before: &Cluster) -> Cluster {
    let mut after = after.clone();
    for (name, database) in &mut after.databases {
        if !before.databases.contains_key(name) {
            let design = database.documents.remove("_design/numbers");
            assert!(design.is_some(), "{name} has no design document");
        }
    }
    after
}
