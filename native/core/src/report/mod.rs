//! What a run tells: events as it goes, a summary and a failure report at its end.

mod event;
mod failures;
mod render;
mod tally;

pub use event::{Event, FieldChange, PlannedChange, Summary};
pub use failures::{DatabaseFailures, Failures};
pub use render::Renderer;
pub use tally::{Counts, Outcome, Tally};
