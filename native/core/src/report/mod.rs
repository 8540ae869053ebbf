//! What a run tells: events as it goes, a summary and a failure report at its end.

pub mod audit;
mod event;
mod failures;
mod render;
mod tally;

pub use audit::{Audit, AuditScope, Finding, KindCount};
pub use event::{Event, FieldChange, PlannedChange, Summary};
pub use failures::{DatabaseFailures, Failures};
pub use render::Renderer;
pub use tally::{Counts, Outcome, Tally};
