//! The journal of a run, started with the first change.

use std::time::SystemTime;

use tracing::info;

use super::run::Run;
use crate::journal::{Journal, Journals, Record};
use crate::operation;
use crate::report::Frontend;
use crate::report::Summary;
use couchdb::{Error, Kind};

impl Run {
    /// The journal of this run, started on the first call. `None`: the run keeps no journal.
    pub(super) async fn journal(&self) -> Result<Option<&Journal>, Error> {
        let journal = self
            .journal
            .get_or_try_init(|| async {
                let Some(journals) = &self.settings.journals else {
                    return Ok(None);
                };
                let server = self.cluster.url().await?.to_string();
                let identity = self.cluster.identity().await?;
                let (journal, elsewhere) = journals
                    .begin(self.command_line(), &self.settings.who, &server, identity)
                    .map_err(|error| self.without_undo(&error))?;
                info!(journal = journal.run(), "apply: journal begins");
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

    /// The journals that this host keeps.
    ///
    /// # Errors
    ///
    /// The host keeps none.
    pub(crate) fn journals(&self) -> Result<Journals, Error> {
        self.settings.journals.clone().ok_or_else(|| {
            Error::new(
                Kind::Config,
                operation::JOURNAL,
                "no journal is kept here, so there is nothing to undo",
            )
        })
    }

    /// Prunes old journals. Commands that only read also prune, because they often run alone for months and a journal holds
    /// customers' documents.
    pub(crate) fn prune_journals(&self) {
        if let Some(journals) = &self.settings.journals {
            journals.prune(None);
        }
    }

    /// Refuses a run whose journal cannot be written, before it writes anything.
    pub(crate) fn check_journal(&self) -> Result<(), Error> {
        match &self.settings.journals {
            Some(journals) => journals.check().map_err(|error| self.without_undo(&error)),
            None => Ok(()),
        }
    }

    /// Extends an error of the journal by the setting that allows writing without one.
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

    /// The id of this run for `undo`, if it has changed anything.
    pub(crate) fn journal_id(&self) -> Option<&str> {
        self.journal.get()?.as_ref().map(Journal::run)
    }

    /// Ends the journal, if one was started.
    pub(crate) async fn end_journal(&self, summary: &Summary) {
        let Some(Some(journal)) = self.journal.get() else {
            return;
        };
        let end = Record::End {
            at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            created: summary.counts.created,
            updated: summary.counts.updated,
            deleted: summary.counts.deleted,
            failed: summary.counts.failed,
        };
        // Without the last line the run counts as interrupted; `undo` accepts that, too.
        let _ = journal.end(end).await;
    }
}
