//! `runs/0`: the runs that can be undone.

use super::answer::{Answer, FAILED, Returned};
use crate::engine::Run;
use crate::journal::Journals;
use crate::operation;
use couchdb::{Error, Kind};

/// The journals that this host keeps.
pub(super) fn journals(run: &Run) -> Result<Journals, Error> {
    run.settings.journals.clone().ok_or_else(|| {
        Error::new(
            Kind::Config,
            operation::JOURNAL,
            "no journal is kept here, so there is nothing to undo",
        )
    })
}

/// `runs/0`: lists the runs, the newest last.
pub(crate) async fn runs(run: &Run) -> Result<Answer, Error> {
    let journals = journals(run)?;
    journals.prune(None);
    let (runs, refused) = journals.runs_and_refused();
    for one in runs {
        let mut line = format!(
            "{}  {}  {}: {} documents written",
            one.start.run, one.start.at, one.start.command, one.landed
        );
        if !one.ended {
            line.push_str(", broken off");
        }
        if one.unknown > 0 {
            line.push_str(&format!(", of {} more it is not known", one.unknown));
        }
        run.reporter.output(line).await;
    }
    if refused.is_empty() {
        return Ok(Answer::Only(Returned::Ok));
    }
    for error in refused {
        run.reporter.error(format!("error: {error}"), None).await;
    }
    Ok(Answer::Only(Returned::Code(FAILED)))
}
