//! `unlock/0`.

use super::document::LockDocument;
use super::entry::Entry;
use crate::engine::Run;
use couchdb::Error;

/// `unlock/0`: removes the entries of the lock, whosever they are.
pub(crate) async fn unlock(run: &Run) -> Result<(), Error> {
    let server = run.cluster.server(None).await?;
    let document = LockDocument::new(server.with_own_queue(run.cancel.clone()))?;
    let mut found = false;
    for former in [false, true] {
        let Some(read) = document.read_one(former).await? else {
            continue;
        };
        let entries: Vec<Entry> = read.holders.iter().cloned().collect();
        found |= !entries.is_empty();
        for entry in &entries {
            if !entry.looks_dead(read.at) {
                run.reporter.warn(format!(
                    "{entry}{}: if it still runs it stops when it renews its lock; until then both may write",
                    entry.last_seen()
                ))
                .await;
            }
        }
        if !run.settings.dry_run && !entries.is_empty() {
            document
                .change(former, |holders, _| holders.without_all(&entries))
                .await?;
        }
        for entry in entries {
            let done = if run.settings.dry_run {
                "would be removed"
            } else {
                "is removed"
            };
            run.reporter
                .output(format!("{entry}{}: its lock {done}", entry.last_seen()))
                .await;
        }
    }
    if !found {
        run.reporter
            .output("no run holds the lock".to_owned())
            .await;
    }
    Ok(())
}
