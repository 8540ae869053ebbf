//! What a run tells: events as it goes, a summary and a failure report at its end.

pub mod audit;
mod document;
mod event;
mod failures;
mod metrics;
mod progress;
mod render;
pub mod sanitise;
mod tally;

pub use audit::{Audit, AuditScope, Finding, KindCount};
pub use document::{About, Notes, document};
pub use event::{Event, FieldChange, PlannedChange, Summary};
pub use failures::{DatabaseFailures, Failures};
pub use metrics::{Metrics, NotOurs};
pub use progress::Progress;
pub use render::Renderer;
pub use tally::{Counts, Outcome, Tally};
