//! The findings that an audit reports: of the kinds that were asked for, without the accepted ones.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::SystemTime;

use super::tally::Treatment;
use crate::engine::Run;
use crate::operation;
use crate::plan::Drift;
use crate::report::{AcceptedEntry, AcceptedFindings, Finding};
use couchdb::{Error, Kind};

/// The kinds to report, and the accepted findings.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// Empty: all.
    kinds: BTreeSet<Drift>,
    accepted: AcceptedFindings,
    file: Option<PathBuf>,
}

impl Filter {
    /// The filter of a run. The file is read before anything else, so that a mistake in it costs no time.
    pub(super) async fn of(run: &Run) -> Result<Self, Error> {
        let settings = &run.settings.audit;
        let kinds = settings.kinds.clone();
        let Some(file) = settings.accepted.clone() else {
            return Ok(Self {
                kinds,
                ..Self::default()
            });
        };
        let path = file.clone();
        let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await;
        let failed = |why: String| {
            let detail = format!("{}: {why}", file.display());
            Error::new(Kind::File, operation::ACCEPTED, detail)
        };
        let text = read
            .map_err(|error| failed(error.to_string()))?
            .map_err(|error| failed(error.to_string()))?;
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let today = now.get(..10).unwrap_or_default();
        let accepted = AcceptedFindings::parse(&text, today);
        Ok(Self {
            kinds,
            accepted: accepted.map_err(|error| failed(error.to_string()))?,
            file: Some(file),
        })
    }

    pub(super) fn treatment(&self, finding: &Finding) -> Treatment {
        if !self.asks_for(finding.kind) {
            Treatment::NotAsked
        } else if self.accepted.accepts(finding) {
            Treatment::Accepted
        } else {
            Treatment::Reported
        }
    }

    fn asks_for(&self, kind: Drift) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// Whether all findings are reported.
    pub(super) fn is_open(&self) -> bool {
        self.kinds.is_empty() && self.file.is_none()
    }

    /// The kinds that were asked for. Empty: all.
    pub(super) fn kinds(&self) -> &BTreeSet<Drift> {
        &self.kinds
    }

    pub(super) fn entries(&self) -> Vec<AcceptedEntry> {
        self.accepted.entries()
    }

    /// Warnings about entries that an operator should remove or renew. `is_whole`: the audit saw the whole cluster, so that an
    /// entry without a finding is out of date.
    pub(super) fn warnings(&self, is_whole: bool) -> Vec<String> {
        let Some(file) = &self.file else {
            return Vec::new();
        };
        let file = file.display();
        let mut lines = Vec::new();
        for entry in self.entries() {
            let AcceptedEntry { line, kind, .. } = entry;
            let kind_name = kind.name();
            if entry.is_expired {
                lines.push(format!(
                    "line {line} of {file}: the accepted {kind_name} expired on {}; {} findings of it are reported",
                    entry.expires, entry.findings
                ));
            } else if is_whole && self.asks_for(kind) && entry.findings == 0 {
                lines.push(format!(
                    "line {line} of {file}: the accepted {kind_name} is no longer found; remove the entry"
                ));
            }
        }
        lines
    }
}
