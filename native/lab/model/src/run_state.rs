//! The state of one run: the cluster that it changes, counts, failures and warnings.

use std::collections::{BTreeMap, BTreeSet};

use exact_json::{Value, json};
use kazoo_numbers_generator::{Cluster, Document};

use crate::{
    names,
    numbering::Numbering,
    numbers,
    outcome::{Counts, Failure, Now, Outcome, Returned, Warning},
};

/// The design document of a number database.
pub(crate) const DESIGN_DOCUMENT: &str = "_design/numbers";

/// A command that ends before its first decision.
pub(crate) struct Stopped(pub(crate) Returned);

pub(crate) struct RunState {
    pub(crate) cluster: Cluster,
    before: Cluster,
    pub(crate) now: Value,
    numbering: Numbering,
    counts: Counts,
    failures: BTreeMap<String, Failure>,
    warnings: BTreeSet<Warning>,
    pub(crate) output: Option<Vec<String>>,
}

impl RunState {
    pub(crate) fn on(cluster: &Cluster, now: Now) -> Self {
        Self {
            cluster: cluster.clone(),
            before: cluster.clone(),
            now: now.0,
            numbering: Numbering::of(cluster),
            counts: Counts::default(),
            failures: BTreeMap::new(),
            warnings: BTreeSet::new(),
            output: None,
        }
    }

    /// The outcome of the run. `returned` is `None` for a command that returns `ok`, or
    /// `{no_return, 2}` after a failure.
    pub(crate) fn finished(self, returned: Option<Returned>, reconciles: bool) -> Outcome {
        let services = if reconciles {
            self.changed_accounts()
        } else {
            BTreeSet::new()
        };
        let mut counts = self.counts;
        for failure in self.failures.values() {
            counts.failed += failure.failed.values().map(BTreeSet::len).sum::<usize>() as u64;
            counts.failed += u64::from(failure.last_error.is_some());
        }
        let returned = returned.unwrap_or(if self.failures.is_empty() {
            Returned::Ok
        } else {
            Returned::NoReturnCode(2)
        });
        Outcome {
            cluster: self.cluster,
            returned,
            counts,
            failures: self.failures,
            warnings: self.warnings,
            services,
            output: self.output,
        }
    }

    /// Accounts with a written number document, in a number database or an account database.
    fn changed_accounts(&self) -> BTreeSet<String> {
        let mut accounts = BTreeSet::new();
        for name in self.cluster.databases.keys() {
            let after = &self.cluster.databases[name].documents;
            let none = BTreeMap::new();
            let before = self
                .before
                .databases
                .get(name)
                .map_or(&none, |database| &database.documents);
            let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for id in ids {
                if before.get(id) == after.get(id) {
                    continue;
                }
                if names::is_account_database(name) {
                    accounts.insert(names::account_id(name));
                } else if names::is_number_database(name)
                    && let Some(account) = after.get(id).and_then(numbers::assigned_database)
                {
                    accounts.insert(names::account_id(&account));
                }
            }
        }
        accounts
    }

    // Reading

    pub(crate) fn exists(&self, database: &str) -> bool {
        self.cluster.databases.contains_key(database)
    }

    /// The document with this id, of any type.
    pub(crate) fn document(&self, database: &str, id: &str) -> Option<Document> {
        self.cluster
            .databases
            .get(database)?
            .documents
            .get(id)
            .cloned()
    }

    /// The losing live leaves of a document.
    pub(crate) fn conflicts(&self, database: &str, id: &str) -> Vec<Document> {
        let database = self.cluster.databases.get(database);
        let leaves = database.map(|database| database.leaves(id).skip(1).cloned().collect());
        leaves.unwrap_or_default()
    }

    /// Whether the leaves of a document differ in the properties that decide about a copy: being a
    /// number, being live, the assignment, and equality with the source.
    pub(crate) fn is_disputed(&self, database: &str, id: &str, source: &Document) -> bool {
        let facts = |leaf: &Document| {
            (
                numbers::is_number(leaf),
                numbers::is_live_number(leaf),
                numbers::assignment(leaf),
                numbers::are_equal(leaf, source),
            )
        };
        let winner = self.document(database, id);
        let conflicts = self.conflicts(database, id);
        winner.is_some_and(|winner| conflicts.iter().any(|leaf| facts(leaf) != facts(&winner)))
    }

    pub(crate) fn all_account_databases(&self) -> Vec<String> {
        self.databases(names::is_account_database)
    }

    pub(crate) fn all_number_databases(&self) -> Vec<String> {
        self.databases(names::is_number_database)
    }

    fn databases(&self, is_wanted: fn(&str) -> bool) -> Vec<String> {
        self.cluster
            .databases
            .keys()
            .filter(|name| is_wanted(name))
            .cloned()
            .collect()
    }

