//! `doctor/0`: checks whether commands can work here, and says what to do where they cannot.
//!
//! Every check reads only. The server is asked without retries, so that an outage is reported at once.

mod cluster;
mod databases;
mod journal;
mod server;
mod settings;

use std::time::Duration;

use super::answer::{Answer, FAILED, Returned};
use super::ending::Ending;
use crate::engine::Run;
use crate::report::{Check, CheckState, Event};
use couchdb::{Error, HttpSettings, Kind};

/// The longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// `doctor/0`
pub(crate) async fn doctor(run: &Run) -> Result<Answer, Error> {
    let mut examination = Examination {
        run,
        worst: CheckState::Good,
    };
    match server::examine(&mut examination).await? {
        Some(server) => {
            cluster::examine(&mut examination, &server).await?;
            databases::examine(&mut examination, &server).await?;
            settings::examine(&mut examination, &server).await?;
            cluster::examine_lock(&mut examination, &server).await?;
        }
        None => {
            let checks = [
                "nodes",
                "databases",
                "proxy",
                "pages",
                "indexes",
                "settings",
                "lock",
            ];
            examination.skip(&checks, "CouchDB cannot be used").await;
        }
    }
    journal::examine(&mut examination).await?;
    let returned = Returned::Code(FAILED);
    Ok(match examination.worst {
        CheckState::Skipped | CheckState::Good => Answer::Only(Returned::Ok),
        CheckState::Warning => Answer::Ended(returned, Ending::Failed),
        CheckState::Failed => Answer::Ended(returned, Ending::NoServer),
    })
}

/// The checks so far.
struct Examination<'r> {
    run: &'r Run,
    worst: CheckState,
}

impl Examination<'_> {
    async fn add(
        &mut self,
        check: &'static str,
        state: CheckState,
        finding: impl Into<String>,
        remedy: Option<&str>,
    ) {
        self.worst = self.worst.max(state);
        let check = Check {
            check,
            state,
            finding: finding.into(),
            remedy: remedy.map(str::to_owned),
        };
        self.run.reporter.send(Event::Check(check)).await;
    }

    /// Adds checks that cannot be made.
    async fn skip(&mut self, checks: &[&'static str], finding: &str) {
        for check in checks {
            self.add(check, CheckState::Skipped, finding, None).await;
        }
    }

    async fn good(&mut self, check: &'static str, finding: impl Into<String>) {
        self.add(check, CheckState::Good, finding, None).await;
    }

    async fn warn(&mut self, check: &'static str, finding: impl Into<String>, remedy: &str) {
        let remedy = Some(remedy);
        self.add(check, CheckState::Warning, finding, remedy).await;
    }

    /// Adds the result of a check that an error ended. A cancelled run ends with the error.
    async fn error(
        &mut self,
        check: &'static str,
        state: CheckState,
        error: Error,
        otherwise: Option<&str>,
    ) -> Result<(), Error> {
        if error.kind() == Kind::Cancelled {
            return Err(error);
        }
        let advice = error.advice();
        let remedy = advice.as_deref().or(otherwise);
        self.add(check, state, error.to_string(), remedy).await;
        Ok(())
    }
}

/// Settings for requests that are not repeated.
fn impatient(settings: &HttpSettings) -> HttpSettings {
    HttpSettings {
        tries: 1,
        longest_pause: Duration::ZERO,
        connect_timeout: settings.connect_timeout.min(PATIENCE),
        read_timeout: settings.read_timeout.min(PATIENCE),
        on_outage: None,
        ..settings.clone()
    }
}
