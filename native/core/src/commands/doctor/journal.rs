//! The folder of the journals.

use super::Examination;
use crate::report::CheckState;
use couchdb::Error;

/// Less room than this is worth a warning, in bytes.
const LITTLE: u64 = 100 << 20;

/// Checks whether runs can be journaled, and so undone.
pub(super) async fn examine(examination: &mut Examination<'_>) -> Result<(), Error> {
    let Some(journals) = examination.run.settings.journals.clone() else {
        let finding = "switched off: no run can be undone";
        let remedy = "let commands keep a journal";
        examination.warn("journal", finding, remedy).await;
        return Ok(());
    };
    let (folder, first) = match journals.usable() {
        Ok(usable) => usable,
        Err(error) => {
            let remedy = "name another folder, or make room: a command that writes is refused without a journal";
            let state = CheckState::Failed;
            return examination
                .error("journal", state, error, Some(remedy))
                .await;
        }
    };
    let free = rustix::fs::statvfs(&folder).map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
    let mut finding = folder.display().to_string();
    if let Ok(free) = free {
        finding += &format!(", {} MiB free", free >> 20);
    }
    if let Some(error) = first {
        let finding = format!("{finding}, because {error}");
        let remedy = "let the first folder belong to this user, and be writable by nobody else";
        examination.warn("journal", finding, remedy).await;
    } else if free.is_ok_and(|free| free < LITTLE) {
        let remedy = "make room: a run that changes 500000 documents writes about 1 GiB";
        examination.warn("journal", finding, remedy).await;
    } else {
        examination.good("journal", finding).await;
    }
    Ok(())
}
