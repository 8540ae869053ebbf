//! The log of a run's steps: scan, plan and apply begin when they are first needed, and overlap.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tracing::info;

use crate::report::Summary;
use couchdb::milliseconds;

/// The steps of a run that have begun.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    scan: AtomicBool,
    plan: AtomicBool,
    apply: AtomicBool,
}

impl Steps {
    pub(super) fn scan(&self) {
        if begins(&self.scan) {
            info!("scan: begins");
        }
    }

    pub(super) fn plan(&self) {
        if begins(&self.plan) {
            info!("plan: begins");
        }
    }

    pub(super) fn apply(&self) {
        if begins(&self.apply) {
            info!("apply: begins");
        }
    }

    /// Logs the end of each step that has begun.
    pub(crate) fn end(&self, summary: &Summary) {
        let counts = &summary.counts;
        if self.scan.load(Ordering::Relaxed) {
            info!(
                databases = summary.databases,
                documents = summary.documents_read,
                "scan: ends"
            );
        }
        if self.plan.load(Ordering::Relaxed) {
            info!(
                unchanged = counts.unchanged,
                failed = counts.failed,
                "plan: ends"
            );
        }
        if self.apply.load(Ordering::Relaxed) {
            info!(
                created = counts.created,
                updated = counts.updated,
                deleted = counts.deleted,
                "apply: ends"
            );
        }
    }
}

/// The time since then, for the log.
pub(crate) fn milliseconds_since(began: Instant) -> u64 {
    milliseconds(began.elapsed())
}

/// Read before it is written: tasks of many databases share the flag.
fn begins(flag: &AtomicBool) -> bool {
    !flag.load(Ordering::Relaxed) && !flag.swap(true, Ordering::Relaxed)
}
