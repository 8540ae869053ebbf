//! The limit on the documents that a watch repairs in a day.

use std::time::{Duration, SystemTime};

use crate::journal::Journals;
use crate::report::audit::AuditedCluster;

/// The command of a repair in the journal.
pub(super) const REPAIR: &str = "watch --repair";

const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The documents that watches of a cluster have repaired, with the times. Repairs before the start of this one count, according to their
/// journals.
pub(super) struct RepairLimit {
    limit: u64,
    repaired: Vec<(SystemTime, u64)>,
    has_read_journals: bool,
}

impl RepairLimit {
    /// `limit`: the most documents in 24 hours.
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit,
            repaired: Vec::new(),
            has_read_journals: false,
        }
    }

    /// The documents that may be repaired now.
    pub(super) fn left(
        &mut self,
        now: SystemTime,
        journals: Option<&Journals>,
        cluster: &AuditedCluster,
    ) -> u64 {
        if !self.has_read_journals {
            self.has_read_journals = true;
            self.repaired
                .extend(journals.into_iter().flat_map(|all| earlier(all, cluster)));
        }
        // A time that is still to come is of a clock that was put back.
        let is_recent = |at: &SystemTime| now.duration_since(*at).unwrap_or_default() < A_DAY;
        self.repaired.retain(|(at, _)| is_recent(at));
        let so_far: u64 = self.repaired.iter().map(|(_, documents)| documents).sum();
        self.limit.saturating_sub(so_far)
    }

    /// Counts a repair.
    pub(super) fn add(&mut self, now: SystemTime, documents: u64) {
        self.repaired.push((now, documents));
    }
}

/// The repairs of a cluster by watches, according to the journals that can be read.
fn earlier(journals: &Journals, cluster: &AuditedCluster) -> Vec<(SystemTime, u64)> {
    let (runs, _) = journals.runs_and_refused();
    let of_watch = runs.into_iter().filter(|run| {
        run.start.command == REPAIR && run.start.is_on(&cluster.identity, &cluster.server)
    });
    of_watch
        .filter_map(|run| {
            let at = humantime::parse_rfc3339(&run.start.at).ok()?;
            Some((at, run.landed + run.unknown))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repairs_count_for_a_day() {
        let mut limit = RepairLimit::new(5);
        let start = SystemTime::UNIX_EPOCH + A_DAY;
        let cluster = AuditedCluster::default();
        let left = |limit: &mut RepairLimit, after| {
            limit.left(start + Duration::from_secs(after), None, &cluster)
        };
        assert_eq!(left(&mut limit, 0), 5);
        limit.add(start, 3);
        limit.add(start + Duration::from_secs(60), 1);
        assert_eq!(left(&mut limit, 60), 1);
        limit.add(start + Duration::from_secs(60), 9);
        assert_eq!(left(&mut limit, A_DAY.as_secs() - 1), 0);
        assert_eq!(left(&mut limit, A_DAY.as_secs()), 0);
        assert_eq!(left(&mut limit, A_DAY.as_secs() + 60), 5);
        // The clock was put back.
        limit.add(start + 2 * A_DAY, 4);
        assert_eq!(left(&mut limit, 0), 1);
    }
}
