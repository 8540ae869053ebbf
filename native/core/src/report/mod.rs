//! The output of a run: events while it runs, then a summary and a failure report.

pub mod audit;
mod check;
mod document;
mod event;
mod failures;
mod field_changes;
mod frontend;
mod metrics;
mod number_warnings;
mod past_runs;
mod plan_event;
mod plan_lines;
mod plan_view;
mod progress;
mod publish;
mod quote;
mod render;
mod reporter;
mod runs_in_progress;
pub mod sanitise;
mod show;
mod similar;
mod tally;
mod tone;
mod typed;
mod undecided;

pub use crate::reason::{EXPLANATIONS, Explanation, Reason};
pub(crate) use audit::FEED_DELAY;
pub use audit::{
    AcceptedEntry, AcceptedFindings, Audit, AuditScope, AuditTotals, Audited, AuditedCluster,
    Finding, FindingCounts, KindCount, NumberCounts,
};
pub use check::{Check, CheckState};
pub use document::{About, RecordedEvents, document};
pub use event::{Conversion, Event, Features, FieldChange, PlannedChange, Summary};
pub use failures::{DatabaseFailures, Failures};
pub(crate) use field_changes::field_changes;
pub use frontend::Frontend;
pub use metrics::{Metrics, NotOurs};
pub(crate) use number_warnings::NumberWarnings;
pub use number_warnings::{NumberWarning, NumberWarningKind};
pub use past_runs::{ClusterOfRuns, PastRun, PastRuns, RunCounts};
pub use plan_event::{
    ChangeCounts, ChangeKind, FieldTotals, PlanChange, PlanDatabase, PlanHead, PlanTotals,
    ReasonTotals, SavedPlan, ValueTotals,
};
pub(crate) use plan_view::{PlanView, plan_change};
pub use progress::Progress;
pub use publish::ReportTo;
pub(crate) use publish::publish;
pub(crate) use quote::{is_invisible, separates_digits, shown};
pub use render::Renderer;
pub(crate) use reporter::Reporter;
pub use runs_in_progress::{LockEntry, RunInProgress, RunProgress, UnreadOrder};
pub(crate) use show::command as remedy_of_number;
pub use show::{
    DocumentState, NumberReport, ShownAccount, ShownDocument, ShownField, ShownFinding,
};
pub(crate) use similar::nearest;
pub use tally::{Counts, Outcome, Tally};
pub use tone::{Line, Tone};
pub use typed::Typed;
pub(crate) use typed::file_argument;
pub use undecided::Undecided;
