//! The journal of a run: begun when the run first changes something.

use std::time::SystemTime;

use tokio::sync::OnceCell;

use super::run::Run;
use crate::journal::{Journal, Record};
use crate::report::Frontend;
use crate::report::Summary;
use couchdb::Error;

/// The journal, if the run keeps one and has changed something.
#[derive(Debug, Default)]
pub(super) struct RunJournal(OnceCell<Option<Journal>>);

impl Run {
    /// The journal of this run, begun when it is first asked for. `None`: none is kept.
    pub(super) async fn journal(&self) -> Result<Option<&Journal>, Error> {
        let journal = self
            .run_journal
            .0
            .get_or_try_init(|| async {
                let Some(journals) = &self.settings.journals else {
                    return Ok(None);
                };
                let server = self.cluster.url().await?.to_string();
                let identity = self.cluster.identity().await?;
                let (journal, elsewhere) = journals
                    .begin(self.command_line(), &self.settings.who, &server, identity)
                    .map_err(|error| self.without_undo(&error))?;
                if let Some(why) = elsewhere {
                    let path = journal.path().display();
                    self.reporter
                        .warn(format!("{why}; the journal of this run is {path}"))
                        .await;
                }
                Ok(Some(journal))
            })
            .await?;
        Ok(journal.as_ref())
    }

    /// Prunes old journals. Commands that only read do so, too, where they often run alone for months: a journal holds customers'
    /// documents.
    pub(crate) fn prune_journals(&self) {
        if let Some(journals) = &self.settings.journals {
            journals.prune(None);
        }
    }

    /// Refuses a run whose journal could not be written, before it writes anything.
    pub(crate) fn check_journal(&self) -> Result<(), Error> {
        match &self.settings.journals {
            Some(journals) => journals.check().map_err(|error| self.without_undo(&error)),
            None => Ok(()),
        }
    }

    /// Without a journal nothing is written, unless the operator asked for that.
    fn without_undo(&self, error: &Error) -> Error {
        let detail = format!(
            "{}; this run could not be undone, and nothing was changed",
            error.detail()
        );
        let hint = match self.settings.frontend {
            Frontend::CommandLine => {
                "--journal DIR keeps the journal elsewhere; --no-journal runs without one, and cannot be undone"
            }
            Frontend::Erlang => {
                "{journal, \"DIR\"} in the environment of the application keeps the journal elsewhere; {journal, off} runs without one, and cannot be undone"
            }
        };
        Error::new(error.kind(), error.operation(), detail).hint(hint)
    }

    /// The id by which `undo` knows this run, if it has changed something.
    pub(crate) fn journal_id(&self) -> Option<&str> {
        self.run_journal.0.get()?.as_ref().map(Journal::run)
    }

    /// Ends the journal, if one was begun.
    pub(crate) async fn end_journal(&self, summary: &Summary) {
        let Some(Some(journal)) = self.run_journal.0.get() else {
            return;
        };
        let end = Record::End {
            at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            created: summary.counts.created,
            updated: summary.counts.updated,
            deleted: summary.counts.deleted,
            failed: summary.counts.failed,
        };
        // Without its end the run counts as broken off, which `undo` takes just the same.
        let _ = journal.end(end).await;
    }
}