    /// The live documents of a number database that belong there. The others are warned about.
    pub(crate) fn filed_numbers(&mut self, database: &str) -> Vec<(String, Document)> {
        let (filed, misfiled) = numbers::live_numbers(&self.cluster, database)
            .into_iter()
            .partition::<Vec<_>, _>(|(id, _)| numbers::is_filed(database, id));
        for (id, _) in misfiled {
            self.warn(Warning::Misfiled(database.to_owned(), id));
        }
        filed
    }

    /// The existing databases of a list. Each missing one is a failure.
    pub(crate) fn retain_existing(&mut self, databases: Vec<String>) -> Vec<String> {
        let (existing, missing) = databases
            .into_iter()
            .partition::<Vec<_>, _>(|database| self.exists(database));
        for database in missing {
            self.failure(&database).last_error = Some("db_not_found".to_owned());
        }
        existing
    }

    /// Normalises a list of numbers and removes duplicates. An invalid number is a failure in
    /// `database`, or else in the number database that it would have.
    pub(crate) fn normalise_all(
        &mut self,
        given: &[String],
        database: Option<&str>,
    ) -> Vec<String> {
        let mut numbers = BTreeSet::new();
        for text in given {
            let number = self.numbering.normalised(text);
            if self.numbering.is_reconcilable(&number) {
                numbers.insert(number);
            } else {
                let fallback = format!("numbers/{}", names::first_five(text));
                self.fail(database.unwrap_or(&fallback), "not_reconcilable", text);
            }
        }
        numbers.into_iter().collect()
    }

    /// Refuses a list without a usable number, or with a formatted number such as `(415) 555-0100`.
    pub(crate) fn refuse_unusable(&self, given: &[String]) -> Result<(), Stopped> {
        if given.iter().any(|text| is_formatted_number(text)) {
            return Err(Stopped(Returned::Refused));
        }
        let is_usable = |text: &String| self.is_reconcilable(&self.normalised(text));
        if given.iter().any(is_usable) {
            Ok(())
        } else {
            Err(Stopped(Returned::Refused))
        }
    }

    pub(crate) fn normalised(&self, number: &str) -> String {
        self.numbering.normalised(number)
    }

    pub(crate) fn is_reconcilable(&self, number: &str) -> bool {
        self.numbering.is_reconcilable(number)
    }

    // Reporting

    pub(crate) fn is_without_failures(&self) -> bool {
        self.failures.is_empty()
    }

    pub(crate) fn unchanged(&mut self) {
        self.counts.unchanged += 1;
    }

    pub(crate) fn fail(&mut self, database: &str, reason: &str, number: &str) {
        self.failure(database)
            .failed
            .entry(reason.to_owned())
            .or_default()
            .insert(number.to_owned());
    }

    pub(crate) fn warn(&mut self, warning: Warning) {
        self.warnings.insert(warning);
    }

    fn failure(&mut self, database: &str) -> &mut Failure {
        self.failures.entry(names::encoded(database)).or_default()
    }

    // Writing

    /// Saves a document and counts it as created or updated.
    pub(crate) fn write(&mut self, database: &str, id: &str, document: Document) {
        if self.save(database, id, document) {
            self.counts.updated += 1;
        } else {
            self.counts.created += 1;
        }
    }

    /// Deletes all leaves of a document and counts one deletion. A failure if `may` refuses a
    /// losing leaf.
    pub(crate) fn delete(&mut self, database: &str, id: &str, may: impl Fn(&Document) -> bool) {
        if !self.conflicts(database, id).iter().all(may) {
            self.fail(database, "conflicted", id);
            return;
        }
        if let Some(database) = self.cluster.databases.get_mut(database) {
            database.delete(id);
        }
        self.counts.deleted += 1;
    }

    /// Adds the design document to a number database, which is created if necessary.
    pub(crate) fn put_design_document(&mut self, database: &str) {
        if let Value::Object(document) = json!({"_id": DESIGN_DOCUMENT, "\u{0}any": true}) {
            self.save(database, DESIGN_DOCUMENT, document);
        }
    }

    /// Saves a document. Returns whether it existed.
    fn save(&mut self, database: &str, id: &str, mut document: Document) -> bool {
        document.remove("_rev");
        let database = self
            .cluster
            .databases
            .entry(database.to_owned())
            .or_default();
        database.deleted.remove(id);
        database.documents.insert(id.to_owned(), document).is_some()
    }
}

/// Whether the text is a number once the separators that people write are removed.
pub(crate) fn is_formatted_number(text: &str) -> bool {
    const BETWEEN: [char; 8] = [' ', '-', '(', ')', '.', '/', '\u{a0}', '\u{200b}'];
    let cleaned = text.replace(BETWEEN, "");
    let digits = cleaned.strip_prefix('+').unwrap_or(&cleaned);
    cleaned != text && digits.len() >= 5 && digits.bytes().all(|byte| byte.is_ascii_digit())
}
