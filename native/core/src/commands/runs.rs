//! `runs/0`: the runs that can be undone.

use super::answer::{Answer, FAILED, Returned};
use crate::engine::Run;
use couchdb::Error;

/// `runs/0`: lists the runs, the newest last.
pub(crate) async fn runs(run: &Run) -> Result<Answer, Error> {
    let journals = run.journals()?;
    journals.prune(None);
    let (runs, refused) = journals.runs_and_refused();
    for one in runs {
        let mut line = format!(
            "{}  {}  {}: {} documents written",
            one.start.run, one.start.at, one.start.command, one.landed
        );
        if !one.ended {
            line.push_str(", interrupted");
        }
        if one.unknown > 0 {
            line.push_str(&format!(", the result of {} more is unknown", one.unknown));
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
