//! Unassigned numbers with fields that only assigned numbers should have.

use async_trait::async_trait;

use crate::engine::{OtherSide, Read, Reconciler, Run, Target};
use crate::host::Migrated;
use crate::kazoo::DatabaseName;
use crate::operation;
use crate::plan::{Cause, Decision, for_kazoo, is_migrated, merged, migrate_unassigned as migrate};
use crate::report::{NumberWarningKind, Reason};
use couchdb::{Error, Kind};
use document::{Change, Document};

/// Removes fields from unassigned numbers of a number database. Inside Kazoo, Kazoo decides.
pub(crate) struct Migration<'a> {
    pub(crate) run: &'a Run,
    pub(crate) database: &'a DatabaseName,
}

/// Whether the rule decides, and not the host.
pub(crate) async fn decides_by_rule(run: &Run) -> Result<bool, Error> {
    Ok(run.cluster.host().migrate_unassigned(&[]).await?.is_none())
}

/// The host's decision for one document.
pub(crate) enum HostDecision {
    /// The document is out of the command's scope.
    OutOfScope,
    /// The host has no decision; the rule decides.
    LeftToRule,
    /// The host's decision.
    Made(Migrated),
}

#[async_trait]
impl Reconciler for Migration<'_> {
    type Other = HostDecision;

    async fn other_side(
        &self,
        targets: &[Target],
        _: Read,
    ) -> Result<Vec<OtherSide<HostDecision>>, Error> {
        let eligible: Vec<&Document> = targets
            .iter()
            .filter_map(|target| target.document.as_ref())
            .filter(|document| is_migrated(self.database, document))
            .collect();
        let mut answers = self.ask(&eligible).await?.map(Vec::into_iter);
        let mut others = Vec::with_capacity(targets.len());
        for target in targets {
            let document = target.document.as_ref();
            let is_eligible = document.is_some_and(|document| is_migrated(self.database, document));
            others.push(match &mut answers {
                _ if !is_eligible => Ok(HostDecision::OutOfScope),
                None => Ok(HostDecision::LeftToRule),
                Some(answers) => match answers.next() {
                    Some(Migrated::Failed(line)) => Err(self.failed(&target.id, line).await),
                    Some(answer) => Ok(HostDecision::Made(answer)),
                    None => Ok(HostDecision::OutOfScope),
                },
            });
        }
        Ok(others)
    }

    fn decide(&self, target: &Target, asked: &HostDecision, _: Read) -> Decision {
        match (&target.document, asked) {
            (Some(document), HostDecision::LeftToRule) => migrate(document),
            (Some(document), HostDecision::Made(Migrated::Document(saved))) => {
                merged(document, saved).unwrap_or(Decision::Failed(Reason::Failed(
                    operation::HOST,
                    Kind::BadAnswer,
                )))
            }
            (Some(_), HostDecision::Made(_)) => Decision::Unchanged,
            _ => Decision::Skip,
        }
    }

    fn cause(&self, _: &Change) -> Cause {
        Cause::Unassigned
    }
}

impl Migration<'_> {
    /// Asks the host for decisions, one per document and in their order. `None`: the rule decides.
    async fn ask(&self, documents: &[&Document]) -> Result<Option<Vec<Migrated>>, Error> {
        let mut answers = Vec::with_capacity(documents.len());
        for some in documents.chunks(self.run.settings.max_bulk_insert.max(1)) {
            let shown: Vec<Option<String>> =
                some.iter().map(|document| for_kazoo(document)).collect();
            let texts: Vec<&str> = some
                .iter()
                .zip(&shown)
                .map(|(document, shown)| shown.as_deref().unwrap_or(document.text()))
                .collect();
            let asked = self.run.cluster.host().migrate_unassigned(&texts).await?;
            let Some(migrated) = asked else {
                return Ok(None);
            };
            if migrated.len() != some.len() {
                let line = "Kazoo did not answer for each number";
                let error = Error::new(Kind::BadAnswer, operation::HOST, line);
                return Err(error.in_database(self.database));
            }
            answers.extend(migrated);
        }
        Ok(Some(answers))
    }

    /// Warns that the host cannot read a document.
    async fn failed(&self, id: &str, line: String) -> (String, Reason) {
        let database = self.database;
        self.run
            .reporter
            .warn_of_number(NumberWarningKind::NotMigrated, database, id, Some(line))
            .await;
        let reason = Reason::Failed(operation::HOST, Kind::BadRequest);
        (database.encoded(), reason)
    }
}
