//! `unlock/0` and `unlock/1`.

use std::time::Duration;

use tokio::time::sleep;

use super::document::{LockDocument, LockRead, now};
use super::holders::Holders;
use super::operate::Controlled;
use super::survey::{Survey, Surveyed};
use crate::engine::Run;
use couchdb::Error;

/// How often the document is read while its entries are watched.
const LOOK: Duration = Duration::from_millis(500);

/// Whether a run that is alive loses its lock, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insist {
    No,
    Yes,
}

impl Insist {
    /// The word that an operator gives.
    pub(crate) const WORD: &'static str = "anyway";
}

/// Removes the entries of the lock. Without insisting it watches them for some seconds, and those that change stay: their runs are
/// alive.
pub(crate) async fn unlock(run: &Run, insist: Insist) -> Result<Controlled, Error> {
    let server = run.cluster.server(None).await?;
    let document = LockDocument::new(server.with_own_queue(run.cancel.clone()))?;
    let (mut found, mut refused) = (false, false);
    for former in [false, true] {
        let Some(read) = document.read_one(former).await? else {
            continue;
        };
        let Surveyed {
            silent: entries,
            alive,
        } = match insist {
            Insist::Yes => Surveyed {
                silent: read.holders.iter().cloned().collect(),
                alive: Vec::new(),
            },
            Insist::No => watched(run, &document, former, &read).await?,
        };
        found |= !entries.is_empty() || !alive.is_empty();
        if insist == Insist::Yes {
            for entry in entries.iter().filter(|entry| !entry.looks_dead(read.at)) {
                run.reporter.warn(format!(
                    "{entry}{}: if it still runs it stops when it renews its lock; until then both may write",
                    entry.last_seen()
                ))
                .await;
            }
        }
        let mut is_removed = run.settings.dry_run;
        if !run.settings.dry_run && !entries.is_empty() {
            let without = |holders: &Holders| match insist {
                Insist::Yes => holders.without_all(&entries),
                // One that was renewed since is alive.
                Insist::No => holders.without_unchanged(&entries),
            };
            is_removed = document
                .change(former, |holders, _| without(holders))
                .await?;
        }
        for entry in entries {
            let done = match (run.settings.dry_run, is_removed) {
                (true, _) => "would be removed",
                (false, true) => "is removed",
                (false, false) => "was gone or renewed meanwhile, and stays as it is",
            };
            run.reporter
                .output(format!("{entry}{}: its lock {done}", entry.last_seen()))
                .await;
        }
        for entry in alive {
            refused = true;
            let line = format!(
                "refused: {entry}{}: it renews its lock, so it is alive; `cancel {}` stops it",
                entry.last_seen(),
                entry.run().unwrap_or_else(|| "RUN".to_owned())
            );
            let hint = format!(
                "WARNING: `unlock {}` removes the lock of a run that is alive; until that run notices, both may write",
                Insist::WORD
            );
            run.reporter.error(line, Some(hint)).await;
        }
    }
    if !found {
        run.reporter
            .output("no run holds the lock".to_owned())
            .await;
    }
    Ok(match refused {
        true => Controlled::IsAlive,
        false => Controlled::Done,
    })
}

/// Watches the entries, as `survey` says.
async fn watched(
    run: &Run,
    document: &LockDocument,
    former: bool,
    first: &LockRead,
) -> Result<Surveyed, Error> {
    let Some(mut survey) = Survey::begin(&first.holders, now()) else {
        return Ok(Surveyed::default());
    };
    let patience = survey.patience();
    run.reporter
        .note(format!(
            "watching the lock for {} seconds, in case its run is alive",
            patience.as_secs()
        ))
        .await;
    loop {
        sleep(LOOK.min(patience)).await;
        let Some(read) = document.read_one(former).await? else {
            return Ok(Surveyed::default());
        };
        if let Some(surveyed) = survey.see(&read.holders, now()) {
            return Ok(surveyed);
        }
    }
}
